"""What every trainer has beside TRL's: an account of what it sees, lineage and card with each checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .run_book import RunBook


class Recorded:
    """Base beside a trainer of TRL, before it in the order of bases."""

    book: RunBook
    args: Any
    state: Any

    def create_model_card(
        self,
        model_name: str | None = None,
        dataset_name: str | None = None,
        tags: str | list[str] | None = None,
    ) -> None:
        """Lineage and our card into the checkpoint that TRL is about to write, instead of its own card."""
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        self.book.keep(folder, self, "running")
