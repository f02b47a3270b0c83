"""trajset: versioned datasets of search-agent trajectories, filtered in SQL.

    from trajset import DatasetRef, open_ref
    dataset = open_ref(DatasetRef.parse("user/hotpotqa-teacher@v1.0.0:f1_search"))

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

__all__ = [
    "DatasetRef",
    "LocalDataset",
    "Passage",
    "Question",
    "Row",
    "StopReason",
    "TrajsetError",
    "open_ref",
]

_HOMES = {
    "DatasetRef": "builder.refs",
    "LocalDataset": "builder.dataset",
    "Passage": "builder.schema",
    "Question": "builder.schema",
    "Row": "builder.schema",
    "StopReason": "builder.schema",
    "TrajsetError": "builder.errors",
    "open_ref": "builder.refs",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'trajset' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
