"""What of a config is written where."""

import dataclasses
import tomllib
import typing
from pathlib import Path

from trajset.builder import config
from trajset.builder.config import CollectConfig, ImportConfig, published_values, save_config

COLLECT = CollectConfig(
    questions="/home/me/secret/questions.jsonl",
    index=("/home/me/secret/index",),
    out=Path("/home/me/secret/out"),
    teacher="Qwen/Qwen3-32B",
    base_url="http://gpu-7.internal:8000/v1",
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
