"""The screen of a labelling session: a window on the row, and at the foot what is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.screen import Screen
from rich.segment import Segment, SegmentLines
from rich.text import Text

from .label_keys import Keyboard
from .label_rows import SampleRows
from .label_session import Ask, Session
from .label_text import ANSWER, GOLD, on_one_line, visible
from .label_view import Shown, help_view, row_view

_BAR = 3
"""Lines at the foot of the screen."""
_LOOK_AGAIN_S = 0.5
"""How often the size of the terminal is looked at while nobody presses a key, in seconds."""

_PAGES = {"pageup": -1, "pagedown": 1, "space": 1, "f": 1}
_STEPS = {"up": -1, "down": 1, "k": -1, "j": 1}
_ENDS = {"home": 0, "g": 0, "end": 10**9, "G": 10**9}
_ANSWERED = {True: "yes", False: "no", None: "open"}
_KEYS = "y yes  n no  u unsure  b back  ? help  q quit"

_View = tuple[int, Shown, bool, int]
"""What is drawn: place in the sample, what is shown, whether help is, width in columns."""


@dataclass(slots=True)
class Desk:
    """What the annotator looks at, and the keys that move it. `top` is the first line that is shown."""

    session: Session
    rows: SampleRows
    console: Console
    shown: Shown
    top: int = 0
    helping: bool = False
    _drawn: _View | None = None
    _lines: list[list[Segment]] = field(default_factory=list[list[Segment]])

    def run(self, keys: Keyboard) -> None:
        """Until the annotator quits, or the terminal is gone; drawn anew where that changes its size."""
        size, key = None, ""
        while not self.session.done:
            if key is not None or size != self.console.size:
                size = self.console.size
                self.console.control(Control.home())
                self.console.print(Screen(self.picture()), end="")
            key = keys.read(_LOOK_AGAIN_S)
            if key is not None:
                self.press(key)

    def press(self, key: str) -> None:
        """Take a key: one that moves the view, or one for the session."""
        typing = self.session.ask is Ask.NOTE and not self.helping and (len(key) == 1 or key == "space")
        if self.helping:
            self.helping = False
        elif not typing and self._moves(key):
            self._clamp()
        elif key == "?" and not typing:
            self.helping, self.top = True, 0
        elif key == "r" and not typing:
            self.shown = replace(self.shown, reasoning=not self.shown.reasoning)
        else:
            place = self.session.place
            self.session.press(key)
            self.top = self.top if self.session.place == place else 0

    def _moves(self, key: str) -> bool:
        if key == "tab":
            self.top = self._next_mark()
        elif key in _ENDS:
            self.top = _ENDS[key]
        elif key in _STEPS or key in _PAGES:
            page = max(1, self._window - 2)
            self.top += _STEPS.get(key, 0) + _PAGES.get(key, 0) * page
        else:
            return False
        return True

    def _next_mark(self) -> int:
        """The line above the next gold answer below what was jumped to last; round again after the last."""
        marks = [
            max(0, index - 1)
            for index, line in enumerate(self._lines)
            if any(segment.style and segment.style.reverse for segment in line)
        ]
        return next((mark for mark in marks if mark > self.top), 0)

    def _clamp(self) -> None:
        self.top = max(0, min(self.top, len(self._lines) - self._window))

    @property
    def _window(self) -> int:
        """Lines of the row that fit on the screen."""
        return max(1, self.console.size.height - _BAR)

    def picture(self) -> RenderableType:
        """The whole screen: a window of the view, then the foot."""
        self._render()
        self._clamp()
        window = self._lines[self.top : self.top + self._window]
        window += [[Segment("")]] * (self._window - len(window))
        return Group(SegmentLines(window, new_lines=True), *self._foot())

    def _render(self) -> None:
        """The view as lines; again only where something is shown otherwise than before."""
        wanted = (self.session.place, self.shown, self.helping, self.console.size.width)
        if wanted != self._drawn:
            options = self.console.options.update(height=None)
            self._lines = self.console.render_lines(self._view(), options, pad=False)
            self._drawn = wanted

    def _view(self) -> RenderableType:
        if self.helping:
            return help_view()
        drawn = self.session.row
        if drawn is None:
            unsure = len(self.session.unsure)
            left = f" You were unsure about {unsure:,}; they come again next time." if unsure else ""
            return Text(f"Every row of the sample has been shown.{left}")
        return row_view(self.rows.at(self.session.place), self.shown, drawn.stratum)

    def _foot(self) -> list[RenderableType]:
        width = self.console.size.width
        below = len(self._lines) - self.top - self._window
        scroll = f"{below:,} more lines: space " if below > 0 else "end " if self.top else ""
        place = min(self.session.place + 1, len(self.session.sample))
        left = f" {place:,} of {len(self.session.sample):,} · {self.session.labelled:,} labelled"
        bar = Text(left + " " * max(1, width - len(left) - len(scroll)) + scroll, style="reverse")
        return [_line(bar), _line(self._reminder()), _line(self._prompt())]

    def _reminder(self) -> Text:
        """Gold and answer side by side, whatever part of the row is in view."""
        if self.session.row is None:
            return Text("")
        row = self.rows.at(self.session.place)
        golds = " or ".join(map(on_one_line, row.question.gold_answers)) or "unknown"
        answer = on_one_line(row.outcome.answer) if row.outcome.answer is not None else "none"
        return Text.assemble("gold ", (golds, GOLD), "  answer ", (answer, ANSWER))

    def _prompt(self) -> Text:
        session, before = self.session, self.session.before
        if self.helping:
            return Text("Any key goes back.")
        if session.ask is Ask.END:
            return Text.assemble((session.ask.value, "bold"), "  b back  Enter or q leaves")
        if session.ask is Ask.NOTE:
            typed = visible(session.note)[-max(10, self.console.size.width - 40) :]
            return Text.assemble(("Note", "bold"), f" (Enter ends it, Esc back): {typed}▏")
        if session.ask is Ask.GROUNDED:
            said = f" (correct: {_ANSWERED[session.correct]})"
            return Text.assemble((session.ask.value, "bold"), f"{said}  {_KEYS}")
        if before is not None:
            said = f" (was {_ANSWERED[before.correct]}, {_ANSWERED[before.grounded]}; Enter keeps)"
            return Text.assemble((session.ask.value, "bold"), f"{said}  y n u b ? q")
        return Text.assemble((session.ask.value, "bold"), f"  {_KEYS}")


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow, text.end = True, "ellipsis", "\n"
    return text
