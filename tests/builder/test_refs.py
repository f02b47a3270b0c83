"""References: what is a path, what is a repository, and what exists where something does not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_site import StubSite
from sample_rows import sample_row
from trajset.builder.dataset import Tables, write_dataset, write_split
from trajset.builder.errors import DataError, HubError
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef, open_ref

REPO = "tester/data"


def make(path: Path) -> Path:
    rows = [sample_row(number) for number in range(4)]
    write_dataset(path, Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    write_split(path, "f1_only", [rows[0].id], {"predicate": "f1 > 0.65"})
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("me/data", DatasetRef(repo="me/data")),
        ("me/data@v1.0.0", DatasetRef(repo="me/data", revision="v1.0.0")),
        ("me/data:f1_only", DatasetRef(repo="me/data", split="f1_only")),
        ("me/data@refs/pr/1:a.b", DatasetRef(repo="me/data", revision="refs/pr/1", split="a.b")),
        ("hf:me/data@main", DatasetRef(repo="me/data", revision="main")),
    ],
)
def test_what_is_not_on_disk_is_on_the_hub(text: str, expected: DatasetRef) -> None:
    assert DatasetRef.parse(text) == expected
    assert DatasetRef.parse(str(expected)) == expected


def test_what_exists_on_disk_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "me" / "data").mkdir(parents=True)
    (tmp_path / "me" / "odd:name").mkdir()
    monkeypatch.chdir(tmp_path)
    assert DatasetRef.parse("me/data") == DatasetRef(path=Path("me/data"))
    assert DatasetRef.parse("me/data:raw") == DatasetRef(path=Path("me/data"), split="raw")
    assert DatasetRef.parse("me/odd:name") == DatasetRef(path=Path("me/odd:name"))
    assert DatasetRef.parse("hf:me/data") == DatasetRef(repo="me/data")
    assert DatasetRef.parse(f"{tmp_path}/me/odd:name:raw").split == "raw"


@pytest.mark.parametrize(
    "text", ["", "data", "a/b/c", "me/data@", "me/data:", "me/da ta", "me/data@v 1", "@v1"]
)
def test_what_is_neither_says_both_forms(text: str) -> None:
    with pytest.raises(DataError, match=r"REPO\[@REVISION\]\[:SPLIT\]"):
        DatasetRef.parse(text)


@pytest.mark.parametrize("text", ["/nowhere/data", "./nowhere", "../nowhere:raw", "~/nowhere/at/all"])
def test_a_path_that_is_plainly_meant_must_exist(text: str) -> None:
    with pytest.raises(DataError, match="folder that exists"):
        DatasetRef.parse(text)


def test_a_folder_is_opened_where_it_is(tmp_path: Path) -> None:
    make(tmp_path)
    opened = open_ref(DatasetRef.parse(f"{tmp_path}:f1_only"))
    assert (opened.path, opened.revision) == (tmp_path, None)
    with pytest.raises(DataError, match="Known: f1_only, raw"):
        open_ref(DatasetRef.parse(f"{tmp_path}:f1"))


def test_a_hub_split_downloads_only_what_it_needs_once(stub: StubSite, tmp_path: Path) -> None:
    published = publish(make(tmp_path / "data"), REPO, "v1", site=stub.site)
    opened = open_ref(DatasetRef.parse(f"{REPO}@v1:f1_only"), stub.site)
    assert opened.revision == published.commit
    assert opened.ids("f1_only") == [sample_row(0).id]
    assert not (opened.path / "data" / "raw-00000-of-00001.parquet").exists()
    with pytest.raises(DataError, match="not downloaded"):
        opened.ids("raw")
    whole = open_ref(DatasetRef.parse(REPO), stub.site)
    assert len(whole.ids()) == 4
    before = stub.hub.count("GET /datasets/")
    assert len(open_ref(DatasetRef.parse(REPO), stub.site).ids()) == 4
    assert stub.hub.count("GET /datasets/") == before


def test_unknown_names_on_the_hub_list_what_exists(stub: StubSite, tmp_path: Path) -> None:
    publish(make(tmp_path / "data"), REPO, "v1.0.0", site=stub.site)
    with pytest.raises(DataError, match=r"Did you mean 'v1\.0\.0'\? Known: main, v1\.0\.0"):
        open_ref(DatasetRef.parse(f"{REPO}@v1.0"), stub.site)
    with pytest.raises(DataError, match="Known: f1_only, raw"):
        open_ref(DatasetRef.parse(f"{REPO}@v1.0.0:f1_search"), stub.site)
    with pytest.raises(HubError, match="nobody/nothing"):
        open_ref(DatasetRef.parse("nobody/nothing"), stub.site)
    stub.hub.create("tester/other")
    with pytest.raises(DataError, match="trajset dataset"):
        open_ref(DatasetRef.parse("tester/other"), stub.site)
