"""A stand-in for a teacher behind vLLM: a tiny model's true log-probabilities, told as vLLM does.

with TeacherStub(model, tokenizer) as server:
    TeacherServer(Endpoint("teacher", server.url), top_k=20)
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import orjson
import torch
from aiohttp import web
from chat_server import start

Json = dict[str, Any]


@dataclass
class TeacherStub:
    """The server in a thread of its own. `requests` keeps the bodies; the first `failing` get a 503."""

    model: Any
    tokenizer: Any
    max_logprobs: int = 100_000
    tokenize: bool = True
    failing: int = 0
    requests: list[Json] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> TeacherStub:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(start(self.handle))
        self.port = runner.addresses[0][1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """`/tokenize` beside the API root, `/v1/completions` below it."""
        body = orjson.loads(await request.read())
        if request.path == "/tokenize" and self.tokenize:
            ids = self._ids(body["prompt"])
            return _answer({"count": len(ids), "max_model_len": 2048, "tokens": ids})
        if request.path != "/v1/completions":
            return _answer({"detail": "Not Found"}, 404)
        self.requests.append(body)
        if self.failing:
            self.failing -= 1
            return _answer({"error": {"message": "overloaded", "code": 503}}, 503)
        if body.get("prompt_logprobs", 0) > self.max_logprobs:
            text = f"Requested prompt logprobs of {body['prompt_logprobs']}, max is {self.max_logprobs}"
            return _answer({"error": {"message": text, "type": "BadRequestError", "code": 400}}, 400)
        ids = body["prompt"] if isinstance(body["prompt"], list) else self._ids(body["prompt"])
        choice: Json = {"index": 0, "text": " x", "finish_reason": "length"}
        if "prompt_logprobs" in body:
            choice["prompt_logprobs"] = self._logprobs(ids, body["prompt_logprobs"])
        if body.get("return_token_ids"):
            choice["prompt_token_ids"] = ids
        return _answer({"id": "cmpl-1", "object": "text_completion", "choices": [choice]})

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.no_grad()
    def _logprobs(self, ids: list[int], k: int) -> list[Json | None]:
        """Of each id the `k` likeliest in its place, the id itself before them, as vLLM puts it."""
        logprobs = self.model(torch.tensor([ids])).logits[0].float().log_softmax(dim=1)
        told: list[Json | None] = [None]
        for before, token in enumerate(ids[1:]):
            ranked = logprobs[before].argsort(descending=True)
            rank = int((ranked == token).nonzero()) + 1
            entries = {str(token): self._entry(logprobs[before], token, rank)}
            for place, one in enumerate(ranked[:k].tolist(), start=1):
                entries[str(one)] = self._entry(logprobs[before], one, place)
            told.append(entries)
        return told

    def _entry(self, logprobs: torch.Tensor, token: int, rank: int) -> Json:
        return {
            "logprob": float(logprobs[token]),
            "rank": rank,
            "decoded_token": self.tokenizer.decode([token]),
        }


def _answer(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
