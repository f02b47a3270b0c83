"""What a run says while it goes on, apart from its numbers: a server starts, dies, is set aside.

Whoever runs it decides where the words go; without listeners they go nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nowhere(_: str) -> None:
    pass


@dataclass(slots=True)
class Notices:
    """`tell` hears what happened and is worth a line that stays; `show` what is going on right now and is
    replaced by the next one (empty: nothing any more). `now` keeps the latest of these."""

    tell: Callable[[str], None] = _nowhere
    on_show: Callable[[str], None] = _nowhere
    now: str = ""

    def show(self, text: str) -> None:
        """Replace what is going on."""
        self.now = text
        self.on_show(text)
