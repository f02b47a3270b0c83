"""Values out of a record by column name or dotted path, and what they say of a question."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from .errors import DataError, Problem, did_you_mean
from .source_files import Record

_HOPS = re.compile(r"(\d+)\s*-?hop", re.IGNORECASE)
_PAGE = "/wiki/"


def find(record: Record, path: str, option: str) -> Any:
    """What stands at a column or a dotted path; through a list, the values of all its items.

    Raises:
        DataError: there is nothing of that name.
    """
    values: Any = record.values
    if path in values:
        return values[path]
    for name in path.split("."):
        values = _step(values, name, record, path, option)
    return values


def _step(values: Any, name: str, record: Record, path: str, option: str) -> Any:
    if isinstance(values, dict):
        known = cast("dict[str, Any]", values)
        if name in known:
            return known[name]
        rule = f"must have {path!r}, which --{option} names"
        problem = Problem(record.place, rule, sorted(map(str, known)), did_you_mean(name, map(str, known)))
        raise DataError(str(problem))
    if isinstance(values, list):
        found = [_step(value, name, record, path, option) for value in cast("list[Any]", values)]
        return [item for each in found for item in (each if isinstance(each, list) else [each])]
    if values is None:
        return None
    rule = f"must have {path!r}, which --{option} names"
    raise DataError(str(Problem(record.place, rule, values, "Name another place.")))


def title_texts(value: Any) -> tuple[str, ...] | None:
    """Titles out of a list of titles, of `[title, …]` or `{"title": …}`, or of a text that holds one.

    A text may be a JSON or Python list, or titles with ` | ` between. An address of a Wikipedia page becomes
    the page's title. None stays None.

    Raises:
        TypeError: something else.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return title_texts(cast("dict[str, Any]", value).get("title"))
    items = _parsed(value) if isinstance(value, str) else value
    if not isinstance(items, list):
        raise TypeError(f"expected titles, found {type(value).__name__}")
    return tuple(dict.fromkeys(map(_title, cast("list[Any]", items))))


def _parsed(text: str) -> list[Any]:
    if not text.strip():
        return []
    if not text.lstrip().startswith("["):
        return text.split(" | ")
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise TypeError("expected a list in the text") from error


def _title(item: Any) -> str:
    if isinstance(item, dict):
        item = cast("dict[str, Any]", item).get("title")
    elif isinstance(item, list | tuple) and item:
        item = cast("Sequence[Any]", item)[0]
    if not isinstance(item, str):
        raise TypeError(f"expected a title, found {type(item).__name__}")
    return page_title(item)


def page_title(text: str) -> str:
    """The title of a Wikipedia page by its address; any other text as it is."""
    if not text.startswith(("http://", "https://")) or _PAGE not in text:
        return text
    return unquote(urlsplit(text).path.partition(_PAGE)[2]).replace("_", " ").strip()


def hop_count(value: Any) -> int | None:
    """Number of facts: a number, the length of a list (or of the lists in a struct), or what `2hop…` says.

    Raises:
        TypeError: something else.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, list):
        return len(cast("list[Any]", value))
    if isinstance(value, dict):
        lists = [each for each in cast("dict[str, Any]", value).values() if isinstance(each, list)]
        return max((len(each) for each in cast("list[list[Any]]", lists)), default=None)
    if isinstance(value, str):
        return _hops_in(value)
    raise TypeError(f"expected a number of hops, found {type(value).__name__}")


def _hops_in(text: str) -> int | None:
    if text.strip().isdigit():
        return int(text)
    if text.lstrip().startswith("["):
        return len(_parsed(text))
    match = _HOPS.match(text)
    return int(match[1]) if match else None
