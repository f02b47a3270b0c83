"""docs/real-ablation.md says what its commands give on the real trajectories."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "real-ablation.md"
RECIPES = ("llm_judge", "f1_only", str(ROOT / "examples" / "recipes" / "f1_any_search.toml"), "f1_search")
FILES = (
    "r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz",
    "r1searcher_hotpotqa_llama3.1-8b.jsonl.gz",
    "fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz",
)


def trajset(*arguments: str, folder: Path) -> None:
    command = [sys.executable, "-m", "trajset", *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)


@pytest.fixture(scope="module")
def audited(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    files = [str(shared_data / "trajectories" / name) for name in FILES]
    trajset("import", *files, "--dataset", "hotpotqa", "--out", "audited", folder=folder)
    labels = str(shared_data / "labels" / "hotpotqa_audit.csv")
    trajset("label", "import", "audited", labels, "--transcripts", *files, folder=folder)
    return folder


def report(folder: Path, annotator: str) -> str:
    by = ["--by", "teacher", "--annotator", annotator, "--out", annotator]
    trajset("ablate", "audited", "--recipes", *RECIPES, *by, folder=folder)
    return (folder / annotator / "report.md").read_text("utf-8")


def test_every_row_of_the_pages_tables_is_one_of_the_reports(audited: Path) -> None:
    given = {*report(audited, "lm-A").splitlines(), *report(audited, "lm-B").splitlines()}
    told = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(told) > 30
    assert [line for line in told if line not in given] == []
    fireact = "| `fireact_hotpotqa_gpt-3.5-turbo-ft` |"
    assert any(line.startswith(f"{fireact} `f1_only` | 262 |") for line in told)
    assert any(line.startswith(f"{fireact} `f1_any_search` | 170 |") for line in told)
