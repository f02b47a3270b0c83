"""How well an index finds what questions rest on: full recall and reciprocal rank over supporting titles.

Full recall at k is the share of questions all of whose supporting titles are among the titles of the first k
hits. MRR at 10 is the mean of 1/rank of the first hit with a supporting title, 0 beyond rank 10. The question
is the query, as it stands; a multi-hop agent may reach more by asking in steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import shorten

from rich.table import Table
from rich.text import Text

from ..errors import DataError, Problem
from ..questions import TypedQuestion, load_typed_questions
from ..schema import SearchCall
from ..source_config import QuestionFields
from .retriever import Retriever, failure_of

DEPTHS = (2, 5, 10)
"""Numbers of hits at which full recall is measured; the last also bounds the reciprocal rank."""

_BATCH = 256
_NO_FIELDS = QuestionFields()


@dataclass(frozen=True, slots=True)
class Ranking:
    """A question's hit titles, best first, beside the titles it rests on."""

    titles: tuple[str, ...]
    wanted: frozenset[str]

    def complete_at(self, depth: int) -> bool:
        """Whether all wanted titles are among the first `depth`."""
        return self.wanted <= set(self.titles[:depth])

    @property
    def reciprocal_rank(self) -> float:
        """1/rank of the first wanted title, 0 if none is among the first ten."""
        ranks = (rank for rank, title in enumerate(self.titles[: DEPTHS[-1]], 1) if title in self.wanted)
        return next((1 / rank for rank in ranks), 0.0)


@dataclass(frozen=True, slots=True)
class Recall:
    """Figures of a group of questions: `full[i]` belongs to `DEPTHS[i]`, both kinds in [0, 1]."""

    group: str
    questions: int
    full: tuple[float, ...]
    mrr: float


@dataclass(frozen=True, slots=True)
class RecallReport:
    """All questions first, then by hops and by type; `without_titles` questions could not be measured."""

    retriever: str
    corpus: str
    overall: Recall
    groups: tuple[Recall, ...]
    without_titles: int


def measure_recall(
    retriever: Retriever, questions: str, limit: int | None = None, fields: QuestionFields = _NO_FIELDS
) -> RecallReport:
    """Search for every question of a source that names its supporting titles.

    Raises:
        DataError: the questions cannot be read, or none names its titles.
        RetrieverError: the search engine failed.
    """
    return recall_report(retriever, load_typed_questions(questions, limit, fields=fields))


def recall_report(retriever: Retriever, questions: Sequence[TypedQuestion]) -> RecallReport:
    """The figures of a retriever.

    Raises:
        DataError: no question names its supporting titles.
    """
    known = [typed for typed in questions if typed.question.supporting_titles]
    if not known:
        fix = "Give questions of a layout with supporting facts (HotpotQA, 2WikiMultiHopQA, MuSiQue, ours)."
        value = f"{len(questions)} questions without"
        raise DataError(str(Problem("questions", "must name supporting titles", value, fix)))
    rankings = _rank(retriever, known)
    return RecallReport(
        retriever=retriever.name,
        corpus=retriever.corpus,
        overall=recall_of("all", rankings),
        groups=tuple(_grouped(known, rankings)),
        without_titles=len(questions) - len(known),
    )


def recall_of(group: str, rankings: Sequence[Ranking]) -> Recall:
    """The figures of at least one ranking."""
    count = len(rankings)
    full = tuple(sum(ranking.complete_at(depth) for ranking in rankings) / count for depth in DEPTHS)
    return Recall(group, count, full, sum(ranking.reciprocal_rank for ranking in rankings) / count)


def _rank(retriever: Retriever, questions: Sequence[TypedQuestion]) -> list[Ranking]:
    rankings: list[Ranking] = []
    for start in range(0, len(questions), _BATCH):
        batch = [typed.question for typed in questions[start : start + _BATCH]]
        results = retriever.search([question.question for question in batch], DEPTHS[-1])
        for question, hits in zip(batch, results, strict=True):
            titles = tuple(hit.passage.title for hit in hits)
            rankings.append(Ranking(titles, frozenset(question.supporting_titles or ())))
    return rankings


def _grouped(questions: Sequence[TypedQuestion], rankings: Sequence[Ranking]) -> Iterable[Recall]:
    groups: defaultdict[str, list[Ranking]] = defaultdict(list)
    for typed, ranking in zip(questions, rankings, strict=True):
        if typed.question.hops is not None:
            groups[f"hops: {typed.question.hops}"].append(ranking)
        if typed.type is not None:
            groups[f"type: {typed.type}"].append(ranking)
    return (recall_of(name, groups[name]) for name in sorted(groups))


def recall_table(report: RecallReport) -> Table:
    """The report for a terminal; `full@k` is full recall at k."""
    table = Table(title=Text(f"{report.retriever} on {report.corpus}"), caption=_caption(report))
    table.add_column("questions")
    for heading in ("number", *(f"full@{depth}" for depth in DEPTHS), f"MRR@{DEPTHS[-1]}"):
        table.add_column(heading, justify="right")
    for recall in (report.overall, *report.groups):
        figures = (f"{value:.3f}" for value in (*recall.full, recall.mrr))
        table.add_row(Text(recall.group), f"{recall.questions:,}", *figures)
    return table


def _caption(report: RecallReport) -> str | None:
    if report.without_titles == 0:
        return None
    return f"{report.without_titles:,} questions name no supporting titles and were left out"


def look_up(retriever: Retriever, queries: Sequence[str], k: int) -> list[SearchCall]:
    """Search by hand: one call a query, in order.

    Raises:
        RetrieverError: the search engine failed.
    """
    results = zip(queries, retriever.search(queries, k), strict=True)
    return [SearchCall(query, tuple(hits), failure_of(hits)) for query, hits in results]


def hits_table(call: SearchCall, width: int = 160) -> Table:
    """The hits of one search for a terminal: of each text the first `width` characters."""
    table = Table(title=Text(call.query), caption=None if call.hits else call.error or "nothing found")
    for heading in ("rank", "score", "id", "title", "text"):
        table.add_column(heading, justify="right" if heading in ("rank", "score") else "left")
    for rank, hit in enumerate(call.hits, 1):
        passage = hit.passage
        texts = (passage.id, passage.title, shorten(passage.text, width, placeholder=" …"))
        table.add_row(str(rank), f"{hit.score:.2f}", *map(Text, texts))
    return table
