"""Tables of a TOML file that make a matrix: `[models.NAME]` and its like, each checked as options are.

cyclopts has no dictionaries of dataclasses. `commands.boundary.options_in` hands tables of tables over as
JSON; here each is read by a command line of its own, so that types, limits and unknown keys are told alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from cyclopts import App, CycloptsError, Token
from cyclopts.config import Dict

Settings = TypeVar("Settings")


def tables_of(kind: type[Settings]) -> Callable[[Any, Sequence[Token]], dict[str, Settings]]:
    """What reads tables by name into a dataclass all of whose fields have defaults."""

    def read(_: Any, tokens: Sequence[Token]) -> dict[str, Settings]:
        try:
            given = orjson.loads(tokens[-1].value)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"must be JSON ({error})") from error
        if not isinstance(given, dict) or not all(isinstance(table, dict) for table in given.values()):
            raise ValueError("must hold tables by name, as in [models.NAME]")
        return {str(name): _settings(kind, str(name), table) for name, table in given.items()}

    return read


def _settings(kind: type[Settings], name: str, table: dict[str, Any]) -> Settings:
    app = App(name=name, config=Dict(table, source=f"table {name!r}"))
    app.default(kind)
    try:
        _, bound, _ = app.parse_args([], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise ValueError(f"in the table {name!r}: {error}") from error
    return kind(*bound.args, **bound.kwargs)
