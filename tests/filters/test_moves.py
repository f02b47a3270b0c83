"""Which rows changed side between two versions, under which text of the recipe, and why."""

import dataclasses
import json
from pathlib import Path

import pytest
from sample_rows import sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.errors import RecipeError
from trajset.builder.schema import Row
from trajset.filters.moves import MOVE_COLUMNS, Moves, Tally, moves
from trajset.filters.recipes import Recipe, load_recipe

from .conftest import MADE


def version(path: Path, rows: list[Row], *recipes: Recipe) -> LocalDataset:
    """A dataset with the recipes' splits; who is in them does not matter to `moves`."""
    write_dataset(path, Tables(rows), MADE)
    for recipe in recipes:
        write_split(path, recipe.name, [rows[0].id], recipe.to_json())
    return LocalDataset.open(path)


def idle(row: Row) -> Row:
    return dataclasses.replace(row, search_use=dataclasses.replace(row.search_use, n_searches=0))


def by_id(found: Moves) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in found.rows.iter_rows(named=True)}


F1_ONLY, F1_SEARCH = load_recipe("f1_only"), load_recipe("f1_search")


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_rows_that_change_side_say_why(tmp_path: Path, engine) -> None:
    old = [sample_row(number, f1=f1) for number, f1 in enumerate([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0])]
    new = [
        old[0],
        idle(old[1]),
        sample_row(2, f1=1.0),
        sample_row(3, f1=None),
        old[4],
        sample_row(7, f1=1.0),
        sample_row(8, f1=0.0),
    ]
    found = moves(
        version(tmp_path / "old", old, F1_SEARCH), version(tmp_path / "new", new, F1_SEARCH), (), engine
    )
    (move,) = found.recipes
    assert (move.name, move.origin) == ("f1_search", "same")
    assert (move.before, move.after) == (Tally(7, 7, 3), Tally(7, 6, 3))
    assert (move.after.unknown, move.after.accept_rate) == (1, pytest.approx(3 / 7))
    assert (move.old_on_new, move.new_on_old) == (move.after, move.before)
    assert (move.entered, move.left, move.changed) == (2, 2, 1)
    rows = by_id(found)
    assert tuple(found.rows.columns) == MOVE_COLUMNS
    assert list(rows) == [row.id for row in (old[1], old[2], old[3], new[5], old[5])]
    told = {key: (row["move"], row["before"], row["after"], row["why"]) for key, row in rows.items()}
    assert told == {
        old[1].id: ("left", "accepted", "rejected", "columns"),
        old[2].id: ("entered", "rejected", "accepted", "columns"),
        old[3].id: ("changed", "rejected", "unknown", "columns"),
        new[5].id: ("entered", "absent", "accepted", "row added"),
        old[5].id: ("left", "accepted", "absent", "row removed"),
    }
    assert json.loads(rows[old[1].id]["changes"]) == {"n_searches": [1, 0]}
    assert json.loads(rows[old[3].id]["changes"]) == {"f1": [0.0, None]}
    assert rows[old[5].id]["changes"] is None
    assert (rows[old[5].id]["question_id"], rows[old[5].id]["question"]) == ("q5", "What is capital 5?")


def test_a_changed_text_is_told_from_changed_rows(tmp_path: Path) -> None:
    old = [sample_row(number, f1=f1) for number, f1 in enumerate([1.0, 0.7, 0.7, 0.0])]
    new = [old[0], old[1], sample_row(2, f1=0.75), sample_row(3, f1=1.0)]
    stricter = F1_ONLY.bind({"min_f1": "0.9"})
    found = moves(version(tmp_path / "old", old, F1_ONLY), version(tmp_path / "new", new, stricter))
    (move,) = found.recipes
    assert move.origin == "changed"
    assert (move.old.readable_sql, move.new.readable_sql) == ("f1 > 0.65", "f1 > 0.9")
    counts = (move.before, move.old_on_new, move.new_on_old, move.after)
    assert [tally.accepted for tally in counts] == [3, 4, 1, 2]
    whys = [(row["id"], row["move"], row["why"]) for row in found.rows.iter_rows(named=True)]
    assert whys == [
        (old[1].id, "left", "recipe"),
        (old[2].id, "left", "columns and recipe"),
        (old[3].id, "entered", "columns and recipe"),
    ]


def test_recipes_of_one_version_and_those_asked_for(tmp_path: Path) -> None:
    rows = [sample_row(number, f1=number / 4) for number in range(5)]
    old = version(tmp_path / "old", rows, F1_ONLY)
    new = version(tmp_path / "new", rows, F1_SEARCH)
    judge, other = load_recipe("llm_judge"), F1_ONLY.bind({"min_f1": "0.2"})
    found = moves(old, new, (judge, F1_ONLY, other))
    assert [(move.name, move.origin) for move in found.recipes] == [
        ("f1_only", "only before"),
        ("f1_search", "only after"),
        ("llm_judge", "asked for"),
        ("f1_only (as asked for)", "asked for"),
    ]
    assert found.recipes[2].after == Tally(5, 0, 0)
    assert found.recipes[2].after.accept_rate is None
    assert found.rows.is_empty()
    assert tuple(found.rows.columns) == MOVE_COLUMNS


def test_a_split_that_no_recipe_cut_is_skipped_with_the_reason(tmp_path: Path) -> None:
    rows = [sample_row(0)]
    old = version(tmp_path / "old", rows)
    write_split(tmp_path / "old", "mine", [rows[0].id], {"name": "mine", "seed": 3})
    found = moves(LocalDataset.open(tmp_path / "old"), old)
    assert found.recipes == ()
    assert "predicate" in found.skipped["mine"]


def test_a_recipe_asked_for_on_an_engine_that_does_not_exist(tmp_path: Path) -> None:
    old = version(tmp_path / "old", [sample_row(0)])
    with pytest.raises(RecipeError, match="engine"):
        moves(old, old, (F1_ONLY,), "sqlite")


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_a_ranking_recipe_moves_a_row_for_the_sake_of_others(tmp_path: Path, engine) -> None:
    good, better = sample_row(0, f1=0.8), sample_row(1, f1=0.9)
    better = dataclasses.replace(better, question=good.question)
    best = load_recipe("best_of_n")
    old, new = version(tmp_path / "old", [good, better], best), version(tmp_path / "new", [good], best)
    found = moves(old, new, (), engine)
    assert [(row["id"], row["move"], row["why"]) for row in found.rows.iter_rows(named=True)] == [
        (good.id, "entered", "other rows"),
        (better.id, "left", "row removed"),
    ]
