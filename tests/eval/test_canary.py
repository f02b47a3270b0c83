"""A benchmark with a canary, from end to end: no text of a question or an answer is on disk in clear."""

import csv
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chat_server import Answer, ChatServer, Json, calls, error, reply, says
from hub_site import StubSite
from trajset.builder.canary import encrypt
from trajset.builder.config import IndexConfig
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.hub import publish
from trajset.builder.journal import FILE_NAME
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import EvalRetrieval
from trajset.builder.schema import StopReason
from trajset.builder.sealed import canary_of, unseal
from trajset.builder.vllm_config import VllmConfig
from trajset.cli import app
from trajset.dataset_cards.render import write_card
from trajset.eval.eval_config import EvalConfig
from trajset.eval.evaluate import CellEnd, evaluate
from trajset.eval.matrix import plan_cells
from trajset.trainers.named_split import open_split

from .conftest import Looker

CANARY = "BENCHMARK DATA SHOULD NEVER APPEAR. canary GUID made-up:0000-1111"
SECRETS = ("Zwieselbrunn", "Quillonia", "Marabuto")
"""Words of the questions and answers that occur nowhere else, and what the model makes of them."""
ROWS = [
    ("In which town did the Zwieselbrunn quartet first play?", "Quillonia"),
    ("Who directed the film about Zwieselbrunn and its Marabuto?", "Quillonia Marabuto"),
    ("Which Zwieselbrunn question breaks the server?", "Marabuto"),
]


