"""Nobody gets out of `trajset sql`: each attempt ends in one message, and nothing has changed or appeared."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from sandbox_escapes import REFUSED, STOPPED
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.identity import file_hash
from trajset.builder.manifest import MadeBy

MARK = "hf_neverToBeSeen"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a secret file beside it, and an empty folder to work in."""
    folder = tmp_path_factory.mktemp("place")
    write_dataset(
        folder / "data", Tables([sample_row(number) for number in range(50)]), MadeBy("test", CREATED)
    )
    (folder / "secret.csv").write_text(f"key\n{MARK}\n")
    (folder / "here").mkdir()
    return folder


@pytest.fixture(autouse=True)
def untouched(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every file is what it was, and there is no other."""
    monkeypatch.chdir(place / "here")
    monkeypatch.setenv("HF_TOKEN", MARK)
    before = contents(place)
    yield
    assert contents(place) == before


def contents(folder: Path) -> dict[Path, str]:
    return {path: file_hash(path) if path.is_file() else "folder" for path in folder.rglob("*")}


def check_refused(place, launch, capsys, sql, said, *limits):
    (shard,) = (place / "data" / "data").glob("*.parquet")
    for name, path in {"secret": place / "secret.csv", "shard": shard, "target": place / "target"}.items():
        sql = sql.replace(f"{{{name}}}", str(path))
    assert launch("sql", sql, place / "data", "--format", "csv", *limits) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert MARK not in shown.err


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_what_does_more_than_read_the_dataset_is_refused(place, launch, capsys, sql, said):
    check_refused(place, launch, capsys, sql, said)


@pytest.mark.parametrize(("sql", "said"), STOPPED)
def test_what_does_not_end_or_fit_is_stopped(place, launch, capsys, sql, said):
    check_refused(place, launch, capsys, sql, said, "--timeout", "0.5", "--memory", "200MB")
