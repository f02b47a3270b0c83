"""Small tokenizers with the families' real chat templates and control tokens, and a row of two searches."""

from __future__ import annotations

import dataclasses
from functools import cache
from importlib.resources import files
from pathlib import Path

from sample_rows import sample_row
from trajset.builder.chat.families import family_named
from trajset.builder.prompts import (
    SEARCH_TOOL,
    Call,
    Turn,
    load_prompt,
    render_observation,
    render_reminder,
    render_turn,
)
from trajset.builder.schema import Conversation, Grammar, Message, Outcome, Row, StopReason
from trajset.trainers.chat_tokenizer import ChatTokenizer, chat_tokenizer
from trajset.trainers.render import Rendered

HERE = Path(__file__).resolve().parent / "chat_templates"

CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
LLAMA = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>")
PHI = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>")
GEMMA = ("<bos>", "<start_of_turn>", "<end_of_turn>", "<eos>")
MISTRAL = (
    *("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
    *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
)
QWEN_MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

TEMPLATES = {  # file: (family, control tokens, first token, end token)
    "qwen3": ("qwen3", CHATML, None, "<|im_end|>"),
    "qwen3_instruct_2507": ("qwen3-instruct-2507", CHATML, None, "<|im_end|>"),
    "qwen2_5": ("qwen2.5", CHATML, None, "<|im_end|>"),
    "llama3_1": ("llama-3.1", LLAMA, "<|begin_of_text|>", "<|eot_id|>"),
    "llama3_2": ("llama-3.1", LLAMA, "<|begin_of_text|>", "<|eot_id|>"),
    "llama3": ("llama-3", LLAMA, "<|begin_of_text|>", "<|eot_id|>"),
    "phi3": ("phi-3", PHI, None, "<|endoftext|>"),
    "phi3_5": ("phi-3", PHI, None, "<|endoftext|>"),
    "gemma": ("gemma-2", GEMMA, "<bos>", "<eos>"),
    "gemma3": ("gemma-3", GEMMA, "<bos>", "<eos>"),
    "mistral": ("mistral", MISTRAL, "<s>", "</s>"),
    "mistral_v0.2": ("mistral-v0.2", ("<s>", "</s>"), "<s>", "</s>"),
    "gptoss": (
        "gpt-oss",
        ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>"),
        None,
        "<|return|>",
    ),
}


def template(name: str) -> str:
    own = HERE / f"{name}.jinja"
    file = own if own.is_file() else files("trl").joinpath(f"chat_templates/{name}.jinja")
    return file.read_text("utf-8")


def fast_tokenizer(special, markup=(), **kept):
    """A byte-level BPE of about 500 tokens, trained on the prompts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    texts = [load_prompt(policy, "tools").text for policy in ("always_search", "adaptive")]
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    bpe.add_special_tokens(list(special))
    bpe.add_tokens(list(markup))
    return PreTrainedTokenizerFast(tokenizer_object=bpe, **kept)


@cache
def family_tokenizer(name: str) -> ChatTokenizer:
    family, special, first, end = TEMPLATES[name]
    markup = QWEN_MARKUP if family.startswith("qwen") else ()
    inner = fast_tokenizer(special, markup, bos_token=first, eos_token=end, chat_template=template(name))
    return chat_tokenizer(inner, name, family_named(family))


THOUGHTS = ("First I find the film's director.", "Then his place of birth.", "Both pages say it.")
QUERIES = ('director of "Vesna"', "Ana Køhl birthplace")
OBSERVATIONS = ("[1] Vesna\nVesna is a film by Ana Køhl.", "[1] Ana Køhl\nAna Køhl was born in Oslo.")


def four_turns(
    grammar: Grammar = "tools",
    observations: tuple[str, str] = OBSERVATIONS,
    *,
    reminder: bool = False,
    thinking: bool = True,
) -> Row:
    """Question, two searches with their results, an answer."""
    thoughts = THOUGHTS if thinking else (None, None, None)
    prompt = load_prompt("always_search", grammar)
    messages = [Message("system", prompt.text), Message("user", "Where was the director born?")]
    searches = zip(thoughts, QUERIES, observations, strict=False)
    for turn, (thought, query, seen) in enumerate(searches, start=1):
        call = Call("search", {"query": query}, f"call_{turn}_0")
        messages.append(render_turn(Turn(thought, "", (call,)), grammar))
        messages.append(render_observation(seen, grammar, call.id))
    if reminder:
        messages.append(render_reminder("Answer now."))
    messages.append(render_turn(Turn(thoughts[2], "", answer="Oslo"), grammar))
    tools = (SEARCH_TOOL,) if grammar == "tools" else ()
    return dataclasses.replace(
        sample_row(1),
        conversation=Conversation(tuple(messages), tools, grammar),
        outcome=Outcome("Oslo", StopReason.ANSWERED),
    )


def loss_text(rendered: Rendered, tokenizer: ChatTokenizer) -> str:
    """What the tokens with loss say, decoded from the labels alone."""
    return tokenizer.inner.decode([label for label in rendered.labels if label != -100])


def chat_tokenizer_of(text: str, special: tuple[str, ...], joined: tuple[str, ...] = ()) -> ChatTokenizer:
    """A tokenizer of no family with a template of one's own; `joined`: texts that are one token."""
    inner = fast_tokenizer(special, joined, eos_token=special[0], chat_template=text)
    return chat_tokenizer(inner, "own", None)


def spaced_tokenizer(name: str, *, prepended: bool = False):
    """A BPE over characters with `▁` for spaces and bytes for the unknown, as sentencepiece makes."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    _, special, first, end = TEMPLATES[name]
    byte_tokens = [f"<0x{code:02X}>" for code in range(256)]
    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    spaces = normalizers.Replace(" ", "▁")
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if prepended else spaces
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    texts = [load_prompt("adaptive", "tools").text, *THOUGHTS, "<think>\n\n</think>{}[]\"'"]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", *byte_tokens], show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    bpe.add_special_tokens(list(special))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=first, eos_token=end, chat_template=template(name)
    )
