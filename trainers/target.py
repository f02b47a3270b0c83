"""How a conversation is put to a model: grammar, where reasoning stands, which template. Probed, not assumed.

A short conversation of two searches with markers is rendered in each way, best first, until one keeps
every marker exactly once: native tools before tags, `reasoning_content` before `<think>` in the text, the
model's own template before trl's training template for it (which keeps reasoning that Qwen3's own drops).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..builder.chat.families import Family
from ..builder.chat.fitting import fit, template_record
from ..builder.errors import ConfigError, Problem
from ..builder.identity import text_hash
from ..builder.prompts import SEARCH_TOOL, Call, Turn, render_observation, render_reminder, render_turn
from ..builder.schema import Grammar, JsonObject, Message
from .chat_tokenizer import ChatTokenizer, TemplateError
from .reasoning import ReasoningForm, with_reasoning

GrammarChoice = Literal["auto", "tools", "tags"]
ReasoningChoice = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Target:
    """How rows are rendered for a model: its tokenizer with the template in use, grammar, form of reasoning.

    `template` is `own` or `trl training`.
    """

    tokenizer: ChatTokenizer
    grammar: Grammar
    reasoning: ReasoningForm
    template: Literal["own", "trl training"] = "own"

    @property
    def family(self) -> Family | None:
        """The model's family, None where it is of no known one."""
        return self.tokenizer.family

    @property
    def template_hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the template in use."""
        return text_hash(self.tokenizer.template)

    def to_json(self) -> JsonObject:
        """What lineage records."""
        return {
            "family": self.family.name if self.family else None,
            "grammar": self.grammar,
            "reasoning": self.reasoning,
            "template": self.template,
            "template_hash": self.template_hash,
        }


def choose_target(
    tokenizer: ChatTokenizer, grammar: GrammarChoice = "auto", reasoning: ReasoningChoice = "keep"
) -> Target:
    """The first way of rendering in which the template keeps everything.

    Raises:
        ConfigError: none does; the message says which grammar would.
    """
    if found := _first(_ways(tokenizer, _grammars(tokenizer, grammar), reasoning)):
        return found
    others = [name for name in ("tools", "tags") if _first(_ways(tokenizer, [name], reasoning))]
    plain = [name for name in ("tools", "tags") if _first(_ways(tokenizer, [name], "drop"))]
    fix = "Give the tokenizer another chat_template."
    if plain:
        fix = f"Use --grammar {plain[0]} with --reasoning drop."
    if others:
        fix = f"Use --grammar {others[0]}."
    kept = "calls, results, reasoning and answer" if reasoning == "keep" else "calls, results and answer"
    rule = f"must be one whose {kept} the chat template keeps"
    raise ConfigError(str(Problem("grammar", rule, grammar, fix)))


def _grammars(tokenizer: ChatTokenizer, choice: GrammarChoice) -> list[Grammar]:
    if choice != "auto":
        return [choice]
    first: Grammar = tokenizer.family.grammar if tokenizer.family else "tools"
    return [first] if first == "tags" else ["tools", "tags"]


def _ways(
    tokenizer: ChatTokenizer, grammars: Sequence[Grammar], reasoning: ReasoningChoice
) -> Iterator[tuple[Target, bool]]:
    """Each way, and whether the probe has a user message before its last turn: in each grammar first with it,
    as some templates forget reasoning there or refuse it, then without."""
    forms: tuple[ReasoningForm, ...] = ("native", "text") if reasoning == "keep" else ("dropped",)
    twin = training_twin(tokenizer)
    for grammar in grammars:
        for reminded in (True, False):
            for form in forms:
                yield Target(tokenizer, grammar, form), reminded
                if twin is not None:
                    yield Target(twin, grammar, form, "trl training"), reminded


def _first(ways: Iterator[tuple[Target, bool]]) -> Target | None:
    return next((target for target, reminded in ways if _keeps_all(target, reminded=reminded)), None)


_PIECES = ("Psystem", "Pquestion", "Pfirstcall", "Pfirstresult", "Psecondcall", "Psecondresult", "Panswer")
_THOUGHTS = ("Pthoughtone", "Pthoughttwo", "Pthoughtthree")


def _keeps_all(target: Target, *, reminded: bool) -> bool:
    messages = with_reasoning(_probe(target.grammar, reminded=reminded), target.reasoning)
    if target.family is not None:
        messages = fit(messages, target.family)
    tools = [SEARCH_TOOL] if target.grammar == "tools" else []
    try:
        text = target.tokenizer.text([template_record(message) for message in messages], tools)
    except TemplateError:
        return False
    wanted = _PIECES if target.reasoning == "dropped" else (*_PIECES, *_THOUGHTS)
    return all(text.count(piece) == 1 for piece in wanted)


def _probe(grammar: Grammar, *, reminded: bool) -> list[Message]:
    first = Turn(_THOUGHTS[0], "", (Call("search", {"query": "Pfirstcall"}, "call_1_0"),))
    second = Turn(_THOUGHTS[1], "", (Call("search", {"query": "Psecondcall"}, "call_2_0"),))
    return [
        Message("system", "Psystem"),
        Message("user", "Pquestion"),
        render_turn(first, grammar),
        render_observation("Pfirstresult", grammar, "call_1_0"),
        render_turn(second, grammar),
        render_observation("Psecondresult", grammar, "call_2_0"),
        *([render_reminder("Answer now.")] if reminded else []),
        render_turn(Turn(_THOUGHTS[2], "", answer="Panswer"), grammar),
    ]


def training_twin(tokenizer: ChatTokenizer) -> ChatTokenizer | None:
    """With trl's training template, where the model's own is Qwen3's to the byte; that of the other families
    renders nothing more than theirs."""
    from trl.chat_template_utils import qwen3_chat_template, qwen3_training_chat_template

    if tokenizer.template != qwen3_chat_template:
        return None
    return tokenizer.with_template(qwen3_training_chat_template)
