"""Identity is content: canonical JSON and SHA-256 over it.

What cannot be written as canonical JSON has no identity and raises `DataError`; there is no random fallback.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from .errors import DataError, Problem

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_DATACLASS
_CHUNK = 1 << 20


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no white space. Dataclasses count as objects, enums as values.

    Raises:
        DataError: the value holds something JSON cannot say (a set, a lone surrogate, an int over 64 bit).
    """
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:
        raise DataError(
            str(Problem("identity", f"must be JSON ({error})", value, "Pass plain values only."))
        ) from error


def content_hash(value: object, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of `canonical_json(value)` (16 digits: 64 bit)."""
    return hashlib.sha256(canonical_json(value)).hexdigest()[:length]


def text_hash(text: str, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def without_folder(model: str) -> str:
    """A model's name as everybody may see it: of a path of this machine the last part alone."""
    return Path(model).name if model.startswith(("/", ".", "~")) else model


def derived_seed(*parts: object) -> int:
    """A 31-bit seed that depends on all parts: the same parts, the same seed, on every machine."""
    return int.from_bytes(hashlib.sha256(canonical_json(list(parts))).digest()[:4], "big") >> 1
