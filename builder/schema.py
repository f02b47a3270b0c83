"""The nouns of trajset and the table they become: Question, Passage, Hit, Message, Trajectory, Row.

A `Row` is a handful of small frozen dataclasses; the flat table is their fields laid side by side.
`FEATURES` (for `datasets`) and `ARROW_SCHEMA` are derived from the dataclasses here and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import pyarrow as pa
from datasets import Features

from .errors import DataError, Problem, unknown
from .records import Convert, feature, hints, reader, writer

SCHEMA_VERSION = "1"

JsonObject = dict[str, Any]
"""A JSON object. In the table it is stored as text with the `Json()` feature, always inside a list."""

Role = Literal["system", "user", "assistant", "tool"]
Grammar = Literal["tools", "tags"]
FirstAction = Literal["search", "answer"]

OBSERVATION_NAME = "search"
"""`Message.name` of every message that holds retrieved text (role `tool`, or `user` in `tags`)."""


class StopReason(StrEnum):
    """Why a trajectory ended. Closed: a reader may match on all members."""

    ANSWERED = "answered"
    """The model gave an answer in the grammar."""
    TURN_LIMIT = "turn_limit"
    """The allowed number of model turns was used up without an answer."""
    TOKEN_LIMIT = "token_limit"
    """A turn was cut at its token limit, or the conversation no longer fits the context."""
    TIME_LIMIT = "time_limit"
    """The rollout's deadline passed."""
    MALFORMED = "malformed"
    """The model wrote a turn with neither a search nor an answer."""
    ABANDONED = "abandoned"
    """An imported transcript that ends without an answer and does not say why."""
    UNPARSED = "unparsed"
    """An imported transcript that could not be read; `error` says why, the text is kept."""
    INFRASTRUCTURE = "infrastructure"
    """A server broke, not the model. Scores are null; `collect --resume` tries again."""

    @property
    def completed(self) -> bool:
        """Whether the model's behaviour ended the rollout, so that a missing answer scores 0, not null."""
        return self not in (StopReason.INFRASTRUCTURE, StopReason.UNPARSED)


