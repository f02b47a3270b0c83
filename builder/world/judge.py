"""The simulated judge: a chat model that judges answers about the demo world, and errs as its knobs say.

It sees what any judge in `answer` mode sees, question, gold answers and answer, so it cannot tell a fact that
was found from one that was remembered. It compares the answer with the gold answers as the oracle does, then
errs: by chance, drawn from the content, so that the same row is always judged alike. Its knobs stand in its
name, so that every table that names it shows them. No number it gives rise to measures a real model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from random import Random

import orjson

from ..chat.fence import unfenced
from ..chat.model import ChatRequest, Completion
from ..identity import derived_seed
from ..schema import Message
from ..world_config import JudgeKnobs
from .oracle import states_gold

_CHARACTERS_PER_TOKEN = 4
_WORDS = {True: "correct", False: "incorrect"}


class SimulatedJudge:
    """A `ChatModel` that answers the prompts of `filters.judge_prompts`. Chances come from `ChatRequest.seed`
    and the content."""

    def __init__(self, knobs: JudgeKnobs) -> None:
        self._knobs = knobs

    @property
    def name(self) -> str:
        """`simulated(...)` with every knob."""
        knobs = ", ".join(
            f"{field.name}={getattr(self._knobs, field.name):g}" for field in fields(self._knobs)
        )
        return f"simulated({knobs})"

    @property
    def revision(self) -> None:
        """The name says it all."""
        return

    async def complete(self, request: ChatRequest) -> Completion:
        """A verdict as JSON; in a second turn, the verdict after reflection."""
        verdict = self._verdict(request)
        text = "I see nothing to judge." if verdict is None else _reply(verdict)
        message = Message("assistant", text)
        tokens = sum(map(_tokens, request.messages))
        return Completion(message, "stop", prompt_tokens=tokens, completion_tokens=_tokens(message))

    async def aclose(self) -> None:
        """Nothing to free."""

    def _verdict(self, request: ChatRequest) -> bool | None:
        shown = _shown(request.messages)
        if not {"question", "gold answers", "answer"} <= shown.keys():
            return None
        truth = states_gold(shown["answer"], orjson.loads(shown["gold answers"]))
        earlier = [message.content for message in request.messages if message.is_model]
        rng = Random(derived_seed("judge", request.seed, sorted(shown.items()), len(earlier)))
        if not earlier:
            return truth != (rng.random() < self._error_rate(truth))
        first = earlier[-1] == _reply(True)
        changes = self._knobs.spoils if first == truth else self._knobs.mends
        return first != (rng.random() < changes)

    def _error_rate(self, truth: bool) -> float:
        return self._knobs.rejects_right if truth else self._knobs.accepts_wrong


def _shown(messages: Sequence[Message]) -> dict[str, str]:
    """The sections of the first user message by name."""
    asked = next((message.content for message in messages if message.role == "user"), "")
    return {section.name: section.text for section in unfenced(asked)}


def _reply(verdict: bool) -> str:
    rationale = f"simulated: the answer is taken for {_WORDS[verdict]}"
    return orjson.dumps({"rationale": rationale, "verdict": _WORDS[verdict]}).decode()


def _tokens(message: Message) -> int:
    """A rough count: four characters a token and a few for the frame."""
    return len(message.content) // _CHARACTERS_PER_TOKEN + 4
