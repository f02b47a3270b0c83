"""The chain of versions, followed from manifest to manifest, and what ends it."""

from datetime import UTC, datetime
from pathlib import Path

from hub_site import StubSite
from sample_rows import sample_row
from trajset.builder.amend import Amendment, amend
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.hub import publish, pull
from trajset.builder.lineage import history, lineage, origin
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef, open_ref
from trajset.builder.schema import Label

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
REPO = "tester/data"


def labelled(path: Path) -> None:
    row = LocalDataset.open(path).ids()[0]
    amend(path, Amendment(labels=[Label(row, "a", True, True, None, WHEN)]), MadeBy("label import", WHEN))


def test_a_dataset_of_ones_own_has_no_versions_before_it(tmp_path: Path) -> None:
    write_dataset(tmp_path, Tables([sample_row(0)]), MadeBy("collect", WHEN))
    labelled(tmp_path)
    dataset = LocalDataset.open(tmp_path)
    assert origin(dataset) is None
    assert list(lineage(dataset)) == []
    assert history(dataset.manifest) == "collect (2026-01-01), label import (2026-01-01); 1 rows"


def test_versions_are_followed_to_the_first(stub: StubSite, tmp_path: Path) -> None:
    first = tmp_path / "first"
    write_dataset(first, Tables([sample_row(0)]), MadeBy("collect", WHEN))
    one = publish(first, REPO, "v1", site=stub.site)
    pulled = pull(DatasetRef.parse(REPO), tmp_path / "second", stub.site)
    labelled(pulled.path)
    assert [entry.version for entry in lineage(LocalDataset.open(pulled.path), stub.site)] == [
        f"{REPO}@{one.commit}"
    ]
    two = publish(pulled.path, REPO, "v2", site=stub.site)
    for dataset in (LocalDataset.open(pulled.path), open_ref(DatasetRef.parse(f"{REPO}@v2"), stub.site)):
        chain = list(lineage(dataset, stub.site))
        versions = [f"{REPO}@{commit}" for commit in (two.commit, one.commit)]
        assert [entry.version for entry in chain] == versions[-len(chain) :]
        assert chain[-1].tags == ("v1",)
        assert "collect (2026-01-01); 1 rows" in str(chain[-1])


def test_what_cannot_be_read_ends_the_chain_and_says_so(stub: StubSite, tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", Tables([sample_row(0)]), MadeBy("collect", WHEN))
    publish(tmp_path / "data", REPO, "v1", site=stub.site)
    del stub.hub.repos[REPO]
    (ancestor,) = lineage(LocalDataset.open(tmp_path / "data"), stub.site)
    assert ancestor.manifest is None
    assert REPO in str(ancestor.problem)
