"""Where a version comes from: the steps since its rows were made, and the published versions before it.

Only manifests are read: each names its parent (`REPO@COMMIT`), a few kilobytes a version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .dataset import LocalDataset
from .errors import TrajsetError
from .hub import versions
from .hub_client import THE_HUB, HubSite
from .manifest import RAW, Manifest, read_manifest
from .refs import DatasetRef, download_manifest
from .upstream import read_upstream


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A published version: `REPO@COMMIT`, its tags, its manifest.

    `manifest` is None where it cannot be read, with the reason in `problem`.
    """

    version: str
    tags: tuple[str, ...]
    manifest: Manifest | None
    problem: str | None = None

    def __str__(self) -> str:
        name = f"{self.version} ({', '.join(self.tags)})" if self.tags else self.version
        return f"{name}: {history(self.manifest) if self.manifest else self.problem}"


def history(manifest: Manifest) -> str:
    """The commands that made a version, with their days, and what it holds, in a line."""
    made = [manifest, *manifest.steps]
    commands = ", ".join(f"{step.command} ({step.created_at:%Y-%m-%d})" for step in made)
    splits = ", ".join(f"{split.name} {split.rows:,}" for split in manifest.splits if split.name != RAW)
    rows = f"{manifest.split(RAW).rows:,} rows"
    return f"{commands}; {rows} ({splits})" if splits else f"{commands}; {rows}"


def origin(dataset: LocalDataset) -> str | None:
    """The version that a dataset is or was last published as (`REPO@COMMIT`), else the one that it was made
    from; None where it has never been on the Hub."""
    upstream = read_upstream(dataset.path)
    return str(upstream) if upstream else dataset.manifest.parent


def lineage(dataset: LocalDataset, site: HubSite = THE_HUB) -> Iterator[Ancestor]:
    """The published versions that a dataset comes from, the newest first.

    The chain ends with the first version, or with one that cannot be read (deleted, of an older trajset, out
    of reach), which says so.
    """
    version, seen = origin(dataset), set[str]()
    while version is not None and version not in seen:
        seen.add(version)
        ancestor = _ancestor(version, site)
        yield ancestor
        version = ancestor.manifest.parent if ancestor.manifest else None


def _ancestor(version: str, site: HubSite) -> Ancestor:
    try:
        ref = DatasetRef.parse(f"hf:{version}")
        repo, commit = str(ref.repo), ref.revision
        tags = tuple(found.tag for found in versions(repo, site) if found.commit == commit)
        return Ancestor(version, tags, read_manifest(download_manifest(repo, commit, site)))
    except TrajsetError as error:
        return Ancestor(version, (), None, str(error))
