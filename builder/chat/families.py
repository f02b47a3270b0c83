"""Model families: which grammar a chat template carries, what it drops or refuses, how a model is sampled.

A family is told from the model's name, or, where its files are at hand, from `model_type` in config.json and
the text of its chat template. What the table says of templates is measured on their texts by
tests/builder/chat/test_family_templates.py; docs/models.md shows it as one table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError, unknown
from ..schema import Grammar
from .model import Sampling

Thinking = Literal["never", "switch", "always"]
"""`switch`: the template takes `enable_thinking`; it thinks unless told otherwise."""

CallFormat = Literal["hermes", "llama", "mistral"]
"""How a call stands in the text that the model writes: `<tool_call>{...}</tool_call>`, bare JSON with
`parameters`, or `[TOOL_CALLS]` before a JSON list."""

AUTO = "auto"
NO_FAMILY = "none"

SAMPLING = Sampling()
"""Of models of no known family: that of a thinking Qwen3, the paper's teacher."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Temperature, nucleus mass and top-k (None: all tokens) that a family's publisher gives."""

    temperature: float
    top_p: float
    top_k: int | None


@dataclass(frozen=True, slots=True)
class Family:
    """What is common to models that share a chat template.

    `names` is a pattern for model names. `model_types` and `marker` (a piece of the chat template) tell it
    from the files. `grammar` is `tools` only where the template keeps calls and results. `tool_parser` and
    `reasoning_parser` are vLLM's names. `plain_draw` holds with thinking switched off.

    What its template wants of messages: `system` is False where system text is refused or lost and has to
    stand in the first user message; `alternate` where two user messages in a row are refused, or one after a
    tool's result; `single_calls` where a message may hold one call only; `call_id_length` where ids must have
    that many letters and digits.
    """

    name: str
    names: str
    model_types: tuple[str, ...]
    marker: str = ""
    grammar: Grammar = "tools"
    call_format: CallFormat | None = None
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    thinking: Thinking = "never"
    draw: Draw | None = None
    plain_draw: Draw | None = None
    system: bool = True
    alternate: bool = False
    single_calls: bool = False
    call_id_length: int | None = None

    @property
    def fits_messages(self) -> bool:
        """Whether its template takes a conversation as it is."""
        return self.system and not (self.alternate or self.single_calls or self.call_id_length)

    def draw_for(self, thinking: bool | None) -> Draw | None:
        """The sampling with thinking on, off or (None) as the model comes; None where nobody gives one."""
        return self.plain_draw if thinking is False and self.plain_draw else self.draw


# Sampling comes from generation_config.json of the models at the Hub, and where that has none from the model
# card ("card"). As far as the authors know them; they could not be fetched where this was written.
_THINKING = Draw(0.6, 0.95, 20)  # Qwen3 generation_config.json, and the paper
_PLAIN = Draw(0.7, 0.8, 20)  # Qwen3 card, "Best Practices"; Qwen3-...-Instruct-2507, Qwen2.5
_LLAMA = Draw(0.6, 0.9, None)  # Llama 3, 3.1, 3.2, 3.3 generation_config.json
_NOT = r"(?!.*(?:coder|-vl|omni|embedding|reranker|math|deepseek|hermes))"  # other templates under the name

FAMILIES: tuple[Family, ...] = (
    Family(
        "qwen3-thinking-2507",
        rf"^{_NOT}.*qwen3-[\d.]+b(-a[\d.]+b)?-thinking",
        ("qwen3", "qwen3_moe"),
        marker="assistant\\n<think>\\n' }}",
        call_format="hermes",
        tool_parser="hermes",
        reasoning_parser="deepseek_r1",
        thinking="always",
        draw=_THINKING,
    ),
    Family(
        "qwen3",
        rf"^{_NOT}(?!.*(?:-instruct|-next)).*qwen3(?![.\d])",
        ("qwen3", "qwen3_moe"),
        marker="enable_thinking",
        call_format="hermes",
        tool_parser="hermes",
        reasoning_parser="qwen3",
        thinking="switch",
        draw=_THINKING,
        plain_draw=_PLAIN,
    ),
    Family(
        "qwen3-instruct-2507",
        rf"^{_NOT}.*qwen3-[\d.]+b(-a[\d.]+b)?-instruct",
        ("qwen3", "qwen3_moe"),
        marker="<tools>",
        call_format="hermes",
        tool_parser="hermes",
        draw=_PLAIN,
    ),
    Family(
        "qwen2.5",
        rf"^{_NOT}.*qwen2[._-]?5",
        ("qwen2",),
        marker="<tools>",
        call_format="hermes",
        tool_parser="hermes",
        draw=_PLAIN,
    ),
    Family(
        "llama-3.1",  # and 3.2, 3.3: one template but for the date in it
        r"^(?!.*(?:hermes|nemotron|tulu|deepseek)).*llama-?3[._-]?[123](?!\d)",
        ("llama", "mllama"),
        marker="tool_calls",
        call_format="llama",
        tool_parser="llama3_json",
        draw=_LLAMA,
        single_calls=True,
    ),
    Family(
        "llama-3",
        r"^(?!.*(?:hermes|deepseek)).*llama-?3(?![._]?\d)",
        ("llama",),
        marker="<|start_header_id|>",
        grammar="tags",
        draw=_LLAMA,
    ),
    Family("phi-3", r"phi-?3(?!.*vision)", ("phi3",), marker="<|assistant|>", grammar="tags"),  # and 3.5
    Family(
        "gemma-2",  # and 1
        r"gemma-?(2-)?\d+b",
        ("gemma", "gemma2"),
        grammar="tags",
        system=False,
        alternate=True,
    ),
    Family(
        "gemma-3",
        r"gemma-?3-",
        ("gemma3", "gemma3_text"),
        grammar="tags",
        draw=Draw(1.0, 0.95, 64),  # generation_config.json
        alternate=True,
    ),
    Family(
        "mistral-v0.2",  # and v0.1, Mixtral: templates without tools
        r"(mistral-7b-instruct-v0\.[12]|mixtral)",
        ("mistral", "mixtral"),
        marker="must alternate user/assistant/user/assistant/",
        grammar="tags",
        system=False,
        alternate=True,
    ),
    Family(
        "mistral",
        r"(mistral|ministral)",
        ("mistral", "mistral3"),
        marker="[TOOL_CALLS]",
        call_format="mistral",
        tool_parser="mistral",
        draw=Draw(0.15, 1.0, None),  # card of Mistral Small 3.x; Nemo's says 0.3, the 7B's nothing
        system=False,
        alternate=True,
        call_id_length=9,
    ),
    Family(
        "gpt-oss",
        r"gpt-oss",
        ("gpt_oss",),
        tool_parser="openai",
        reasoning_parser="openai_gptoss",
        thinking="always",
        draw=Draw(1.0, 1.0, None),  # card
        single_calls=True,
    ),
)


def family_named(name: str) -> Family | None:
    """The family of that name; None for `none`.

    Raises:
        ConfigError: there is no such family.
    """
    known = {family.name: family for family in FAMILIES}
    if name != NO_FAMILY and name not in known:
        raise ConfigError(str(unknown("family", name, [*known, AUTO, NO_FAMILY])))
    return known.get(name)


def family_of_model(model: str) -> Family | None:
    """The family that a model's name tells (`Qwen/Qwen3-32B`, `qwen3-32b`), None where it tells none."""
    name = model.rsplit("/", 1)[-1]
    return next((family for family in FAMILIES if re.search(family.names, name, re.IGNORECASE)), None)


def family_of_files(model_type: str, template: str) -> Family | None:
    """The family that config.json's `model_type` and the chat template tell, None where they tell none."""
    return next(
        (family for family in FAMILIES if model_type in family.model_types and family.marker in template),
        None,
    )


def call_format_of(template: str) -> CallFormat | None:
    """The form of calls in the chat template of a model of no known family; None for any that is not read."""
    if "[TOOL_CALLS]" in template:
        return "mistral"
    if "<tool_call>" in template and "<function=" not in template and '"arguments' in template:
        return "hermes"
    return "llama" if "ipython" in template and '"parameters": ' in template else None
