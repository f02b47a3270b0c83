"""`--config FILE`: its keys are the command's options, whatever they are called."""

from pathlib import Path

import pytest
from trajset.builder.config import CollectConfig, save_config
from trajset.cli import app


def launch(*tokens: object) -> int:
    """The exit code of `trajset TOKENS`."""
    try:
        code = app.meta([str(token) for token in tokens], exit_on_error=True, result_action="return_value")
    except SystemExit as stop:
        return int(stop.code or 0)
    return int(code)


def one_line(text: str) -> str:
    """What was said, without the lines and the frame around it."""
    return " ".join(text.replace("│", "").split())


@pytest.fixture
def world(tmp_path: Path) -> Path:
    folder = tmp_path / "world"
    assert launch("world", folder, "--entities", 60, "--questions", 4) == 0
    assert launch("index", folder / "corpus.jsonl", tmp_path / "index") == 0
    return folder


def test_a_saved_config_runs_again(world: Path, tmp_path: Path) -> None:
    """`index` and `world` are options of collect and names of commands too."""
    out, file = tmp_path / "out", tmp_path / "run.toml"
    questions = str(world / "questions.jsonl")
    config = CollectConfig(questions, tmp_path / "index", out, "simulated", world=world, top_k=None)
    save_config(config, file)
    assert launch("collect", "--config", file) == 0
    again = tmp_path / "again"
    assert launch("collect", "--config", out / "config.toml", "--out", again) == 0
    assert (again / "config.toml").read_text("utf-8") == file.read_text("utf-8").replace("/out", "/again")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("entitis = 60", "Did you mean --entities"),
        ("[world]\nentities = 60", "[world]"),
        ("[index]\nstemmer = 'english'", "[index]"),
        ("entities = 'many'", "[entities]"),
        ("entities = 60.5", '"60.5" is no whole number'),
        ("seed = 9_999_999_999_999_999_999", "for [seed]"),
        ("entities = 60\nentities", "must be TOML"),
    ],
)
def test_what_a_command_does_not_take_is_an_error(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text, "utf-8")
    assert launch("world", tmp_path / "out", "--config", file) == 2
    assert said in one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_config_that_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path, tmp_path / "nothing.toml"):
        assert launch("world", tmp_path / "out", "--config", path) == 2
        assert "--config" in capsys.readouterr().err
