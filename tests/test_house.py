"""The rules of the house: import direction, a complete wheel, documented commands, exact public names."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
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


def imported_stages(path: Path) -> set[str]:
    """The stages that a module imports, by relative or absolute name, at any depth."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            names = (node.module or "").split(".") if node.module else [node.names[0].name]
            parts = [*base, *names]
        elif isinstance(node, ast.Import):
            parts = node.names[0].name.split(".")
        else:
            continue
        found.update(parts[1:2] if parts[:1] == ["trajset"] else parts[:1])
    return found & set(STAGES)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if (ROOT / stage).is_dir()])
def test_no_stage_imports_a_later_one(stage: str) -> None:
    allowed = set(STAGES[: STAGES.index(stage) + 1])
    assert modules(stage)
    for path in modules(stage):
        assert imported_stages(path) <= allowed, path


def test_the_import_check_sees_a_step_back(tmp_path: Path) -> None:
    bad = ROOT / "builder" / "nowhere.py"
    tree = "from ..filters.recipes import Recipe"
    node = ast.parse(tree).body[0]
    assert isinstance(node, ast.ImportFrom)
    package = bad.relative_to(ROOT).parent.parts
    assert [*package[: len(package) - node.level + 1], *str(node.module).split(".")][0] == "filters"


def packages_on_disk() -> set[str]:
    folders = (path.parent for stage in FOLDERS for path in (ROOT / stage).rglob("__init__.py"))
    return {"trajset", *(f"trajset.{'.'.join(folder.relative_to(ROOT).parts)}" for folder in folders)}


def test_every_package_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["tool"]["setuptools"]["packages"]) == packages_on_disk()


def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
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
        "open_ref",
    ]
    assert all(getattr(trajset, name) is not None for name in trajset.__all__)


def test_heavy_libraries_are_imported_only_where_used() -> None:
    heavy = "('torch', 'transformers', 'datasets', 'polars', 'openai')"
    code = f"import sys, trajset.cli; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "[]"
