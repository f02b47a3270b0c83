"""Runs a server that must not outlive whoever started it. Standard library only: it is started as a file.

    python supervisor.py GRACE_S COMMAND...

Whoever starts it holds the other end of its standard input. When that end closes, even because its holder was
killed with SIGKILL, the server and all that it started get SIGTERM, and after `GRACE_S` seconds SIGKILL. When
the server ends by itself, what it left behind is killed likewise: vLLM's engine outlives an API server that
was killed, and holds the GPU against the next one (vllm-project/vllm#55510).

It has to lead a process group of its own (`start_new_session=True`), which is what gets the signals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

_POLL_S = 0.1


def supervise(command: Sequence[str], grace_s: float) -> None:
    """Run the command until it or the holder of standard input ends; then end the whole group, and this."""
    signal.signal(signal.SIGTERM, _stay)  # a handler, not SIG_IGN, which the server would inherit
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        _say(f"the server cannot be started: {error}")
        sys.exit(127)
    threading.Thread(target=_stop_with_holder, args=(server, grace_s), daemon=True).start()
    code = server.wait()
    _say(f"the server ended with {_ending(code)}")
    os.killpg(0, signal.SIGKILL)


def _stay(_number: int, _frame: FrameType | None) -> None:
    """Outlive the signal that is sent to the group."""


def _stop_with_holder(server: subprocess.Popen[bytes], grace_s: float) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # nothing is ever written; an empty read is the end
        pass
    _say("stopping the server")
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    os.killpg(0, signal.SIGKILL)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _say(text: str) -> None:
    """A line into the server's log; what was written last may have no end."""
    sys.stdout.write(f"\n[trajset] {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    supervise(sys.argv[2:], float(sys.argv[1]))
