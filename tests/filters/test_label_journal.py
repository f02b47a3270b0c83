"""The journal of a labelling session: append-only, torn lines skipped, the last word counts."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from label_samples import label
from trajset.builder.errors import StorageError
from trajset.builder.schema import Label
from trajset.filters.label_journal import Changes, Entry, LabelJournal, journals, pending

HOUR = timedelta(hours=1)


def entry(given: Label, hours: int = 0) -> Entry:
    given = dataclasses.replace(given, labelled_at=given.labelled_at + hours * HOUR)
    return Entry(given.row_id, given.annotator, given.labelled_at, given)


def unsure(given: Label, hours: int) -> Entry:
    return Entry(given.row_id, given.annotator, given.labelled_at + hours * HOUR)


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    journal = LabelJournal.of(tmp_path, "Ada Löwe / 2")
    given = dataclasses.replace(label(0, "Ada Löwe / 2"), note="é\n\x1b", stratum="a", stratum_size=3)
    for line in (entry(given), unsure(label(1, "Ada Löwe / 2"), 1)):
        journal.record(line)
    assert list(journal.entries()) == [entry(given), unsure(label(1, "Ada Löwe / 2"), 1)]
    assert journal.skipped() == {label(1).row_id}
    assert journals(tmp_path) == [journal]
    assert list(LabelJournal.of(tmp_path, "bob").entries()) == []


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    journal = LabelJournal.of(tmp_path, "ada")
    journal.record(entry(label(0)))
    journal.record(entry(label(1)))
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-20])
    journal.record(entry(label(2)))
    assert list(journal.entries()) == [entry(label(0)), entry(label(2))]


def test_only_what_the_table_lacks_is_pending() -> None:
    known = {label(0).row_id, label(1).row_id, label(2).row_id}
    table = [label(0), label(1)]
    entries = [entry(label(0)), entry(label(1, correct=False), 1), entry(label(2)), entry(label(3))]
    assert pending(entries, table, known).labels == (entries[1].label, entries[2].label)
    corrected = [entry(label(0, correct=False), 2).label]
    assert pending([entry(label(0), 1)], [given for given in corrected if given], known) == Changes()


def test_being_unsure_later_takes_a_label_back() -> None:
    known, key = {label(0).row_id}, (label(0).row_id, "ada")
    assert pending([entry(label(0)), unsure(label(0), 1)], [label(0)], known) == Changes((), frozenset({key}))
    assert pending([unsure(label(0), 1), entry(label(0), 2)], [label(0)], known).withdrawn == frozenset()
    assert pending([unsure(label(0), 1)], [], known) == Changes()


def test_an_annotator_has_one_session(tmp_path: Path) -> None:
    journal = LabelJournal.of(tmp_path, "ada")
    with journal.in_session():
        with pytest.raises(StorageError, match="another `trajset label`"), journal.in_session():
            pass
        with LabelJournal.of(tmp_path, "bob").in_session():
            pass
    with journal.in_session():
        pass
