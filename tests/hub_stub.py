"""A small Hugging Face Hub over HTTP: enough of it for the unmodified clients to publish and load datasets.

    python tests/hub_stub.py --port 8377
    HF_ENDPOINT=http://127.0.0.1:8377 HF_HUB_DISABLE_XET=1 trajset publish ...

Content lies in memory, addressed by hash; commits, branches and tags are real, and a commit with a stale
parent is refused with 412. `Faults` makes chosen requests fail; `Hub.requests` tells what was asked for.
Only what huggingface_hub, datasets and transformers ask for; no Xet, no pull requests, no permissions beyond
one token.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hub_routes import Reply, Request, answer, reply
from hub_state import Hub, Refused


class Handler(BaseHTTPRequestHandler):
    """HTTP around `answer`."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def _handle(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(self.hub, self.command, parse_qs(url.query), headers, self._body())
        try:
            made = answer(request, url.path)
        except Refused as error:
            made = self._refusal(error)
        self._send(made)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _refusal(self, error: Refused) -> Reply:
        made = reply({"error": str(error)}, error.status)
        extra = {"X-Error-Message": str(error)} | ({"X-Error-Code": error.code} if error.code else {})
        return Reply(made.body, made.status, made.headers | extra)

    def _send(self, made: Reply) -> None:
        self.send_response(made.status)
        for key, value in made.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(made.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(made.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def log_message(self, message: str, *args: Any) -> None:
        """Say nothing; `Hub.requests` has it."""


def server(hub: Hub, port: int = 0) -> ThreadingHTTPServer:
    """A server for that state on 127.0.0.1; port 0 takes a free one."""
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


@contextmanager
def running(hub: Hub) -> Iterator[str]:
    """The stub served in a thread; yields its address."""
    served = server(hub)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="A small Hugging Face Hub for tests and dry runs.")
    parser.add_argument("--port", type=int, default=8377)
    parser.add_argument("--token", help="require this token for writes and private repositories")
    options = parser.parse_args()
    served = server(Hub(options.token), options.port)
    sys.stdout.write(f"HF_ENDPOINT=http://127.0.0.1:{served.server_port} HF_HUB_DISABLE_XET=1\n")
    sys.stdout.flush()
    served.serve_forever()


if __name__ == "__main__":
    main()
