"""`trajset student` and `trajset world --plain`."""

import importlib.util
import json
from pathlib import Path

import pytest
from trajset.builder.errors import ConfigError
from trajset.builder.world import load_world
from trajset.cli import app
from trajset.cli import student as student_command


def run(*words: object) -> None:
    app([str(word) for word in words], result_action="return_value")


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs the extra [train]: pip install 'trajset[train]'"
)
def test_a_student_of_a_plain_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("world", tmp_path / "world", "--plain", "--entities", 60, "--questions", 20)
    assert load_world(tmp_path / "world").style == "plain"
    run("student", tmp_path / "student", "--world", tmp_path / "world")
    assert "768 tokens, not trained" in capsys.readouterr().out
    assert json.loads((tmp_path / "student" / "config.json").read_text())["model_type"] == "qwen3"
    with pytest.raises(ConfigError, match="must hold no model yet"):
        student_command(tmp_path / "student", world=tmp_path / "world")
