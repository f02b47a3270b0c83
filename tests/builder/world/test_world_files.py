"""The demo world on disk: written, made again, and refused where it is not the same."""

import json

import pytest
from trajset.builder.config import WorldConfig
from trajset.builder.corpus import read_passages
from trajset.builder.errors import DataError, StorageError
from trajset.builder.questions import load_questions
from trajset.builder.world import generate, load_world, write_world

CONFIG = WorldConfig(entities=60, questions=30, seed=2, one_hop=0.2)


@pytest.fixture
def folder(tmp_path):
    write_world(generate(CONFIG), tmp_path / "world")
    return tmp_path / "world"


def test_what_is_written_is_what_is_loaded(folder):
    made, loaded = generate(CONFIG), load_world(folder)
    assert loaded.config == CONFIG
    assert loaded.questions == made.questions
    assert list(loaded.passages()) == list(made.passages())


def test_the_files_are_ordinary_corpus_and_question_files(folder):
    made = generate(CONFIG)
    assert list(read_passages(str(folder / "corpus.jsonl"))) == list(made.passages())
    assert load_questions(str(folder / "questions.jsonl"), None, 0) == list(made.questions)


def test_writing_twice_gives_the_same_bytes(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_world(generate(CONFIG), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_changed_corpus_is_refused(folder):
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"id": "x", "title": "x", "text": "x"}\n')
    with pytest.raises(DataError, match="must give the world that was written"):
        load_world(folder)


@pytest.mark.parametrize("change", [{"seed": 3}, {"entities": 61}, {"entities": "many"}])
def test_changed_settings_are_refused(folder, change):
    record = json.loads((folder / "world.json").read_text())
    record["settings"] |= change
    (folder / "world.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="must give the world that was written"):
        load_world(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": {"planets": 3}, "content_hash": "x"}'])
def test_settings_that_are_none_are_refused(folder, text):
    (folder / "world.json").write_text(text)
    with pytest.raises(DataError, match="must hold the settings of a demo world"):
        load_world(folder)


def test_a_missing_corpus_is_refused(folder):
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(DataError, match="must be readable"):
        load_world(folder)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_world(generate(CONFIG), tmp_path / "file" / "world")
