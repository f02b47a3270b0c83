"""`trajset filter` and `trajset recipes` as a user runs them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_site import StubSite
from sample_rows import sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.filters.recipes import load_recipe

OWN = """
name = "short"
title = "The shortest [of each] question"
predicate = "em"
qualify = "ROW_NUMBER() OVER (PARTITION BY question_id ORDER BY n_turns) <= $k"
[parameters.k]
default = 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset in `data [old]` of the working folder."""
    monkeypatch.chdir(tmp_path)
    rows = [sample_row(number, f1=f1) for number, f1 in enumerate((1.0, 0.9, 0.6, 0.0, None))]
    write_dataset(Path("data [old]"), Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    return Path("data [old]")


def test_a_dry_run_writes_nothing(folder: Path, launch, capsys) -> None:
    before = (folder / "manifest.json").read_bytes()
    assert launch("filter", folder, "--recipe", "f1_only", "--dry-run", "--check") == 0
    shown = capsys.readouterr().out
    assert "data [old]:f1_only would hold 2 of 5 rows (40.0%): f1 > 0.65" in shown
    assert "Rejected: 2 rows. Without a verdict: 1." in shown
    assert (folder / "manifest.json").read_bytes() == before
    assert launch("filter", folder, "--recipe", "f1_only", "--set", "min_f1=0.95") == 0
    assert launch("filter", folder, "--recipe", "f1_only", "--dry-run") == 0
    assert "Against the split that is there: 1 rows enter, 0 leave." in capsys.readouterr().out


def test_a_sweep_counts(folder: Path, launch, capsys) -> None:
    assert launch("filter", folder, "--recipe", "f1_only", "--sweep", "min_f1=0.5:0.9:0.2") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0.5", "3", "60.0%", "1"] in lines
    assert ["0.7", "2", "40.0%", "1"] in lines
    assert ["0.9", "1", "20.0%", "1"] in lines
    assert LocalDataset.open(folder).splits == ("raw",)


def test_a_dataset_on_the_hub_is_not_written_to(
    folder: Path, launch, capsys, stub: StubSite, monkeypatch
) -> None:
    publish(folder, "tester/data", "v1", site=stub.site)
    monkeypatch.setattr("trajset.commands.splits.open_readable", lambda text: _open(text, stub))
    assert launch("filter", "tester/data@v1", "--recipe", "best_of_n", "--dry-run") == 0
    assert "tester/data@v1:best_of_n would hold 2 of 5 rows" in capsys.readouterr().out
    assert launch("filter", "tester/data@v1", "--recipe", "f1_only") == 2
    assert "`trajset pull` it" in capsys.readouterr().err


def _open(text: str, stub: StubSite):
    from trajset.builder.readable import open_readable

    return open_readable(text, stub.site)


def test_recipes_of_ones_own_are_found_by_name(folder: Path, launch, capsys) -> None:
    Path("recipes").mkdir()
    Path("recipes/short.toml").write_text(OWN)
    Path("recipes/other.toml").write_text(OWN)
    Path("recipes/f1_only.toml").write_text(OWN.replace('"short"', '"f1_only"'))
    assert launch("recipes") == 0
    shown = capsys.readouterr().out
    assert "short" in shown
    assert "recipes/short.toml" in shown
    assert "Not usable: recipes/other.toml: name: must be that of its file" in shown
    assert "Not usable: recipes/f1_only.toml: name:" in shown
    assert launch("filter", folder, "--recipe", "short", "--set", "k=2") == 0
    assert LocalDataset.open(folder).manifest.recipes["short"]["parameters"] == {"k": 2}
    assert load_recipe("f1_only").title.startswith("Answer overlaps")
    assert launch("recipes", "short") == 0
    assert "QUALIFY ROW_NUMBER() OVER" in capsys.readouterr().out
    assert launch("recipes", "--dir", "elsewhere", "--show") == 0
    assert "short" not in capsys.readouterr().out.replace("shorter", "")


def test_an_unknown_recipe_names_ones_own_too(folder: Path, launch, capsys) -> None:
    Path("recipes").mkdir()
    Path("recipes/short.toml").write_text(OWN)
    assert launch("filter", folder, "--recipe", "shrot") == 2
    assert "Did you mean 'short'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "f1_only", "--sweep", "min_f1=1:2"], "--sweep"),
        (["--recipe", "f1_only", "--sweep", "f1=1,2"], "Known: min_f1"),
        (["--recipe", "per_question", "--sweep", "k=1,1.5"], "must be a whole number"),
        (["--recipe", "llm_judge"], "must accept at least one row"),
    ],
)
def test_what_cannot_be_done(folder: Path, launch, capsys, arguments: list[str], said: str) -> None:
    assert launch("filter", folder, *arguments) == 2
    assert said in capsys.readouterr().err
