"""Fixtures that every test may use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read by huggingface_hub when it is first imported: the stub Hub (hub_stub.py) has no Xet storage.
os.environ["HF_HUB_DISABLE_XET"] = "1"
# Read by trackio likewise, which TRL imports too.
os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="trackio-")

from hub_site import StubSite
from hub_state import Hub
from hub_stub import running
from trajset.builder.hub_client import HubSite

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real trajectories, corpora and labels; it is not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data (../shared/data) is not on this machine")
    return SHARED_DATA


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[StubSite]:
    """An empty Hub on this machine, with a cache of its own."""
    hub = Hub()
    with running(hub) as address:
        yield StubSite(hub, address, HubSite(address, tmp_path / "hub-cache"))
