"""Whether a student and its teacher mean the same by a token id, without which a divergence says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..builder.errors import ConfigError, Problem
from ..builder.identity import content_hash

_SHOWN = 3
_FIX = "Take a student and a teacher of one family; Qwen3 models of all sizes share their tokens."

_PROBE = (
    "The director of Vesna (1996) was born in København; 北京, Санкт-Петербург, القاهرة, 東京.\n"
    "\tdef f(x): return [x ** 2, 0.1e-7, 'a', \"b\"]  # 12345678901234567890\n"
    '{"name": "search", "arguments": {"query": "who?"}} <answer>Oslo</answer> 🐟 ½ ﬁ\u00a0\u200b\n'
)


def check_vocabularies(student: Any, teacher: Any, student_size: int, teacher_size: int) -> None:
    """Whether two tokenizers give every token the same id, and two models as many ids.

    The sizes are `vocab_size` of the models' configs, which may be padded beyond the tokens.

    Raises:
        ConfigError: they do not; it says which differ.
    """
    ours, theirs = _ids(student), _ids(teacher)
    if ours != theirs:
        shown = "; ".join(_differences(ours, theirs))
        rule = f"must have the student's tokens ({_size(ours)}) under the same ids, but {shown}"
        raise ConfigError(str(Problem("teacher", rule, _size(theirs), _FIX)))
    if student_size != teacher_size:
        rule = f"must have a vocab_size of {student_size:,} as the student (their tokens are the same)"
        fix = (
            "Put the teacher behind vLLM, which is asked for its likeliest tokens only, or pad the smaller "
            "model with resize_token_embeddings and save it."
        )
        raise ConfigError(str(Problem("teacher", rule, teacher_size, fix)))


def probe_text(student: Any) -> str:
    """A text that other tokenizers cut otherwise: many scripts, code, JSON, the student's control tokens."""
    added = sorted(str(token) for token in student.get_added_vocab())
    return _PROBE + "".join(added[:256])


def check_probe(student: Any, ids: Sequence[int]) -> None:
    """Whether a teacher made the student's ids of `probe_text`.

    Raises:
        ConfigError: it did not; it shows where they part.
    """
    ours: list[int] = student(probe_text(student), add_special_tokens=False)["input_ids"]
    if list(ids) == ours:
        return
    pairs = zip(ours, ids, strict=False)
    at = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(ids)))
    token = student.convert_ids_to_tokens(ours[at]) if at < len(ours) else "(its end)"
    got = f"id {ids[at]}" if at < len(ids) else "the end"
    rule = f"must cut text into the student's ids; at token {at} of a probe the student has {token!r}"
    raise ConfigError(str(Problem("teacher", rule, got, _FIX)))


def _ids(tokenizer: Any) -> dict[str, int]:
    return tokenizer.get_vocab()


def _size(ids: dict[str, int]) -> str:
    return f"{len(ids):,} tokens, hash {content_hash(ids, 8)}"


def _differences(ours: dict[str, int], theirs: dict[str, int]) -> Iterator[str]:
    moved = [token for token in ours if token in theirs and ours[token] != theirs[token]]
    for token in sorted(moved, key=ours.__getitem__)[:_SHOWN]:
        yield f"{token!r} is {ours[token]} in the student and {theirs[token]} in the teacher"
    for whose, own, others in (("student", ours, theirs), ("teacher", theirs, ours)):
        alone = sorted(own.keys() - others.keys(), key=own.__getitem__)
        if alone:
            yield f"only the {whose} has {', '.join(map(repr, alone[:_SHOWN]))} ({len(alone):,} in all)"
