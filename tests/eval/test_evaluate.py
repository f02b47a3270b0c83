"""Cells against a scripted chat server: modes, resuming, failures, one dataset a cell."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import polars as pl
import pytest
from chat_server import Answer, ChatServer, Json, calls, error, says
from trajset.builder.config import IndexConfig, PatienceConfig
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import EvalRetrieval
from trajset.builder.schema import EVIDENCE_NAME, Row
from trajset.dataset_cards.render import write_card
from trajset.eval.cell_folder import means_of
from trajset.eval.cells import Cell, Mode, cell_of
from trajset.eval.eval_config import BenchmarkSettings, EvalConfig, ModelSettings
from trajset.eval.evaluate import CellEnd, evaluate
from trajset.eval.matrix import plan_cells
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split
from trajset.trainers.named_split import open_split

from .conftest import Looker

QUESTIONS = [
    {
        "_id": f"q{n}",
        "question": f"Where is film {n} from?",
        "answer": f"Town {n}",
        "type": "bridge" if n % 2 else "comparison",
        "supporting_facts": [[f"Film {n}", 0], [f"Studio {n}", 0]],
    }
    for n in range(6)
]
PASSAGES = [
    {"id": f"{kind}{n}", "title": f"{kind} {n}", "text": text}
    for n in range(5)  # those of the last question are missing
    for kind, text in (("Film", f"It is by Studio {n}."), ("Studio", f"It lies in Town {n}."))
]


def answer(request: Json) -> Answer:
    """Searches once where it may, then says the town that it read of; from memory it says another."""
    said = [message["content"] or "" for message in request["messages"]]
    read = [text for text in said if "It lies in Town" in text]
    if read:
        town = read[-1].partition("It lies in ")[2].partition(".")[0]
        return says(f"<answer>{town}</answer>")
    number = said[1].rstrip("?").split()[3]
    asked = any(message["role"] == "assistant" for message in request["messages"])
    if request.get("tools") and not asked:
        return calls(orjson.dumps({"query": f"Studio {number}"}).decode())
    return says("<answer>Nowhere</answer>")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answer) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, server: ChatServer) -> EvalConfig:
    """Six questions, an index that lacks the passages of one, a scripted model."""
    lines = [orjson.dumps(passage) for passage in PASSAGES]
    (tmp_path / "corpus.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "films.json").write_bytes(orjson.dumps(QUESTIONS))
    build_index(str(tmp_path / "corpus.jsonl"), tmp_path / "index", IndexConfig())
    return EvalConfig(
        out=tmp_path / "ev",
        model=("scripted",),
        benchmark=(str(tmp_path / "films.json"),),
        index=(str(tmp_path / "index"),),
        base_url=(server.url,),
        retries=0,
        k=2,
    )


def made(config: EvalConfig, looker: Looker | None = None) -> dict[str, CellEnd]:
    ends = evaluate(plan_cells(config), looker or Looker(), write_card)
    return {end.cell.slug.removeprefix("scripted.films."): end for end in ends}


def rows_of(end: CellEnd) -> list[Row]:
    return list(LocalDataset.open(end.folder).rows())


ALL = ("live", "closed_book", "gold_evidence", "noisy")
NOISE = EvalRetrieval(noise=("drop=1",))


def test_every_mode_rests_on_what_it_says(config: EvalConfig) -> None:
    looker = Looker()
    ends = made(replace(config, mode=ALL, retrieval=NOISE), looker)
    assert list(ends) == ["live", "closed_book", "gold_evidence", "noisy.drop=1"]
    assert looker.begun == [end.cell.slug for end in ends.values()]
    means = {name: means_of(end.folder) for name, end in ends.items()}
    # What it reads is right, but of the last question nothing is there: it reads of another town, half right.
    assert means["live"].f1 == pytest.approx(5.5 / 6)
    assert (means["live"].searches, means["closed_book"].searches) == (1.0, 0.0)
    assert means["closed_book"].f1 == means["noisy.drop=1"].f1 == 0.0
    assert (means["gold_evidence"].f1, means["gold_evidence"].questions) == (1.0, 5)
    assert ends["gold_evidence"].left_out == 1
    assert {cell_of(row).mode for end in ends.values() for row in rows_of(end)} == set(Mode)


def test_rows_of_the_modes(config: EvalConfig, server: ChatServer) -> None:
    ends = made(replace(config, mode=ALL, retrieval=NOISE))
    closed, gold = rows_of(ends["closed_book"])[0], rows_of(ends["gold_evidence"])[0]
    assert (closed.provenance.retriever, closed.provenance.policy) == ("none", "closed_book")
    assert (closed.conversation.tools, closed.search_use.n_turns) == ((), 1)
    assert gold.conversation.messages[1].name == EVIDENCE_NAME
    assert gold.conversation.messages[1].content.startswith("[1] Film 0\nIt is by Studio 0.\n\n[2] Studio 0")
    assert gold.conversation.messages[1].content.endswith("Where is film 0 from?")
    assert (gold.search_use.answer_in_evidence, gold.search_use.evidence_recall) == (True, 1.0)
    assert cell_of(rows_of(ends["noisy.drop=1"])[0]) == Cell(
        "films", "scripted", Mode.NOISY, "drop=1", rows_of(ends["live"])[0].provenance.retriever or ""
    )
    ids = [row.id for end in ends.values() for row in rows_of(end)]
    assert len(set(ids)) == len(ids) == 23
    assert all("tools" not in request for request in server.requests if "from memory" in str(request))


def test_a_cell_is_a_dataset_with_its_questions_beside_it(config: EvalConfig, tmp_path: Path) -> None:
    (end,) = made(config).values()
    dataset = LocalDataset.open(end.folder)
    dataset.verify()
    assert (dataset.manifest.command, dataset.manifest.config["mode"]) == ("eval", "live")
    assert dataset.manifest.config["benchmark"] == "films"
    assert str(tmp_path) not in (end.folder / "manifest.json").read_text("utf-8")
    asked = pl.read_parquet(end.folder / "questions.parquet")
    assert asked.columns == ["question_id", "type", "hops", "supporting_titles"]
    assert asked.row(1, named=True) == {
        "question_id": "q1", "type": "bridge", "hops": 2, "supporting_titles": ["Film 1", "Studio 1"]
    }  # fmt: skip


def test_filters_and_training_read_a_cell(config: EvalConfig) -> None:
    (end,) = made(config).values()
    make_split(end.folder, load_recipe("f1_only"))
    split = open_split(f"{end.folder}:f1_only")
    assert {row.question.question_id for row in split.rows()} == {"q0", "q1", "q2", "q3", "q4"}


def test_a_finished_cell_is_not_made_again(config: EvalConfig, server: ChatServer) -> None:
    first = made(replace(config, mode=("live", "closed_book")))
    requests, written = len(server.requests), [end.folder / "manifest.json" for end in first.values()]
    before = [path.stat().st_mtime_ns for path in written]
    again = made(replace(config, mode=("live", "closed_book", "gold_evidence")))
    assert [end.state for end in again.values()] == ["kept", "kept", "finished"]
    assert [path.stat().st_mtime_ns for path in written] == before
    assert len(server.requests) == requests + 5


@pytest.mark.parametrize(
    ("change", "word"),
    [({"temperature": 0.1}, "temperature"), ({"limit": 3}, "questions"), ({"k": 1}, "k=1")],
)
def test_a_changed_setting_is_refused_before_anything_is_made(
    config: EvalConfig, server: ChatServer, change: dict, word: str
) -> None:
    made(config)
    requests = len(server.requests)
    with pytest.raises(ConfigError, match=f"scripted.films.live: .*{word}"):
        made(replace(config, mode=("closed_book", "live"), **change))
    assert len(server.requests) == requests
    assert not (config.out / "scripted.films.closed_book").exists()


def test_a_cell_goes_on_in_the_middle(config: EvalConfig, server: ChatServer) -> None:
    """A server that refuses for good after some rows; what was finished stays."""
    refusing = True

    def sometimes(request: Json) -> Answer:
        broken = refusing and "film 4" in str(request["messages"])
        return error(401, "no such key") if broken else answer(request)

    server.answer = sometimes
    config = replace(config, concurrency=1)
    (end,) = made(config).values()
    assert (end.state, means_or_none(end)) == ("failed", None)
    refusing, requests = False, len(server.requests)
    (end,) = made(config).values()
    assert (end.state, means_of(end.folder).questions) == ("finished", 6)
    assert 0 < len(server.requests) - requests < 12


def means_or_none(end: CellEnd) -> object:
    try:
        return means_of(end.folder)
    except DataError:
        return None


def test_a_server_that_is_down_does_not_lose_the_other_cells(config: EvalConfig) -> None:

    down = ModelSettings(base_url=("http://127.0.0.1:9/v1",))
    patience = PatienceConfig(outage=0.0)
    ends = made(
        replace(config, model=(), models={"down": down, "scripted": ModelSettings()}, patience=patience)
    )
    assert [end.state for end in ends.values()] == ["failed", "finished"]
    assert "127.0.0.1:9" in str(next(iter(ends.values())).error)


def test_broken_rollouts_are_tried_again(config: EvalConfig, server: ChatServer) -> None:
    server.answer = lambda request: (
        error(422, "not this one") if "film 2" in str(request["messages"]) else answer(request)
    )
    (end,) = made(config).values()
    assert (end.state, end.broken, means_of(end.folder).broken) == ("finished", 1, 1)
    server.answer = answer
    (end,) = made(config).values()
    assert (end.state, end.broken, means_of(end.folder).broken) == ("finished", 0, 0)


def test_what_lies_there_from_elsewhere_is_not_replaced(config: EvalConfig) -> None:
    (end,) = made(config).values()
    (end.folder / "journal.sqlite").unlink()
    with pytest.raises(ConfigError, match="must not hold another dataset"):
        made(config)


def test_a_benchmark_with_a_name_of_its_own_has_it_in_its_rows(config: EvalConfig) -> None:
    tables = {"mine": BenchmarkSettings(benchmark=config.benchmark[0])}
    (end,) = evaluate(plan_cells(replace(config, benchmark=(), benchmarks=tables)))
    assert {cell_of(row).benchmark for row in rows_of(end)} == {"mine"}


def test_several_samples_and_several_models(config: EvalConfig, server: ChatServer) -> None:
    ends = made(replace(config, model=("scripted", "org/other"), samples=2, limit=3))
    assert [means_of(end.folder).rows for end in ends.values()] == [6, 6]
    assert {request["model"] for request in server.requests} == {"scripted", "org/other"}


def test_a_signal_stops_after_the_rollouts_under_way_and_the_next_run_goes_on(
    config: EvalConfig, server: ChatServer
) -> None:
    config = replace(config, mode=("live", "closed_book"), concurrency=1)

    def interrupting(request: Json) -> Answer:
        if "film 2" in str(request["messages"]) and len(request["messages"]) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(request)

    server.answer = interrupting
    ends = made(config)
    assert [(name, end.state) for name, end in ends.items()] == [("live", "stopped")]
    server.answer, before = answer, len(server.requests)
    ends = made(config)
    assert [end.state for end in ends.values()] == ["finished", "finished"]
    asked_again = [request for request in server.requests[before:] if "film 0" in str(request["messages"][1])]
    assert len(asked_again) == 1  # in closed book
