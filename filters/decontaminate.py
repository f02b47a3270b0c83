"""Which questions repeat each other, and which overlap with evaluation sets, as columns of the rows.

Only questions are compared, each distinct one once; its rows share the outcome. `duplicate_group` names the
first question of a group of near duplicates, so `duplicate_group = question_id` keeps one of each group. A
question without a word (an import that could not be read) has nothing to compare: its columns are null, as
`contaminated` and what belongs to it are where no evaluation set was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, cast

import polars as pl
import pyarrow as pa

from ..builder.readable import Readable
from ..builder.schema import ARROW_SCHEMA, JsonObject
from .decontaminate_config import Rules
from .decontaminate_near import jaccard, near_groups, shingles
from .decontaminate_overlap import COMMON, Kind, Match, OverlapIndex, Words, overlaps
from .decontaminate_sets import EvaluationSet
from .decontaminate_words import words

EXAMPLES = 3
"""Pairs of questions kept for a report, of each kind."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question of the dataset and the one that it is like; `overlap` in [0, 1]."""

    kind: Kind | Literal["near"]
    question: str
    other: str
    overlap: float


@dataclass(frozen=True, slots=True)
class SetReport:
    """How many questions of the dataset overlap with one evaluation set: word for word, or by n-grams."""

    set: EvaluationSet
    exact: int
    ngram: int
    examples: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Decontamination:
    """The columns to write, and what they say.

    Of `questions` (ids with their text) `wordings` are distinct as words, and these form `groups` of near
    duplicates. `blank` questions hold no word and are in none of these. `near` holds examples of near
    duplicates.
    """

    columns: pa.Table
    questions: int
    wordings: int
    groups: int
    blank: int
    near: tuple[Pair, ...]
    sets: tuple[SetReport, ...]
    rules: Rules

    def to_json(self) -> JsonObject:
        """What the manifest keeps: rules, sets with the hashes of their questions, and counts."""
        against = [
            {
                "name": report.set.name,
                "source": report.set.source,
                "hash": report.set.hash,
                "questions": len(report.set.questions),
                "exact": report.exact,
                "ngram": report.ngram,
            }
            for report in self.sets
        ]
        counts = {"questions": self.questions, "wordings": self.wordings, "groups": self.groups}
        return asdict(self.rules) | {"common": COMMON} | counts | {"against": against}


Progress = Callable[[int], None]
"""Called with the questions done since the last call; every question is done twice."""


@dataclass(frozen=True, slots=True)
class _Questions:
    """Every question id with its text, in dataset order, and the index of its wording; None when blank."""

    ids: list[str]
    texts: list[str]
    wording: list[int | None]
    wordings: list[Words]
    first: list[int]
    """For every wording the first question that has it."""


