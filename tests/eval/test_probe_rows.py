"""Out of any evaluation's rows come those of one model, one benchmark, closed book and live."""

import dataclasses

import pytest
from probe_samples import closed_row, live_row
from trajset.builder.errors import DataError
from trajset.builder.schema import Row
from trajset.eval.probe_rows import Wanted, probe_rows

CLOSED = [closed_row(number, 1.0) for number in range(3)]
LIVE = [live_row(number, 0.5) for number in range(3)]
WANTED = Wanted("teacher")


def changed(row: Row, dataset: str | None = None, **made: str | None) -> Row:
    question = dataclasses.replace(row.question, dataset=dataset or row.question.dataset)
    return dataclasses.replace(row, question=question, provenance=dataclasses.replace(row.provenance, **made))


def test_one_dataset_may_hold_both() -> None:
    found = probe_rows([*CLOSED, *LIVE], [*LIVE, *CLOSED], WANTED)
    assert found.closed_book == CLOSED
    assert found.live == LIVE


def test_the_benchmark_and_the_model_choose() -> None:
    other = [changed(row, dataset="frames") for row in (*CLOSED, *LIVE)]
    stranger = [changed(row, teacher="somebody") for row in (*CLOSED, *LIVE)]
    every = [*other, *stranger, *CLOSED, *LIVE]
    found = probe_rows(every, every, Wanted("teacher", "demo"))
    assert (found.closed_book, found.live) == (CLOSED, LIVE)
    found = probe_rows(every, every, Wanted("teacher", "frames"))
    assert (found.closed_book, found.live) == (other[:3], other[3:])
    with pytest.raises(DataError, match=r"--closed-book: must leave .*demo teacher; frames teacher"):
        probe_rows(every, every, WANTED)
    with pytest.raises(DataError, match="must leave the rows of one measurement"):
        probe_rows(every, every, Wanted("nobody", "demo"))


def test_rows_of_a_server_may_call_the_model_otherwise() -> None:
    assert probe_rows(CLOSED, LIVE, Wanted("my-folder")).closed_book == CLOSED


def test_noise_is_taken_where_it_is_asked_for() -> None:
    noisy = [changed(row, retriever="noise(drop=0.1,seed=0)/bm25") for row in LIVE]
    every = [*CLOSED, *LIVE, *noisy]
    assert probe_rows(every, every, WANTED).live == LIVE
    assert probe_rows(every, every, Wanted("teacher", noise="drop=0.1")).live == noisy
    assert probe_rows(every, every, Wanted("teacher", noise="drop=0.2")).live == ()


def test_another_revision_is_another_model() -> None:
    old = [changed(row, teacher_revision="old") for row in LIVE]
    assert probe_rows(CLOSED, old, WANTED).live == ()


def test_what_leaves_a_choice_is_refused() -> None:
    dense = [changed(row, retriever="dense") for row in LIVE]
    with pytest.raises(DataError, match=r"--live: must leave .*demo teacher bm25; demo teacher dense"):
        probe_rows(CLOSED, [*LIVE, *dense], WANTED)
    with pytest.raises(DataError, match="--closed-book: must hold closed-book rows"):
        probe_rows(LIVE, LIVE, WANTED)
