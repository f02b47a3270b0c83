"""A labelling session without its terminal: which row is next, what is asked, what a key does.

Rows come in the order of the sample; those that are labelled are passed over, those that the annotator was
unsure about come again at the end. Every answer goes to the journal before the next row is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from ..builder.schema import Label
from ..builder.storable import storable
from ..filters.audit_sample import SampledRow
from ..filters.label_journal import Entry, LabelJournal


class Ask(Enum):
    """What the annotator is asked now."""

    CORRECT = "Is the answer correct?"
    GROUNDED = "Is it grounded?"
    NOTE = "Note"
    END = "Nothing is left."


_TRUTH = {"y": True, "n": False}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Session:
    """Where an annotator is in a sample. `labels` and `unsure` hold what is answered; both grow with it.

    `place` is an index into the sample, its length when nothing is left.
    """

    sample: Sequence[SampledRow]
    annotator: str
    journal: LabelJournal
    labels: dict[str, Label]
    unsure: set[str] = field(default_factory=set[str])
    now: Callable[[], datetime] = _utc_now
    place: int = -1
    ask: Ask = Ask.CORRECT
    correct: bool | None = None
    grounded: bool | None = None
    note: str = ""
    done: bool = False
    _passed: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._next()

    @property
    def row(self) -> SampledRow | None:
        """The row that is shown; None at the end."""
        return self.sample[self.place] if self.place < len(self.sample) else None

    @property
    def before(self) -> Label | None:
        """What the annotator said of this row earlier."""
        return self.labels.get(self.row.row_id) if self.row else None

    @property
    def labelled(self) -> int:
        """Rows of the sample that are labelled."""
        return sum(row.row_id in self.labels for row in self.sample)

    def press(self, key: str) -> None:
        """Take a key by its name (`label_keys`). One that means nothing here is passed over."""
        if self.ask is Ask.NOTE:
            self._edit(key)
        elif key == "q":
            self.done = True
        elif key in ("b", "left"):
            self._back()
        elif self.ask is Ask.END:
            self.done = key == "enter"
        elif key in ("enter", "right"):
            self._keep()
        elif key in ("y", "n", "u"):
            self._answer(key)

    def _answer(self, key: str) -> None:
        if self.ask is Ask.CORRECT and key == "u":
            self._leave_out()
        elif self.ask is Ask.CORRECT:
            self.correct, self.ask = _TRUTH[key], Ask.GROUNDED
        else:
            self.grounded, self.ask = _TRUTH.get(key), Ask.NOTE
            self.note = (self.before.note or "") if self.before else ""

    def _edit(self, key: str) -> None:
        """The note, one key after another."""
        if key == "enter":
            self._store()
        elif key == "escape":
            self.ask = Ask.GROUNDED
        elif key == "backspace":
            self.note = self.note[:-1]
        elif key == "ctrl-u":
            self.note = ""
        elif key == "space":
            self.note += " "
        elif len(key) == 1 and key.isprintable():
            self.note += key

    def _store(self) -> None:
        row = self.row
        if row is None or self.correct is None:
            return
        label = Label(
            row.row_id,
            self.annotator,
            self.correct,
            self.grounded,
            storable(self.note.strip()) or None,
            self.now(),
            row.stratum,
            row.stratum_size,
            row.inclusion_probability,
        )
        self.journal.record(Entry(row.row_id, self.annotator, label.labelled_at, label))
        self.labels[row.row_id] = label
        self.unsure.discard(row.row_id)
        self._next()

    def _leave_out(self) -> None:
        """No label for now; one that was there is taken back."""
        if self.row is not None:
            self.journal.record(Entry(self.row.row_id, self.annotator, self.now()))
            self.labels.pop(self.row.row_id, None)
            self.unsure.add(self.row.row_id)
            self._passed.add(self.row.row_id)
            self._next()

    def _keep(self) -> None:
        """On from a row that is labelled already."""
        if self.ask is Ask.CORRECT and self.before is not None:
            self._next()

    def _back(self) -> None:
        if self.ask is Ask.GROUNDED:
            self.ask = Ask.CORRECT
        elif self.place > 0:
            self._show(self.place - 1)

    def _next(self) -> None:
        """The next row without a word on it, from here on round; then those left out in earlier sessions."""
        after = [*range(self.place + 1, len(self.sample)), *range(self.place + 1)]
        open_rows = [place for place in after if self.sample[place].row_id not in self.labels]
        fresh = [place for place in open_rows if self.sample[place].row_id not in self.unsure]
        again = [place for place in open_rows if self.sample[place].row_id not in self._passed]
        self._show(next(iter(fresh or again), len(self.sample)))

    def _show(self, place: int) -> None:
        self.place, self.correct, self.grounded, self.note = place, None, None, ""
        self.ask = Ask.CORRECT if place < len(self.sample) else Ask.END
