"""Rescoring: nothing changes where nothing is old, in collected rows as in imported ones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import sample_row
from trajset.builder.config import ImportConfig
from trajset.builder.rescore import DERIVED, Rescored, rescore
from trajset.builder.schema import Row
from trajset.builder.scoring import SCORER
from trajset.builder.transcripts.importing import read_transcripts


def rescored(rows: Sequence[Row]) -> Rescored:
    return rescore(rows, lambda _: None)


def test_an_old_scorer_and_old_values_are_brought_up_to_date() -> None:
    rows = [sample_row(number) for number in range(3)]
    rows[1] = replace(
        rows[1],
        scores=replace(rows[1].scores, f1=0.25, scorer="hotpot-0"),
        search_use=replace(rows[1].search_use, n_memory_cues=9, memory_cues=("i recall",)),
    )
    found = rescored(rows)
    assert (found.rows, found.changed_rows) == (3, 1)
    assert found.changed == {"f1": 1, "scorer": 1, "n_memory_cues": 1, "memory_cues": 1}
    assert found.columns is not None
    assert found.columns.column_names[0] == "id"
    assert set(found.columns.column_names) == {"id", *found.changed}
    assert found.columns.column("scorer").to_pylist() == [SCORER] * 3
    assert found.columns.column("memory_cues").to_pylist() == [[], [], []]


def test_nothing_changes_where_nothing_is_old() -> None:
    assert rescored([sample_row(number) for number in range(3)]) == Rescored(3, None, {}, 0)
    assert "searches" not in DERIVED
    assert {"f1", "answer_in_evidence", "first_action", "queries"} <= set(DERIVED)


FILES = (
    "r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz",
    "fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz",
    "knowagent_hotpotqa_llama-2-13b.jsonl.gz",
)


@pytest.mark.parametrize("name", FILES)
def test_imported_transcripts_have_the_scores_of_this_version(name: str, shared_data: Path) -> None:
    files = [shared_data / "trajectories" / name]
    rows = list(read_transcripts(files, ImportConfig(), datetime(2026, 1, 1, tzinfo=UTC)).rows)
    assert rows
    assert rescored(rows).changed == {}