def decontaminate(
    dataset: Readable, sets: Sequence[EvaluationSet], rules: Rules, progress: Progress
) -> Decontamination:
    """Compare the questions of `raw` with each other and with the evaluation sets.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    table = dataset.table(columns=["id", "question_id", "question"])
    rows = cast("pl.DataFrame", pl.from_arrow(table))
    asked = _questions(rows.select("question_id", "question").unique(maintain_order=True))
    groups = near_groups(asked.wordings, rules.near, rules.seed, progress)
    matches = _matches(asked, sets, rules.ngram, progress)
    verdicts = [_verdict(found, rules.threshold) if sets else _Verdict() for found in matches]
    return Decontamination(
        columns=_columns(rows, asked, groups, verdicts),
        questions=sum(wording is not None for wording in asked.wording),
        wordings=len(asked.wordings),
        groups=len(set(groups)),
        blank=asked.wording.count(None),
        near=_near_examples(asked, groups),
        sets=tuple(_report(entry, asked, matches, rules.threshold) for entry in sets),
        rules=rules,
    )


def _questions(pairs: pl.DataFrame) -> _Questions:
    ids, texts = pairs["question_id"].to_list(), pairs["question"].to_list()
    known: dict[Words, int] = {}
    first: list[int] = []
    wording: list[int | None] = []
    for place, text in enumerate(texts):
        said = words(text)
        if said and said not in known:
            known[said] = len(known)
            first.append(place)
        wording.append(known.get(said))
    return _Questions(ids, texts, wording, list(known), first)


def _matches(
    asked: _Questions, sets: Sequence[EvaluationSet], ngram: int, progress: Progress
) -> list[list[Match]]:
    """Each wording's matches."""
    found: list[list[Match]] = []
    for matches in overlaps(OverlapIndex(sets, ngram), asked.wordings):
        found.append(matches)
        progress(1)
    return found


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The columns about evaluation sets."""

    contaminated: bool | None = None
    contamination: str | None = None
    contamination_overlap: float | None = None


def _verdict(matches: Sequence[Match], threshold: float) -> _Verdict:
    if not matches:
        return _Verdict(False, None, 0.0)
    best = matches[0]
    if best.overlap < threshold:
        return _Verdict(False, None, best.overlap)
    return _Verdict(True, f"{best.set}:{best.kind}", best.overlap)


def _columns(
    rows: pl.DataFrame, asked: _Questions, groups: Sequence[int], verdicts: Sequence[_Verdict]
) -> pa.Table:
    """`id` and the columns of `Overlap`, a row for every row of the dataset, in its order."""
    names = [asked.ids[asked.first[group]] for group in groups]
    unknown = _Verdict()
    told = [unknown if wording is None else verdicts[wording] for wording in asked.wording]
    pairs = pl.DataFrame(
        {
            "question_id": asked.ids,
            "question": asked.texts,
            "duplicate_group": [None if wording is None else names[wording] for wording in asked.wording],
            "contaminated": [verdict.contaminated for verdict in told],
            "contamination": [verdict.contamination for verdict in told],
            "contamination_overlap": [verdict.contamination_overlap for verdict in told],
        },
        schema_overrides=_KINDS,
    )
    joined = rows.join(pairs, on=["question_id", "question"], how="left", maintain_order="left")
    return joined.select("id", *_KINDS).to_arrow().cast(_SCHEMA)


_KINDS = {
    "duplicate_group": pl.String,
    "contaminated": pl.Boolean,
    "contamination": pl.String,
    "contamination_overlap": pl.Float64,
}


_SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in ("id", *_KINDS)])


def _near_examples(asked: _Questions, groups: Sequence[int]) -> tuple[Pair, ...]:
    """The first near duplicates, each with the question that stands for its group."""
    repeats = [wording for wording, group in enumerate(groups) if group != wording][:EXAMPLES]
    return tuple(_near_pair(asked, wording, groups[wording]) for wording in repeats)


def _near_pair(asked: _Questions, wording: int, group: int) -> Pair:
    said, other = (shingles(asked.wordings[place]) for place in (wording, group))
    return Pair(
        "near", asked.texts[asked.first[wording]], asked.texts[asked.first[group]], jaccard(said, other)
    )


def _report(
    entry: EvaluationSet, asked: _Questions, matches: Sequence[Sequence[Match]], threshold: float
) -> SetReport:
    """Counts of questions, and for each kind the first examples."""
    ours = [next((match for match in found if match.set == entry.name), None) for found in matches]
    hits = {
        place: match
        for place, wording in enumerate(asked.wording)
        if wording is not None and (match := ours[wording]) is not None and match.overlap >= threshold
    }
    counts = Counter(match.kind for match in hits.values())
    pairs = [
        Pair(match.kind, asked.texts[place], match.question, match.overlap) for place, match in hits.items()
    ]
    examples = [pair for kind in counts for pair in [pair for pair in pairs if pair.kind == kind][:EXAMPLES]]
    return SetReport(entry, counts["exact"], counts["ngram"], tuple(examples))
