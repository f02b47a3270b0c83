"""Benchmarks with a canary: their texts are XORed with a key made of it and never lie on disk in clear.

The scheme is that of OpenAI's BrowseComp (simple-evals, `browsecomp_eval.py`), which BrowseComp-Plus shares:
the SHA-256 of the canary, repeated, XORed with the UTF-8 text, in base64. It hides texts from crawlers, not
from readers: the canary stands beside them. Decrypted records live in memory alone.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, cast

from .errors import DataError, Problem
from .source_files import Record


def encrypt(text: str, canary: str) -> str:
    """A text as it may lie on disk."""
    return base64.b64encode(_xor(text.encode("utf-8", "replace"), canary)).decode("ascii")


def decrypt(text: str, canary: str) -> str:
    """The inverse of `encrypt`.

    Raises:
        ValueError: no base64, or with this canary no text.
    """
    return _xor(base64.b64decode(text, validate=True), canary).decode("utf-8")


def _xor(data: bytes, canary: str) -> bytes:
    key = hashlib.sha256(canary.encode("utf-8")).digest()
    mask = (key * (len(data) // len(key) + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(len(data))


@dataclass(frozen=True, slots=True)
class Cipher:
    """Which columns of a source are encrypted, nested texts among them, and where the canary is.

    The canary is one for the whole source, or stands in a column of every record. Without columns the source
    is in clear, and its records may lack a canary.
    """

    columns: tuple[str, ...] = ()
    canary: str | None = None
    canary_field: str | None = None

    def canary_of(self, record: Record) -> str | None:
        """The canary of a record; None where a record in clear has none.

        Raises:
            DataError: that of an encrypted record is missing.
        """
        found = self.canary or record.values.get(self.canary_field or "")
        if not isinstance(found, str) or not found:
            if not self.columns:
                return None
            rule = f"must have its canary in the column {self.canary_field!r}"
            fix = "Take the file as the authors publish it, encrypted."
            raise DataError(str(Problem(record.place, rule, sorted(record.values), fix)))
        return found

    def opened(self, record: Record) -> Record:
        """The record in clear, for use in memory.

        Raises:
            DataError: a column is not encrypted with that canary.
        """
        canary = self.canary_of(record)
        if canary is None or not self.columns:
            return record
        try:
            clear = {
                name: _opened(value, canary) if name in self.columns else value
                for name, value in record.values.items()
            }
        except ValueError as error:
            rule = f"must hold {', '.join(self.columns)} encrypted with its canary"
            fix = "Take the file as the authors publish it, encrypted."
            raise DataError(str(Problem(record.place, rule, type(error).__name__, fix))) from None
        return Record(record.place, clear)


def _opened(value: Any, canary: str) -> Any:
    """All texts in a value, decrypted."""
    if isinstance(value, str):
        return decrypt(value, canary)
    if isinstance(value, list):
        return [_opened(item, canary) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _opened(item, canary) for name, item in cast("dict[str, Any]", value).items()}
    return value
