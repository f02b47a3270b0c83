"""What the fixture `stub` hands to tests, and a process that knows only that Hub."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hub_state import Hub
from trajset.builder.hub_client import HubSite


@dataclass(frozen=True)
class StubSite:
    """The stub's state, its address, and the site that our functions take."""

    hub: Hub
    address: str
    site: HubSite


def python(script: str, address: str, home: Path, **environment: str) -> str:
    """The output of a script in a new process that only knows the Hub's address."""
    settings = {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)} | environment
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr if environment else done.stdout
