"""What a chat template puts around the turns of a model that is writing: before them and between them.

The model's own turns are never rendered: their ids are those that it wrote. What stands after a turn (its
end, where the model did not write that itself, observations, a reminder, the head of the next turn) is read
off a short conversation with a stand-in for the turn, as TRL's trainers do, here for both grammars. That is
only sound where a template leaves a conversation's beginning alone when it goes on, so this is checked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..builder.chat.fitting import fit, template_record
from ..builder.chat.replies import opens_thinking
from ..builder.errors import ConfigError, Problem
from ..builder.prompts import Call, Prompt, Turn, render_observation, render_reminder, render_turn
from ..builder.schema import OBSERVATION_NAME, Message
from .chat_tokenizer import TemplateError
from .reasoning import with_reasoning
from .target import Target, training_twin

_WORD = "slot0q0000z"
_BEFORE = (Message("system", "System."), Message("user", "Question?"))


@dataclass(frozen=True, slots=True)
class Opened:
    """Ids up to where the model goes on; `thinking`: inside the thinking, which the template has opened."""

    ids: tuple[int, ...]
    thinking: bool


@dataclass(frozen=True, slots=True)
class Continuation:
    """The ids of a target's template around the model's turns, with the tools of a prompt."""

    target: Target
    prompt: Prompt

    def opening(self, messages: Sequence[Message]) -> Opened:
        """The prompt of a conversation in which the model has not spoken yet.

        Raises:
            TemplateError: the template refuses the messages.
        """
        text = self._text(messages, prompt=True)
        return Opened(self.target.tokenizer.tokens(text).ids, opens_thinking(text))

    def following(self, turn: Message, after: Sequence[Message], *, ended: bool) -> Opened:
        """What stands between a turn of the model and its next one.

        `after` are the messages between them. `ended`: the model wrote the token that ends its turn.

        Raises:
            TemplateError: the template refuses the messages, or ends turns with no control token.
        """
        text = self._text([*_BEFORE, self._stand_in(turn), *after], prompt=True)
        end = _control_pattern(self.target).search(text, text.find(_WORD) + len(_WORD))
        if end is None:
            raise TemplateError("no control token ends the model's turn")
        # Tokenised from the end token on, as some tokenizers treat the head of a text otherwise.
        ids = self.target.tokenizer.tokens(text[end.start() :]).ids
        return Opened(ids[1:] if ended else ids, opens_thinking(text))

    def _stand_in(self, turn: Message) -> Message:
        """A turn with the ids of the real one's calls and a word to find it by."""
        if not turn.tool_calls:
            return Message("assistant", _WORD)
        family = self.target.family
        ids = [call.get("id") for call in turn.tool_calls]
        calls = [Call(OBSERVATION_NAME, {"query": "Query."}, name) for name in ids]
        if family is not None and family.single_calls:
            calls = calls[:1]
        calls[-1] = replace(calls[-1], arguments={"query": _WORD})
        return render_turn(Turn(calls=tuple(calls)), "tools")

    def _text(self, messages: Sequence[Message], *, prompt: bool) -> str:
        family = self.target.family
        said = tuple(messages) if family is None else fit(messages, family)
        records = [template_record(message) for message in said]
        return self.target.tokenizer.text(records, self.prompt.tools, prompt=prompt)

    def keeps_beginnings(self) -> bool:
        """Whether a conversation with calls, observations and, where the prompt has one, a reminder stays as
        it is when it goes on."""
        whole = self._probe()
        turns = [place for place, message in enumerate(whole) if message.is_model]
        asked = [self._text(whole[:place], prompt=True) for place in turns]
        said = [self._text(whole[: place + 1], prompt=False) for place in turns]
        ends = _control_pattern(self.target)
        return all(text.startswith(before) for before, text in zip(asked, said, strict=True)) and all(
            text.startswith(_without_end(before, ends))
            for before, text in zip(said[:-1], asked[1:], strict=True)
        )

    def _probe(self) -> tuple[Message, ...]:
        grammar = self.prompt.grammar
        reasoning = None if self.target.reasoning == "dropped" else "A thought."
        messages: list[Message] = [*_BEFORE]
        for place in range(2):
            call = Call(OBSERVATION_NAME, {"query": f"Query {place}."}, f"call_{place}_0")
            text = "Some text." if place else ""
            messages.append(render_turn(Turn(reasoning, text, (call,)), grammar))
            messages.append(render_observation(f"Result {place}.", grammar, call.id))
        if self.prompt.last_turn is not None:
            messages.append(render_reminder(self.prompt.last_turn))
        messages.append(render_turn(Turn(reasoning, "Text.", answer="Answer."), grammar))
        return with_reasoning(messages, self.target.reasoning)


def _control_pattern(target: Target) -> re.Pattern[str]:
    tokens = sorted(target.tokenizer.control_tokens.values(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, tokens)) or r"(?!)")


def _without_end(text: str, ends: re.Pattern[str]) -> str:
    """A conversation up to its last control token: what follows (a line break, say) may change."""
    found = list(ends.finditer(text))
    return text[: found[-1].start()] if found else text


def open_continuation(target: Target, prompt: Prompt) -> Continuation:
    """The continuation in the target's template, or in trl's training template where that alone will do.

    Raises:
        ConfigError: the template changes what came before when a conversation goes on, or refuses one.
    """
    for way in _ways(target):
        found = Continuation(way, prompt)
        try:
            if found.keeps_beginnings():
                found.following(Message("assistant", ""), [_BEFORE[1]], ended=True)
                return found
        except TemplateError as error:
            rule = f"must render a conversation with searches ({error})"
            problem = Problem("chat template", rule, target.template_hash, "Use --grammar tags.")
            raise ConfigError(str(problem)) from error
    rule = "must keep the beginning of a conversation as it is when the conversation goes on"
    fix = "Save a prefix-preserving chat_template with the tokenizer; trl ships some as *_training.jinja."
    raise ConfigError(str(Problem("chat template", rule, target.template_hash, fix)))


def _ways(target: Target) -> Iterator[Target]:
    yield target
    twin = training_twin(target.tokenizer)
    if twin is not None:
        yield replace(target, tokenizer=twin, template="trl training")
