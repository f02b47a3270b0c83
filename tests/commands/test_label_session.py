"""What the keys of a labelling session do, without a terminal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from label_samples import label
from trajset.builder.schema import Label
from trajset.commands.label_session import Ask, Session
from trajset.filters.audit_sample import SampledRow
from trajset.filters.label_journal import LabelJournal

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SAMPLE = tuple(SampledRow(label(number).row_id, "s", 8, 0.5) for number in range(4))


def session(folder: Path, *labels: Label, unsure: tuple[int, ...] = ()) -> Session:
    return Session(
        SAMPLE,
        "ada",
        LabelJournal.of(folder, "ada"),
        {given.row_id: given for given in labels},
        {label(number).row_id for number in unsure},
        now=lambda: NOW,
    )


def press(made: Session, *keys: str) -> None:
    for key in keys:
        made.press(key)


def test_a_label_is_in_the_journal_when_the_next_row_is_shown(tmp_path: Path) -> None:
    made = session(tmp_path)
    press(made, "y", "n", *"to be", "space", "é", "x", "backspace", "enter")
    wanted = Label(SAMPLE[0].row_id, "ada", True, False, "to be é", NOW, "s", 8, 0.5)
    assert [entry.label for entry in made.journal.entries()] == [wanted]
    assert (made.place, made.ask, made.labelled) == (1, Ask.CORRECT, 1)


def test_letters_are_letters_while_a_note_is_written(tmp_path: Path) -> None:
    made = session(tmp_path)
    press(made, "y", "y", *"quynb?", "enter")
    assert made.labels[SAMPLE[0].row_id].note == "quynb?"
    press(made, "n", "n", *"away", "ctrl-u", "enter")
    assert made.labels[SAMPLE[1].row_id].note is None
    assert not made.done


def test_unsure_about_grounded_leaves_it_open(tmp_path: Path) -> None:
    made = session(tmp_path)
    press(made, "y", "u", "enter")
    assert made.labels[SAMPLE[0].row_id].grounded is None


def test_a_row_left_out_comes_again_next_time_after_the_others(tmp_path: Path) -> None:
    made = session(tmp_path)
    press(made, "u")
    assert (made.place, made.labelled) == (1, 0)
    assert made.journal.skipped() == {SAMPLE[0].row_id}
    again = session(tmp_path, label(1), label(3), unsure=(0,))
    assert again.place == 2
    press(again, "y", "y", "enter")
    assert again.place == 0
    press(again, "u")
    assert (again.ask, again.row) == (Ask.END, None)
    press(again, "enter")
    assert again.done


def test_being_unsure_takes_a_label_back(tmp_path: Path) -> None:
    made = session(tmp_path, label(0))
    press(made, "b", "u")
    assert made.labelled == 0
    assert made.unsure == {SAMPLE[0].row_id}


def test_back_and_on_again(tmp_path: Path) -> None:
    made = session(tmp_path)
    press(made, "y", "b")
    assert (made.place, made.ask) == (0, Ask.CORRECT)
    press(made, "b")
    assert made.place == 0
    press(made, "enter")
    assert made.place == 0
    press(made, "y", "y", *"sure", "enter", "b")
    assert made.place == 0
    assert made.before is not None
    press(made, "enter")
    assert made.place == 1
    press(made, "b", "n", "n")
    assert made.note == "sure"
    press(made, "escape", "y", "enter")
    assert (made.labels[SAMPLE[0].row_id].correct, made.labels[SAMPLE[0].row_id].grounded) == (False, True)
    assert made.place == 1


def test_labelled_rows_are_passed_over_and_the_end_goes_back(tmp_path: Path) -> None:
    made = session(tmp_path, label(0), label(1), label(2))
    assert made.place == 3
    press(made, "y", "y", "enter")
    assert made.ask is Ask.END
    press(made, "y", "b")
    assert (made.place, made.ask) == (3, Ask.CORRECT)


def test_a_full_disk_stops_before_the_next_row(tmp_path: Path) -> None:
    made = session(tmp_path / "file" / "data")
    (tmp_path / "file").write_text("in the way")
    press(made, "y", "y")
    with pytest.raises(Exception, match="cannot be written"):
        press(made, "enter")
    assert (made.place, made.labelled) == (0, 0)
