"""Keys from a terminal, one at a time and by name, without waiting for Enter (POSIX terminals)."""

from __future__ import annotations

import codecs
import importlib.util
import os
import select
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from ..builder.errors import ConfigError, Problem

_NAMES = {
    "\r": "enter",
    "\n": "enter",
    " ": "space",
    "\x7f": "backspace",
    "\b": "backspace",
    "\t": "tab",
    "\x15": "ctrl-u",
    "\x1b": "escape",
    "\x04": "q",
}
_SEQUENCES = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
    "[5~": "pageup",
    "[6~": "pagedown",
    "[H": "home",
    "[F": "end",
    "OH": "home",
    "OF": "end",
    "[1~": "home",
    "[4~": "end",
}
_PAUSE_S = 0.05
"""Longest wait for the rest of an escape sequence, in seconds."""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """An open terminal that gives keys as they are pressed."""

    fd: int

    def read(self, wait_s: float) -> str | None:
        """The next key: a character, or a name such as `enter`; None if none comes within `wait_s` seconds.

        A terminal that was closed gives `q`.
        """
        if not self._ready(wait_s):
            return None
        byte = os.read(self.fd, 1)
        if not byte:
            return "q"
        if byte == b"\x1b":
            return _SEQUENCES.get(self._rest(), "") if self._ready(_PAUSE_S) else "escape"
        character = self._character(byte)
        return _NAMES.get(character, character)

    def _ready(self, wait_s: float) -> bool:
        return bool(select.select([self.fd], [], [], wait_s)[0])

    def _character(self, byte: bytes) -> str:
        """The character of UTF-8 that begins with a byte."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        character = decoder.decode(byte)
        while not character and self._ready(_PAUSE_S):
            character = decoder.decode(os.read(self.fd, 1))
        return character

    def _rest(self) -> str:
        """An escape sequence after its first character, up to the letter or `~` that ends it."""
        rest = os.read(self.fd, 1)
        while self._ready(_PAUSE_S) and (len(rest) < 2 or not (rest[-1:].isalpha() or rest[-1:] == b"~")):
            rest += os.read(self.fd, 1)
        return rest.decode("latin-1")


def need_terminal() -> None:
    """See that there is a terminal to ask in.

    Raises:
        ConfigError: input or output is none, or the system has none of this kind.
    """
    instead = "or fill in the sample's CSV file and `trajset label import` it."
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        problem = Problem(
            "trajset label", "must have a terminal to ask in", "none", f"Run it in one; {instead}"
        )
        raise ConfigError(str(problem))
    if importlib.util.find_spec("termios") is None:
        fix = f"Use WSL; {instead}"
        raise ConfigError(str(Problem("trajset label", "must have a POSIX terminal", sys.platform, fix)))


@contextmanager
def keyboard() -> Generator[Keyboard]:
    """The terminal in a mode that hands over each key at once; Ctrl-C still interrupts.

    Raises:
        ConfigError: as for `need_terminal`.
    """
    need_terminal()
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd, termios.TCSADRAIN)
        yield Keyboard(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
