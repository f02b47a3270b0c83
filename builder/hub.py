"""Publish a dataset to the Hub, pull one, list its versions.

A version is one commit, made on the commit that this dataset came from, and then a tag. What a failure leaves
behind is always safe to run again: uploaded shards are not sent twice, and a commit that went through without
its tag only gets the tag.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id
from huggingface_hub.utils.sha import git_hash
from rich.table import Table

from .dataset import LocalDataset
from .errors import ConcurrentPublishError, DataError, HubError, Problem
from .hub_client import THE_HUB, TRY_AGAIN, HubSite, hub_errors
from .identity import file_hash
from .layout import FOLDERS, README, RECIPES
from .locks import writing
from .manifest import MANIFEST, RAW, Manifest, manifest_json, read_manifest, side_tables
from .refs import DatasetRef, open_ref
from .shards import storage, write_file
from .upstream import OWN_FOLDER, Upstream, read_upstream, write_upstream

_TAG = re.compile(r"[A-Za-z0-9][\w.+-]*")
_MADE_BY_THE_HUB = frozenset({".gitattributes"})
_PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class Published:
    """A version on the Hub: what was sent, what was deleted; both empty when it was there already."""

    repo: str
    tag: str
    commit: str
    sent: tuple[str, ...]
    deleted: tuple[str, ...]

    def __str__(self) -> str:
        work = (
            f"{len(self.sent)} files sent, {len(self.deleted)} deleted" if self.sent else "was there already"
        )
        return f"{self.repo}@{self.tag} ({self.commit[:12]}): {work}"


@dataclass(frozen=True, slots=True)
class Version:
    """A tag of a dataset repository, with the commit it names and that commit's title and time."""

    tag: str
    commit: str
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has to change on the Hub so that it holds this folder."""

    send: tuple[str, ...]
    delete: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.send or self.delete)


@dataclass(frozen=True, slots=True)
class _Remote:
    """A dataset repository: its head, its tags, the files at its head."""

    api: HfApi
    repo: str
    head: str
    tags: dict[str, str]
    files: dict[str, RepoFile]


def publish(path: Path, repo: str, tag: str, private: bool = False, site: HubSite = THE_HUB) -> Published:
    """Publish a dataset folder as one commit and a tag; the repository is made if there is none.

    Publishing again what is there already changes nothing, or adds the tag that is missing.

    Raises:
        DataError: the folder is no complete dataset, or the tag is no valid name.
        HubError: the tag exists for other content, the repository holds something else, or the Hub refuses.
        ConcurrentPublishError: the repository has moved on since this dataset was pulled or published.
            In all cases the repository is as it was.
    """
    check_names(repo, tag)
    LocalDataset.open(path)
    with writing(path), hub_errors(repo):
        dataset = LocalDataset.open(path)
        dataset.verify()
        remote = _remote(site.api(), repo, private)
        plan = _plan(path, dataset.manifest, remote.files)
        if tag in remote.tags and (plan.changes or remote.tags[tag] != remote.head):
            raise HubError(str(_taken(remote, tag)))
        commit = remote.head
        if plan.changes:
            _check_base(path, remote)
            commit = _commit(path, remote, _parented(path, dataset.manifest, plan), tag)
        write_upstream(path, Upstream(repo, commit))
        if tag not in remote.tags:
            remote.api.create_tag(repo, tag=tag, revision=commit, repo_type="dataset")
    return Published(repo, tag, commit, plan.send, plan.delete)


def check_names(repo: str, tag: str) -> None:
    """See that a version can have this repository and tag.

    Raises:
        DataError: one of them is no valid name.
    """
    with hub_errors(repo):
        validate_repo_id(repo)
    if "/" not in repo:
        rule = "must name its owner too"
        raise DataError(str(Problem("repository", rule, repo, "Write it as NAME/DATASET.")))
    if not _TAG.fullmatch(tag):
        rule = "must start with a letter or digit and hold letters, digits and . _ + - only"
        raise DataError(str(Problem("tag", rule, tag, "Use something like v1.0.0.")))


def _remote(api: HfApi, repo: str, private: bool) -> _Remote:
    if not api.repo_exists(repo, repo_type="dataset"):
        api.create_repo(repo, repo_type="dataset", private=private)
    refs = api.list_repo_refs(repo, repo_type="dataset")
    head = next(branch.target_commit for branch in refs.branches if branch.name == "main")
    tree = api.list_repo_tree(repo, recursive=True, revision=head, repo_type="dataset")
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    return _Remote(api, repo, head, {tag.name: tag.target_commit for tag in refs.tags}, files)


def _plan(path: Path, manifest: Manifest, remote: Mapping[str, RepoFile]) -> _Plan:
    """What differs between the folder and the part of the repository that is ours."""
    hashes = {shard.path: shard.sha256 for shard in manifest.shards}
    ours = [MANIFEST, README, RECIPES, *hashes]
    send = [name for name in ours if not _same(path / name, hashes.get(name), remote.get(name))]
    in_folders = [name for name in remote if name.startswith(tuple(f"{folder}/" for folder in FOLDERS))]
    return _Plan(tuple(send), tuple(sorted(set(in_folders) - set(ours))))


def _same(file: Path, sha256: str | None, remote: RepoFile | None) -> bool:
    if remote is None or remote.size != file.stat().st_size:
        return False
    if remote.lfs is not None:
        return remote.lfs.sha256 == (sha256 or file_hash(file))
    return remote.blob_id == git_hash(file.read_bytes())


def _check_base(path: Path, remote: _Remote) -> None:
    """Refuse to build on a head that this folder does not come from."""
    upstream = read_upstream(path)
    if upstream == Upstream(remote.repo, remote.head) or set(remote.files) <= _MADE_BY_THE_HUB:
        return
    if upstream is not None and upstream.repo == remote.repo:
        raise ConcurrentPublishError(str(_moved_on(remote.repo, f"{remote.head}, not {upstream.commit}")))
    rule = "must be new, or hold the version that this dataset was pulled from"
    fix = f"Publish under another name, or `trajset pull {remote.repo}` and build on that folder."
    raise HubError(str(Problem(remote.repo, rule, sorted(remote.files)[:4], fix)))


def _moved_on(repo: str, found: str) -> Problem:
    fix = f"`trajset pull {repo}` into another folder, make your change there, and publish that."
    return Problem(
        repo, "must not have changed since this dataset came from it (it was not touched)", found, fix
    )


def _taken(remote: _Remote, tag: str) -> Problem:
    fix = f"Choose a new tag; there are: {', '.join(sorted(remote.tags))}."
    return Problem(f"{remote.repo}: tag", "must not exist yet", tag, fix)


def _parented(path: Path, manifest: Manifest, plan: _Plan) -> _Plan:
    """The plan with a manifest, rewritten in the folder, that names the version before it."""
    upstream = read_upstream(path)
    parent = str(upstream) if upstream else None
    if manifest.parent == parent:
        return plan
    write_file(path / MANIFEST, manifest_json(dataclasses.replace(manifest, parent=parent)))
    return dataclasses.replace(plan, send=tuple(dict.fromkeys((MANIFEST, *plan.send))))


def _commit(path: Path, remote: _Remote, plan: _Plan, tag: str) -> str:
    """One commit on the head that was looked at; the upload of its shards comes first and can be resumed."""
    operations = [
        *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=path / name) for name in plan.send),
        *(CommitOperationDelete(path_in_repo=name) for name in plan.delete),
    ]
    manifest = read_manifest(path)
    try:
        made = remote.api.create_commit(
            remote.repo,
            operations,
            commit_message=f"{tag}: {manifest.split(RAW).rows} trajectories",
            commit_description=_description(manifest),
            repo_type="dataset",
            parent_commit=remote.head,
        )
    except HfHubHTTPError as error:
        if error.response.status_code != _PRECONDITION_FAILED:
            raise
        raise ConcurrentPublishError(str(_moved_on(remote.repo, "a newer commit"))) from error
    except RuntimeError as error:  # what huggingface_hub makes of a failed upload
        raise HubError(str(Problem(remote.repo, "must take the upload", str(error), TRY_AGAIN))) from error
    return made.oid


def _description(manifest: Manifest) -> str:
    """The commit's body: rows of every table, and the version it was made from."""
    counts = [f"- split {split.name}: {split.rows} rows" for split in manifest.splits]
    sides = [
        f"- {table}: {sum(shard.rows for shard in shards)} rows"
        for table, shards in side_tables(manifest).items()
        if shards
    ]
    return "\n".join([*counts, *sides, f"- made from: {manifest.parent or 'scratch'}"])


