"""`trajset replay` and `trajset rescore` on datasets on disk: what they say, write and return."""

import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest
from chat_server import Answer, ChatServer, Json, calls, says
from elastic_stub import Engine, serving
from trajset.builder.amend import Amendment, amend
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy


@pytest.fixture
def collected(world: Path, tmp_path: Path, launch) -> Path:
    """Four rollouts of the demo world, with one answer forced out of each at the latest after two turns."""
    out = tmp_path / "out"
    asked = ("collect", "--questions", world / "questions.jsonl", "--index", tmp_path / "index", "--out", out)
    options = ("--teacher", "simulated", "--world", world, "--max-turns", 2, "--force-answer", "--k", 3)
    assert launch(*asked, *options) == 0
    return out


def said(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_collected_dataset_replays(collected, tmp_path, launch, capsys):
    assert launch("replay", collected, "--index", tmp_path / "index", "--out", tmp_path / "report") == 0
    told = said(capsys)
    assert "4 rows: 4 replayed, of which 4 come out the same." in told
    assert "made again, 3 passages each" in told
    report = json.loads((tmp_path / "report" / "replay.json").read_text("utf-8"))
    assert report["replay"] | {"skipped": 0} == {
        "rows": 4,
        "replayed": 4,
        "outcome_taken": 0,
        "skipped": 0,
        "different": 0,
        "columns": {},
    }
    assert set(report["search"]["changes"]) == {"same"}
    calls = pl.read_parquet(tmp_path / "report" / "calls.parquet")
    assert len(calls) == report["search"]["calls"] > 0
    assert len(pl.read_parquet(tmp_path / "report" / "differences.parquet")) == 0


def test_the_queries_are_searched_again_in_whatever_collect_can_search(collected, tmp_path, launch, capsys):
    plain = tmp_path / "plain"
    assert launch("index", tmp_path / "world" / "corpus.jsonl", plain, "--stemmer", "") == 0
    both = ("--index", tmp_path / "index", "--index", plain)
    assert launch("replay", collected, *both, "--search-cache", tmp_path / "cache") == 0
    assert "searched again with rrf-60-100(" in said(capsys)
    assert launch("replay", collected, "--index", "es:http://127.0.0.1:9/Wiki") == 2
    assert "must have the form es:URL/ALIAS" in " ".join(capsys.readouterr().err.split())


def test_a_summarised_dataset_keeps_its_prompts_and_replays(world, tmp_path, launch, capsys):
    def answer(request: Json) -> Answer:
        if request["messages"][0]["content"].startswith("You read search results"):
            return says("Nothing helpful.")
        searched = any(message["role"] == "tool" for message in request["messages"])
        return says("<answer>Oslo</answer>") if searched else calls('{"query": "town"}')

    out, index = tmp_path / "out", tmp_path / "index"
    with ChatServer(answer, models=("m",)) as server:
        asked = ("collect", "--questions", world / "questions.jsonl", "--index", index, "--out", out)
        told = ("--teacher", "m", "--base-url", server.url, "--summariser", "same", "--force-answer")
        assert launch(*asked, *told) == 0
    prompts = LocalDataset.open(out).manifest.prompts
    names = sorted(name.partition("@")[0] for name in prompts)
    assert names == ["always_search/tools/forced", "summariser"]
    assert any("[last turn]" in prompt.text for prompt in prompts.values())
    assert server.url not in (out / "manifest.json").read_text("utf-8")
    capsys.readouterr()
    assert launch("replay", out, "--index", index) == 0
    assert "4 searches made again, 5 passages each: 4 give the same passages" in said(capsys)


def test_a_row_that_comes_out_otherwise_is_an_error(collected, tmp_path, launch, capsys):
    rows = list(LocalDataset.open(collected).rows())
    rows[1] = dataclasses.replace(rows[1], scores=dataclasses.replace(rows[1].scores, f1=0.123))
    made = MadeBy("test", rows[0].provenance.created_at)
    write_dataset(tmp_path / "changed", Tables(rows), made)
    assert launch("replay", tmp_path / "changed", "--limit", 1) == 0
    capsys.readouterr()
    assert launch("replay", tmp_path / "changed", "--out", tmp_path / "report") == 2
    shown = capsys.readouterr()
    assert f"{rows[1].id} differs in f1" in " ".join(shown.out.split())
    assert "1 of 4 that do not" in shown.err
    (different,) = pl.read_parquet(tmp_path / "report" / "differences.parquet").rows()
    assert different == (rows[1].id, ["f1"])
    assert launch("replay", tmp_path / "changed", "--index", tmp_path / "index") == 2
    assert "Give --k" in capsys.readouterr().err
    assert launch("replay", tmp_path / "changed", "--out", collected) == 2
    assert "must not hold a dataset" in capsys.readouterr().err


def test_rescoring_brings_scores_splits_card_and_manifest_in_line(collected, launch, capsys):
    opened = LocalDataset.open(collected)
    old = opened.table(columns=["id", "f1"])
    kept = [name for name, f1 in zip(*old.to_pydict().values(), strict=True) if f1 > 0.65]
    moved = sum(f1 != 1.0 for f1 in old.column("f1").to_pylist())
    assert 0 < len(kept) < 4
    wrong = old.set_column(1, "f1", pl.Series([1.0] * 4).to_arrow())
    amend(collected, Amendment(columns=wrong), MadeBy("test", opened.manifest.created_at))
    assert launch("filter", collected, "--recipe", "f1_only") == 0
    assert len(LocalDataset.open(collected).ids("f1_only")) == 4
    capsys.readouterr()
    assert launch("rescore", collected) == 0
    told = said(capsys)
    assert f"4 rows scored by hotpot-1: {moved} changed. f1: {moved} f1_only: 4 -> {len(kept)} rows" in told
    again = LocalDataset.open(collected)
    again.verify()
    assert again.table(columns=["id", "f1"]).equals(old)
    assert again.ids("f1_only") == kept
    assert [step.command for step in again.manifest.steps] == ["test", "rescore"]
    assert again.manifest.steps[-1].config["changed"] == {"f1": moved}
    before = (collected / "manifest.json").read_bytes()
    assert launch("rescore", collected) == 0
    assert "nothing was written" in said(capsys)
    assert (collected / "manifest.json").read_bytes() == before


def test_searching_again_takes_every_index_that_collecting_takes(collected, world, tmp_path, launch, capsys):
    pytest.importorskip("elasticsearch")
    index, corpus = tmp_path / "index", world / "corpus.jsonl"
    with serving(Engine()) as url:
        assert launch("index", corpus, f"es:{url}/wiki") == 0
        assert launch("replay", collected, "--index", f"es:{url}/wiki", "--es-retries", 0) == 0
        assert "searched again with bm25-elasticsearch@" in said(capsys)
        assert launch("replay", collected, "--index", index, "--index", f"es:{url}/wiki") == 0
        assert "searched again with rrf-60-100(bm25-tantivy@" in said(capsys)
    assert launch("replay", collected, "--index", index, "--noise", "drop=1") == 0
    assert "0.0% of the recorded passages came back" in said(capsys)
    assert launch("replay", collected, "--index", tmp_path / "none") == 2
    shown = capsys.readouterr()
    assert "must be a folder with manifest.json" in shown.err
    assert "replayed" not in shown.out
