"""A small dataset with two splits, judgements and labels, and with text that tries to break a card."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Label, Row, StopReason
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split

PROMPT = "Search first.\n```\nThen answer. <answer>|</answer>\n"
MADE = MadeBy("collect", datetime(2026, 1, 1, tzinfo=UTC), {"k": 5}, {"p|1": PROMPT})


def rows() -> list[Row]:
    """Six rows: three right ones, one half right, one wrong that never searched, one broken rollout."""
    made = [sample_row(number, f1=f1) for number, f1 in enumerate([1.0, 1.0, 1.0, 0.5, 0.0, None])]
    idle = dataclasses.replace(made[4].search_use, n_searches=0, first_action="answer", evidence_recall=None)
    made[4] = dataclasses.replace(made[4], search_use=idle)
    broken = dataclasses.replace(made[5].outcome, answer=None, stop_reason=StopReason.INFRASTRUCTURE)
    unknown = dataclasses.replace(made[5].provenance, teacher=None, prompt_id="p|1", corpus="a|b `c` <d>")
    made[5] = dataclasses.replace(made[5], outcome=broken, provenance=unknown)
    return made


@pytest.fixture
def dataset(tmp_path: Path) -> LocalDataset:
    made = rows()
    labels = [Label(row.id, "ann", True, row is not made[1], None, CREATED) for row in made[:4]]
    labels += [Label(row.id, "human", row not in made[4:], None, None, CREATED) for row in made]
    judgements = [
        Judgement(row.id, "llm_judge", "gpt-4o", "h", verdict, None, None, None, None)
        for row, verdict in zip(made, [True, False, None], strict=False)
    ]
    path = tmp_path / "data"
    write_dataset(path, Tables(made, judgements, labels), MADE)
    for name in ("f1_only", "f1_search"):
        make_split(path, load_recipe(name))
    return LocalDataset.open(path)
