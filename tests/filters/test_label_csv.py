"""Labels as CSV: what is written is read back, and whatever is wrong is told with its line."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rows import CREATED, texts
from trajset.builder.errors import DataError
from trajset.builder.schema import Label
from trajset.filters.audit_sample import SampledRow
from trajset.filters.label_checks import Reader, ReadLabels, read_labels, read_plan
from trajset.filters.label_csv import COLUMNS, read_lines, write_labels, write_plan

ROWS = tuple(f"{number:016x}" for number in range(8))
HEAD = ",".join(COLUMNS)


def read(path: Path, annotator: str | None = None) -> ReadLabels:
    return read_labels(path, read_lines(path, COLUMNS), Reader(frozenset(ROWS), CREATED, annotator))


def file(tmp_path: Path, *lines: str, head: str = HEAD) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([head, *lines, ""]), "utf-8")
    return path


designs = st.none() | st.tuples(
    texts.filter(bool), st.integers(len(ROWS), 10**9), st.floats(0, 1, exclude_min=True)
)
labels = st.builds(
    lambda row, who, correct, grounded, note, at, design: Label(
        row, who, correct, grounded, note or None, at, *(design or (None, None, None))
    ),
    st.sampled_from(ROWS),
    st.sampled_from(["ada", "Åsa B.", 'b"ob', "lm,A"]),
    st.booleans(),
    st.none() | st.booleans(),
    st.none() | texts,
    st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    designs,
)


def one_size_a_stratum(found: list[Label]) -> bool:
    sizes = {(given.annotator, given.stratum, given.stratum_size) for given in found if given.stratum}
    return len(sizes) == len({(who, stratum) for who, stratum, _ in sizes})


tables = st.lists(labels, unique_by=lambda given: (given.row_id, given.annotator)).filter(one_size_a_stratum)


@given(tables)
def test_labels_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, table: list[Label]) -> None:
    path = tmp_path_factory.mktemp("csv") / "labels.csv"
    write_labels(path, table)
    assert read(path) == ReadLabels(tuple(table), 0)


def test_a_sample_comes_back_in_its_order_and_counts_as_not_labelled(tmp_path: Path) -> None:
    sample = (SampledRow(ROWS[3], "f1_only+ teacher=a, b", 20, 0.1), SampledRow(ROWS[0], "f1_only-", 3, 1.0))
    path = tmp_path / "deep" / "audit.csv"
    write_plan(path, sample)
    assert read_plan(path) == sample
    assert read(path) == ReadLabels((), 2)


def test_a_sample_filled_in_by_a_spreadsheet_is_labels(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    write_plan(path, [SampledRow(ROWS[0], "all", 4, 0.5), SampledRow(ROWS[1], "all", 4, 0.5)])
    text = path.read_text("utf-8").replace(f"{ROWS[0]},,,,,", f"{ROWS[0]},,TRUE,no, by hand ,")
    path.write_text(f"\ufeff{text.replace(',', ';')}", "utf-8")
    expected = Label(ROWS[0], "ada", True, False, " by hand ", CREATED, "all", 4, 0.5)
    assert read(path, "ada") == ReadLabels((expected,), 1)
    assert [row.row_id for row in read_plan(path)] == [ROWS[0], ROWS[1]]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("true", True),
        ("Yes", True),
        ("1", True),
        ("y", True),
        ("FALSE", False),
        ("no", False),
        (" 0 ", False),
    ],
)
def test_words_for_yes_and_no(tmp_path: Path, words: str, answer: bool) -> None:
    (found,) = read(file(tmp_path, f"{ROWS[0]},ada,{words},,,,,,")).labels
    assert (found.correct, found.grounded) == (answer, None)


def test_times_are_utc_unless_they_say_otherwise(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        f"{ROWS[0]},ada,1,,,2026-03-01T12:00:00,,,",
        f"{ROWS[1]},ada,1,,,2026-03-01T12:00:00+02:00,,,",
        f"{ROWS[2]},ada,1,,,,,,",
    )
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    east = noon.replace(tzinfo=timezone(timedelta(hours=2)))
    assert [found.labelled_at for found in read(path).labels] == [noon, east, CREATED]


BAD = {
    "unknown row": (
        "ffff,ada,1,1,,,,,",
        "line 2: row_id: must be the id of a row in the dataset; got 'ffff'",
    ),
    "bad boolean": (f"{ROWS[0]},ada,maybe,1,,,,,", "line 2: correct: must be true or false"),
    "no correct": (f"{ROWS[0]},ada,,1,,,,,", "line 2: correct: must be true or false .*got ''"),
    "bad grounded": (f"{ROWS[0]},ada,1,?,,,,,", "line 2: grounded: .* or empty where nobody looked"),
    "nobody": (f"{ROWS[0]},,1,1,,,,,", "line 2: annotator: must say who labelled"),
    "bad time": (f"{ROWS[0]},ada,1,1,,today,,,", "line 2: labelled_at: must be a time"),
    "bad chance": (f"{ROWS[0]},ada,1,1,,,a,5,1.5", "line 2: inclusion_probability: must be a number above 0"),
    "bad size": (f"{ROWS[0]},ada,1,1,,,a,0,1", "line 2: stratum_size: must be a whole number"),
    "half a design": (f"{ROWS[0]},ada,1,1,,,a,,", "line 2: stratum_size: must stand together"),
    "too many fields": (f"{ROWS[0]},ada,1,1,a, b,,,,", "line 2: must have at most 9 fields; got 10"),
    "open quote": (f'{ROWS[0]},ada,1,1,"a,,,,', "line 2: must be CSV"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, kind: str) -> None:
    line, message = BAD[kind]
    with pytest.raises(DataError, match=message):
        read(file(tmp_path, line))


def test_repeats_and_contradictions_name_both_lines(tmp_path: Path) -> None:
    lines = [
        f'{ROWS[0]},ada,1,1,"two\nlines",,a,5,1',
        f"{ROWS[1]},ada,1,1,,,a,6,1",
        f"{ROWS[0]},ada,1,1,,,,,",
    ]
    with pytest.raises(DataError) as caught:
        read(file(tmp_path, *lines))
    told = str(caught.value).split("\n")
    assert "line 5: row_id: must be labelled once by ada, who did so on line 2 already" in told[0]
    assert "line 4: stratum_size: must be the same for every row of the stratum" in told[1]
    assert len(told) == 2


def test_more_labels_than_the_stratum_has_rows(tmp_path: Path) -> None:
    path = file(tmp_path, f"{ROWS[0]},ada,1,1,,,a,1,1", f"{ROWS[1]},ada,1,1,,,a,1,1")
    with pytest.raises(DataError, match="line 3: stratum_size: must not be less than the labels"):
        read(path)


def test_many_problems_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.\.\. and 3 more\."):
        read(file(tmp_path, *[f"{row},ada,perhaps,,,,,," for row in ROWS]))


def test_columns_must_be_known_and_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'grounded'"):
        read(file(tmp_path, head="row_id,annotator,correct,grouned"))
    with pytest.raises(DataError, match="must have each column once; got 'note'"):
        read(file(tmp_path, head="row_id,note,note"))
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="must have a line of column names"):
        read(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="must be a readable file"):
        read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + "\né".encode("latin-1"))
    with pytest.raises(DataError, match="must be UTF-8"):
        read(tmp_path / "latin.csv")


def test_a_plan_needs_its_design(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: stratum_size"):
        read_plan(file(tmp_path, f"{ROWS[0]},,,,,,a,,1"))
    with pytest.raises(DataError, match="line 3: row_id: must be in the sample once"):
        read_plan(file(tmp_path, f"{ROWS[0]},,,,,,a,2,1", f"{ROWS[0]},,,,,,a,2,1"))
    with pytest.raises(DataError, match="must hold a sample"):
        read_plan(file(tmp_path))


def test_the_columns_are_those_of_a_label() -> None:
    assert [field.name for field in dataclasses.fields(Label)] == HEAD.split(",")
