"""Records of a dataset on the Hugging Face Hub, streamed through `datasets` at a fixed commit."""

from __future__ import annotations

import gc
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import datasets
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from .errors import DataError, HubError, Problem, unknown
from .hub_client import THE_HUB, hub_errors
from .identity import content_hash
from .source_files import Record

HUB_PREFIX = "hf:"
HUB_FORM = "hf:REPO[@REVISION][:[CONFIG/]SPLIT]"

_REFERENCE = re.compile(
    r"hf:(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[^:]+))?"
    r"(?::(?:(?P<config>[^/:]+)/)?(?P<split>[^/:]+))?"
)


@dataclass(frozen=True, slots=True)
class HubSource:
    """One split of a dataset repository at one commit."""

    repo: str
    commit: str
    config: str | None
    split: str

    @property
    def name(self) -> str:
        """The repository without its owner."""
        return self.repo.rsplit("/", 1)[-1]

    def fingerprint(self) -> str:
        """Changes when the commit, config or split does; reads nothing."""
        return content_hash([self.repo, self.commit, self.config, self.split], 64)

    def records(self) -> Iterator[Record]:
        """All rows in order.

        Raises:
            HubError: the Hub refuses or breaks off.
        """
        where = f"{HUB_PREFIX}{self.repo}@{self.commit[:8]}:{self.split}"
        with _dataset_errors(self.repo):
            rows = datasets.load_dataset(
                self.repo, self.config, split=self.split, revision=self.commit, streaming=True
            )
            try:
                for number, values in enumerate(rows, 1):
                    yield Record(f"{where} row {number}", dict(values))
            finally:
                # A streaming Parquet dataset left half read can hang the interpreter at exit.
                del rows
                gc.collect()


def open_hub_source(text: str) -> HubSource:
    """Look up commit, config and split of a reference such as `hf:owner/corpus@v1.0:train`.

    Raises:
        DataError: not of the form `HUB_FORM`, or no such repository, revision, config or split.
        HubError: the Hub cannot be reached or refuses.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise DataError(
            str(Problem("source", f"must have the form {HUB_FORM}", text, "For a file give its path."))
        )
    repo = match["repo"]
    commit = _commit(repo, match["revision"])
    with _dataset_errors(repo):
        config = _choice("config", match["config"], _configs(repo, commit, match["split"]), text)
        splits = datasets.get_dataset_split_names(repo, config, revision=commit)
    return HubSource(repo, commit, config, _choice("split", match["split"], splits, text))


def _configs(repo: str, commit: str, split: str | None) -> list[str]:
    try:
        return datasets.get_dataset_config_names(repo, revision=commit)
    except RuntimeError as error:  # `datasets` 4 and later run no loading script
        fix = f"Try its Parquet copy: {HUB_PREFIX}{repo}@refs/convert/parquet:CONFIG/{split or 'SPLIT'}"
        problem = Problem(repo, "must hold data files", str(error), fix)
        raise DataError(str(problem)) from error


def _commit(repo: str, revision: str | None) -> str:
    api = THE_HUB.api()
    with _dataset_errors(repo):
        try:
            sha = api.dataset_info(repo, revision=revision).sha
        except RevisionNotFoundError as error:
            refs = api.list_repo_refs(repo, repo_type="dataset")
            names = [ref.name for ref in (*refs.branches, *refs.tags)]
            raise DataError(str(unknown(f"revision of {repo}", str(revision), names))) from error
        except RepositoryNotFoundError as error:
            fix = "Check the name; for a private dataset log in with `hf auth login`."
            raise DataError(str(Problem("repository", "must be a dataset on the Hub", repo, fix))) from error
    if sha is None:
        raise HubError(
            str(Problem("repository", "must have a commit", repo, "The Hub named none; try again."))
        )
    return sha


def _choice(kind: str, wanted: str | None, known: list[str], text: str) -> str:
    """The one asked for; without one, the only one, or `default` of several configs."""
    if wanted is not None:
        if wanted not in known:
            raise DataError(str(unknown(f"{kind} of {text}", wanted, known)))
        return wanted
    if len(known) == 1:
        return known[0]
    if kind == "config" and "default" in known:
        return "default"
    fix = f"Name one as in {HUB_FORM}. Known: {', '.join(sorted(known))}."
    raise DataError(str(Problem(kind, "must be named where there are several", text, fix)))


@contextmanager
def _dataset_errors(repo: str) -> Generator[None]:
    """What `datasets` raises of its own, beside what huggingface_hub raises."""
    try:
        with hub_errors(repo):
            yield
    except (DatasetsError, ConnectionError) as error:
        fix = "Check that it holds data files; a local file works without the Hub."
        problem = Problem(repo, f"must be readable by `datasets` ({error})", type(error).__name__, fix)
        raise HubError(str(problem)) from error
