"""`trajset eval` as a user runs it: the demo world, a dry run, what is told at the end."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chat_server import ChatServer, says
from hub_site import python
from hub_state import Hub
from hub_stub import running
from trajset.builder.dataset import LocalDataset
from trajset.builder.journal import Journal

from .conftest import Launch


def words(tmp_path: Path, world: Path, *more: str) -> list[str]:
    options = ["--model", "simulated", "--world", str(world), "--index", str(tmp_path / "index")]
    return ["eval", *options, "--out", str(tmp_path / "ev"), "--benchmark", "demo-world", *more]


def test_the_demo_world_in_all_modes(
    tmp_path: Path, world: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = words(tmp_path, world, "--mode", "live", "closed_book", "gold_evidence", "--noise", "drop=1")
    assert launch(*command) == 0
    shown = capsys.readouterr().out
    assert shown.count("finished") == 4
    assert f"trajset report {tmp_path / 'ev'}" in shown.replace("\n", "")
    for mode in ("live", "closed_book", "gold_evidence", "noisy.drop=1"):
        folder = tmp_path / "ev" / f"simulated.demo-world.{mode}"
        assert LocalDataset.open(folder).manifest.split("raw").rows == 4
        assert "README.md" in {path.name for path in folder.iterdir()}
        assert launch("replay", folder) == 0
        assert launch("filter", folder, "--recipe", "f1_only", "--dry-run") == 0
    capsys.readouterr()
    assert launch(*command) == 0
    assert capsys.readouterr().out.count("kept") == 4


def test_a_dry_run_lists_the_cells(
    tmp_path: Path, world: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert launch(*words(tmp_path, world, "--noise", "drop=0.1", "swap=0.2", "--dry-run")) == 0
    shown = capsys.readouterr().out
    assert "3 cells" in shown
    assert "simulated" in shown
    assert not (tmp_path / "ev").exists()


def test_a_config_file_goes_with_options(
    tmp_path: Path, world: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "matrix.toml"
    lines = [
        f'out = "{tmp_path / "ev"}"',
        'mode = ["closed_book"]',
        "limit = 4",
        f'[models.teacher]\nmodel = "simulated"\nworld = "{world}"',
        f'[benchmarks.mine]\nbenchmark = "{world / "questions.jsonl"}"',
    ]
    file.write_text("\n".join(lines), "utf-8")
    assert launch("eval", "--config", file, "--limit", 2) == 0
    folder = tmp_path / "ev" / "teacher.mine.closed_book"
    assert LocalDataset.open(folder).manifest.split("raw").rows == 2


def test_a_failed_cell_is_told_and_the_code_is_that_of_a_server(
    tmp_path: Path, world: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "matrix.toml"
    lines = [
        f'out = "{tmp_path / "ev"}"\nworld = "{world}"\nindex = ["{tmp_path / "index"}"]\nretries = 0',
        'benchmark = ["demo-world"]',
        '[models.down]\nbase-url = ["http://127.0.0.1:9/v1"]\n[models.simulated]',
    ]
    file.write_text("\n".join(lines), "utf-8")
    assert launch("eval", "--config", file) == 3
    told = capsys.readouterr()
    assert "1 of 2 cells failed" in told.err
    assert "finished" in told.out


def test_a_cell_that_another_run_is_writing_to_is_left_alone(
    tmp_path: Path, world: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(*words(tmp_path, world)) == 0
    with Journal.look(tmp_path / "ev" / "simulated.demo-world.live" / "journal.sqlite"):
        assert launch(*words(tmp_path, world)) == 4


HOTPOT = {
    "id": "h1",
    "question": "Which magazine was first?",
    "answer": "Ann's",
    "type": "comparison",
    "supporting_facts": {"title": ["A", "B"], "sent_id": [0, 0]},
    "context": {"title": ["A", "B", "C"], "sentences": [["Ann's began.", " In 1900."], ["1901."], ["c."]]},
}
CARD = b"""---
configs:
- config_name: distractor
  data_files:
  - split: validation
    path: validation.parquet
---
"""
EVAL = """
from trajset.cli import app
app(["eval", "--model", "m", "--base-url", "{url}", "--benchmark", "hotpotqa", "--out", "{out}",
     "--mode", "closed_book", "gold_evidence"], result_action="return_none")
"""


def test_a_benchmark_of_the_hub_brings_its_passages(tmp_path: Path) -> None:
    """In a process of its own, because huggingface_hub reads `HF_ENDPOINT` once, when it is imported."""
    shard = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([HOTPOT]), shard)
    hub = Hub()
    files = {"README.md": CARD, "validation.parquet": shard.getvalue()}
    stored = {path: hub.store(content, lfs=False) for path, content in files.items()}
    hub.create("hotpotqa/hotpot_qa").add("data", "", stored)
    with running(hub) as address, ChatServer(lambda _: says("<answer>Ann's</answer>")) as server:
        python(EVAL.format(url=server.url, out=tmp_path / "ev"), address, tmp_path / "home")
    asked = [request["messages"][1]["content"] for request in server.requests]
    assert asked == [
        "Which magazine was first?",
        "[1] A\nAnn's began. In 1900.\n\n[2] B\n1901.\n\nQuestion: Which magazine was first?",
    ]
    config = LocalDataset.open(tmp_path / "ev" / "m.hotpotqa.gold_evidence").manifest.config
    assert config["questions-licence"] == "cc-by-sa-4.0"
    assert str(config["questions-source"]).startswith("hf:hotpotqa/hotpot_qa")
