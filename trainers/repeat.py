"""A run repeated from its lineage: where data and model are now, and whether they are what they were."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from ..builder.errors import DataError, Problem
from ..builder.hub_client import THE_HUB, HubSite
from ..builder.identity import content_hash
from ..builder.questions import load_questions
from ..builder.retrieval.opening import open_index
from ..builder.schema import JsonObject
from ..builder.source_config import QuestionFields
from .lineage import LINEAGE, Lineage
from .named_split import open_split
from .options import PLACES
from .student_model import find_student
from .training_run import CONFIG


def options_again(lineage: Lineage, file: Path, given: JsonObject) -> JsonObject:
    """The options that repeat a run: those of the lineage, with the places where things are.

    `given` are places on the command line. What is not given is taken from the Hub where the lineage names a
    repository, else from the `config.toml` beside the lineage.

    Raises:
        DataError: a place is in none of the three; the message says which option to give.
    """
    folder = file if file.is_dir() else file.parent
    beside = _beside(folder / CONFIG)
    places = {name: value for name, value in beside.items() if name in PLACES}
    places |= _at_the_hub(lineage) | given
    told = {_rows(lineage): lineage.dataset.get("name"), "model": lineage.model.get("name")}
    if search := lineage.inputs.get("search"):
        told["index"] = f"an index of {search['corpus']}"
    for name, what in told.items():
        if name not in places:
            fix = f"Give --{name}, where {what} is now."
            raise DataError(str(Problem(name, f"must be found: {LINEAGE} names no place of it", None, fix)))
    places = {name: value for name, value in places.items() if name not in ("resume", "preset")}
    return lineage.options | places


def _rows(lineage: Lineage) -> str:
    """The option that names what was learnt from."""
    return "questions" if lineage.dataset.get("kind") == "questions" else "data"


def _beside(file: Path) -> JsonObject:
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def _at_the_hub(lineage: Lineage) -> JsonObject:
    dataset, model = lineage.dataset, lineage.model
    places: JsonObject = {}
    if dataset.get("repo"):
        places["data"] = f"hf:{dataset['repo']}@{dataset['commit']}:{dataset['split']}"
    if model.get("source") == "hub":
        places |= {"model": model["name"], "model-revision": model["revision"]}
    return places


def check_same(lineage: Lineage, options: JsonObject, site: HubSite = THE_HUB) -> None:
    """See that rows, or questions, model and corpus are those of the lineage.

    Raises:
        DataError: they are others.
    """
    rows = _rows(lineage)
    found = (
        _questions(options)
        if rows == "questions"
        else open_split(str(options["data"]), site=site).fingerprint
    )
    _same(rows, lineage.dataset.get("fingerprint"), found)
    student = find_student(str(options["model"]), options.get("model-revision"))
    _same("model", lineage.model.get("revision"), student.files.revision)
    if search := lineage.inputs.get("search"):
        _check_search(search, options["index"])


def _check_search(search: JsonObject, index: Any) -> None:
    """The corpus; what is laid around the engine stands in the options."""
    specs = cast("list[str]", [index] if isinstance(index, str) else index)
    _same("index", search["corpus"], open_index(specs).corpus)


def _questions(options: JsonObject) -> str:
    """The hash of the questions that the options name."""
    names = {field.name: options.get(field.name.replace("_", "-")) for field in fields(QuestionFields)}
    places = {name: tuple(value) if isinstance(value, list) else value for name, value in names.items()}
    given = {name: value for name, value in places.items() if value not in (None, "none")}
    limit = options.get("limit")
    most = limit if isinstance(limit, int) else None
    source = str(options["questions"])
    asked = load_questions(source, most, int(options.get("seed", 0)), replace(QuestionFields(), **given))
    return content_hash(tuple(asked))


def _same(what: str, was: Any, found: str) -> None:
    if was != found:
        fix = f"Give --{what}, where the one of {LINEAGE} is."
        raise DataError(str(Problem(what, f"must be what was trained on ({was})", found, fix)))


def outcome(lineage: Lineage, before: Lineage) -> str:
    """Whether a repeated run came out as the first one did, to the bit, and what may be why not."""
    old, new = before.result.get("weights"), lineage.result.get("weights")
    if old == new:
        return f"The same weights, bit for bit ({new})."
    found = [*_differing(before.versions, lineage.versions), *_differing(before.machine, lineage.machine)]
    reasons = ", ".join(found) or "nothing that is recorded; GPU kernels may add up in another order"
    return f"Other weights ({old} -> {new}). What differs: {reasons}."


def _differing(old: JsonObject, new: JsonObject) -> list[str]:
    return [f"{name} {value} -> {new.get(name)}" for name, value in old.items() if new.get(name) != value]
