"""Seeded chance that depends on what it is about and not on the order in which it is asked."""

from __future__ import annotations

import hashlib

_UNIT = 1 << 64


def chance(*parts: str | int) -> float:
    """A number in [0, 1) that depends on all parts: the same parts, the same number, on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        text = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return (int.from_bytes(digest.digest()[:8], "big") >> 11) / (_UNIT >> 11)
