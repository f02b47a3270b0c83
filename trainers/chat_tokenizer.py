"""A model's tokenizer with its chat template: messages to text, text to tokens and their characters."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import jinja2

from ..builder.chat.families import Family, family_named, family_of_files, family_of_model
from ..builder.errors import ConfigError, MissingExtraError, Problem
from ..builder.schema import JsonObject

EXTRA = "train"
_CONTROL = re.compile(r"<\|[^<>\s]+\|>")
_DATE = "26 Jul 2024"
"""What Llama templates write as today's date, so that a row gives the same tokens on every day."""

Offset = tuple[int, int]
"""First character of a token in the text, and the one after its last."""


class TemplateError(Exception):
    """The chat template refuses the messages."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens: `ids` and `offsets`, both of length T."""

    ids: tuple[int, ...]
    offsets: tuple[Offset, ...]


@dataclass(frozen=True, slots=True)
class ChatTokenizer:
    """A fast tokenizer of transformers with the chat template that is used for training.

    `control_tokens`: ids and texts of the tokens that structure a conversation, tags of the grammars apart.
    """

    inner: Any
    template: str
    control_tokens: Mapping[int, str]
    family: Family | None = None

    def with_template(self, template: str) -> ChatTokenizer:
        """The same tokenizer with another template."""
        return replace(self, template=template)

    def text(
        self, messages: Sequence[JsonObject], tools: Sequence[JsonObject], *, prompt: bool = False
    ) -> str:
        """The conversation as text; with `prompt` up to where the model's next turn begins.

        Raises:
            TemplateError: the template refuses the messages.
        """
        try:
            return self.inner.apply_chat_template(
                list(messages),
                tools=list(tools) or None,
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=prompt,
                date_string=_DATE,
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:  # what templates raise, and trip over
            raise TemplateError(str(error)) from error

    def tokens(self, text: str) -> Tokens:
        """The text as tokens, with no special tokens but those that stand in it."""
        found = self.inner(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return Tokens(tuple(found["input_ids"]), tuple(map(_covering, found["offset_mapping"])))


def open_tokenizer(model: str, revision: str | None = None, family: str = "auto") -> ChatTokenizer:
    """The tokenizer of a model folder or of a model at the Hub.

    Raises:
        MissingExtraError: transformers or trl is not installed.
        ConfigError: it cannot be loaded, is not a fast one, or has no chat template; or no such family.
    """
    if any(importlib.util.find_spec(name) is None for name in ("transformers", "trl")):
        raise MissingExtraError(EXTRA, f"reading the tokenizer of {model}")
    from transformers import AutoTokenizer

    try:
        inner: Any = AutoTokenizer.from_pretrained(model, revision=revision)
    except (OSError, ValueError, ImportError) as error:
        fix = "Name a folder that save_pretrained wrote, or a model at the Hub."
        rule = f"must be a model whose tokenizer transformers loads ({error})"
        raise ConfigError(str(Problem("model", rule, model, fix))) from error
    return chat_tokenizer(inner, model, _family(model, revision, family, inner))


def chat_tokenizer(inner: Any, model: str, family: Family | None) -> ChatTokenizer:
    """A loaded tokenizer, checked.

    Raises:
        ConfigError: it tells no character offsets, or has no chat template.
    """
    if not inner.is_fast:
        fix = "Convert it with transformers' AutoTokenizer.from_pretrained(..., use_fast=True)."
        raise ConfigError(str(Problem("model", "must have a fast tokenizer", model, fix)))
    template = _template_of(inner)
    if not template:
        grammar = family.grammar if family else "tags"
        fix = (
            "Use its -Instruct version, or give the tokenizer the chat_template of one and save it; "
            f"then train with --grammar {grammar}."
        )
        raise ConfigError(str(Problem("model", "must have a chat template", model, fix)))
    return ChatTokenizer(inner, template, _control_tokens(inner), family)


def _covering(offset: Offset) -> Offset:
    """Some tokenizers leave leading spaces out of a token's characters: one of spaces alone then has none."""
    start, stop = offset
    return offset if start < stop or not start else (start - 1, stop)


def _control_tokens(inner: Any) -> dict[int, str]:
    added: dict[int, Any] = inner.added_tokens_decoder
    control = {
        token_id: str(token.content)
        for token_id, token in added.items()
        if token.special or _CONTROL.fullmatch(str(token.content))
    }
    return control | ({} if inner.eos_token is None else {int(inner.eos_token_id): str(inner.eos_token)})


def _template_of(inner: Any) -> str:
    template = inner.chat_template
    if isinstance(template, dict):
        named = cast("dict[str, str]", template)
        return named.get("tool_use") or named.get("default") or ""
    return template or ""


def _family(model: str, revision: str | None, family: str, inner: Any) -> Family | None:
    if family != "auto":
        return family_named(family)
    from transformers import AutoConfig

    try:
        model_type = str(AutoConfig.from_pretrained(model, revision=revision).model_type)
    except (OSError, ValueError):  # a tokenizer alone
        model_type = ""
    return family_of_files(model_type, _template_of(inner)) or family_of_model(model.rstrip("/"))
