"""Labels merge into the table, one writer at a time; what changes nothing writes nothing."""

import dataclasses
from datetime import timedelta

import pytest
from label_samples import label
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import ConfigError, DataError
from trajset.filters.audit_sample import SampledRow
from trajset.filters.label_journal import Changes, Entry, LabelJournal
from trajset.filters.labels import check_annotator, journalled, merge_labels, placed_in, save_labels


def changes(*labels) -> Changes:
    return Changes(labels)


def test_a_later_label_replaces_in_place_and_new_ones_come_last() -> None:
    old = [label(0), label(1), label(0, "bob")]
    merged = merge_labels(old, changes(label(0, correct=False), label(2)))
    assert merged.labels == (label(0, correct=False), label(1), label(0, "bob"), label(2))
    assert (merged.added, merged.replaced, merged.same, merged.withdrawn) == (1, 1, 0, 0)


def test_saying_the_same_again_changes_nothing_not_even_the_time() -> None:
    again = dataclasses.replace(label(0), labelled_at=label(0).labelled_at + timedelta(days=1))
    merged = merge_labels([label(0)], changes(again))
    assert merged.labels == (label(0),)
    assert merged.same == 1
    assert not merged.changed


def test_a_label_that_was_taken_back_goes() -> None:
    withdrawn = frozenset({(label(0).row_id, "ada"), ("nobody", "ada")})
    merged = merge_labels([label(0), label(0, "bob")], Changes(withdrawn=withdrawn))
    assert merged.labels == (label(0, "bob"),)
    assert merged.counts == {"added": 0, "replaced": 0, "withdrawn": 1}


def test_saved_labels_stand_in_the_dataset_and_its_history(make_dataset) -> None:
    path = make_dataset(oracle=5).path
    merged = save_labels(path, lambda _: changes(label(0), label(1, grounded=None)), "label")
    assert merged.added == 2
    dataset = LocalDataset.open(path)
    dataset.verify()
    assert list(dataset.labels())[-2:] == [label(0), label(1, grounded=None)]
    (step,) = dataset.manifest.steps
    assert step.command == "label"
    assert step.config == {"annotators": ["ada"], "added": 2, "replaced": 0, "withdrawn": 0}
    before = (path / "manifest.json").read_bytes()
    assert not save_labels(path, lambda _: changes(label(0)), "label").changed
    assert (path / "manifest.json").read_bytes() == before


def test_a_label_of_an_unknown_row_changes_nothing(make_dataset) -> None:
    path = make_dataset().path
    with pytest.raises(DataError, match=r"labels\.row_id"):
        save_labels(path, lambda _: changes(label(99)), "label")
    assert list(LocalDataset.open(path).labels()) == []


def test_the_journals_of_all_annotators_wait_for_the_table(make_dataset) -> None:
    dataset = make_dataset()
    for who in ("ada", "bob"):
        given = label(0, who)
        LabelJournal.of(dataset.path, who).record(Entry(given.row_id, who, given.labelled_at, given))
    assert set(journalled(dataset).labels) == {label(0), label(0, "bob")}
    save_labels(dataset.path, journalled, "label")
    assert journalled(LocalDataset.open(dataset.path)) == Changes()


def test_a_label_takes_the_design_of_the_sample_that_holds_its_row() -> None:
    drawn = SampledRow(label(0).row_id, "f1_only+", 20, 0.5)
    placed = placed_in({drawn.row_id: drawn}, label(0))
    assert (placed.stratum, placed.stratum_size, placed.inclusion_probability) == ("f1_only+", 20, 0.5)
    assert placed_in({drawn.row_id: drawn}, label(1)) == label(1)


def test_who_may_label() -> None:
    assert check_annotator(" ada ") == "ada"
    for name in ("", "  ", "a\x1b[2Jb", "oracle"):
        with pytest.raises(ConfigError, match="--annotator"):
            check_annotator(name)
