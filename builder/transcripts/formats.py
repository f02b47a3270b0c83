"""The closed set of formats, and how a file's format is told from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from ..errors import DataError, Problem
from ..prompts import SEARCH_TOOL
from ..schema import Grammar, JsonObject
from .atif import parse_atif
from .chats import parse_openai
from .evouna import improper, looks_evouna, parse_evouna, spread_evouna
from .fields import text_field
from .files import Record
from .react import STEP, parse_react
from .reading import Reading
from .sharegpt import parse_sharegpt
from .tags import DIALECTS, TRANSCRIPT, Dialect, parse_tags
from .turns import Tools, declaration

SNIFFED = 50
"""How many records of a file are looked at to tell its format."""


def _one(data: JsonObject) -> Sequence[tuple[str, JsonObject]]:
    return [("", data)]


def _never(data: JsonObject) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the grammar its rows have, its parser, and whether a record looks like it.

    `spread` gives the transcripts that a record holds, each with a name of its own in the record; `omitted`
    is the reason why the source itself does not count a record, None for one that counts.
    """

    name: str
    grammar: Grammar
    parse: Callable[[JsonObject, frozenset[str]], Reading]
    looks: Callable[[JsonObject], bool]
    spread: Callable[[JsonObject], Sequence[tuple[str, JsonObject]]] = _one
    omitted: Callable[[JsonObject], str | None] = _never


def _items(data: JsonObject, name: str) -> list[JsonObject]:
    value = data.get(name)
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("JsonObject", item) for item in items if isinstance(item, dict)]


def _looks_atif(data: JsonObject) -> bool:
    version = str(data.get("schema_version", ""))
    return version.startswith("ATIF") or any("source" in step for step in _items(data, "steps"))


def _looks_sharegpt(data: JsonObject) -> bool:
    return any("from" in entry and "value" in entry for entry in _items(data, "conversations"))


def _looks_openai(data: JsonObject) -> bool:
    return any("role" in message for message in _items(data, "messages"))


def _looks_tagged(data: JsonObject, dialect: Dialect) -> bool:
    text = text_field(data, TRANSCRIPT) or ""
    tags = (*dialect.query, *dialect.result)
    return any(tag in text for tag in tags)


def _looks_knowagent(data: JsonObject) -> bool:
    text = text_field(data, ("prompt", "trajectory", "scratchpad")) or ""
    return "\nActionPath 1:" in text or text.startswith("ActionPath 1:")


def _looks_fireact(data: JsonObject) -> bool:
    chats = [*_items(data, "traj"), *_items(data, "messages"), *_items(data, "trajectory")]
    said = [str(message.get("content")) for message in chats if message.get("role") == "assistant"]
    text = text_field(data, ("traj", "trajectory", "text", "prompt", "scratchpad")) or ""
    return any(STEP.search(part) and "Action" in part for part in [*said, text])


def _tagged(dialect: Dialect) -> Format:
    def parse(data: JsonObject, searching: frozenset[str]) -> Reading:
        return parse_tags(data, dialect)

    return Format(dialect.name, "tags", parse, partial(_looks_tagged, dialect=dialect))


def _with_tools(
    parser: Callable[[JsonObject, Tools], Reading], offered: tuple[JsonObject, ...]
) -> Callable[[JsonObject, frozenset[str]], Reading]:
    return lambda data, searching: parser(data, Tools(offered, searching))


def _evouna(data: JsonObject, searching: frozenset[str]) -> Reading:
    return parse_evouna(data)


_KNOWAGENT_TOOLS = (declaration("retrieve"), SEARCH_TOOL, declaration("lookup"))

FORMATS: dict[str, Format] = {
    made.name: made
    for made in (
        Format("atif", "tools", _with_tools(parse_atif, ()), _looks_atif),
        Format("sharegpt", "tools", _with_tools(parse_sharegpt, ()), _looks_sharegpt),
        *map(_tagged, DIALECTS.values()),
        Format("knowagent", "tools", _with_tools(parse_react, _KNOWAGENT_TOOLS), _looks_knowagent),
        Format("fireact", "tools", _with_tools(parse_react, (SEARCH_TOOL,)), _looks_fireact),
        Format("evouna", "tools", _evouna, looks_evouna, spread_evouna, improper),
        Format("openai", "tools", _with_tools(parse_openai, ()), _looks_openai),
    )
}
"""All formats by name, in the order in which a file is tried for them."""


def records_of(made: Format, records: Sequence[Record]) -> tuple[list[Record], Counter[str]]:
    """One record for every transcript that counts, and how many are left out for which reason.

    Several in one record have its index with their names, as `7:gpt4`.
    """
    kept: list[Record] = []
    omitted = Counter[str]()
    for record in records:
        spread = made.spread(record.data)
        reason = made.omitted(record.data)
        if reason is None:
            kept += [Record(_place(record.index, name), data) for name, data in spread]
        else:
            omitted[reason] += len(spread)
    return kept, omitted


def _place(index: str, name: str) -> str:
    return f"{index}:{name}" if name else index


def sniff(path: Path, records: Sequence[Record]) -> Format:
    """The first format that one of the file's first records looks like.

    Raises:
        DataError: they look like none.
    """
    sample = [record.data for record in records[:SNIFFED]]
    for made in FORMATS.values():
        if any(made.looks(data) for data in sample):
            return made
    keys = sorted(sample[0])
    fix = f"Name the format with --format; known: {', '.join(sorted(FORMATS))}."
    raise DataError(str(Problem(str(path), "must look like a known format", keys, fix)))
