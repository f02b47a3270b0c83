"""Publishing against the stub Hub: versions, races, resumed uploads, refusals, loading in a new process."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_site import StubSite, python
from hub_state import Hub
from hub_stub import running
from sample_rows import sample_row
from trajset.builder.dataset import LocalDataset, Tables, remove_split, write_dataset, write_split
from trajset.builder.errors import ConcurrentPublishError, DataError, HubError
from trajset.builder.hub import publish, pull, versions, versions_table
from trajset.builder.hub_client import HubSite
from trajset.builder.identity import content_hash
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef
from trajset.builder.schema import Judgement, Row
from trajset.builder.upstream import read_upstream

REPO = "tester/trajectories"
MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
RECIPE = {"name": "f1_search", "predicate": "f1 > 0.65"}


def make(path: Path, count: int = 30, changed: int = 0) -> list[Row]:
    """A dataset with a split; the first `changed` rows have another answer than usual."""
    rows = [sample_row(number, *(("Paris", 0.0) if number < changed else ())) for number in range(count)]
    judgements = [Judgement(rows[0].id, "llm_judge", "gpt", None, True, None, None, None, None)]
    write_dataset(path, Tables(rows, judgements), MADE)
    write_split(path, "f1_search", [row.id for row in rows if row.scores.f1 == 1.0], RECIPE)
    return rows


def head(stub: StubSite, repo: str = REPO) -> str:
    return stub.hub.repos[repo].branches["main"]


LOAD = """
import json
from datasets import load_dataset
from trajset.builder.identity import content_hash
from trajset.builder.schema import FEATURES
from trajset.builder.table import rows_from_table
settings = dict(split="f1_search", revision="v1.0.0")
loaded = load_dataset("tester/trajectories", **settings)
assert loaded.features == FEATURES
rows = list(rows_from_table(loaded.with_format("arrow")[:]))
ids = [row.id for row in rows]
streamed = load_dataset("tester/trajectories", streaming=True, **settings)
assert streamed.features == FEATURES
assert list(streamed) == list(loaded)
judged = load_dataset("tester/trajectories", "judgements", split="train", revision="v1.0.0")
from trajset.builder.refs import DatasetRef, open_ref
opened = open_ref(DatasetRef.parse("tester/trajectories@v1.0.0:f1_search"))
assert [row.id for row in opened.rows("f1_search")] == ids
hashes = [content_hash(row.to_record()) for row in rows]
print(json.dumps([ids, hashes, judged["judge"][:], opened.revision]))
"""


def test_a_published_split_is_loaded_in_a_new_process(stub: StubSite, tmp_path: Path) -> None:
    rows = make(tmp_path / "data", changed=5)
    published = publish(tmp_path / "data", REPO, "v1.0.0", site=stub.site)
    assert set(published.sent) >= {"README.md", "manifest.json", "data/raw-00000-of-00001.parquet"}
    ids, hashes, judges, revision = json.loads(python(LOAD, stub.address, tmp_path / "home"))
    assert ids == [row.id for row in rows[5:]]
    assert hashes == [content_hash(row.to_record()) for row in rows[5:]]
    assert judges == ["llm_judge"]
    assert revision == published.commit == head(stub)
    made = stub.hub.repos[REPO].commits[published.commit]
    assert made.title == "v1.0.0: 30 trajectories"
    assert "split f1_search: 25 rows" in made.message
    assert ".trajset/origin.json" not in made.files


def test_a_second_version_builds_on_the_first(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    first = publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    make(tmp_path, changed=10)
    remove_split(tmp_path, "f1_search")
    uploads = stub.hub.uploads
    second = publish(tmp_path, REPO, "v1.1.0", site=stub.site)
    assert second.deleted == ("data/f1_search-00000-of-00001.parquet",)
    assert stub.hub.uploads == uploads + 1  # the raw shard; the judgements are the same
    files = stub.hub.repos[REPO].commits[second.commit].files
    assert not any(path.startswith("data/f1_search") for path in files)
    assert ".gitattributes" in files
    assert LocalDataset.open(tmp_path).manifest.parent == f"{REPO}@{first.commit}"
    found = versions(REPO, stub.site)
    assert [(version.tag, version.commit) for version in found] == [
        ("v1.1.0", second.commit),
        ("v1.0.0", first.commit),
    ]
    assert versions_table(REPO, found).row_count == 2


def test_publishing_the_same_again_changes_nothing(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    first = publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    again = publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    assert (again.commit, again.sent, again.deleted) == (first.commit, (), ())
    retagged = publish(tmp_path, REPO, "stable", site=stub.site)
    assert retagged.commit == first.commit
    assert stub.hub.repos[REPO].tags == {"v1.0.0": first.commit, "stable": first.commit}


def test_a_tag_that_exists_is_refused_before_anything_is_sent(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    before, uploads = head(stub), stub.hub.uploads
    make(tmp_path, changed=3)
    with pytest.raises(HubError, match=r"v1\.0\.0.*Choose a new tag"):
        publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    assert (head(stub), stub.hub.uploads) == (before, uploads)


def test_of_two_concurrent_publishes_one_fails_and_changes_nothing(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path / "base")
    publish(tmp_path / "base", REPO, "v1.0.0", site=stub.site)
    for name, changed in (("mine", 3), ("theirs", 7)):
        pull(DatasetRef.parse(REPO), tmp_path / name, stub.site)
        make(tmp_path / name, changed=changed)
    mine = (tmp_path / "mine" / "data" / "raw-00000-of-00001.parquet").read_bytes()
    stub.hub.faults.before_commit = lambda: publish(tmp_path / "theirs", REPO, "v2", site=stub.site) and None
    with pytest.raises(ConcurrentPublishError, match="pull"):
        publish(tmp_path / "mine", REPO, "v1.0.1", site=stub.site)
    repo = stub.hub.repos[REPO]
    assert set(repo.tags) == {"v1.0.0", "v2"}
    assert repo.tags["v2"] == head(stub) == read_upstream(tmp_path / "theirs").commit
    assert (tmp_path / "mine" / "data" / "raw-00000-of-00001.parquet").read_bytes() == mine
    with pytest.raises(ConcurrentPublishError, match="must not have changed"):
        publish(tmp_path / "mine", REPO, "v1.0.1", site=stub.site)
    assert repo.tags["v2"] == head(stub)


def test_an_interrupted_upload_resumes_without_sending_again(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path, changed=5)
    stub.hub.faults.refuse_uploads = {2}
    with pytest.raises(HubError):
        publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    assert stub.hub.repos[REPO].tags == {}
    arrived = stub.hub.arrived.copy()
    stub.hub.faults.refuse_uploads = set()
    publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    shards = {shard.sha256 for shard in LocalDataset.open(tmp_path).manifest.shards}
    assert 0 < len(arrived) < len(shards)
    assert sorted(stub.hub.arrived) == sorted(shards)  # each once, over both attempts


def test_a_commit_without_its_tag_only_gets_the_tag(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    stub.hub.faults.refuse_tags = True
    with pytest.raises(HubError, match="again"):
        publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    commit = head(stub)
    stub.hub.faults.refuse_tags = False
    published = publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    assert (published.commit, published.sent) == (commit, ())
    assert stub.hub.repos[REPO].tags == {"v1.0.0": commit}


def test_a_commit_whose_reply_was_lost_is_recognised(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    publish(tmp_path, REPO, "v1.0.0", site=stub.site)
    make(tmp_path, changed=2)
    stub.hub.faults.lose_commit_reply = True
    with pytest.raises(HubError):
        publish(tmp_path, REPO, "v1.0.1", site=stub.site)
    commit = head(stub)
    assert publish(tmp_path, REPO, "v1.0.1", site=stub.site).commit == commit
    assert stub.hub.repos[REPO].tags["v1.0.1"] == commit


def test_a_repository_that_holds_something_else_is_refused(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path / "one")
    make(tmp_path / "two", changed=4)
    publish(tmp_path / "one", REPO, "v1", site=stub.site)
    before = head(stub)
    with pytest.raises(HubError, match=f"trajset pull {REPO}"):
        publish(tmp_path / "two", REPO, "v2", site=stub.site)
    assert head(stub) == before


def test_pull_gives_a_folder_that_can_be_published_again(stub: StubSite, tmp_path: Path) -> None:
    rows = make(tmp_path / "one")
    first = publish(tmp_path / "one", REPO, "v1", site=stub.site)
    out = tmp_path / "two"
    pulled = pull(DatasetRef.parse(f"{REPO}@v1"), out, stub.site)
    assert list(pulled.rows()) == list(LocalDataset.open(tmp_path / "one").rows())
    assert pulled.manifest == LocalDataset.open(tmp_path / "one").manifest
    (out / "data" / "raw-00000-of-00001.parquet").unlink()  # as if the pull had been interrupted
    pull(DatasetRef.parse(f"{REPO}@v1"), out, stub.site)
    write_split(out, "few", [rows[0].id], {"predicate": "id = '0'"})
    second = publish(out, REPO, "v2", site=stub.site)
    assert stub.hub.repos[REPO].commits[second.commit].parent == first.commit
    with pytest.raises(DataError, match="empty"):
        pull(DatasetRef.parse(f"{REPO}@v1"), out, stub.site)
    with pytest.raises(DataError, match="whole dataset"):
        pull(DatasetRef.parse(f"{REPO}:few"), tmp_path / "three", stub.site)
    with pytest.raises(DataError, match="whole dataset"):
        pull(DatasetRef.parse(str(out)), tmp_path / "three", stub.site)


def test_incomplete_datasets_and_bad_names_are_not_published(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match="tag"):
        publish(tmp_path, REPO, "no good", site=stub.site)
    with pytest.raises(DataError, match="NAME/DATASET"):
        publish(tmp_path, "a/b/c", "v1", site=stub.site)
    (tmp_path / "README.md").unlink()
    with pytest.raises(DataError, match=r"README\.md"):
        publish(tmp_path, REPO, "v1", site=stub.site)
    assert stub.hub.repos == {}


def test_refusals_say_what_to_do(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(HubError, match="hf auth login"):
        versions("tester/nothing", stub.site)
    publish(tmp_path / "data", REPO, "v1", private=True, site=stub.site)
    assert stub.hub.repos[REPO].private
    stub.hub.repos[REPO].gated = True
    with pytest.raises(HubError, match="Ask for access"):
        pull(DatasetRef.parse(REPO), tmp_path / "out", stub.site)
    stub.hub.token = "not ours"
    with pytest.raises(HubError, match="hf auth login"):
        publish(tmp_path / "data", REPO, "v2", site=stub.site)
    with pytest.raises(HubError, match="hf auth login"):
        publish(tmp_path / "data", "tester/other", "v2", site=stub.site)
    with pytest.raises(HubError, match="HF_ENDPOINT"):
        versions(REPO, HubSite("http://127.0.0.1:9", tmp_path / "cache"))


PUBLISH = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
from trajset.builder.errors import HubError
from trajset.builder.hub import publish
path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("{path}")
print(publish(path, "tester/secret", "v1", private=True))
for repo, tag in (("tester/secret", "v1 "), ("nobody/x", "v1")):
    try:
        publish(path, repo, tag)
    except Exception as error:
        print(repr(error), error)
"""


