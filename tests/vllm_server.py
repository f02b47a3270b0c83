"""A real vLLM server on this machine's CPU, for the tests behind the marker `vllm` (docs/real-server.md)."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
OPTIONS = (
    *("--served-model-name", "tiny-qwen3", "--host", "127.0.0.1", "--dtype", "float32"),
    *("--max-num-seqs", "8", "--enforce-eager"),
    "--no-enable-chunked-prefill",  # vLLM 0.32 on a CPU dies of a seeded request that it reads in pieces
)
START_S = 600


@contextmanager
def serving(model: Path, *options: str) -> Generator[str]:
    """Serve the model in that folder; the API root. Skips where there is no environment with vLLM."""
    python = os.environ.get("TRAJSET_VLLM_PYTHON")
    if not python:
        pytest.skip("TRAJSET_VLLM_PYTHON does not name the python of an environment with vLLM")
    port, log = _free_port(), model.parent / "server.log"
    module = ("-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--port", str(port))
    command: Sequence[str] = [python, *module, *OPTIONS, *options]
    environment = os.environ | ENVIRONMENT
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as server,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx2.get(url, timeout=2).raise_for_status()
        except httpx2.HTTPError:
            time.sleep(1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")
