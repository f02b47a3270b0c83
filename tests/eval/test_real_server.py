"""All modes on real questions and passages through one real vLLM server. Runs with `pytest -m vllm`."""

import csv
import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest
from trajset.builder.config import IndexConfig
from trajset.builder.dataset import LocalDataset
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import EvalRetrieval
from trajset.builder.schema import StopReason
from trajset.builder.vllm_config import VllmConfig
from trajset.dataset_cards.render import write_card
from trajset.eval.cell_folder import means_of
from trajset.eval.eval_config import EvalConfig
from trajset.eval.evaluate import evaluate
from trajset.eval.matrix import plan_cells
from vllm_server import ENVIRONMENT

from .conftest import Looker

pytestmark = pytest.mark.vllm

SERVER = "--dtype float32 --max-model-len 2048 --max-num-seqs 8 --enforce-eager --no-enable-chunked-prefill "


def val500(shared_data: Path, file: Path) -> str:
    """The 500 HotpotQA questions with their answers, which stand in another file."""
    folder = shared_data / "retrieval"
    with gzip.open(folder / "hotpotqa_dev_answers.json.gz") as answers:
        known = {record["question"]: record["answer"] for record in json.load(answers)}
    with gzip.open(folder / "hotpotqa_val500_bm25_results.csv.gz", "rt") as results:
        records = [
            {
                "id": row["example_id"],
                "question": row["question"],
                "answer": known[row["question"]],
                "type": row["question_type"],
                "gold_titles": row["gold_titles"],
            }
            for row in csv.DictReader(results)
        ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return f"hotpotqa_val500={file}"


def test_all_modes(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = os.environ.get("TRAJSET_VLLM_PYTHON")
    if not python:
        pytest.skip("TRAJSET_VLLM_PYTHON does not name the python of an environment with vLLM")
    tiny_model = pytest.importorskip("tiny_model", reason="needs the extra [train]")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    corpus = shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz"
    build_index(str(corpus), tmp_path / "index", IndexConfig())
    tiny_model.make_tiny_qwen3(tmp_path / "tiny-qwen3", tiny_model.texts_of(corpus))
    config = EvalConfig(
        out=tmp_path / "ev",
        model=(f"vllm:{tmp_path / 'tiny-qwen3'}",),
        benchmark=(val500(shared_data, tmp_path / "val500.jsonl"),),
        index=(str(tmp_path / "index"),),
        mode=("live", "closed_book", "gold_evidence"),
        limit=20,
        k=2,
        max_tokens=96,
        max_turns=4,
        concurrency=8,
        vllm=VllmConfig(vllm_python=Path(python), vllm_args=SERVER),
        retrieval=EvalRetrieval(noise=("drop=0.5",)),
    )
    ends = evaluate(plan_cells(config), Looker(), write_card)
    assert [end.state for end in ends] == ["finished"] * 4
    assert [means_of(end.folder).questions for end in ends] == [20] * 4
    assert [(means_of(end.folder).searches or 0) > 0 for end in ends] == [True, False, False, True]
    for end in ends:
        rows = list(LocalDataset.open(end.folder).rows())
        assert StopReason.INFRASTRUCTURE not in {row.outcome.stop_reason for row in rows}
        assert {row.provenance.teacher for row in rows} == {"tiny-qwen3"}
        assert set(pl.read_parquet(end.folder / "questions.parquet")["type"]) <= {"bridge", "comparison"}
    starts = (config.out / "servers" / "tiny-qwen3" / "servers.jsonl").read_text("utf-8").splitlines()
    assert len(starts) == 1
