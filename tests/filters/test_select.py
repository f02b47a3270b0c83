"""The Python API: the kept rows in three forms, from a folder and straight from the Hub."""

from pathlib import Path

import polars as pl
import pytest
import trajset
from datasets import Dataset, load_dataset
from hub_site import StubSite
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import DataError, RecipeError
from trajset.builder.hub import publish
from trajset.builder.remote import RemoteDataset
from trajset.builder.schema import COLUMNS, FEATURES
from trajset.builder.table import rows_from_table
from trajset.filters.engines import ENGINES, Engine
from trajset.filters.splits import make_split


@pytest.mark.parametrize("engine", ENGINES)
def test_a_polars_frame(make_dataset, engine: Engine) -> None:
    path = make_dataset().path
    frame = trajset.select(path, "f1_search", columns=["question_id", "f1"], engine=engine)
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [("q0", 1.0), ("q2", 0.8)]
    assert trajset.select(str(path), "f1_search", settings={"min_f1": 0.9}).height == 1


def test_an_arrow_table_holds_whole_rows(make_dataset) -> None:
    dataset: LocalDataset = make_dataset()
    table = trajset.select(dataset, trajset.load_recipe("f1_search"), as_="arrow")
    rows = list(dataset.rows())
    assert list(rows_from_table(table)) == [rows[0], rows[2]]


def test_a_dataset_is_the_split_that_datasets_loads(make_dataset, tmp_path: Path) -> None:
    path = make_dataset().path
    made = trajset.select(path, "f1_search", as_="datasets")
    make_split(path, trajset.load_recipe("f1_search"))
    loaded = load_dataset(str(path), split="f1_search", cache_dir=str(tmp_path / "cache"))
    assert isinstance(made, Dataset)
    assert made.features == loaded.features == FEATURES
    assert made.to_list() == loaded.to_list()


def test_json_is_text_in_a_frame(make_dataset) -> None:
    frame = trajset.select(make_dataset(), "f1_only")
    assert tuple(frame.columns) == COLUMNS
    assert '"query"' in frame["searches"][0][0]


def test_nothing_kept_has_the_columns_all_the_same(make_dataset) -> None:
    dataset = make_dataset()
    assert trajset.select(dataset, "llm_judge", columns=["id", "f1"]).schema == {
        "id": pl.String,
        "f1": pl.Float64,
    }
    assert trajset.select(dataset, "llm_judge", as_="datasets").features == FEATURES


def test_straight_from_the_hub(make_dataset, stub: StubSite) -> None:
    dataset = make_dataset()
    publish(dataset.path, "tester/data", "v1", site=stub.site)
    remote = RemoteDataset.open("tester/data", "v1", stub.site)
    assert trajset.select(remote, "f1_search", as_="arrow") == trajset.select(
        dataset, "f1_search", as_="arrow"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"columns": ["questoin"]}, "Did you mean 'question'"),
        ({"columns": "question"}, "must be names, each once"),
        ({"columns": ["f1", "f1"]}, "must be names, each once"),
        ({"columns": []}, "must be names, each once"),
        ({"as_": "pandas"}, "Known: arrow, datasets, polars"),
    ],
)
def test_what_cannot_be_given_back(make_dataset, wrong: dict, said: str) -> None:
    with pytest.raises(DataError) as caught:
        trajset.select(make_dataset(), "f1_only", **wrong)
    assert said in str(caught.value)


def test_a_wrong_setting(make_dataset, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Known: min_f1"):
        trajset.select(make_dataset(), "f1_only", settings={"f1": 1})
    with pytest.raises(DataError, match="existing folder"):
        trajset.select(tmp_path / "nowhere", "f1_only")
