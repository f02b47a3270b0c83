"""A real vLLM server that trajset starts itself, killed twice under 300 real questions.

Runs with `pytest -m vllm` (docs/real-server.md). Once the API server is killed, which leaves its engine
behind, and once the engine, of which the API server dies.
"""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
from trajset.builder.collect import Tally
from trajset.builder.collect_job import tasks_of
from trajset.builder.collect_run import open_job, run_collect
from trajset.builder.config import CollectConfig, IndexConfig
from trajset.builder.notices import Notices
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import Grammar, StopReason
from trajset.builder.vllm_config import VllmConfig
from vllm_server import ENVIRONMENT

pytestmark = pytest.mark.vllm

ARGUMENTS = (
    "--dtype float32 --max-model-len 2048 --max-num-seqs 8 --enforce-eager --no-enable-chunked-prefill"
)
KILLS = ((80, "api_server"), (180, "VLLM::EngineCore"))
"""After how many rows which process of the server is killed."""


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the real passages and a tiny model."""
    tiny_model = pytest.importorskip("tiny_model", reason="needs the extra [train]")
    made = tmp_path_factory.mktemp("launched")
    corpus = shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz"
    build_index(str(corpus), made / "index", IndexConfig())
    tiny_model.make_tiny_qwen3(made / "tiny-qwen3", tiny_model.texts_of(corpus))
    return made


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The python of an environment with vLLM, and what its server needs on a CPU."""
    named = os.environ.get("TRAJSET_VLLM_PYTHON")
    if not named:
        pytest.skip("TRAJSET_VLLM_PYTHON does not name the python of an environment with vLLM")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Path(named)


def starts(out: Path) -> list[dict[str, object]]:
    path = out / "servers.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def members(group: int) -> dict[int, str]:
    """The processes of a group with their command lines."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found[int(entry.name)] = command
    return found


class Killer:
    """Kills the server of a run as `KILLS` says, each time another start of it."""

    def __init__(self, out: Path) -> None:
        self.out, self.killed = out, list[str]()

    def __call__(self, tally: Tally) -> None:
        """Hear of a rollout that has ended."""
        if len(self.killed) == len(KILLS):
            return
        rows, victim = KILLS[len(self.killed)]
        if tally.finished >= rows and len(starts(self.out)) == len(self.killed) + 1:
            group = int(str(starts(self.out)[-1]["group"]))
            (pid,) = [pid for pid, command in members(group).items() if victim in command and pid != group]
            os.kill(pid, signal.SIGKILL)
            self.killed.append(victim)


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_three_hundred_questions_with_the_server_killed_twice(
    shared_data, folder, python, tmp_path, grammar: Grammar, capsys
):
    config = CollectConfig(
        questions=str(shared_data / "retrieval" / "hotpotqa_val500_bm25_results.csv.gz"),
        index=(str(folder / "index"),),
        out=tmp_path / "out",
        teacher=f"vllm:{folder / 'tiny-qwen3'}",
        grammar=grammar,
        limit=300,
        k=2,
        max_tokens=96,
        max_turns=4,
        concurrency=8,
        vllm=VllmConfig(vllm_python=python, vllm_args=ARGUMENTS),
    )
    said: list[str] = []
    began = time.monotonic()
    killer = Killer(config.out)
    done = run_collect(config, killer, Notices(said.append))
    seconds = time.monotonic() - began
    rows = list(done.rows())
    reasons = Counter(row.outcome.stop_reason for row in rows)
    with capsys.disabled():
        searches = sum(row.search_use.n_searches for row in rows)
        sys.stdout.write(f"\n{grammar}: {dict(reasons)}, {searches} searches, {seconds:.0f} s\n")
        sys.stdout.write("".join(f"  {text}\n" for text in said))
    assert killer.killed == [victim for _, victim in KILLS]
    assert len(starts(config.out)) == 3
    assert {start["version"] for start in starts(config.out)} != {None}
    assert sum("; restart " in text for text in said) == 2
    assert done.complete
    wanted = [task.question.question_id for task in tasks_of(open_job(config))]
    assert [row.question.question_id for row in rows] == wanted
    assert len({row.id for row in rows}) == 300
    assert not reasons.keys() & {StopReason.INFRASTRUCTURE, StopReason.TIME_LIMIT}
    assert all(row.cost.completion_tokens and row.search_use.n_turns for row in rows)
    assert sum(row.search_use.n_searches for row in rows) > 0
    assert not any(members(int(str(start["group"]))) for start in starts(config.out))