def pull(ref: DatasetRef, out: Path, site: HubSite = THE_HUB) -> LocalDataset:
    """Copy a published version into a folder of its own, ready to be changed and published again.

    Raises:
        DataError: the reference is no Hub repository or names a split, its revision does not exist, or `out`
            holds something else, changes to this version among it. An interrupted pull is picked up.
        HubError: the repository does not exist, needs a login, or the Hub cannot be reached.
        StorageError: the disk is full or not writable.
    """
    if ref.repo is None or ref.split is not None:
        rule = "must be REPO[@REVISION]: a whole dataset on the Hub"
        raise DataError(
            str(Problem("dataset", rule, str(ref), "Leave :SPLIT out; copy a local folder as it is."))
        )
    source = open_ref(ref, site)
    upstream = Upstream(ref.repo, str(source.revision))
    _check_target(out, upstream, source.manifest)
    with writing(out):
        write_upstream(out, upstream)
        _copy(source, out)
    pulled = LocalDataset.open(out, source.revision)
    pulled.verify()
    return pulled


def _check_target(out: Path, upstream: Upstream, manifest: Manifest) -> None:
    """Refuse a folder with anything in it that a pull of this version would write over."""
    fix = "Name an empty folder, or one that does not exist yet."
    if out.exists() and not out.is_dir():
        raise DataError(str(Problem("out", "must be a folder", str(out), fix)))
    if not out.exists() or {item.name for item in out.iterdir()} <= {OWN_FOLDER}:
        return
    if read_upstream(out) != upstream:
        raise DataError(str(Problem("out", "must be empty or hold this very version", str(out), fix)))
    if (out / MANIFEST).is_file() and read_manifest(out) != manifest:
        raise DataError(str(Problem("out", "must hold no changes to this version", str(out), fix)))


