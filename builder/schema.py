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
from .identity import text_hash
from .records import Convert, feature, hints, reader, writer

SCHEMA_VERSION = "2"

JsonObject = dict[str, Any]
"""A JSON object. In the table it is stored as text with the `Json()` feature, always inside a list."""

Role = Literal["system", "user", "assistant", "tool"]
Grammar = Literal["tools", "tags"]
FirstAction = Literal["search", "answer"]

OBSERVATION_NAME = "search"
"""`Message.name` of every message that holds retrieved text (role `tool`, or `user` in `tags`)."""

REMINDER_NAME = "reminder"
"""`Message.name` of the `user` message by which the agent itself asks for the answer on the last turn."""


EVIDENCE_NAME = "evidence"
"""`Message.name` of the `user` message that hands passages over together with the question."""


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

    In imported transcripts the score is unknown: NaN here, null in the row. `recorded_hash` stands for the
    hash of a passage whose own text is not at hand (a search replayed from its record).
    """

    passage: Passage
    score: float
    recorded_hash: str | None = None

    @property
    def text_hash(self) -> str | None:
        """`passage_hash` of the passage; None in imported transcripts, which show no passage as it was."""
        passage = self.passage
        if self.recorded_hash is None and (passage.id or passage.text):
            return passage_hash(passage)
        return self.recorded_hash


def passage_hash(passage: Passage) -> str:
    """The first 16 hex digits of the SHA-256 of title, line break, text: equal hashes, the same passage."""
    return text_hash(f"{passage.title}\n{passage.text}")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a summariser made of the passages of a search, and its own tokens (None where unreported)."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class SearchCall:
    """One search: the query, what came back in rank order, or the error that came instead.

    Where a summariser stood between, `summary` is what the model read in place of the passages.
    """

    query: str
    hits: tuple[Hit, ...] = ()
    error: str | None = None
    summary: Summary | None = None

    def to_json(self) -> JsonObject:
        """The record kept in the row: ids, titles, scores and text hashes in rank order.

        The texts are in the observation. With a summary that alone is there, so the record says what was
        summarised, and keeps the summary and the summariser's tokens.
        """
        record: JsonObject = {
            "query": self.query,
            "passage_ids": [hit.passage.id for hit in self.hits],
            "titles": [hit.passage.title for hit in self.hits],
            "scores": [hit.score for hit in self.hits],
            "text_hashes": [hit.text_hash for hit in self.hits],
            "error": self.error,
        }
        return record if self.summary is None else record | _summary_json(self.summary)


def _summary_json(summary: Summary) -> JsonObject:
    return {
        "summary": summary.text,
        "summary_prompt_tokens": summary.prompt_tokens,
        "summary_completion_tokens": summary.completion_tokens,
    }


@dataclass(frozen=True, slots=True)
class Message:
    """One message in the OpenAI chat form. `content` is never null; what is absent is None.

    `tool_calls` holds `{"id", "type": "function", "function": {"name", "arguments": {...}}}` with the
    arguments as an object, never as a JSON string. `name == OBSERVATION_NAME` marks retrieved text,
    `name == REMINDER_NAME` words of the agent's own, `name == EVIDENCE_NAME` a question with passages.
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
    """Which trajectory this is."""

    id: str
    """A content hash over question, teacher, prompt, sampling, retriever, corpus and sample index."""
    run_id: str
    """The run of `collect`, or the import, that made the row."""
    sample_index: int
    """Which of the repeated samples of the question this is, from 0."""
    schema_version: str
    """Version of this table."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers."""

    question_id: str
    """Id of the question within its dataset."""
    dataset: str
    """Where the question is from."""
    question: str
    """The question."""
    gold_answers: tuple[str, ...]
    """Accepted answers; empty where none is known."""
    hops: int | None = None
    """Facts needed to answer; for a comparison, the facts compared. Null where unknown."""
    supporting_titles: tuple[str, ...] | None = None
    """Titles of the passages that hold those facts. Null where unknown."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The whole conversation, the tools the model was offered, and the grammar it speaks."""

    messages: tuple[Message, ...]
    """Each message: `role`, `content`, `reasoning_content`, `tool_calls`, `tool_call_id`, `name`."""
    tools: tuple[JsonObject, ...]
    """JSON schemas of the tools that the model was offered."""
    grammar: Grammar
    """How the model searches and answers: `tools` (native calls) or `tags` (in the text)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    answer: str | None
    """The answer given; null where there is none."""
    stop_reason: StopReason
    """Why the trajectory ended."""
    error: str | None = None
    """What broke, as `Type: message`, where infrastructure or an unreadable source is to blame."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Against the best gold answer; null where the rollout did not complete or there is no gold answer."""

    f1: float | None
    """Token F1 in [0, 1] after the HotpotQA normalisation."""
    em: bool | None
    """Exact match after the same normalisation."""
    cover_match: bool | None
    """Whether a normalised gold answer occurs in the normalised answer."""
    scorer: str
    """Normaliser and version."""


