"""`--config FILE`: its keys are the command's options, whatever they are called."""

from pathlib import Path

import pytest
from trajset.builder.config import CollectConfig, save_config


def one_line(text: str) -> str:
    """What was said, without the lines and the frame around it."""
    return " ".join(text.replace("│", "").split())


def test_a_saved_config_runs_again(world: Path, tmp_path: Path, launch):
    """`index` and `world` are options of collect and names of commands too."""
    out, file = tmp_path / "out", tmp_path / "run.toml"
    questions = str(world / "questions.jsonl")
    config = CollectConfig(questions, (str(tmp_path / "index"),), out, "simulated", world=world, top_k=None)
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
    text: str, said: str, tmp_path: Path, launch, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "run.toml"
    file.write_text(text, "utf-8")
    assert launch("world", tmp_path / "out", "--config", file) == 2
    assert said in one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_config_that_is_no_file(tmp_path: Path, launch, capsys: pytest.CaptureFixture[str]):
    for path in (tmp_path, tmp_path / "nothing.toml"):
        assert launch("world", tmp_path / "out", "--config", path) == 2
        assert "--config" in capsys.readouterr().err