def test_the_token_is_in_no_file_log_or_message(tmp_path: Path) -> None:
    token = "hf_THIStokenMUSTneverSHOW"
    make(tmp_path / "data")
    hub = Hub(token=token)
    with running(hub) as address:
        script = PUBLISH.format(path=tmp_path / "data")
        output = python(script, address, tmp_path / "home", HF_TOKEN=token)
    assert "tester/secret@v1" in output
    assert hub.repos["tester/secret"].private
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert len(files) > 5
    texts = [path.read_bytes() for path in files] + list(hub.blobs.values()) + [output.encode()]
    texts += [json.dumps(commit.json()).encode() for commit in hub.repos["tester/secret"].commits.values()]
    assert not any(token.encode() in text for text in texts)


def test_a_pull_does_not_write_over_changes_to_the_version(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path / "data")
    publish(tmp_path / "data", REPO, "v1.0.0", site=stub.site)
    ref, folder = DatasetRef.parse(f"hf:{REPO}"), tmp_path / "mine"
    pulled = pull(ref, folder, stub.site)
    write_split(folder, "own_cut", pulled.ids()[:3], RECIPE)
    with pytest.raises(DataError, match="must hold no changes"):
        pull(ref, folder, stub.site)
    assert "own_cut" in LocalDataset.open(folder).splits
    LocalDataset.open(folder).verify()


def test_an_interrupted_pull_is_picked_up(stub: StubSite, tmp_path: Path) -> None:
    make(tmp_path / "data")
    publish(tmp_path / "data", REPO, "v1.0.0", site=stub.site)
    ref, folder = DatasetRef.parse(f"hf:{REPO}"), tmp_path / "mine"
    whole = pull(ref, folder, stub.site)
    (folder / "manifest.json").unlink()
    whole.shards()[0].write_bytes(b"half")
    pull(ref, folder, stub.site).verify()
