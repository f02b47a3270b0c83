"""Labels that name rows by transcript and place reach the rows that were imported from there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from trajset.builder.config import ImportConfig, published_values
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.manifest import MadeBy
from trajset.builder.transcripts import read_transcripts
from trajset.filters.label_checks import Reader, read_labels
from trajset.filters.label_sources import names_sources, places_of, read_source_lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "file,index,stratum,stratum_size,stratum_drawn,annotator,correct,grounded,note"


def transcript(path: Path, *questions: str) -> Path:
    """A file of R1-Searcher transcripts over these questions."""
    searched = "<|begin_of_query|> q <|end_of_query|> <|begin_of_documents|> d <|end_of_documents|>"
    told = {"answer": "a", "gen_text_store": f"I search. {searched} So.</think> <answer> a </answer>"}
    lines = [json.dumps({"question": text} | told) for text in questions]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two transcripts; one question is in them three times."""
    first = transcript(tmp_path / "one.jsonl", "who?", "where?", "who?")
    return [first, transcript(tmp_path / "two.jsonl", "who?")]


def imported(tmp_path: Path, files: list[Path], config: ImportConfig) -> LocalDataset:
    made = MadeBy("import", NOW, published_values(config))
    write_dataset(tmp_path / "data", Tables(read_transcripts(files, config, NOW).rows), made)
    return LocalDataset.open(tmp_path / "data")


def audit(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "audit.csv"
    path.write_text("\n".join([HEAD, *lines, ""]), "utf-8")
    return path


@pytest.mark.parametrize(
    "config",
    [ImportConfig(dataset="hotpotqa", teacher=("a", "b")), ImportConfig(teacher=("same",)), ImportConfig()],
)
def test_rows_are_found_by_file_and_place(tmp_path: Path, files: list[Path], config: ImportConfig) -> None:
    dataset = imported(tmp_path, files, config)
    places = places_of(files, dataset.manifest)
    lines = (
        "one.jsonl.gz,2,s,3,2,lm-A,1,0,x",
        "one.jsonl.gz,1,s,3,2,lm-A,0,0,",
        "two.jsonl,0,t,1,1,lm-A,1,1,",
    )
    path = audit(tmp_path, *lines)
    read = read_labels(path, read_source_lines(path, places), Reader(frozenset(dataset.ids()), NOW))
    ids = dataset.ids()
    assert [given.row_id for given in read.labels] == [ids[2], ids[1], ids[3]]
    assert [given.inclusion_probability for given in read.labels] == [2 / 3, 2 / 3, 1.0]
    assert (read.labels[0].correct, read.labels[0].grounded, read.labels[0].note) == (True, False, "x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("three.jsonl,0,s,1,1,a,1,1,", "line 2: file, index: must be a record of the transcripts given"),
        ("one.jsonl,7,s,1,1,a,1,1,", "line 2: file, index"),
        ("one.jsonl,0,s,1,2,a,1,1,", "line 2: stratum_drawn: must be a whole number from 1 to stratum_size"),
        ("one.jsonl,0,s,,2,a,1,1,", "line 2: stratum_drawn"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, files: list[Path], line: str, message: str
) -> None:
    dataset = imported(tmp_path, files, ImportConfig())
    with pytest.raises(DataError, match=message):
        read_source_lines(audit(tmp_path, line), places_of(files, dataset.manifest))


def test_transcripts_of_another_import_give_rows_that_are_not_there(
    tmp_path: Path, files: list[Path]
) -> None:
    dataset = imported(tmp_path, files, ImportConfig())
    other = transcript(tmp_path / "other.jsonl", "when?")
    path = audit(tmp_path, "other.jsonl,0,,,,a,1,1,")
    lines = read_source_lines(path, places_of([other], dataset.manifest))
    with pytest.raises(DataError, match="must be the id of a row in the dataset"):
        read_labels(path, lines, Reader(frozenset(dataset.ids()), NOW))


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path, files: list[Path]) -> None:
    dataset = imported(tmp_path, files, ImportConfig(teacher=("a", "b")))
    (tmp_path / "again").mkdir()
    twin = transcript(tmp_path / "again" / "one.json", "who?")
    with pytest.raises(DataError, match="must have names of their own; got 'one'"):
        places_of([*files, twin], dataset.manifest)
    with pytest.raises(ConfigError, match="teacher"):
        places_of(files[:1], dataset.manifest)
    write_dataset(tmp_path / "made", Tables(dataset.rows()), MadeBy("collect", NOW))
    with pytest.raises(DataError, match="must be what the dataset was imported from; got 'collect'"):
        places_of(files, LocalDataset.open(tmp_path / "made").manifest)


def test_which_files_name_sources() -> None:
    assert names_sources(HEAD.split(","))
    assert not names_sources(["row_id", "correct"])
