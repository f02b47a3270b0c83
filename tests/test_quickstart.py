"""The quickstart as a newcomer runs it: it ends, README shows what it prints, a second run reuses it all."""

import os
import shlex
import subprocess
import sys
from glob import escape
from pathlib import Path

import pytest
from trajset.builder.dataset import LocalDataset
from trajset.filters.ablation_types import RecipeResult
from trajset.filters.engines import accepted_ids
from trajset.filters.outcomes import outcomes
from trajset.filters.recipes import load_recipe

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ("llm_judge", "llm_judge_reflect", "f1_only", "f1_search")


def quickstart(out: Path, *options: str) -> str:
    command = [sys.executable, "-m", "trajset", "quickstart", "--out", str(out), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart")
    assert "2,000 rows, 2,000 exact labels" in quickstart(folder)
    return folder


def test_a_second_run_reuses_everything(out: Path) -> None:
    manifest = (out / "dataset" / "manifest.json").read_bytes()
    shown = quickstart(out)
    assert "world        reused" in shown
    assert "index        reused" in shown
    assert "trajectories reused" in shown
    assert "verdicts     reused" in shown
    assert (out / "dataset" / "manifest.json").read_bytes() == manifest


def test_the_code_at_its_end_loads_the_split(out: Path, tmp_path: Path) -> None:
    (line,) = (line for line in quickstart(out).splitlines() if "python -c" in line)
    assert f"{escape(str(out))}/dataset/data/f1_search-*.parquet" in line
    _, _, code = shlex.split(line)
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert f"num_rows: {LocalDataset.open(out / 'dataset').manifest.split('f1_search').rows}" in shown


def test_other_settings_in_the_same_folder_are_refused_before_anything_is_replaced(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    for option in (["--known", "0.9"], ["--entities", "200"], ["--seed", "7"]):
        command = [sys.executable, "-m", "trajset", "quickstart", "--out", str(out), *option]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 2
        assert option[0].removeprefix("--") in run.stderr
        assert "Traceback" not in run.stderr
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_settings_that_change_no_row_are_not_other_settings(out: Path) -> None:
    shown = quickstart(out / ".." / out.name, "--concurrency", "8")
    assert "trajectories reused" in shown


def test_the_readme_shows_what_the_quickstart_gives(out: Path) -> None:
    found = outcomes(LocalDataset.open(out / "dataset"), [load_recipe(name) for name in RECIPES])
    readme = (ROOT / "README.md").read_text("utf-8")
    for outcome in found.outcomes:
        assert readme_cells(outcome) in readme


def readme_cells(outcome: RecipeResult) -> str:
    assert outcome.labelled == 2000
    shares = (outcome.accept_rate, outcome.fdr.value, outcome.fpr.value, outcome.recall.value)
    return " | ".join(f"{share:.1%}" for share in shares if share is not None)


@pytest.mark.parametrize("name", RECIPES)
def test_both_engines_accept_the_same_rows(out: Path, name: str) -> None:
    dataset, recipe = LocalDataset.open(out / "dataset"), load_recipe(name)
    ids = accepted_ids(dataset, recipe, "duckdb")
    assert ids == accepted_ids(dataset, recipe, "polars")
    assert ids == dataset.ids(name)
    assert 0 < len(ids) < 2000
