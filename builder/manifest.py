"""`manifest.json`: what a dataset folder holds and how it came to be. Written last: it means "complete"."""

from __future__ import annotations

import dataclasses
import platform
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from .errors import DataError, Problem, unknown
from .identity import text_hash
from .schema import SCHEMA_VERSION, JsonObject

MANIFEST = "manifest.json"
RAW = "raw"
"""The split that holds every row; all others are cut from it."""

_SHARD_PATH = re.compile(r"(data|judgements|labels)/[\w.]+-\d{5}-of-\d{5}\.parquet", re.ASCII)
"""A manifest may come from a stranger: no path in it may lead out of the dataset's own folders."""

_SPLIT_NAME = re.compile(r"\w+(\.\w+)*", re.ASCII)
_RESERVED = (RAW, "all")
_LIBRARIES = ("trajset", "datasets", "huggingface_hub", "pyarrow", "duckdb", "polars")


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What the command that made the rows says about them. All of it is published: no secrets.

    `prompts` maps a prompt id (the row's `prompt_id`) to its text. `created_at` needs a time zone.
    """

    command: str
    created_at: datetime
    config: JsonObject = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file: its path in the dataset folder, rows, bytes, SHA-256 (64 hex digits)."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Split:
    """A named split of the default config; `recipe` is None for `raw`."""

    name: str
    shards: tuple[Shard, ...]
    recipe: JsonObject | None = None

    @property
    def rows(self) -> int:
        """Number of rows over all shards."""
        return sum(shard.rows for shard in self.shards)


@dataclass(frozen=True, slots=True)
class PromptText:
    """A system prompt as it was sent, with the hash of its text."""

    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Step:
    """A command that changed the dataset after its rows were made (judged, labelled, compared them)."""

    command: str
    created_at: datetime
    config: JsonObject


@dataclass(frozen=True, slots=True)
class Manifest:
    """Splits (`raw` first), the judgements and labels tables, and the provenance of the whole.

    `steps` are the changes since the rows were made, in order. `parent` is the `REPO@COMMIT` that this
    version was made from: pulled from, or published as before it.
    """

    schema_version: str
    command: str
    created_at: datetime
    config: JsonObject
    prompts: dict[str, PromptText]
    versions: dict[str, str]
    parent: str | None
    splits: tuple[Split, ...]
    judgements: tuple[Shard, ...] = ()
    labels: tuple[Shard, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def shards(self) -> tuple[Shard, ...]:
        """All shards of all tables."""
        splits = tuple(shard for split in self.splits for shard in split.shards)
        return splits + self.judgements + self.labels

    @property
    def recipes(self) -> dict[str, JsonObject]:
        """Split name to the recipe that cut it."""
        return {split.name: split.recipe for split in self.splits if split.recipe is not None}

    def split(self, name: str) -> Split:
        """The split of that name.

        Raises:
            DataError: there is none; the message lists those that exist.
        """
        splits = {split.name: split for split in self.splits}
        if name not in splits:
            raise DataError(str(unknown("split", name, splits)))
        return splits[name]


_ADAPTER = TypeAdapter(Manifest)


def new_manifest(made: MadeBy, splits: tuple[Split, ...], parent: str | None) -> Manifest:
    """The manifest of freshly made rows, with the versions of the libraries that are installed."""
    return Manifest(
        schema_version=SCHEMA_VERSION,
        command=made.command,
        created_at=made.created_at,
        config=made.config,
        prompts=_hashed(made.prompts),
        versions={"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES},
        parent=parent,
        splits=splits,
    )


def _hashed(prompts: Mapping[str, str]) -> dict[str, PromptText]:
    return {name: PromptText(text, text_hash(text)) for name, text in prompts.items()}


def with_step(manifest: Manifest, made: MadeBy) -> Manifest:
    """The manifest with one more step, and the prompts that it used."""
    step = Step(made.command, made.created_at, made.config)
    prompts = manifest.prompts | _hashed(made.prompts)
    return dataclasses.replace(manifest, prompts=prompts, steps=(*manifest.steps, step))


def manifest_json(manifest: Manifest) -> bytes:
    """The text of `manifest.json`: indented, with a final line break, the same for equal manifests."""
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a dataset folder.

    Raises:
        DataError: no such folder, no manifest in it, or one that cannot be read or names other files than
            shards.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(str(_no_manifest(folder)))
    try:
        manifest = _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(str(_broken(path, error))) from error
    if manifest.schema_version != SCHEMA_VERSION:
        rule = f"must be {SCHEMA_VERSION!r}, the row schema that this trajset reads"
        fix = "Install the trajset named under `versions` in the manifest, or make the dataset anew."
        raise DataError(str(Problem(f"{path}: schema_version", rule, manifest.schema_version, fix)))
    _check_names(path, manifest)
    return manifest


def _check_names(path: Path, manifest: Manifest) -> None:
    fix = "Do not use this dataset; make or pull it anew."
    for shard in manifest.shards:
        if not _SHARD_PATH.fullmatch(shard.path):
            rule = "must be a shard in one of the dataset's folders"
            raise DataError(str(Problem(f"{path}: shard", rule, shard.path, fix)))
    for split in manifest.splits:
        if split.name != RAW:
            check_split_name(split.name)


def _no_manifest(folder: Path) -> Problem:
    if not folder.exists():
        return Problem("dataset", "must be an existing folder", str(folder), "Check the path.")
    rule = f"must be a finished dataset, with a {MANIFEST}"
    return Problem("dataset", rule, str(folder), "If writing it was interrupted, run that command again.")


def _broken(path: Path, error: ValidationError) -> Problem:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    return Problem(f"{path}: {place}", first["msg"], first["input"], "Restore the file, or make it anew.")


def check_split_name(name: str) -> None:
    """Refuse what `datasets` does not take for a split, and the names with a meaning of their own.

    Raises:
        DataError: the name is reserved, or has other characters than letters, digits, `_` and inner dots.
    """
    if name in _RESERVED:
        raise DataError(
            str(Problem("split", f"must not be one of {_RESERVED}", name, "Choose another name."))
        )
    if not _SPLIT_NAME.fullmatch(name):
        rule = "must consist of ASCII letters, digits and _ (dots between them)"
        raise DataError(str(Problem("split", rule, name, f"Try {_suggestion(name)!r}.")))


def _suggestion(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "my_split"


def without_split(manifest: Manifest, name: str) -> Manifest:
    """The manifest less the split of that name, if it has one."""
    return dataclasses.replace(
        manifest, splits=tuple(split for split in manifest.splits if split.name != name)
    )


def card_configs(manifest: Manifest) -> list[JsonObject]:
    """The `configs` of the card's YAML, by which `datasets` and the Hub's viewer find splits and tables.

    Splits without rows are left out: `datasets` cannot load one.
    """
    splits = [
        {"split": split.name, "path": f"data/{split.name}-*.parquet"}
        for split in manifest.splits
        if split.rows
    ]
    configs: list[JsonObject] = [{"config_name": "default", "data_files": splits}]
    return configs + [
        {"config_name": table, "data_files": [{"split": "train", "path": f"{table}/*.parquet"}]}
        for table, shards in side_tables(manifest).items()
        if shards
    ]


def side_tables(manifest: Manifest) -> dict[str, Collection[Shard]]:
    """The tables beside the rows, by folder name."""
    return {"judgements": manifest.judgements, "labels": manifest.labels}
