"""A recipe becomes a split that `datasets` loads, with its text and hash beside it."""

import tomllib

import pytest
from datasets import load_dataset
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import DataError, RecipeError
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split


def test_a_split_holds_the_accepted_rows(make_dataset) -> None:
    dataset: LocalDataset = make_dataset()
    recipe = load_recipe("f1_search")
    manifest = make_split(dataset.path, recipe, "polars")
    rows = list(dataset.rows())
    assert list(LocalDataset.open(dataset.path).rows("f1_search")) == [rows[0], rows[2]]
    kept = manifest.recipes["f1_search"]
    assert kept["hash"] == recipe.hash
    assert kept["predicate"] == recipe.predicate.text
    assert kept["parameters"] == {"min_f1": 0.65, "min_searches": 1, "min_evidence_recall": 1.0}
    written = tomllib.loads((dataset.path / "recipes.toml").read_text())
    assert written["f1_search"]["hash"] == recipe.hash


def test_the_same_recipe_again_replaces_its_split(make_dataset) -> None:
    path = make_dataset().path
    recipe = load_recipe("f1_only")
    assert make_split(path, recipe).split("f1_only").rows == 3
    manifest = make_split(path, recipe.bind({"min_f1": "0.9"}))
    assert manifest.split("f1_only").rows == 2
    assert manifest.recipes["f1_only"]["parameters"] == {"min_f1": 0.9}
    assert LocalDataset.open(path).splits == ("raw", "f1_only")


def test_datasets_loads_it(make_dataset, tmp_path) -> None:
    path = make_dataset().path
    make_split(path, load_recipe("f1_only"))
    loaded = load_dataset(str(path), split="f1_only", cache_dir=str(tmp_path / "cache"))
    assert loaded["f1"][:] == [1.0, 1.0, 0.8]


def test_a_recipe_that_accepts_nothing_writes_no_split(make_dataset) -> None:
    path = make_dataset().path
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(RecipeError, match="recipe llm_judge: must accept at least one row; got '0 of 5'"):
        make_split(path, load_recipe("llm_judge"))
    assert (path / "manifest.json").read_bytes() == before


def test_no_dataset_there(tmp_path) -> None:
    with pytest.raises(DataError):
        make_split(tmp_path, load_recipe("f1_only"))
