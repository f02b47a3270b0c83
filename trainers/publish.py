"""A trained model on the Hub: its files, card, lineage and curves in one commit; a tag if one is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from ..builder.errors import ConcurrentPublishError, DataError, HubError, Problem
from ..builder.hub import check_names
from ..builder.hub_client import THE_HUB, TRY_AGAIN, HubSite, hub_errors
from .lineage import LINEAGE, Lineage, read_lineage
from .model_card import CARD
from .model_files import model_files
from .plots import CURVES

_ADAPTER = "adapter_config.json"
_PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model on the Hub: its repository and commit, the files that were offered."""

    repo: str
    commit: str
    files: tuple[str, ...]
    tag: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.tag or self.commit} ({self.commit[:12]}): {', '.join(self.files)}"


def publish_model(
    folder: Path, repo: str, tag: str | None = None, private: bool = False, site: HubSite = THE_HUB
) -> PublishedModel:
    """Publish the folder of a run, or one of its checkpoints; the repository is made if there is none.

    Raises:
        DataError: there is no model or no lineage, the names are bad, or these are adapters of a folder.
        HubError: the Hub refuses, or the tag exists for another commit.
        ConcurrentPublishError: somebody else committed in between; nothing was changed.
    """
    check_names(repo, tag or "untagged")
    lineage = read_lineage(folder)
    files = (CARD, LINEAGE, *(name for name in (CURVES,) if (folder / name).is_file()), *model_files(folder))
    _check_adapters(folder, lineage)
    api = site.api()
    with hub_errors(repo):
        api.create_repo(repo, private=private, exist_ok=True)
        refs = api.list_repo_refs(repo)
        tags = {one.name: one.target_commit for one in refs.tags}
        head = next(one.target_commit for one in refs.branches if one.name == "main")
        if tag in tags and tags[tag] != head:
            raise HubError(str(_taken(repo, str(tag), sorted(tags))))
        commit = _commit(api, _Commit(folder, repo, head, files, lineage))
        if tag is not None and tags.get(tag) != commit:
            if tag in tags:
                raise HubError(str(_taken(repo, tag, sorted(tags))))
            api.create_tag(repo, tag=tag, revision=commit)
    return PublishedModel(repo, commit, files, tag)


@dataclass(frozen=True, slots=True)
class _Commit:
    """One commit to make: which files of a folder, onto which head, and what they are."""

    folder: Path
    repo: str
    head: str
    files: tuple[str, ...]
    lineage: Lineage


def _commit(api: HfApi, wanted: _Commit) -> str:
    """The commit that holds the files; the head itself where it has them already."""
    lineage, progress = wanted.lineage, wanted.lineage.progress
    try:
        made = api.create_commit(
            wanted.repo,
            [
                CommitOperationAdd(path_in_repo=name, path_or_fileobj=wanted.folder / name)
                for name in wanted.files
            ],
            commit_message=f"{lineage.method} on {lineage.dataset.get('name')}, step {progress.step}",
            commit_description=f"{progress.rows_seen} rows, {progress.tokens_seen} tokens seen",
            parent_commit=wanted.head,
        )
    except HfHubHTTPError as error:
        if error.response.status_code != _PRECONDITION_FAILED:
            raise
        fix = "Run the command again."
        rule = "must not be committed to by somebody else meanwhile (nothing was changed)"
        raise ConcurrentPublishError(str(Problem(wanted.repo, rule, "a newer commit", fix))) from error
    except RuntimeError as error:  # what huggingface_hub makes of a failed upload
        problem = Problem(wanted.repo, "must take the upload", str(error), TRY_AGAIN)
        raise HubError(str(problem)) from error
    return made.oid


def _check_adapters(folder: Path, lineage: Lineage) -> None:
    """Adapters name their base model: one that only this machine has is of no use to anybody else.

    Raises:
        DataError: they do.
    """
    if (folder / _ADAPTER).is_file() and lineage.model.get("source") != "hub":
        base = orjson.loads((folder / _ADAPTER).read_bytes()).get("base_model_name_or_path")
        fix = "Train with --lora-merge, or on a model at the Hub."
        raise DataError(str(Problem("model", "must not be adapters of a folder", Path(str(base)).name, fix)))


def _taken(repo: str, tag: str, tags: list[str]) -> Problem:
    fix = f"Choose a new tag; there are: {', '.join(tags)}."
    return Problem(f"{repo}: tag", "must not exist yet for another commit", tag, fix)
