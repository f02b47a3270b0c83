"""huggingface_hub as trajset uses it: which Hub and cache, and its errors worded with what to do.

The token is huggingface_hub's own business (`hf auth login`, HF_TOKEN): it is never read or passed here, so
it cannot reach a log, a manifest, a card or an error.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import DataError, HubError, Problem

_TRANSPORT_ERROR: type[Exception] = HfHubHTTPError.__bases__[0]
"""`HTTPError` of httpx in huggingface_hub 1, of httpx2 in 2: a connection that failed."""

LOG_IN = "Log in with `hf auth login` or set HF_TOKEN, and check the name."
WRITE_TOKEN = "Use a token with write permission for this repository."
NO_CONNECTION = "Check the network, HF_ENDPOINT and HF_HUB_OFFLINE; then run the command again."
TRY_AGAIN = "Run the command again later: what was uploaded is kept and not sent twice."


@dataclass(frozen=True, slots=True)
class HubSite:
    """Which Hub and which cache; None leaves it to huggingface_hub (HF_ENDPOINT, HF_HOME)."""

    endpoint: str | None = None
    cache: Path | None = None

    def api(self) -> HfApi:
        """A client for it."""
        return HfApi(endpoint=self.endpoint, library_name="trajset", library_version=version("trajset"))


THE_HUB = HubSite()


@contextmanager
def hub_errors(repo: str) -> Generator[None]:
    """Turn what huggingface_hub raises about a repository into one sentence with a fix.

    Raises:
        HubError: refused, not found or not reachable.
        DataError: the name is no repository id.
    """
    try:
        yield
    except HFValidationError as error:
        raise DataError(str(Problem("repository", str(error), repo, "Write it as NAME/DATASET."))) from error
    except HfHubHTTPError as error:
        raise HubError(str(_refused(repo, error))) from error
    except (LocalEntryNotFoundError, ConnectionError, TimeoutError, _TRANSPORT_ERROR) as error:
        problem = Problem("Hub", "must be reachable", type(error).__name__, NO_CONNECTION)
        raise HubError(f"{repo}: {problem}") from error


def _refused(repo: str, error: HfHubHTTPError) -> Problem:
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return Problem(
            repo, "access must be granted (gated)", status, "Ask for access on its page; then log in."
        )
    if isinstance(error, RepositoryNotFoundError):
        return Problem(repo, "must be a repository on the Hub that you may see", status, LOG_IN)
    if isinstance(error, RevisionNotFoundError):
        return Problem(repo, "must have that revision", status, "`trajset versions` lists those that exist.")
    if isinstance(error, EntryNotFoundError):
        return Problem(repo, "must hold the file", status, "Check that trajset published this dataset.")
    fix = {401: LOG_IN, 403: WRITE_TOKEN}.get(status, TRY_AGAIN)
    return Problem(repo, f"the Hub refused: {error.server_message or 'no reason given'}", status, fix)
