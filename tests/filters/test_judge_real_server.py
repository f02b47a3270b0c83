"""Judges against a real vLLM server (docs/judges.md). Runs with `pytest -m vllm`.

The model is untaught: its verdicts are noise. That they can be read at all is the work of structured output.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from trajset.builder.config import ImportConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement
from trajset.builder.transcripts.importing import read_transcripts
from trajset.filters.judge import Judged, judge_dataset
from trajset.filters.judge_config import JudgeConfig
from trajset.filters.judge_open import open_job
from vllm_server import serving

pytestmark = pytest.mark.vllm

ROWS = 24


@pytest.fixture(scope="module")
def url(shared_data: Path, tmp_path_factory) -> Iterator[str]:
    """The root of a server with a tiny Qwen3 of random weights. It does not think: no --reasoning-parser."""
    tiny_model = pytest.importorskip("tiny_model", reason="needs the extra [train]")
    model = tmp_path_factory.mktemp("real") / "model"
    texts = tiny_model.texts_of(shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz")
    tiny_model.make_tiny_qwen3(model, texts, steps=0)
    with serving(model, "--max-model-len", "2048") as root:
        yield root


@pytest.fixture
def data(shared_data: Path, tmp_path: Path) -> Path:
    """Real questions, gold answers, answers and transcripts."""
    file = shared_data / "trajectories" / "r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz"
    imported = read_transcripts([file], ImportConfig(), datetime.now(UTC))
    write_dataset(tmp_path / "data", Tables(islice(imported.rows, ROWS)), MadeBy("import", datetime.now(UTC)))
    return tmp_path / "data"


def judge(data: Path, url: str, capsys, **options) -> tuple[Judged, Sequence[Judgement]]:
    settings = {
        "model": "tiny-qwen3",
        "base_url": url,
        "concurrency": 8,
        "temperature": 1.0,
        "max_tokens": 1500,
    }
    started = time.perf_counter()
    judged = judge_dataset(data, open_job(JudgeConfig(**(settings | options))))
    seconds = time.perf_counter() - started
    judgements = list(LocalDataset.open(data).judgements())
    spent, tally = judged.asked.spent_now, judged.asked.tally
    with capsys.disabled():
        said = f"{tally.finished} rows, {tally.requests} requests, {spent.prompt_tokens:,} tokens read, "
        said += f"{spent.completion_tokens:,} written, {seconds:.1f} s, {tally.unscored} unscored"
        sys.stdout.write(f"\n{options}: {said}\n")
    return judged, judgements


def test_structured_output_makes_verdicts_readable(data, url, capsys):
    judged, judgements = judge(data, url, capsys, reflect=True)
    assert judged.asked.tally.broken == judged.asked.left == 0
    assert len(judgements) == 2 * ROWS
    scored = [j for j in judgements if j.judge == "llm_judge" and j.verdict is not None]
    assert len(scored) >= ROWS * 3 / 4  # the others were cut at the token limit, in an endless rationale
    cut = [j for j in judgements if j.verdict is None]
    assert all("--max-tokens" in j.rationale or "no first verdict" in j.rationale for j in cut if j.rationale)
    assert all(j.tokens and j.latency_s for j in judgements)
    again, _ = judge(data, url, capsys, reflect=True, resume=True)
    assert again.asked.tally.requests == 0


def test_without_structured_output_the_same_model_says_nothing_readable(data, url, capsys):
    _, judgements = judge(data, url, capsys, plain=True, max_tokens=64)
    assert {j.verdict for j in judgements} == {None}


def test_a_transcript_that_does_not_fit_is_unscored(data, url, capsys):
    options = {"mode": "trajectory", "max_tokens": 500}
    judge(data, url, capsys, **options)
    _, judgements = judge(data, url, capsys, **options, resume=True)  # those before any had worked
    assert len(judgements) == ROWS
    assert any("too long for the model" in (j.rationale or "") for j in judgements)
    assert any(j.verdict is not None for j in judgements)