def encrypted_csv() -> str:
    """The layout of browse_comp_test_set.csv."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["problem", "answer", "problem_topic", "canary"])
    for problem, answer in ROWS:
        writer.writerow([encrypt(problem, CANARY), encrypt(answer, CANARY), "Music", CANARY])
    return file.getvalue()


def answer(request: Json) -> Answer:
    """A model that quotes the question wherever it can, and a server that quotes it in its refusal."""
    if request["messages"][0]["content"].startswith("You check"):
        verdict = {"rationale": "Quillonia it is, says Zwieselbrunn", "verdict": "correct", "confidence": 1}
        return says(orjson.dumps(verdict).decode())
    question = request["messages"][1]["content"]
    if "breaks the server" in question:
        return error(422, f"cannot read: {question}")
    if request.get("tools") and len(request["messages"]) == 2:
        return calls(orjson.dumps({"query": f"find: {question}"}).decode())
    thought = f"They ask: {question}"
    return reply({"content": "It is <answer>Quillonia</answer>", "reasoning_content": thought})


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answer) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, server: ChatServer) -> EvalConfig:
    (tmp_path / "browse_comp_test_set.csv").write_text(encrypted_csv(), "utf-8")
    corpus = {"id": "1", "title": "Quartets", "text": "A quartet plays."}
    (tmp_path / "corpus.jsonl").write_bytes(orjson.dumps(corpus))
    build_index(str(tmp_path / "corpus.jsonl"), tmp_path / "index", IndexConfig())
    return EvalConfig(
        out=tmp_path / "ev",
        model=("scripted",),
        benchmark=(f"browsecomp={tmp_path / 'browse_comp_test_set.csv'}",),
        index=(str(tmp_path / "index"),),
        base_url=(server.url,),
        mode=("live", "closed_book"),
        retries=0,
    )


def cells_of(path: Path) -> str:
    """All that a Parquet file holds, decompressed."""
    return repr(pq.read_table(path).to_pylist()) + repr(pq.read_schema(path).metadata)


def leaks(folder: Path) -> list[str]:
    """Files in which a secret stands in clear: as bytes, and of Parquet what is inside."""
    found: list[str] = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        inside = path.read_bytes() + (cells_of(path).encode() if path.suffix == ".parquet" else b"")
        found += [f"{secret} in {path.name}" for secret in SECRETS if secret.encode() in inside]
    return found


def made(config: EvalConfig) -> tuple[CellEnd, ...]:
    return evaluate(plan_cells(config), Looker(), write_card)


def run(*tokens: object) -> int:
    return int(app.meta([str(token) for token in tokens], result_action="return_value"))


def test_the_search_for_leaks_finds_them(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(_parquet(tmp_path)), tmp_path / "b.parquet", compression="zstd")
    (tmp_path / "c.sqlite-wal").write_bytes(b"\0Marabuto\0")
    assert sorted(leaks(tmp_path)) == [
        "Marabuto in c.sqlite-wal", "Zwieselbrunn in a.parquet", "Zwieselbrunn in b.parquet"
    ]  # fmt: skip


def _parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"a": ["Zwieselbrunn"]}), folder / "a.parquet", compression="zstd")
    return folder / "a.parquet"


def test_nothing_is_on_disk_in_clear(config: EvalConfig, tmp_path: Path, server: ChatServer) -> None:
    live, closed = made(config)
    assert [end.state for end in (live, closed)] == ["finished", "finished"]
    assert any("Zwieselbrunn" in str(request) for request in server.requests)
    assert (live.folder / FILE_NAME).is_file()
    assert leaks(tmp_path) == []
    assert CANARY in cells_of(next((live.folder / "data").glob("*.parquet")))
    assert LocalDataset.open(live.folder).manifest.config["canary"] == [CANARY]
    assert LocalDataset.open(live.folder).manifest.config["metric"] == "llm_judge"


def test_scores_and_counts_are_those_of_the_clear_text(config: EvalConfig) -> None:
    live, _ = made(config)
    rows = list(LocalDataset.open(live.folder).rows())
    assert [row.scores.f1 for row in rows] == [1.0, pytest.approx(2 / 3), None]
    assert [row.search_use.n_searches for row in rows] == [1, 1, 0]
    assert rows[2].outcome.stop_reason is StopReason.INFRASTRUCTURE
    assert {canary_of(row) for row in rows} == {CANARY}
    assert [unseal(row).question.question for row in rows] == [problem for problem, _ in ROWS]
    assert "They ask: In which town" in repr(unseal(rows[0]))


def test_commands_work_on_sealed_rows_and_leave_none_in_clear(
    config: EvalConfig, tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    live, _ = made(config)
    judge = ("--model", "judge", "--base-url", server.url, "--mode", "trajectory")
    for command in (
        ("filter", live.folder, "--recipe", "f1_only"),
        ("judge", live.folder, *judge),
        ("rescore", live.folder),
        ("replay", live.folder, "--out", tmp_path / "replay"),
        ("decontaminate", live.folder, "--against", config.benchmark[0]),
        ("card", live.folder),
        ("ablate", live.folder, "--out", tmp_path / "ablation", "--recipes", "f1_only", "f1_search"),
        ("diff", live.folder, live.folder, "--out", tmp_path / "moved.json", "--recipe", "f1_only"),
        ("label", "sample", live.folder, "--out", tmp_path / "labels.csv"),
    ):
        assert run(*command) == 0, command
    dataset = LocalDataset.open(live.folder)
    assert [row.scores.f1 for row in dataset.rows("f1_only")] == [1.0, pytest.approx(2 / 3)]
    verdicts = [row.verdicts.llm_judge for row in dataset.rows()]
    assert verdicts == [True, True, None]
    assert leaks(tmp_path) == []
    assert not any(secret in capsys.readouterr().out for secret in SECRETS)


def test_what_is_published_is_sealed(config: EvalConfig, stub: StubSite) -> None:
    live, _ = made(config)
    publish(live.folder, "me/rows", "v1", site=stub.site)
    stored = b"".join(stub.hub.blobs.values())
    assert not any(secret.encode() in stored for secret in SECRETS)
    assert CANARY.encode() in stored


def test_it_is_never_trained_on_nor_collected_from(config: EvalConfig, tmp_path: Path) -> None:
    live, _ = made(config)
    run("filter", live.folder, "--recipe", "f1_only")
    with pytest.raises(DataError, match="which is never trained on"):
        list(open_split(f"{live.folder}:f1_only").rows())
    command = ("collect", "--questions", config.benchmark[0], "--index", tmp_path / "index")
    assert run(*command, "--out", tmp_path / "out", "--teacher", "m", "--base-url", config.base_url[0]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"retrieval": EvalRetrieval(search_cache=Path("cache"))}, "search_cache"),
        ({"vllm": VllmConfig(vllm_args="--enable-log-requests")}, "vllm_args"),
    ],
)
def test_options_that_would_write_it_down_are_refused(
    config: EvalConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"{word}: must"):
        made(replace(config, **change))


def test_a_killed_run_leaves_nothing_in_clear(config: EvalConfig, tmp_path: Path) -> None:
    """Killed with rows in the journal that no dataset was made of yet."""
    script = """
        import os, sys
        from trajset.cli import app
        from trajset.eval import cell_folder, evaluate

        def killed(ready, done):
            os.kill(os.getpid(), 9)

        evaluate.write_cell = killed
        app(sys.argv[1:])
    """
    arguments = [
        *("eval", "--out", str(config.out), "--model", "scripted", "--benchmark", config.benchmark[0]),
        *("--index", config.index[0], "--base-url", config.base_url[0], "--retries", "0"),
    ]
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, env=os.environ, capture_output=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr
    assert any(path.name.startswith(FILE_NAME) for path in config.out.rglob("*"))
    assert leaks(tmp_path) == []
