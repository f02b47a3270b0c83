"""Questions as a model reads them, cut off at the token whose hidden state is wanted.

A causal model never looks ahead, so what stands behind that token changes nothing and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jinja2

from ..builder.chat.families import Family
from ..builder.chat.fitting import fit, template_record
from ..builder.errors import ConfigError, DataError, Problem
from ..builder.prompts import Prompt
from ..builder.schema import Message
from .probe_options import At

_END = "\ue000"
"""Marks the end of a question: a character of the private use area, which no template knows."""
_DATE = "26 Jul 2024"
"""What Llama templates write as today's date, so that a question gives the same tokens on every day."""


@dataclass(frozen=True, slots=True)
class QueryReader:
    """Turns questions into token ids by a tokenizer of transformers and a system prompt.

    A base model without a chat template reads the system prompt, `Question: ...`, `Answer:` as plain text.
    """

    tokenizer: Any
    prompt: Prompt
    family: Family | None = None
    at: At = "question"

    def ids(self, question: str) -> list[int]:
        """The tokens up to and with the one that holds the last character of the question, or all of them.

        Raises:
            ConfigError: the chat template refuses the messages, or does not show the question.
            DataError: there is nothing to read.
        """
        if not question.strip():
            raise DataError(str(Problem("question", "must not be empty", question, "Leave it out.")))
        text = self._text(question)
        return self._tokens(text, len(text) if self.at == "prompt" else self._end(question, text))

    def _text(self, question: str) -> str:
        if not self.tokenizer.chat_template:
            return f"{self.prompt.text}\n\nQuestion: {question}\nAnswer:"
        messages = (Message("system", self.prompt.text), Message("user", question))
        if self.family is not None:
            messages = fit(messages, self.family)
        records = [template_record(message) for message in messages]
        try:
            return self.tokenizer.apply_chat_template(
                records, tokenize=False, add_generation_prompt=True, date_string=_DATE
            )
        except jinja2.TemplateError as error:
            rule = f"must have a chat template that takes a system and a user message ({error})"
            problem = Problem("model", rule, str(self.tokenizer.name_or_path), "Name its chat variant.")
            raise ConfigError(str(problem)) from error

    def _end(self, question: str, text: str) -> int:
        """How many characters of the text there are up to the end of the question."""
        marked = self._text(question.rstrip() + _END)
        end = marked.find(_END)
        if end < 0 or marked[:end] != text[:end]:
            rule = "must have a chat template that shows a question as it is"
            problem = Problem("model", rule, str(self.tokenizer.name_or_path), "Give --at prompt.")
            raise ConfigError(str(problem))
        return end

    def _tokens(self, text: str, end: int) -> list[int]:
        special = not self.tokenizer.chat_template  # a chat template writes its own
        if not self.tokenizer.is_fast:
            ids: list[int] = self.tokenizer(text[:end], add_special_tokens=special)["input_ids"]
            return ids[:-1] if ids[-1] == self.tokenizer.eos_token_id and special else ids
        found = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True, verbose=False)
        spans = found["offset_mapping"]
        last = max(place for place, (start, stop) in enumerate(spans) if start < min(stop, end))
        return found["input_ids"][: last + 1]
