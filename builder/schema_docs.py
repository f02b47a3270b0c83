"""What every column means, for the card and `trajset schema`: read from the dataclasses in `schema`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import docstring_parser
from datasets import Features, Json, List, Value

from .records import hints
from .schema import FEATURES, JUDGEMENT_FEATURES, LABEL_FEATURES, Judgement, Label, Row


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name, type in words (`float64`, `list of string`), whether it may be null, meaning."""

    name: str
    type: str
    nullable: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class ColumnGroup:
    """Columns that belong together, under the name of their group and what its dataclass says of them."""

    name: str
    summary: str
    columns: tuple[Column, ...]


def row_columns() -> tuple[ColumnGroup, ...]:
    """All columns of a row, by group, in table order."""
    return tuple(_group(name, kind, FEATURES) for name, kind in hints(Row).items())


def table_columns() -> tuple[ColumnGroup, ...]:
    """The columns of the tables beside the rows: judgements and labels."""
    return (
        _group("judgements", Judgement, JUDGEMENT_FEATURES),
        _group("labels", Label, LABEL_FEATURES),
    )


def _group(name: str, kind: Any, features: Features) -> ColumnGroup:
    docs = docstring_parser.parse_from_object(kind)
    meanings = {param.arg_name: _one_line(param.description) for param in docs.params}
    columns = tuple(
        Column(
            column,
            _type_name(features[column]),
            type(None) in getattr(hint, "__args__", ()),
            meanings[column],
        )
        for column, hint in hints(kind).items()
    )
    return ColumnGroup(name.replace("_", " "), _one_line(docs.description), columns)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _type_name(feature: Any) -> str:
    if isinstance(feature, List):
        return f"list of {_type_name(feature.feature)}"
    if isinstance(feature, Json):
        return "JSON object"
    if isinstance(feature, Value):
        return feature.dtype.replace("timestamp[us, tz=UTC]", "timestamp (UTC)")
    return "struct"