def _copy(source: LocalDataset, out: Path) -> None:
    """Copy all files, the manifest last and in one step."""
    names = [*(shard.path for shard in source.manifest.shards), README, RECIPES]
    with storage(out):
        for name in names:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.path / name, target)
    write_file(out / MANIFEST, (source.path / MANIFEST).read_bytes())


def versions(repo: str, site: HubSite = THE_HUB) -> list[Version]:
    """The tagged versions of a dataset repository, newest first.

    Raises:
        HubError: the repository does not exist, needs a login, or the Hub cannot be reached.
    """
    api = site.api()
    with hub_errors(repo):
        tags = api.list_repo_refs(repo, repo_type="dataset").tags
        commits = {commit.commit_id: commit for commit in api.list_repo_commits(repo, repo_type="dataset")}
    found = [(tag.name, commits[tag.target_commit]) for tag in tags if tag.target_commit in commits]
    listed = [Version(name, commit.commit_id, commit.title, commit.created_at) for name, commit in found]
    return sorted(listed, key=lambda version: version.created_at, reverse=True)


def versions_table(repo: str, found: Iterable[Version]) -> Table:
    """The versions for a terminal."""
    table = Table("tag", "commit", "made", "title", title=f"Versions of {repo}")
    for version in found:
        table.add_row(
            version.tag, version.commit[:12], f"{version.created_at:%Y-%m-%d %H:%M} UTC", version.title
        )
    return table
