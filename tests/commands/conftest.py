"""The command line, run in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from trajset.cli import app

Launch = Callable[..., int]


@pytest.fixture
def launch() -> Launch:
    """Run `trajset TOKENS`; its exit code."""

    def run(*tokens: object) -> int:
        before = app.config  # `--config` sets it for the process
        try:
            return int(app.meta([str(token) for token in tokens], result_action="return_value"))
        except SystemExit as stop:
            return int(stop.code or 0)
        finally:
            app.config = before

    return run


@pytest.fixture
def world(tmp_path: Path, launch: Launch) -> Path:
    """A small demo world, and its index in `index` beside it."""
    folder = tmp_path / "world"
    assert launch("world", folder, "--entities", 60, "--questions", 4) == 0
    assert launch("index", folder / "corpus.jsonl", tmp_path / "index") == 0
    return folder
