"""What the fixture `stub` hands to tests."""

from dataclasses import dataclass

from hub_state import Hub
from trajset.builder.hub_client import HubSite


@dataclass(frozen=True)
class StubSite:
    """The stub's state, its address, and the site that our functions take."""

    hub: Hub
    address: str
    site: HubSite
