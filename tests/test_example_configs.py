"""Every config in examples/ is one that its command takes, and says what its page in the docs says."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from trajset.cli import app
from trajset.commands.boundary import options_from
from trajset.eval.matrix import plan_cells

ROOT = Path(__file__).resolve().parents[1]
TRAINING = ROOT / "examples" / "training"
MATRIX = ROOT / "examples" / "configs" / "eval_matrix.toml"
COLLECTING = sorted(set((ROOT / "examples" / "configs").glob("*.toml")) - {MATRIX})
STUDENTS = sorted(TRAINING.glob("*.toml"))
every = pytest.mark.parametrize("path", [*COLLECTING, *STUDENTS], ids=lambda path: path.stem)


def command_of(path: Path) -> list[str]:
    """The command that the comments of an example run it by."""
    place = path.relative_to(ROOT).as_posix()
    found = re.findall(rf"trajset ([a-z ]+) --config {re.escape(place)}", path.read_text("utf-8"))
    assert len(set(found)) == 1
    return found[0].split()


def loaded(path: Path, command: list[str]) -> Any:
    """The config as the command line reads it; keys that it does not know are an error."""
    before = app.config
    app.config = options_from(path)
    try:
        _, bound, _ = app.parse_args(command, exit_on_error=False, print_error=False)
    finally:
        app.config = before
    return bound.arguments["config"]


def values(config: Any) -> dict[str, Any]:
    """The values of all options by name, wherever in the config they lie."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found |= values(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def value_of(config: Any, option: str) -> object:
    return values(config)[option.replace("-", "_")]


def test_there_are_examples() -> None:
    assert {path.stem for path in COLLECTING} >= {"paper_qwen3_32b", "laptop", "search_o1", "search_r1"}
    assert {command_of(path)[-1] for path in STUDENTS} >= {"sft", "opd", "rft", "grpo"}


@every
def test_every_key_is_an_option_with_that_value(path: Path) -> None:
    config = loaded(path, command_of(path))
    for option, value in tomllib.loads(path.read_text("utf-8")).items():
        wanted = None if value == "none" else value
        found = value_of(config, option)
        assert str(found) == str(wanted) or found == wanted or found == (wanted,), option


@every
def test_every_example_is_commented_and_in_the_docs(path: Path) -> None:
    text = path.read_text("utf-8")
    page = TRAINING / "README.md" if path in STUDENTS else ROOT / "docs" / "agent.md"
    assert text.startswith("# ")
    assert command_of(path)[0] == ("train" if path in STUDENTS else "collect")
    assert path.name in page.read_text("utf-8")


def test_the_matrix_is_one_that_eval_takes() -> None:
    assert command_of(MATRIX)[:1] == ["eval"]
    config = loaded(MATRIX, ["eval"])
    given = tomllib.loads(MATRIX.read_text("utf-8"))
    for option, value in given.items():
        found = value_of(config, option)
        if isinstance(value, dict):
            assert list(found) == list(value)
        else:
            assert str(found) == str(tuple(value) if isinstance(value, list) else value)
    assert config.models["teacher"].tensor_parallel == 2
    cells = [cell.slug for cell in plan_cells(config)]
    assert len(cells) == len(set(cells)) == 2 * (2 * 4 + 2 + 2 * 4 + 1 + 2 * 4 + 2)
    assert cells[0] == "student.hotpotqa.bm25.live"
    assert cells[-1] == "teacher.musique-train.e5.noisy.contradict=0.1"
    assert MATRIX.name in (ROOT / "docs" / "evaluation.md").read_text("utf-8")


def test_the_matrix_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    file = tmp_path / "matrix.toml"
    file.write_text(page.split("```toml\n")[1].split("```")[0], "utf-8")
    cells = {cell.slug: cell.collect_config() for cell in plan_cells(loaded(file, ["eval"]))}
    assert len(cells) == 2 * 2 * 3
    assert cells["local.dev.fused.live"].index == ("indexes/dev-bm25", "indexes/dev-e5")
    assert cells["local.dev.fused.live"].temperature == 0.0
    assert cells["small.hotpotqa.bm25.live"].k == 10
    for wrong in ("temprature = 1.0", "temperature = 3.0", "max-tokens = 2.5"):
        file.write_text(f"[models.a]\n{wrong}\n", "utf-8")
        with pytest.raises(Exception, match=f"'a'.*{wrong.split(' ')[0]}"):
            loaded(file, ["eval", "--out", "x"])
    file.write_text('[models.a]\ntop-k = 5\nworld = "w"\n[models.b]\n', "utf-8")
    a = loaded(file, ["eval", "--out", "x"]).models["a"]
    assert (a.top_k, a.world, a.model) == (5, Path("w"), None)


def test_an_unknown_key_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text((ROOT / "examples/configs/laptop.toml").read_text("utf-8") + "\nmax-turn = 3\n", "utf-8")
    with pytest.raises(Exception, match="max-turn"):
        loaded(file, ["collect"])
    file.write_text((TRAINING / "micro.toml").read_text("utf-8") + "\nlearning-rat = 1\n", "utf-8")
    with pytest.raises(Exception, match="learning-rat"):
        loaded(file, ["train", "sft"])


def test_the_paper_run_has_the_settings_of_the_paper() -> None:
    config = loaded(ROOT / "examples" / "configs" / "paper_qwen3_32b.toml", ["collect"])
    assert (config.k, config.max_turns, config.limit) == (10, 5, 18_000)
    assert (config.temperature, config.top_p, config.top_k) == (0.6, 0.95, 20)
    assert (config.policy, config.summaries.summariser, config.last_turn.force_answer) == (
        "always_search",
        "same",
        True,
    )


def test_the_students_of_the_paper_have_its_settings() -> None:
    asp, opd, rft = (
        values(loaded(TRAINING / f"{name}_qwen3_1.7b.toml", ["train", method]))
        for name, method in (("asp", "sft"), ("opd", "opd"), ("rft", "rft"))
    )
    names = ("learning_rate", "num_train_epochs", "per_device_train_batch_size")
    assert [asp[name] for name in (*names, "preset")] == [1e-5, 3, 4, "asp"]
    assert [opd[name] for name in names] == [2e-6, 4, 4]
    assert [opd[name] for name in ("limit", "samples", "gradient_accumulation_steps")] == [3_000, 8, 8]
    assert [rft[name] for name in (*names, "limit", "samples", "mix")] == [5e-6, 2, 4, 10_000, 1, 0.0]


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_accelerate_takes_its_files(name: str) -> None:
    load = pytest.importorskip("accelerate.commands.config.config_args").load_config_from_file
    file = TRAINING / f"{name}.yaml"
    given = yaml.safe_load(file.read_text("utf-8"))
    config = load(str(file))
    assert (config.num_processes, config.mixed_precision) == (given["num_processes"], "bf16")
    parser = pytest.importorskip("accelerate.commands.launch").launch_command_parser()
    known = {option for action in parser._actions for option in action.option_strings}
    assert {f"--{key}" for key in given.get("fsdp_config", {})} <= known


def test_deepspeed_is_told_its_sizes_by_the_run() -> None:
    config = orjson.loads((TRAINING / "zero3.json").read_bytes())
    assert config["zero_optimization"]["stage"] == 3
    sizes = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
    assert {config[name] for name in sizes} == {"auto"}