@dataclass(frozen=True, slots=True)
class SearchUse:
    """How the model used search in this trajectory."""

    n_turns: int
    """Messages that the model wrote."""
    n_searches: int
    """Searches."""
    n_failed_searches: int
    """Searches that came back with an error."""
    first_action: FirstAction | None
    """What the model did first: `search` or `answer`; null where it did neither."""
    queries: tuple[str, ...]
    """The queries, in order."""
    searches: tuple[JsonObject, ...]
    """Each search: `query`, `passage_ids`, `titles`, `scores`, `text_hashes`, `error`, and where a summariser
    read the passages `summary`, `summary_prompt_tokens`, `summary_completion_tokens`."""
    answer_in_evidence: bool | None
    """Whether a gold answer stands in what the model read of its searches, or was handed; null for yes/no
    answers."""
    evidence_recall: float | None
    """Share of `supporting_titles` that was retrieved, or handed over, in [0, 1]; null without them."""
    n_memory_cues: int
    """Phrases by which the model says that it speaks from memory, in text that it wrote."""
    memory_cues: tuple[str, ...]
    """Those phrases, lower case."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The judges' verdicts, pivoted from the judgements table by judge name; null where not judged."""

    llm_judge: bool | None = None
    """Whether a language model judged the answer right."""
    llm_judge_reflect: bool | None = None
    """Whether it still did after reflecting on its verdict."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens over all turns and seconds of wall time; null where the source does not say.

    The tokens are the teacher's. A summariser's are in the record of each search.
    """

    prompt_tokens: int | None = None
    """Tokens read by the model, over all turns."""
    completion_tokens: int | None = None
    """Tokens written by the model, over all turns."""
    latency_s: float | None = None
    """Wall time of the rollout, in seconds."""
    search_latency_s: float | None = None
    """Part of it spent searching, a summariser's time included, in seconds."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made the trajectory and how; null where an imported source does not say."""

    teacher: str | None
    """The model that wrote the trajectory."""
    teacher_revision: str | None
    """Its revision."""
    prompt_id: str | None
    """System prompt: policy, grammar and a hash of its text."""
    policy: str | None
    """Search policy that the prompt asks for; `closed_book` and `gold_evidence` have no search."""
    temperature: float | None
    """Sampling temperature."""
    top_p: float | None
    """Nucleus sampling mass."""
    seed: int | None
    """Seed of the sample."""
    retriever: str | None
    """The search engine with its settings' hash, and the summariser behind it, if there was one."""
    corpus: str | None
    """What was searched, with its content hash."""
    builder_version: str
    """Version of trajset that made the row."""
    created_at: datetime
    """When the row was made (UTC)."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What else asks the same question. All null where `trajset decontaminate` was not run."""

    duplicate_group: str | None = None
    """The `question_id` that stands for all near duplicates of this question; its own where it has none."""
    contaminated: bool | None = None
    """Whether the question overlaps with an evaluation question."""
    contamination: str | None = None
    """The evaluation set that it overlaps with most, and how; null where it does not."""
    contamination_overlap: float | None = None
    """Largest overlap with one evaluation question, in [0, 1]; 1 where they are the same."""


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
    overlap: Overlap = Overlap()

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
    """The row judged."""
    judge: str
    """Name of the judge."""
    model: str
    """The model that judged."""
    prompt_hash: str | None
    """Hash of its prompt."""
    verdict: bool | None
    """Whether it judged the answer right; null where its reply could not be read."""
    score: float | None
    """Its score, where it gives one."""
    rationale: str | None
    """Its reasons."""
    tokens: int | None
    """Tokens read and written."""
    latency_s: float | None
    """Wall time in seconds."""


@dataclass(frozen=True, slots=True)
class Label:
    """One annotator's audit of one row: is the answer right, and was every fact found before it was used?"""

    row_id: str
    """The row audited."""
    annotator: str
    """Who labelled."""
    correct: bool
    """The answer means the same as a gold answer."""
    grounded: bool | None
    """Every fact that the answer rests on was retrieved before it was used; null where nobody looked."""
    note: str | None
    """Remark."""
    labelled_at: datetime
    """When (UTC)."""
    stratum: str | None = None
    """The stratum of the audit sample that the row was drawn from; null where no design drew it."""
    stratum_size: int | None = None
    """Rows of that stratum in the dataset."""
    inclusion_probability: float | None = None
    """Chance of the row to be drawn, in (0, 1]."""

    @property
    def good(self) -> bool | None:
        """Right, and found rather than remembered; None where it is right and nobody checked the rest."""
        return self.correct and self.grounded


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
_GROUP_WRITERS: list[tuple[str, Convert]] = [
    (name, write) for name, kind in _GROUPS.items() if (write := writer(kind))
]
_GROUP_READERS: list[Convert] = [read for kind in _GROUPS.values() if (read := reader(kind))]

FEATURES = Features({name: entry for kind in _GROUPS.values() for name, entry in feature(kind).items()})
ARROW_SCHEMA: pa.Schema = FEATURES.arrow_schema
COLUMNS: tuple[str, ...] = tuple(FEATURES)

JUDGEMENT_FEATURES = features_of(Judgement)
LABEL_FEATURES = features_of(Label)
