"""Every config in examples/ is one that `trajset collect` takes, and says what its page in the docs says."""

import tomllib
from pathlib import Path

import pytest
from trajset.builder.config import CollectConfig
from trajset.cli import app
from trajset.commands.boundary import options_from

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples" / "configs").glob("*.toml"))
every = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def loaded(path: Path) -> CollectConfig:
    """The config as the command line reads it; keys that it does not know are an error."""
    before = app.config
    app.config = options_from(path)
    try:
        _, bound, _ = app.parse_args(["collect"], exit_on_error=False, print_error=False)
    finally:
        app.config = before
    return bound.arguments["config"]


def value_of(config: object, option: str) -> object:
    """The value of an option, wherever in the config it lies."""
    name = option.replace("-", "_")
    fields = type(config).__dataclass_fields__
    if name in fields:
        return getattr(config, name)
    nested = [getattr(config, field) for field in fields]
    return next(getattr(part, name) for part in nested if name in getattr(part, "__dataclass_fields__", ()))


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"paper_qwen3_32b", "laptop", "search_o1", "search_r1"}


@every
def test_every_key_is_an_option_with_that_value(path: Path) -> None:
    config = loaded(path)
    for option, value in tomllib.loads(path.read_text("utf-8")).items():
        wanted = None if value == "none" else value
        found = value_of(config, option)
        assert str(found) == str(wanted) or found == wanted or found == (wanted,), option


@every
def test_every_example_is_commented_and_in_the_docs(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert f"trajset collect --config examples/configs/{path.name}" in text
    assert path.name in (ROOT / "docs" / "agent.md").read_text("utf-8")


def test_an_unknown_key_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text((ROOT / "examples/configs/laptop.toml").read_text("utf-8") + "\nmax-turn = 3\n", "utf-8")
    with pytest.raises(Exception, match="max-turn"):
        loaded(file)


def test_the_paper_run_has_the_settings_of_the_paper() -> None:
    config = loaded(ROOT / "examples" / "configs" / "paper_qwen3_32b.toml")
    assert (config.k, config.max_turns, config.limit) == (10, 5, 18_000)
    assert (config.temperature, config.top_p, config.top_k) == (0.6, 0.95, 20)
    assert (config.policy, config.summaries.summariser, config.last_turn.force_answer) == (
        "always_search",
        "same",
        True,
    )
