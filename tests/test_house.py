"""The rules of the house: import direction, a complete wheel, documented commands, exact public names."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import trajset
from trajset.cli import app
from trajset.filters.recipes import load_recipe

ROOT = Path(__file__).resolve().parents[1]
STAGES = ["builder", "filters", "trainers", "eval", "dataset_cards"]
"""A stage may import itself and those before it."""

FOLDERS = [*STAGES, "commands"]

COMMANDS = sorted(name for name in app.resolved_commands() if not name.startswith("-"))


def modules(stage: str) -> list[Path]:
    return sorted((ROOT / stage).rglob("*.py"))


def imported_names(text: str, package: Sequence[str] = ()) -> Iterator[list[str]]:
    """The dotted names that a module of a package imports, relative ones from the root, at any depth."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (entry.name.split(".") for entry in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            named = node.module.split(".") if node.module else []
            yield from ([*base, *named, entry.name] for entry in node.names)


def imported_stages(text: str, package: Sequence[str]) -> set[str]:
    """The stages that a module imports, by relative or absolute name."""
    names = imported_names(text, package)
    return {name[1] if name[0] == "trajset" else name[0] for name in names} & set(STAGES)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if (ROOT / stage).is_dir()])
def test_no_stage_imports_a_later_one(stage: str) -> None:
    allowed = set(STAGES[: STAGES.index(stage) + 1])
    assert modules(stage)
    for path in modules(stage):
        package = path.relative_to(ROOT).parent.parts
        assert imported_stages(path.read_text("utf-8"), package) <= allowed, path


@pytest.mark.parametrize(
    "text",
    [
        "from ..filters.recipes import Recipe",
        "from .. import errors, filters",
        "import os, trajset.filters",
        "from trajset import filters",
        "def late():\n    from trajset.filters.recipes import Recipe",
    ],
)
def test_the_import_check_sees_a_step_back(text: str) -> None:
    assert imported_stages(text, ("builder",)) == {"filters"}
    assert imported_stages("from .errors import DataError\nimport filelock", ("builder",)) == {"builder"}


DISTRIBUTIONS = {
    "faiss": "faiss-cpu",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "Stemmer": "pystemmer",
    "markdown_it": "markdown-it-py",
}
"""Modules that are called otherwise than what is installed."""


def imported_distributions(files: Iterable[Path]) -> set[str]:
    inside = ["trajset"] * 9  # wherever a relative import leads, it is our own
    names = {name[0] for path in files for name in imported_names(path.read_text("utf-8"), inside)}
    own = {"trajset", *(path.stem for path in (*ROOT.glob("tests/*.py"), *ROOT.glob("benchmarks/*.py")))}
    return {
        DISTRIBUTIONS.get(name, name).lower().replace("_", "-")
        for name in names - own - sys.stdlib_module_names
    }


def required(entries: Iterable[str]) -> set[str]:
    return {re.split(r"[<>=~!\[ ]", entry)[0].lower().replace("_", "-") for entry in entries}


def test_what_is_imported_is_what_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = required(project["dependencies"])
    every = core.union(*map(required, project["optional-dependencies"].values()))
    ours = imported_distributions([*ROOT.glob("*.py"), *(path for name in FOLDERS for path in modules(name))])
    others = [path for name in ("tests", "benchmarks") for path in (ROOT / name).rglob("*.py")]
    assert core <= ours <= every
    assert imported_distributions(others) <= every
    assert len(core) == len(project["dependencies"])


def packages_on_disk() -> set[str]:
    folders = (path.parent for stage in FOLDERS for path in (ROOT / stage).rglob("__init__.py"))
    return {"trajset", *(f"trajset.{'.'.join(folder.relative_to(ROOT).parts)}" for folder in folders)}


def test_every_package_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["tool"]["setuptools"]["packages"]) == packages_on_disk()


def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a build leaves a folder behind, whose old files would get into the wheel
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "runs"))
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = ["__init__.py", "__main__.py", "cli.py", "quickstart.py", "py.typed"]
    for stage in FOLDERS:
        files = (ROOT / stage).rglob("*")
        tracked += [
            str(path.relative_to(ROOT)) for path in files if path.suffix in {".py", ".toml", ".txt", ".jinja"}
        ]
    assert len(tracked) > 30
    assert {f"trajset/{name}" for name in tracked} <= inside
    assert not any(name.startswith(("tests/", "trajset/tests/", "trajset/.venv")) for name in inside)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_docs(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app([command, "--help"], result_action="return_value")
    shown = capsys.readouterr().out
    assert f"trajset {command}" in shown
    assert len(shown.splitlines()) > 3
    assert f"## `trajset {command}`" in (ROOT / "docs" / "commands.md").read_text("utf-8")


def test_the_docs_name_no_command_that_does_not_exist() -> None:
    documented = [
        line.removeprefix("## `trajset ").removesuffix("`")
        for line in (ROOT / "docs" / "commands.md").read_text("utf-8").splitlines()
        if line.startswith("## `trajset ")
    ]
    assert documented == sorted(documented)
    assert documented == COMMANDS


def test_the_recipe_in_the_docs_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    example = tmp_path / "short_and_right.toml"
    example.write_text(text.split("```toml\n")[1].split("```")[0], "utf-8")
    recipe = load_recipe(str(example)).bind({"most": "2"})
    assert recipe.readable_sql == "em AND n_searches BETWEEN 1 AND 2"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "design").glob("*.md")), ids=lambda page: page.stem)
def test_the_tests_that_guard_a_decision_exist(page: Path) -> None:
    named = set(re.findall(r"\b(test_\w+)(?:`|::)", page.read_text("utf-8")))
    defined = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE))
    assert named
    assert named <= defined


def test_the_public_names_are_these() -> None:
    assert sorted(trajset.__all__) == [
        "DatasetRef",
        "LocalDataset",
        "Passage",
        "Question",
        "Row",
        "StopReason",
        "TrajsetError",
        "load_recipe",
        "open_ref",
        "select",
    ]
    assert all(getattr(trajset, name) is not None for name in trajset.__all__)


def test_heavy_libraries_are_imported_only_where_used() -> None:
    heavy = "('torch', 'transformers', 'datasets', 'polars', 'openai')"
    code = f"import sys, trajset.cli; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "[]"
