"""References to datasets: `REPO[@REVISION][:SPLIT]` on the Hub, or `PATH[:SPLIT]` on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import RemoteEntryNotFoundError, RevisionNotFoundError

from .dataset import LocalDataset
from .errors import DataError, Problem, unknown
from .hub_client import THE_HUB, HubSite, hub_errors
from .layout import README, RECIPES
from .manifest import MANIFEST, Manifest, read_manifest

_SPLIT = r"\w+(?:\.\w+)*"
_HUB = re.compile(rf"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^:@\s]+))?(?::(?P<split>{_SPLIT}))?")
_PATH = re.compile(rf"(?P<path>.+):(?P<split>{_SPLIT})")
_FORMS = (
    "Write REPO[@REVISION][:SPLIT] for the Hub (REPO is NAME/DATASET) or PATH[:SPLIT] for a local folder."
)


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset on the Hub (`repo`, maybe `revision`) or on disk (`path`), and maybe one of its splits."""

    repo: str | None = None
    revision: str | None = None
    path: Path | None = None
    split: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        split = f":{self.split}" if self.split else ""
        return f"{self.repo or self.path}{revision}{split}"

    @classmethod
    def parse(cls, text: str) -> DatasetRef:
        """Read a reference. What exists on disk is a path; otherwise NAME/DATASET is a Hub repository.

        `hf:` in front forces the Hub; a leading `/`, `.` or `~` forces the disk.

        Raises:
            DataError: neither form fits, or a folder that is plainly meant is not there.
        """
        if text.startswith("hf:"):
            return _on_hub(text.removeprefix("hf:"), text)
        return _on_disk(text) or _on_hub(text, text)


def _on_disk(text: str) -> DatasetRef | None:
    if text and Path(text).expanduser().exists():
        return DatasetRef(path=Path(text).expanduser())
    with_split = _PATH.fullmatch(text)
    if with_split and (path := Path(with_split["path"]).expanduser()).exists():
        return DatasetRef(path=path, split=with_split["split"])
    if text.startswith(("/", ".", "~")):
        raise DataError(str(Problem("dataset", "must be a folder that exists", text, "Check the path.")))
    return None


def _on_hub(text: str, given: str) -> DatasetRef:
    match = _HUB.fullmatch(text)
    if match is None:
        rule = "must be an existing folder or a Hub repository"
        raise DataError(str(Problem("dataset", rule, given, _FORMS)))
    return DatasetRef(repo=match["repo"], revision=match["revision"], split=match["split"])


def open_ref(ref: DatasetRef, site: HubSite = THE_HUB) -> LocalDataset:
    """The dataset of a reference; what lies on the Hub is downloaded into huggingface_hub's cache first.

    With a split, only its shards (and the judgements and labels) are downloaded.

    Raises:
        DataError: no such folder, revision or split (the message lists those that exist), or no dataset of
            trajset.
        HubError: the repository does not exist, needs a login, or the Hub cannot be reached.
    """
    dataset = LocalDataset.open(ref.path) if ref.path else _download(ref, site)
    if ref.split is not None:
        dataset.manifest.split(ref.split)
    return dataset


def open_whole(text: str, site: HubSite = THE_HUB) -> LocalDataset:
    """The dataset that a text names, for what is about all of its splits.

    Raises:
        DataError: the text names one split, or see `open_ref`.
        HubError: see `open_ref`.
    """
    ref = DatasetRef.parse(text)
    if ref.split is not None:
        fix = f"Leave :{ref.split} out."
        raise DataError(str(Problem("dataset", "must be a whole one here, not one of its splits", text, fix)))
    return open_ref(ref, site)


def _download(ref: DatasetRef, site: HubSite) -> LocalDataset:
    repo = str(ref.repo)
    folder = download_manifest(repo, ref.revision, site)
    manifest = read_manifest(folder)
    with hub_errors(repo):
        site.api().snapshot_download(
            repo,
            repo_type="dataset",
            revision=folder.name,
            allow_patterns=_wanted(manifest, ref.split),
            cache_dir=site.cache,
        )
    return LocalDataset(folder, manifest, revision=folder.name)


def _wanted(manifest: Manifest, split: str | None) -> list[str]:
    shards = manifest.shards if split is None else manifest.split(split).shards
    sides = manifest.judgements + manifest.labels
    return [README, RECIPES, MANIFEST, *(shard.path for shard in (*shards, *sides))]


def download_manifest(repo: str, revision: str | None, site: HubSite) -> Path:
    """The snapshot folder of the cache that now holds the manifest; its name is the commit."""
    with hub_errors(repo):
        try:
            file = site.api().hf_hub_download(
                repo, MANIFEST, repo_type="dataset", revision=revision, cache_dir=site.cache
            )
        except RevisionNotFoundError as error:
            raise DataError(str(unknown("revision", str(revision), known_revisions(repo, site)))) from error
        except RemoteEntryNotFoundError as error:
            rule = f"must be a trajset dataset, with a {MANIFEST}"
            raise DataError(
                str(Problem(repo, rule, revision or "main", "Choose another revision."))
            ) from error
    return Path(file).parent


def known_revisions(repo: str, site: HubSite) -> list[str]:
    """Tags and branches of a repository.

    Raises:
        HubError: it does not exist, needs a login, or the Hub cannot be reached.
    """
    with hub_errors(repo):
        refs = site.api().list_repo_refs(repo, repo_type="dataset")
    return [ref.name for ref in (*refs.tags, *refs.branches)]
