"""What of a config is written where."""

import dataclasses
import tomllib
import typing
from pathlib import Path

import cyclopts
import pytest
from trajset.builder import config
from trajset.builder.agent_config import SummariserConfig
from trajset.builder.config import CollectConfig, ImportConfig, published_values, save_config
from trajset.builder.vllm_config import VllmConfig

COLLECT = CollectConfig(
    questions="/home/me/secret/questions.jsonl",
    index=("/home/me/secret/index",),
    out=Path("/home/me/secret/out"),
    teacher="Qwen/Qwen3-32B",
    base_url=("http://gpu-7.internal:8000/v1",),
    world=Path("/home/me/secret/world"),
)


def test_what_is_published_holds_no_place_of_this_machine() -> None:
    values = published_values(COLLECT)
    assert "secret" not in str(values)
    assert "internal" not in str(values)
    assert (values["questions"], values["index"], values["world"]) == ("questions.jsonl", ["index"], "world")
    assert (values["teacher"], values["k"], values["known"]) == ("Qwen/Qwen3-32B", 5, 0.5)
    hub = dataclasses.replace(COLLECT, questions="hf:user/questions@v1:train")
    assert published_values(hub)["questions"] == "hf:user/questions@v1:train"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ("auto", "auto", "auto")),
        (["--temperature", "0", "--top-p", "1", "--top-k", "none"], (0.0, 1.0, None)),
        (["--temperature", "auto", "--top-p", "auto", "--top-k", "auto"], ("auto", "auto", "auto")),
        (["--temperature", "0.7", "--top-p", "0.8", "--top-k", "5"], (0.7, 0.8, 5)),
    ],
)
def test_sampling_options_are_numbers_or_auto(options: list[str], expected: tuple[object, ...]) -> None:
    read = parsed(*options)
    assert (read.temperature, read.top_p, read.top_k) == expected


@pytest.mark.parametrize("options", [["--temperature", "3"], ["--top-p", "1.1"], ["--top-k", "some"]])
def test_sampling_options_out_of_bounds_are_refused(options: list[str]) -> None:
    with pytest.raises(cyclopts.CycloptsError, match=options[1]):
        parsed(*options)


def parsed(*options: str) -> CollectConfig:
    app = cyclopts.App()

    @app.default
    def collect(*, config: CollectConfig) -> CollectConfig:
        return config

    needed = ("--questions", "q", "--index", "i", "--out", "o", "--teacher", "t")
    return app([*needed, *options], exit_on_error=False, print_error=False, result_action="return_value")


def test_a_teacher_that_is_a_folder_is_published_by_its_own_name(tmp_path: Path) -> None:
    for folder in (str(tmp_path / "student"), "./runs/student", "~/student"):
        assert published_values(dataclasses.replace(COLLECT, teacher=folder))["teacher"] == "student"


def test_a_teacher_in_a_folder_is_published_by_its_name() -> None:
    for teacher, shown in {
        "vllm:/home/me/secret/qwen3": "vllm:qwen3",
        "vllm:./secret/qwen3": "vllm:qwen3",
        "/home/me/secret/qwen3": "qwen3",
        "vllm:Qwen/Qwen3-32B@main": "vllm:Qwen/Qwen3-32B@main",
    }.items():
        assert published_values(dataclasses.replace(COLLECT, teacher=teacher))["teacher"] == shown


def test_a_summariser_in_a_folder_is_published_by_its_name() -> None:
    options = SummariserConfig(summariser="/home/me/secret/qwen3")
    values = published_values(dataclasses.replace(COLLECT, summaries=options))
    assert values["summariser"] == "qwen3"


def test_how_a_server_is_started_is_not_published() -> None:
    options = VllmConfig(
        Path("/secret/python"), vllm_args="--chat-template /secret/x.jinja", tensor_parallel=2
    )
    values = published_values(dataclasses.replace(COLLECT, vllm=options))
    assert "secret" not in str(values)
    assert (values["tensor-parallel"], values["tool-parser"]) == (2, "auto")


def test_of_several_indexes_and_of_servers_no_address_is_published() -> None:
    places = (
        "/home/me/secret/bm25",
        "es:https://elastic:pw@db.internal:9200/wiki-1a2b",
        "es:http://db.internal:9200",
    )
    values = published_values(dataclasses.replace(COLLECT, index=places))
    assert values["index"] == ["bm25", "es:wiki-1a2b", "es:"]


def test_every_option_that_is_a_path_is_cut_or_left_out() -> None:
    for kind in vars(config).values():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            for name, hint in typing.get_type_hints(kind).items():
                if hint is Path or Path in typing.get_args(hint):
                    option = name.replace("_", "-")
                    assert option in config._ONLY_HERE | config._PATHS, f"{kind}.{name}"


def test_the_file_beside_the_output_keeps_the_places(tmp_path: Path) -> None:
    save_config(ImportConfig(gold=Path("/data/gold.json")), tmp_path / "config.toml")
    assert tomllib.loads((tmp_path / "config.toml").read_text())["gold"] == "/data/gold.json"
