"""`trajset student` and `trajset world --plain`."""

import importlib.util
import json
from pathlib import Path

import pytest
from trajset.builder.world import load_world


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs the extra [train]: pip install 'trajset[train]'"
)
def test_a_student_of_a_plain_world(tmp_path: Path, launch, capsys: pytest.CaptureFixture[str]) -> None:
    world, student = tmp_path / "world", tmp_path / "student"
    assert launch("world", world, "--plain", "--entities", 60, "--questions", 20) == 0
    assert load_world(world).style == "plain"
    assert launch("student", student, "--world", world) == 0
    assert "768 tokens, not trained" in capsys.readouterr().out
    assert json.loads((student / "config.json").read_text())["model_type"] == "qwen3"
    assert launch("student", student, "--world", world) == 2
    assert "must hold no model yet" in capsys.readouterr().err
