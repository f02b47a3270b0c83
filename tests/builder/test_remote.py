"""Datasets read from the Hub by column: the same content as on disk, and no byte that is not needed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from column_bytes import bytes_of
from hub_site import StubSite
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.errors import DataError, HubError
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.readable import Readable, open_readable
from trajset.builder.remote import RemoteDataset
from trajset.builder.schema import Judgement, Label

REPO = "tester/data"
ROWS = 1000


@pytest.fixture
def local(tmp_path: Path) -> LocalDataset:
    """Rows of about 2 KB that do not compress well, some judged and labelled, and a split."""
    rows = [sample_row(n, text=" ".join(str(hash((n, k))) for k in range(100))) for n in range(ROWS)]
    judged = [Judgement(row.id, "llm_judge", "m", None, True, None, None, 7, 0.5) for row in rows[:3]]
    labels = [Label(rows[0].id, "ann", True, True, None, CREATED)]
    folder = tmp_path / "data [old]"
    write_dataset(folder, Tables(rows, judged, labels), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    write_split(folder, "f1_only", [rows[4].id, rows[2].id], {"predicate": "f1 > 0.65"})
    return LocalDataset.open(folder)


@pytest.fixture
def remote(local: LocalDataset, stub: StubSite) -> RemoteDataset:
    publish(local.path, REPO, "v1", site=stub.site)
    return RemoteDataset.open(REPO, "v1", stub.site)


def test_the_same_content_as_on_disk(local: LocalDataset, remote: RemoteDataset) -> None:
    assert remote.splits == local.splits == ("raw", "f1_only")
    assert remote.ids() == local.ids()
    assert remote.ids("f1_only") == local.ids("f1_only")
    assert remote.table().equals(local.table())
    wanted = ["n_searches", "id"]
    assert remote.table("f1_only", wanted).equals(local.table("f1_only", wanted), check_metadata=True)
    assert list(remote.judgements()) == list(local.judgements())
    assert list(remote.labels()) == list(local.labels())
    assert remote.source().to_table(columns=["f1"]).equals(local.source().to_table(columns=["f1"]))


def test_only_the_columns_asked_for_are_downloaded(
    local: LocalDataset, remote: RemoteDataset, stub: StubSite
) -> None:
    (shard,) = local.shards()
    stub.hub.ranges.clear()
    remote.table(columns=["id", "f1", "n_searches"])
    fetched = [entry for entry in stub.hub.ranges if entry.path.startswith("data/raw")]
    first, last = bytes_of(shard, "messages")
    assert last - first > shard.stat().st_size / 2
    footer, *pieces = fetched
    assert (footer.end, footer.end - footer.start) == (shard.stat().st_size, 64 << 10)
    assert len(pieces) == 2  # before and after the messages
    assert all(entry.end <= first or entry.start >= last for entry in pieces)
    assert sum(entry.end - entry.start for entry in pieces) < shard.stat().st_size / 50


def test_a_text_opens_either(local: LocalDataset, remote: RemoteDataset, stub: StubSite) -> None:
    here: Readable = open_readable(str(local.path))
    there: Readable = open_readable(f"{REPO}@v1", stub.site)
    assert isinstance(here, LocalDataset)
    assert there == remote
    assert (here.revision, there.revision) == (None, remote.revision)
    assert open_readable(REPO, stub.site).ids() == here.ids()
    with pytest.raises(DataError, match="must be a whole one"):
        open_readable(f"{REPO}@v1:f1_only", stub.site)


def test_what_does_not_exist(remote: RemoteDataset, stub: StubSite) -> None:
    with pytest.raises(DataError, match="Known: main, v1"):
        open_readable(f"{REPO}@v2", stub.site)
    with pytest.raises(HubError, match="nobody/nothing"):
        open_readable("nobody/nothing", stub.site)
    with pytest.raises(DataError, match="Known: f1_only, raw"):
        remote.source("f2")
    with pytest.raises(DataError, match="Did you mean 'f1'"):
        remote.table(columns=["f"])


def test_a_hub_that_goes_away(remote: RemoteDataset, stub: StubSite) -> None:
    stub.hub.repos[REPO].gated = True
    with pytest.raises(HubError, match="gated"):
        remote.ids()
