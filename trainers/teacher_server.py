"""A teacher behind vLLM: the K likeliest tokens at every place of a text that the student has written.

    POST /v1/completions {"prompt": [ids], "max_tokens": 1, "prompt_logprobs": K, ...}

vLLM answers with `choices[0].prompt_logprobs`: for each id of the prompt the K likeliest ids in its place,
and the id itself where it is not among them, with log-probabilities at temperature 1. The server has to be
started with `--max-logprobs K` or more, as it allows 20.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import orjson

from ..builder.chat.openai_client import Endpoint, check_url
from ..builder.chat.transport import NoReplyError, RefusedError, Transport, pause_before
from ..builder.errors import ChatServerError, ConfigError, Problem
from ..builder.event_loop import run_in_loop
from ..builder.identity import without_folder
from .vocabulary import check_probe, probe_text


@dataclass(frozen=True, slots=True)
class Scored:
    """What a teacher holds likeliest at N places: ids and log-probabilities, both [N, K]."""

    ids: np.ndarray[Any, np.dtype[np.int64]]
    logprobs: np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class ToScore:
    """Ids of a text, and the places in it whose tokens are to be judged; place 0 has nothing before it."""

    ids: Sequence[int]
    places: Sequence[int]


@dataclass(frozen=True, slots=True)
class TeacherServer:
    """A model at an endpoint, asked for `top_k` tokens a place, `at_once` texts at a time.

    The endpoint's retries are for a server that is busy or gone for a moment.
    """

    endpoint: Endpoint
    top_k: int = 64
    at_once: int = 16

    @property
    def name(self) -> str:
        """The model's name at the server; of a path its last part."""
        return without_folder(self.endpoint.model)

    def check(self, student: Any) -> None:
        """Whether the teacher is there and cuts text into the student's tokens (a probe, not all of them).

        Raises:
            ConfigError: the address is none, or the tokens differ.
            ChatServerError: it does not answer.
        """
        check_url(self.endpoint.base_url)
        if self.top_k < 1:
            raise ConfigError(str(Problem("top_k", "must be at least 1", self.top_k, "Leave it out.")))
        check_probe(student, run_in_loop(self._probe(probe_text(student))))

    def score(self, texts: Sequence[ToScore]) -> list[Scored]:
        """What the teacher holds likeliest at the places of each text.

        Raises:
            ChatServerError: the server refuses, or gives no usable reply after all retries.
        """
        return run_in_loop(self._score(texts))

    async def _score(self, texts: Sequence[ToScore]) -> list[Scored]:
        gate = asyncio.Semaphore(self.at_once)
        transport = self._open()

        async def one(text: ToScore) -> Scored:
            if not text.places:
                return Scored(np.zeros((0, self.top_k), np.int64), np.zeros((0, self.top_k), np.float32))
            async with gate:
                reply = await self._post(transport, "/completions", self._question(list(text.ids)))
            return self._read(reply, text.places)

        try:
            return list(await asyncio.gather(*map(one, texts)))
        finally:
            await transport.aclose()

    async def _probe(self, text: str) -> list[int]:
        """The server's ids of a text: from `/tokenize`, else from what it says of a prompt."""
        transport = self._open()
        try:
            return await self._tokenized(transport, text)
        finally:
            await transport.aclose()

    async def _tokenized(self, transport: Transport, text: str) -> list[int]:
        body = {"model": self.endpoint.model, "prompt": text, "add_special_tokens": False}
        beside = Transport(transport.root.removesuffix("/v1"), transport.client, transport.timeout_s)
        try:
            reply = await beside.post("/tokenize", orjson.dumps(body))
        except RefusedError as error:
            if error.status not in (403, 404, 405):
                raise self._failed(error) from None
            asked = {"model": self.endpoint.model, "prompt": text, "max_tokens": 1}
            asked |= {"add_special_tokens": False, "return_token_ids": True}
            reply = await self._post(transport, "/completions", asked)
            return self._field(reply, "prompt_token_ids")
        except NoReplyError as error:
            raise self._failed(error) from None
        return [int(token) for token in orjson.loads(reply)["tokens"]]

    def _question(self, ids: list[int]) -> dict[str, Any]:
        return {
            "model": self.endpoint.model,
            "prompt": ids,
            "max_tokens": 1,
            "temperature": 0.0,
            "prompt_logprobs": self.top_k,
        }

    async def _post(self, transport: Transport, path: str, body: dict[str, Any]) -> bytes:
        attempt = 1
        while True:
            try:
                return await transport.post(path, orjson.dumps(body))
            except NoReplyError as error:
                if attempt > self.endpoint.retries or not error.again:
                    raise self._failed(error) from None  # not chained: the server may quote the key
                pause_s = pause_before(attempt, error.pause_s)
            await asyncio.sleep(pause_s)
            attempt += 1

    def _read(self, reply: bytes, places: Sequence[int]) -> Scored:
        told: list[dict[str, dict[str, Any]] | None] = self._field(reply, "prompt_logprobs")
        ids = np.zeros((len(places), self.top_k), np.int64)
        logprobs = np.zeros((len(places), self.top_k), np.float32)
        for line, place in enumerate(places):
            entries = told[place] or {}
            likeliest = sorted(entries.items(), key=lambda entry: entry[1]["rank"])[: self.top_k]
            if len(likeliest) < self.top_k:
                found = f"{len(likeliest)} tokens of {self.top_k}"
                raise self._misread(f"must tell the likeliest tokens of place {place}", found)
            ids[line] = [int(token) for token, _ in likeliest]
            logprobs[line] = [entry["logprob"] for _, entry in likeliest]
        return Scored(ids, logprobs)

    def _field(self, reply: bytes, name: str) -> list[Any]:
        """A list in the reply's first choice."""
        found = cast("dict[str, Any]", orjson.loads(reply))["choices"][0].get(name)
        if not isinstance(found, list):
            raise self._misread(f"must tell {name} of a completion, as vLLM does", found)
        return cast("list[Any]", found)

    def _open(self) -> Transport:
        return Transport.open(self.endpoint.base_url, self._key, self.endpoint.timeout_s)

    @property
    def _key(self) -> str | None:
        return os.environ.get(self.endpoint.api_key_env, "").strip() or None

    def _failed(self, error: NoReplyError) -> ChatServerError:
        reason = error.reason if self._key is None else error.reason.replace(self._key, "[key]")
        fix = "See the server's log."
        if "logprobs" in reason:
            fix = f"Start vLLM with --max-logprobs {self.top_k}, or lower top_k."
        rule = f"must be a teacher that answers ({reason})"
        return ChatServerError(str(Problem(self.endpoint.option, rule, self.endpoint.base_url, fix)))

    def _misread(self, rule: str, found: object) -> ChatServerError:
        fix = "Serve the teacher with vLLM."
        return ChatServerError(str(Problem(self.endpoint.option, rule, found, fix)))
