"""The exception tree, and how an error is worded.

    TrajsetError                      all that trajset raises on purpose; the CLI prints it without traceback
    ├── InputError                    something the user handed in is wrong                     exit code 2
    │   ├── ConfigError               an option or a config key
    │   ├── DataError                 a file, a row, a corpus, a dataset on disk
    │   │   └── TooFewRowsError       a filter keeps fewer rows than there have to be
    │   └── RecipeError               a recipe, its predicate or its parameters
    ├── MissingExtraError             an optional dependency is not installed                   exit code 2
    ├── ServiceError                  a server outside this process                             exit code 3
    │   ├── ChatServerError           the chat server refuses or cannot be reached
    │   ├── RetrieverError            the search engine refuses or cannot be reached
    │   ├── ClusterError              the Ray cluster cannot be reached, or no worker of it is left
    │   └── HubError                  the Hub refuses or cannot be reached
    │       └── ConcurrentPublishError  somebody else published in between; nothing was changed
    ├── StorageError                  the local disk (full, not writable)                       exit code 4
    └── BudgetError                   a budget is used up; what it paid for is kept             exit code 5

Every message names the field, the rule, the value and the fix, in that order; `Problem` builds it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class TrajsetError(Exception):
    """Base of all errors that trajset raises on purpose."""

    exit_code = 1


class InputError(TrajsetError):
    """Something the user handed in is wrong."""

    exit_code = 2


class ConfigError(InputError):
    """An option or a config key is unknown or has a bad value."""


class DataError(InputError):
    """A file, a row, a corpus or a dataset on disk breaks a rule."""


class TooFewRowsError(DataError):
    """A filter keeps fewer rows than there have to be."""


class RecipeError(InputError):
    """A recipe, its predicate or its parameters are wrong."""


class MissingExtraError(TrajsetError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra [{extra}]: pip install 'trajset[{extra}]'")


class ServiceError(TrajsetError):
    """A server outside this process refuses or cannot be reached."""

    exit_code = 3


class ChatServerError(ServiceError):
    """The chat server refuses (bad model name, bad key) or cannot be reached."""


class RetrieverError(ServiceError):
    """The search engine refuses or cannot be reached."""


class ClusterError(ServiceError):
    """The Ray cluster cannot be reached, or none of its workers is left."""


class HubError(ServiceError):
    """The Hugging Face Hub refuses or cannot be reached."""


class ConcurrentPublishError(HubError):
    """The repository moved on since this dataset was pulled; nothing was changed."""


class StorageError(TrajsetError):
    """The local disk is full or not writable."""

    exit_code = 4


class BudgetError(TrajsetError):
    """A budget does not allow the rest of the work; what was paid for is kept."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: field, rule, value, fix. `str()` gives the sentence."""

    field: str
    rule: str
    value: object
    fix: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}; got {shorten(self.value)}. {self.fix}"


def shorten(value: object, width: int = 120) -> str:
    """`repr(value)`, cut in the middle to `width` characters."""
    text = repr(value)
    if len(text) <= width:
        return text
    half = (width - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A fix sentence for an unknown name: the nearest known one, then all that exist."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    listing = ", ".join(names) if names else "(none)"
    return f"{hint}Known: {listing}."


def unknown(field: str, name: str, known: Iterable[str]) -> Problem:
    """The problem "no such name", listing what exists."""
    return Problem(field, "must be one that exists", name, did_you_mean(name, known))
