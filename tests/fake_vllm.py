"""A stand-in for vLLM's server, started by trajset as the `python` that has vLLM. Standard library only.

It takes vLLM's arguments (`-m MODULE --model M --port P ...`) and these of its own, which tests hand over
through `--vllm-args`:

    --fake-fail TEXT      print the text and exit with code 1, as a server with wrong settings does
    --fake-start S        seconds before it listens
    --fake-die-after N    die by SIGKILL at the n-th request, in the first start only
    --fake-deaf           answer the first health check and no other, in the first start only
    --fake-always-die     die by SIGKILL at every request
    --fake-state FOLDER   where its pid and its child's are written, one file a start

Like vLLM it has a child that outlives it when it is killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VERSION = "0.99.0"


def fake_python(folder: Path) -> Path:
    """A program in that folder that trajset takes for the python of an environment with vLLM."""
    program = folder / "python-with-vllm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(0o755)
    return program


def starts_of(state: Path) -> list[dict[str, Any]]:
    """What each start wrote down, in order."""
    return [json.loads(path.read_text()) for path in sorted(state.glob("start-*.json"))]


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="module")
    parser.add_argument("--model")
    parser.add_argument("--served-model-name")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fake-fail")
    parser.add_argument("--fake-start", type=float, default=0.0)
    parser.add_argument("--fake-die-after", type=int)
    parser.add_argument("--fake-always-die", action="store_true")
    parser.add_argument("--fake-deaf", action="store_true")
    parser.add_argument("--fake-state", type=Path)
    return parser.parse_known_args()[0]


def note_start(state: Path) -> int:
    """Write down who runs; which start this is, counted from 1."""
    state.mkdir(parents=True, exist_ok=True)
    start = len(list(state.iterdir())) + 1
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    told = {
        "pid": os.getpid(),
        "child": child.pid,
        "arguments": sys.argv[1:],
        "key": os.environ.get("SOME_KEY"),
    }
    (state / f"start-{start}.json").write_text(json.dumps(told))
    return start


class Handler(BaseHTTPRequestHandler):
    """Health, version and chat completions: a search at first, then an answer."""

    options: argparse.Namespace
    start: int
    count = checks = 0
    lock = threading.Lock()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = {"/health": {}, "/version": {"version": VERSION}}
        Handler.checks += self.path == "/health"
        deaf = self.options.fake_deaf and self.start == 1 and Handler.checks > 1
        self._send(503 if deaf else 200 if self.path in known else 404, known.get(self.path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            Handler.count += 1
            if self._dies():
                sys.stdout.write("CUDA error: an illegal memory access was encountered\n")
                sys.stdout.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        self._send(200, completion(body))

    def _dies(self) -> bool:
        first = self.start == 1 and Handler.count == self.options.fake_die_after
        return first or self.options.fake_always_die

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


def completion(body: dict[str, Any]) -> dict[str, Any]:
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    call = {
        "id": f"call_{turn}",
        "type": "function",
        "function": {"name": "search", "arguments": '{"query": "x"}'},
    }
    search = {"role": "assistant", "content": None, "tool_calls": [call]}
    message = {"role": "assistant", "content": "<answer>Oslo</answer>"} if turn else search
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if turn else "tool_calls"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }


def main() -> None:
    options = parsed()
    if options.fake_fail:
        sys.exit(options.fake_fail)
    Handler.options = options
    Handler.start = note_start(options.fake_state) if options.fake_state else 1
    sys.stdout.write("loading the weights\n")
    sys.stdout.flush()
    time.sleep(options.fake_start)
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
