"""`--config FILE`: its keys are the command's options, whatever they are called."""

import tomllib
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
    settled = (out / "config.toml").read_text("utf-8")
    assert (again / "config.toml").read_text("utf-8") == settled.replace("/out", "/again")
    assert 'top-k = "none"' in settled
    assert "temperature = 0.6" in settled
    for chosen in ("grammar", "family", "temperature", "top-p", "top-k"):
        assert f'{chosen} = "auto"' not in settled


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


@pytest.mark.parametrize(
    "urls", ['"http://127.0.0.1:9/v1"', '["http://127.0.0.1:9/v1", "http://[::1]:9/v1"]']
)
def test_one_server_or_several(urls: str, world: Path, tmp_path: Path, launch):
    file, out = tmp_path / "run.toml", tmp_path / "out"
    file.write_text(f"base-url = {urls}", "utf-8")
    asked = ["--questions", world / "questions.jsonl", "--index", tmp_path / "index", "--out", out]
    assert launch("collect", *asked, "--teacher", "x", "--retries", 0, "--config", file) == 3
    given = tomllib.loads(f"urls = {urls}")["urls"]
    kept = tomllib.loads((out / "config.toml").read_text("utf-8"))["base-url"]
    assert kept == (given if isinstance(given, list) else [given])
