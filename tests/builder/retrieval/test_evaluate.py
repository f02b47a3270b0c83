"""Recall figures: by hand on a fake, and on real questions against the independent ranking beside them."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from rich.console import Console
from trajset.builder.config import IndexConfig
from trajset.builder.errors import DataError
from trajset.builder.questions import TypedQuestion
from trajset.builder.retrieval.evaluate import (
    Ranking,
    Recall,
    hits_table,
    look_up,
    measure_recall,
    recall_of,
    recall_report,
    recall_table,
)
from trajset.builder.retrieval.opening import open_index
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import Hit, Passage, Question


def shown(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(renderable)
    return console.file.getvalue()


def hits(*titles: str) -> list[Hit]:
    return [Hit(Passage(title, title, ""), 1.0) for title in titles]


def question(text: str, titles: tuple[str, ...] | None, kind: str | None = None) -> TypedQuestion:
    hops = None if titles is None else len(titles)
    return TypedQuestion(Question(text, "d", text, (), hops, titles), kind)


RETRIEVER = DictRetriever(
    {
        "a": hits("A", "B", "C"),
        "b": hits("x", "x", "x", "B", "x", "A"),
        "c": hits(*"x" * 10, "A"),
    }
)


def test_figures_by_hand() -> None:
    asked = [
        question("a", ("A", "B"), "bridge"),
        question("b", ("A", "B")),
        question("c", ("A",), "bridge"),
        question("nothing found", ("A",), "[b]"),
        question("no titles", None, "bridge"),
        question("titles empty", ()),
    ]
    report = recall_report(RETRIEVER, asked)
    assert report.overall == Recall("all", 4, (0.25, 0.25, 0.5), (1 + 1 / 4) / 4)
    assert report.groups == (
        Recall("hops: 1", 2, (0, 0, 0), 0),
        Recall("hops: 2", 2, (0.5, 0.5, 1), (1 + 1 / 4) / 2),
        Recall("type: [b]", 1, (0, 0, 0), 0),
        Recall("type: bridge", 2, (0.5, 0.5, 0.5), 0.5),
    )
    assert report.without_titles == 2
    text = shown(recall_table(report))
    assert "type: [b]" in text
    assert "2 questions name no supporting titles" in text


def test_nothing_to_measure_is_an_error_not_a_zero() -> None:
    with pytest.raises(DataError, match="must name supporting titles; got '1 questions without'"):
        recall_report(RETRIEVER, [question("a", None)])


def test_hits_are_shown_as_they_are(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"title": "[bold]Åland[/]", "text": "islands"}\n{"title": "other", "text": "x"}\n', "utf-8"
    )
    build_index(str(corpus), tmp_path / "index", IndexConfig())
    found, nothing = look_up(open_index([tmp_path / "index"]), ["aland [red]", "zzz"], 5)
    assert [hit.passage.title for hit in found.hits] == ["[bold]Åland[/]"]
    assert "[bold]Åland[/]" in shown(hits_table(found))
    assert "nothing found" in shown(hits_table(nothing))


def independent_recall(path: Path) -> Recall:
    """The figures of the ranking that lies beside the questions."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["setting"] == "pooled"]
    rankings = [
        Ranking(tuple(row["retrieved_titles"].split(" | ")), frozenset(row["gold_titles"].split(" | ")))
        for row in rows
    ]
    return recall_of("independent", rankings)


def test_real_questions_are_found_better_than_by_the_independent_ranking(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "retrieval"
    questions = folder / "hotpotqa_val500_bm25_results.csv.gz"
    other = independent_recall(questions)
    assert other.questions == 500
    assert (other.full[-1], round(other.mrr, 3)) == (0.5, 0.751)

    built = build_index(str(folder / "hotpotqa_val500_corpus.jsonl.gz"), tmp_path / "index", IndexConfig())
    assert built.manifest.passages == 4937
    report = measure_recall(open_index([tmp_path / "index"]), str(questions))
    assert report.overall.questions == 500
    assert report.overall.full[-1] >= 0.78
    assert report.overall.mrr >= 0.90
    assert [group.group for group in report.groups] == ["hops: 2", "type: bridge", "type: comparison"]
    assert all(ours > theirs for ours, theirs in zip(report.overall.full, other.full, strict=True))