@dataclass(frozen=True, slots=True)
class Passage:
    """A unit of retrieval: an id unique in its corpus, a title, a text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage with the retriever's score (higher is better, no common scale).

    In imported transcripts the score is unknown: NaN here, null in the row.
    """

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class SearchCall:
    """One search: the query, what came back in rank order, or the error that came instead."""

    query: str
    hits: tuple[Hit, ...] = ()
    error: str | None = None

    def to_json(self) -> JsonObject:
        """The record kept in the row: ids, titles and scores (texts are in the observation)."""
        return {
            "query": self.query,
            "passage_ids": [hit.passage.id for hit in self.hits],
            "titles": [hit.passage.title for hit in self.hits],
            "scores": [hit.score for hit in self.hits],
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """One message in the OpenAI chat form. `content` is never null; what is absent is None.

    `tool_calls` holds `{"id", "type": "function", "function": {"name", "arguments": {...}}}` with the
    arguments as an object, never as a JSON string. `name == OBSERVATION_NAME` marks retrieved text.
    """

    role: Role
    content: str
    reasoning_content: str | None = None
    tool_calls: tuple[JsonObject, ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def is_observation(self) -> bool:
        """Whether a search tool wrote this message: never model output, never trained on."""
        return self.role == "tool" or (self.role == "user" and self.name == OBSERVATION_NAME)

    @property
    def is_model(self) -> bool:
        """Whether the model wrote this message."""
        return self.role == "assistant"


@dataclass(frozen=True, slots=True)
class Identity:
    """`id` is a content hash over question, teacher, prompt, sampling, retriever, corpus and sample index."""

    id: str
    run_id: str
    sample_index: int
    schema_version: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers. `hops` and `supporting_titles` are None where unknown."""

    question_id: str
    dataset: str
    question: str
    gold_answers: tuple[str, ...]
    hops: int | None = None
    supporting_titles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The whole conversation, the tools the model was offered, and the grammar it speaks."""

    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    grammar: Grammar


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `error` is "Type: message" where infrastructure or an unreadable source is to blame."""

    answer: str | None
    stop_reason: StopReason
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Against the best gold answer; null where the rollout did not complete or there is no gold answer."""

    f1: float | None
    em: bool | None
    cover_match: bool | None
    scorer: str


@dataclass(frozen=True, slots=True)
class SearchUse:
    """How the model used search. Counts are of this trajectory; `evidence_recall` is in [0, 1]."""

    n_turns: int
    n_searches: int
    n_failed_searches: int
    first_action: FirstAction | None
    queries: tuple[str, ...]
    searches: tuple[JsonObject, ...]
    answer_in_evidence: bool | None
    evidence_recall: float | None
    n_memory_cues: int
    memory_cues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The judges' verdicts, pivoted from the judgements table by judge name; null where not judged."""

    llm_judge: bool | None = None
    llm_judge_reflect: bool | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens over all turns and seconds of wall time; null where the source does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    search_latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made the trajectory and how; null where an imported source does not say."""

    teacher: str | None
    teacher_revision: str | None
    prompt_id: str | None
    policy: str | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    retriever: str | None
    corpus: str | None
    builder_version: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What one rollout (or one imported transcript) gave, before scoring."""

    question: Question
    conversation: Conversation
    outcome: Outcome
    searches: tuple[SearchCall, ...] = ()
    cost: Cost = Cost()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: the groups' fields side by side are its columns."""

    identity: Identity
    question: Question
    conversation: Conversation
    outcome: Outcome
    scores: Scores
    search_use: SearchUse
    verdicts: Verdicts
    cost: Cost
    provenance: Provenance

    @property
    def id(self) -> str:
        """The row's id."""
        return self.identity.id

    def to_record(self) -> JsonObject:
        """The flat row as plain Python values, one key a column, as `datasets` gives it."""
        record: JsonObject = {}
        for group, write in _GROUP_WRITERS:
            record.update(write(getattr(self, group)))
        return record

    @classmethod
    def from_record(cls, record: JsonObject) -> Row:
        """The inverse of `to_record`.

        Raises:
            DataError: a column is missing, or unknown, or holds a value outside its closed set.
        """
        _check_columns(record)
        return cls(*[read(record) for read in _GROUP_READERS])


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judge's verdict on one row. `verdict` is null where the judge's reply could not be read."""

    row_id: str
    judge: str
    model: str
    prompt_hash: str | None
    verdict: bool | None
    score: float | None
    rationale: str | None
    tokens: int | None
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class Label:
    """One annotator's audit of one row: is the answer right, and was every fact found before it was used?"""

    row_id: str
    annotator: str
    correct: bool
    grounded: bool
    note: str | None
    labelled_at: datetime


def _check_columns(record: JsonObject) -> None:
    missing = [name for name in COLUMNS if name not in record]
    if missing:
        problem = Problem(
            "row", f"must have the column {missing[0]!r}", sorted(record), "See `trajset schema`."
        )
        raise DataError(str(problem))
    extra = [name for name in record if name not in FEATURES]
    if extra:
        raise DataError(str(unknown("row column", extra[0], COLUMNS)))


def features_of(kind: type) -> Features:
    """The `datasets.Features` of a flat dataclass such as `Judgement` or `Label`."""
    return Features(feature(kind))


_GROUPS = hints(Row)
_GROUP_FIELDS = {name: tuple(hints(kind)) for name, kind in _GROUPS.items()}
_GROUP_WRITERS: list[tuple[str, Convert]] = [
    (name, write) for name, kind in _GROUPS.items() if (write := writer(kind))
]
_GROUP_READERS: list[Convert] = [read for kind in _GROUPS.values() if (read := reader(kind))]

FEATURES = Features({name: entry for kind in _GROUPS.values() for name, entry in feature(kind).items()})
ARROW_SCHEMA: pa.Schema = FEATURES.arrow_schema
COLUMNS: tuple[str, ...] = tuple(FEATURES)

JUDGEMENT_FEATURES = features_of(Judgement)
LABEL_FEATURES = features_of(Label)


def column_groups() -> dict[str, tuple[str, ...]]:
    """Group name to its columns, in table order."""
    return dict(_GROUP_FIELDS)
