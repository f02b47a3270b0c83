"""trajset: versioned datasets of search-agent trajectories, filtered in SQL.

    import trajset
    frame = trajset.select("user/hotpotqa-teacher@v1.0.0", "f1_search", columns=["question", "answer"])

The public names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .builder.dataset import LocalDataset
    from .builder.errors import TrajsetError
    from .builder.refs import DatasetRef, open_ref
    from .builder.schema import Passage, Question, Row, StopReason
    from .filters.recipes import load_recipe
    from .filters.select import select

__all__ = [
    "DatasetRef",
    "LocalDataset",
    "Passage",
    "Question",
    "Row",
    "StopReason",
    "TrajsetError",
    "load_recipe",
    "open_ref",
    "select",
]

_HOMES = {
    "DatasetRef": "builder.refs",
    "LocalDataset": "builder.dataset",
    "Passage": "builder.schema",
    "Question": "builder.schema",
    "Row": "builder.schema",
    "StopReason": "builder.schema",
    "TrajsetError": "builder.errors",
    "load_recipe": "filters.recipes",
    "open_ref": "builder.refs",
    "select": "filters.select",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'trajset' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
