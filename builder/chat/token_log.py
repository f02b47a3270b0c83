"""Token ids of every turn, in a file beside the dataset: what a table of conversations has no place for.

    {"turn": "5f3a...", "prompt_tokens": 812, "latency_s": 1.2, "token_ids": [151667, ...]}

One line a turn, written as the reply comes. `turn` is `turn_key(question, row.seed, n)` for the n-th model
turn (from 1) of a row. A rollout that was tried again has its turns twice; the last counts. A server that
gives no ids leaves no line.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import orjson

from ..identity import content_hash, derived_seed
from ..storable import storable
from .model import ChatRequest, Completion
from .wrapped import WrappedChat

FILE_NAME = "token_ids.jsonl"


def turn_key(question: str, row_seed: int, turn: int) -> str:
    """What names the n-th model turn of the row with that question and seed."""
    return _key(question, derived_seed(row_seed, turn))


def read_token_ids(path: Path) -> dict[str, tuple[int, ...]]:
    """The ids that the model wrote in each turn, by `turn_key`."""
    records = (orjson.loads(line) for line in path.read_bytes().splitlines())
    return {record["turn"]: tuple(record["token_ids"]) for record in records}


@dataclass(frozen=True, slots=True)
class TokenLog(WrappedChat):
    """A `ChatModel` that writes down the token ids of its replies."""

    path: Path

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message. Raises what the model raises."""
        completion = await self.inner.complete(dataclasses.replace(request, token_ids=True))
        if completion.token_ids is not None:
            self._write(request, completion)
        return completion

    def _write(self, request: ChatRequest, completion: Completion) -> None:
        question = next(message.content for message in request.messages if message.role == "user")
        record = {
            "turn": _key(question, request.seed),
            "prompt_tokens": completion.prompt_tokens,
            "latency_s": round(completion.latency_s, 3),
            "token_ids": completion.token_ids,
        }
        with self.path.open("ab") as file:  # one write a line, so that lines stay whole
            file.write(orjson.dumps(record) + b"\n")


def _key(question: str, seed: int) -> str:
    return content_hash([storable(question), seed])  # as the row has it
