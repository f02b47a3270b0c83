"""Real questions, real passages, a real vLLM server (docs/real-server.md). Runs with `pytest -m vllm`."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from trajset.builder.chat.token_log import FILE_NAME, read_token_ids, turn_key
from trajset.builder.collect import Collected
from trajset.builder.collect_run import run_collect
from trajset.builder.config import CollectConfig, IndexConfig, LastTurnConfig, SummariserConfig, TalkConfig
from trajset.builder.errors import ChatServerError
from trajset.builder.replay import replay_rows
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import REMINDER_NAME, Row, StopReason
from vllm_server import serving

pytestmark = pytest.mark.vllm

OPTIONS = (
    *("--max-model-len", "2048", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    *("--reasoning-parser", "qwen3"),
)


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory) -> Path:
    """A folder with an index of the real passages and a tiny model."""
    tiny_model = pytest.importorskip("tiny_model", reason="needs the extra [train]")
    made = tmp_path_factory.mktemp("real")
    corpus = shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz"
    build_index(str(corpus), made / "index", IndexConfig())
    tiny_model.make_tiny_qwen3(made / "model", tiny_model.texts_of(corpus))
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """The root of a running server."""
    with serving(folder / "model", *OPTIONS) as root:
        yield root


def config(shared_data: Path, folder: Path, url: str, **changes) -> CollectConfig:
    settings = {
        "questions": str(shared_data / "retrieval" / "hotpotqa_val500_bm25_results.csv.gz"),
        "index": (str(folder / "index"),),
        "teacher": "tiny-qwen3",
        "base_url": (url,),
        "limit": 20,
        "k": 2,
        "max_tokens": 96,
        "max_turns": 4,
        "concurrency": 8,
    }
    return CollectConfig(**(settings | changes))


def prompt_tokens(out: Path) -> dict[str, int]:
    records = [orjson.loads(line) for line in (out / FILE_NAME).read_bytes().splitlines()]
    return {record["turn"]: record["prompt_tokens"] for record in records}


def rows_of(collected: Collected) -> list[Row]:
    assert collected.complete
    return list(collected.rows())


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_twenty_real_questions_give_twenty_rows(shared_data, folder, url, tmp_path, grammar, capsys):
    rows = rows_of(run_collect(config(shared_data, folder, url, out=tmp_path / "out", grammar=grammar)))
    reasons = Counter(row.outcome.stop_reason for row in rows)
    with capsys.disabled():
        searches = sum(row.search_use.n_searches for row in rows)
        sys.stdout.write(f"\n{grammar}: {dict(reasons)}, {searches} searches\n")
    assert len(rows) == 20
    assert StopReason.INFRASTRUCTURE not in reasons
    assert all(row.cost.completion_tokens and row.search_use.n_turns for row in rows)
    if grammar == "tools":
        assert sum(row.search_use.n_searches for row in rows) > 0


def test_thinking_off_and_token_ids_reach_the_server(shared_data, folder, url, tmp_path):
    """With thinking off the template closes it before the model writes, which makes the prompt longer."""
    off = TalkConfig(thinking="off", token_ids=True)
    out, plain = tmp_path / "out", tmp_path / "plain"
    rows = rows_of(run_collect(config(shared_data, folder, url, out=out, talk=off, limit=5)))
    run_collect(config(shared_data, folder, url, out=plain, talk=TalkConfig(token_ids=True), limit=5))
    first = turn_key(rows[0].question.question, rows[0].provenance.seed or 0, 1)
    assert prompt_tokens(out)[first] > prompt_tokens(plain)[first]
    assert 'family = "qwen3"' in (out / "config.toml").read_text("utf-8")
    assert {(row.provenance.temperature, row.provenance.top_p) for row in rows} == {(0.7, 0.8)}
    ids = read_token_ids(out / FILE_NAME)
    written = sum(len(turn) for turn in ids.values())
    assert written == sum(row.cost.completion_tokens or 0 for row in rows) > 0
    keys = {
        turn_key(row.question.question, row.provenance.seed or 0, n + 1)
        for row in rows
        for n in range(row.search_use.n_turns)
    }
    assert keys == set(ids)


def test_a_wrong_model_name_lists_the_served_one(shared_data, folder, url, tmp_path):
    wrong = config(shared_data, folder, url, out=tmp_path / "out", teacher="tiny-qwen")
    with pytest.raises(ChatServerError, match=r"Did you mean 'tiny-qwen3'"):
        run_collect(wrong)


def test_a_context_too_small_for_the_question_is_not_the_models_fault(shared_data, folder, url, tmp_path):
    full = config(shared_data, folder, url, out=tmp_path / "out", k=60, max_turns=3)
    reasons = Counter(row.outcome.stop_reason for row in rows_of(run_collect(full)))
    assert reasons[StopReason.TOKEN_LIMIT] > 0
    assert StopReason.INFRASTRUCTURE not in reasons


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_a_summariser_and_a_forced_answer_on_one_server(shared_data, folder, url, tmp_path, grammar, capsys):
    asked = config(shared_data, folder, url, out=tmp_path / "out", grammar=grammar, max_turns=2)
    agent = {
        "summaries": SummariserConfig("same", summariser_max_tokens=48),
        "last_turn": LastTurnConfig(True),
    }
    rows = rows_of(run_collect(replace(asked, **agent)))
    reasons = Counter(row.outcome.stop_reason for row in rows)
    told = [row for row in rows if any(m.name == REMINDER_NAME for m in row.conversation.messages)]
    records = [record for row in rows for record in row.search_use.searches if record["passage_ids"]]
    with capsys.disabled():
        sys.stdout.write(f"\n{grammar}: {dict(reasons)}, {len(told)} reminded, {len(records)} summaries\n")
    assert StopReason.INFRASTRUCTURE not in reasons
    assert all(record["summary"] and record["summary_completion_tokens"] for record in records)
    assert not any(row.conversation.messages[-1].tool_calls for row in told)
    assert [one.differences for one in replay_rows(rows)] == [()] * 20
    if grammar == "tools":
        assert told
        assert records
