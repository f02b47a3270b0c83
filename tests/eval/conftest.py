"""Who looks on while cells are made."""

from dataclasses import dataclass, field

from trajset.builder.collect import Report
from trajset.builder.collect_workers import Tally
from trajset.builder.notices import Notices
from trajset.eval.matrix import PlannedCell


@dataclass
class Looker:
    """Looks on, and remembers."""

    notices: Notices = field(default_factory=Notices)
    begun: list[str] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)

    def begin(self, cell: PlannedCell, place: int) -> Report:
        """Remember the cell; its tallies are kept too."""
        assert place == len(self.begun)
        self.begun.append(cell.slug)
        return self.tallies.append
