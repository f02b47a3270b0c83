"""Micro students: a from-scratch Qwen3 of half a million parameters, with a tokenizer of the demo world.

`make_student` writes an ordinary folder: transformers, TRL and vLLM load it. Its chat template has the usual
roles, each in one token; the shipped system prompts and the frame of a search are a token each too, so that a
row of the demo world is short: about 110 tokens in plain style. Needs the extra `[train]`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..builder.errors import ConfigError, MissingExtraError, Problem
from ..builder.prompts import POLICIES, WITHOUT_SEARCH, load_prompt
from ..builder.world.world import World

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3Config

EXTRA = "train"
END, PAD = "<|im_end|>", "<|endoftext|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|tools|>")
MARKUP = (
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<answer>", "</answer>"),
    *("<search>", "</search>", "<information>", "</information>"),
)
CALL_HEAD, CALL_TAIL = '{"name": "search", "arguments": {"query": "', '"}}'
_ALPHABET = 256
_ENTITIES_READ = 600

RESPONSE_TEMPLATE: dict[str, Any] = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|assistant|>",
    "fields": {
        "reasoning_content": {"open": "<think>", "close_pattern": "</think>", "content": "text"},
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": "</tool_call>",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|im_end\|>", "content": "text"},
    },
}
"""How a reply is read, in the form of transformers >= 5.13; TRL's trainers with tools need it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a micro student. The defaults make 0.44 M parameters.

    `vocabulary` counts all tokens; `context` is the most of them in a conversation. A head is 32 wide, the
    narrowest that vLLM serves on a CPU. `inner` is no wider than the model: a wider one took more time a step
    for about the same loss.
    """

    hidden: int = 128
    layers: int = 3
    heads: int = 4
    inner: int = 128
    vocabulary: int = 768
    context: int = 2048


_HEAD_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Student:
    """What was made: the folder, the number of weights, the number of tokens."""

    folder: Path
    parameters: int
    tokens: int


def make_student(folder: Path, texts: Iterable[str], shape: Shape | None = None, seed: int = 0) -> Student:
    """Write a model with random weights and a tokenizer trained on the texts.

    The same texts, shape and seed give the same files with the same versions of the libraries.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ConfigError: the vocabulary is too small for the bytes and the tokens of the template.
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        raise MissingExtraError(EXTRA, "making a micro student")

    import torch
    from transformers import Qwen3ForCausalLM

    shape = shape or Shape()
    tokenizer = micro_tokenizer(texts, shape.vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = Qwen3ForCausalLM(_model_config(shape, tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Student(folder, int(model.num_parameters()), len(tokenizer))


def world_texts(world: World, entities: int = _ENTITIES_READ) -> Iterator[str]:
    """What a tokenizer has to spell: pages spread over the world, and questions."""
    step = max(1, len(world.atlas.entities) // entities)
    for entity in world.atlas.entities[::step]:
        yield from (f"{passage.title}\n{passage.text}" for passage in world.page(entity.index).passages)
    yield from (question.question for question in islice(world.questions, 2 * entities))


def micro_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE with the template's tokens, of that many tokens in all.

    Raises:
        ConfigError: the vocabulary is too small for the bytes and the tokens of the template.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special, plain = (END, PAD, *ROLES), (*MARKUP, CALL_HEAD, CALL_TAIL, *_prompts())
    room = vocabulary - len(special) - len(plain)
    if room < _ALPHABET:
        least = _ALPHABET + len(special) + len(plain)
        fix = "Leave it at its default."
        raise ConfigError(str(Problem("vocabulary", f"must be at least {least}", vocabulary, fix)))
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=room, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    bpe.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    bpe.add_tokens([AddedToken(token, normalized=False) for token in plain])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=END, pad_token=PAD, chat_template=micro_template()
    )
    tokenizer.response_template = RESPONSE_TEMPLATE
    return tokenizer


def micro_template() -> str:
    """The chat template of micro students."""
    return files("trajset.trainers").joinpath("templates/micro.jinja").read_text("utf-8").strip()


def _prompts() -> list[str]:
    """The shipped system prompts: a token each."""
    policies = (*POLICIES, *WITHOUT_SEARCH)
    texts = [load_prompt(policy, grammar).text for policy in policies for grammar in ("tools", "tags")]
    return list(dict.fromkeys(texts))


def _model_config(shape: Shape, tokenizer: Any) -> Qwen3Config:
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=_HEAD_WIDTH,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
