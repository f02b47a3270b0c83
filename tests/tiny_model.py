"""A tiny Qwen3 made on the spot, for a real server to serve: real architecture, real chat template, no sense.

A few dozen training steps teach it the form of a search and of an answer, nothing else, so that the server's
tool-call parser has something to parse.

    python tests/tiny_model.py CORPUS.jsonl.gz FOLDER
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from trajset.builder.prompts import (
    Call,
    Turn,
    load_prompt,
    observation_text,
    render_observation,
    render_turn,
)
from trajset.builder.schema import Grammar, Hit, Passage, SearchCall
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

Json = dict[str, Any]

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKUP = [
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    *("<tools>", "</tools>"),
]
QUERIES = ("film director", "river in Norway", "founder of the company", "album of the band")
ANSWERS = ("Oslo", "yes", "no", "a river", "1984")


def make_tiny_qwen3(folder: Path, texts: Sequence[str], steps: int = 400, seed: int = 0) -> Path:
    """Train a tokenizer on the texts and a model of about 0.4 M parameters on forms, one grammar's after the
    other's; save both."""
    torch.manual_seed(seed)
    grammars: tuple[Grammar, ...] = ("tools", "tags")
    lessons = [
        (_conversation(random.Random(f"{seed} {step}"), texts, grammars[step % 2]), grammars[step % 2])
        for step in range(steps)
    ]
    tokenizer = _tokenizer([*texts, *map(str, lessons)])
    model = Qwen3ForCausalLM(_config(tokenizer))
    if lessons:
        _school(model, [_encoded(tokenizer, *lesson) for lesson in lessons])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def texts_of(corpus: Path) -> list[str]:
    """The texts of a gzipped JSONL corpus."""
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def _tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=2048, initial_alphabet=alphabet))
    bpe.add_special_tokens(SPECIAL)
    bpe.add_tokens(MARKUP)
    template = files("trl").joinpath("chat_templates/qwen3.jinja").read_text("utf-8")
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=template
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,  # the smallest that vLLM serves on a CPU
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _school(model: Qwen3ForCausalLM, lessons: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Next-token training, one lesson (its ids and labels) a step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=6e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=len(lessons))
    for ids, labels in lessons:
        model(input_ids=ids, labels=labels).loss.backward()
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()


def _labels(ids: torch.Tensor, start: list[int], end: int) -> torch.Tensor:
    """The ids after each `start` up to and with the next `end`, -100 elsewhere."""
    labels, row, inside = torch.full_like(ids, -100), ids[0].tolist(), False
    for place, token in enumerate(row):
        if inside:
            labels[0, place] = token
        inside = (inside and token != end) or row[max(0, place + 1 - len(start)) : place + 1] == start
    return labels


def _encoded(
    tokenizer: PreTrainedTokenizerFast, lesson: list[Json], grammar: Grammar
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels. In `tags` only the last turn is learnt: the observation is a user message, and Qwen3's
    template drops the thinking of all turns before the last one of these."""
    tools = list(load_prompt("always_search", grammar).tools) or None
    text = str(tokenizer.apply_chat_template(lesson, tools=tools, tokenize=False))
    ids, start = (
        torch.tensor([tokenizer(text)["input_ids"]]),
        tokenizer("<|im_start|>assistant\n")["input_ids"],
    )
    labels = _labels(ids, start, tokenizer.eos_token_id)
    if grammar == "tags":
        last = tokenizer(text[: text.rindex("<|im_start|>assistant")])["input_ids"]
        labels[0, : len(last)] = -100
    return ids, labels


def _conversation(draw: random.Random, texts: Sequence[str], grammar: Grammar) -> list[Json]:
    """A question and a passage made of the texts' words, a search that fits neither, an answer likewise."""
    asked, found = draw.choice(texts).split(), draw.choice(texts)
    query, answer = draw.choice(QUERIES), draw.choice(ANSWERS)
    call = render_turn(Turn("", "", (Call("search", {"query": query}),)), grammar)
    hits = (Hit(Passage("p", " ".join(found.split()[:3]), found[:300]), 1.0),)
    observation = render_observation(observation_text(SearchCall(query, hits)), grammar)
    turns = [
        {"role": "system", "content": load_prompt("always_search", grammar).text},
        {"role": "user", "content": " ".join(asked[: draw.randint(8, 20)]) + "?"},
        _says(call.content, "I have to search.") | {"tool_calls": list(call.tool_calls or ())},
        {"role": observation.role, "content": observation.content},
        _says(f"<answer>{answer}</answer>", "Now I know."),
    ]
    return turns[:3] if grammar == "tags" and draw.random() < 0.5 else turns


def _says(content: str, reasoning: str) -> Json:
    return {"role": "assistant", "content": content, "reasoning_content": reasoning}


if __name__ == "__main__":
    make_tiny_qwen3(Path(sys.argv[2]), texts_of(Path(sys.argv[1])))
