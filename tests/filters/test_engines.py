"""Engines: order, nulls, errors, and the shipped recipes on real rows."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from column_bytes import bytes_of
from hub_site import StubSite
from sample_rows import sample_row
from trajset.builder.config import ImportConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import DataError, RecipeError
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.readable import open_readable
from trajset.builder.transcripts.importing import read_transcripts
from trajset.filters import engines
from trajset.filters.engines import ENGINES, Engine, accepted_ids, check_engines_agree, verdicts
from trajset.filters.predicates import Predicate
from trajset.filters.recipes import Recipe, list_recipes, load_recipe


def recipe(text: str, name: str = "own") -> Recipe:
    return Recipe(name, "Own", "", Predicate.parse(text, {}))


def ids(*numbers: int) -> list[str]:
    return [f"{number:016x}" for number in numbers]


@pytest.mark.parametrize("engine", ENGINES)
def test_null_is_a_verdict_of_its_own_and_not_accepted(make_dataset, engine: Engine) -> None:
    dataset = make_dataset()
    f1_only, f1_search = load_recipe("f1_only"), load_recipe("f1_search")
    table = verdicts(dataset.shards(), [f1_only, f1_search], engine)
    assert table.column_names == ["id", "f1_only", "f1_search"]
    assert table.column("f1_only").to_pylist() == [True, True, True, False, None]
    assert accepted_ids(dataset, f1_only, engine) == ids(0, 1, 2)
    assert accepted_ids(dataset, f1_search, engine) == ids(0, 2)
    assert accepted_ids(dataset, load_recipe("llm_judge"), engine) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_ids_come_in_the_order_of_many_shards(tmp_path: Path, engine: Engine) -> None:
    shards = []
    for part in range(3):
        names = [f"{part}-{number}" for number in range(30_000)]
        table = pa.table({"id": names, "f1": [float(number % 3) for number in range(30_000)]})
        shards.append(tmp_path / f"{part}.parquet")
        pq.write_table(table, shards[-1], row_group_size=1000)
    table = verdicts(shards, [recipe("f1 >= 1")], engine)
    assert table.column("id").to_pylist() == [f"{p}-{n}" for p in range(3) for n in range(30_000)]
    assert table.column("own").to_pylist() == [n % 3 > 0 for _ in range(3) for n in range(30_000)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["[a]", "a*", "?", "it's", "{a,b}", 'q"', "x=1"])
def test_paths_are_no_patterns(tmp_path: Path, engine: Engine, name: str) -> None:
    for folder in (name, "a", "ab"):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"id": [folder], "f1": [1.0]}), tmp_path / folder / "raw.parquet")
    table = verdicts([tmp_path / name / "raw.parquet"], [recipe("f1 > 0")], engine)
    assert table.column("id").to_pylist() == [name]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_recipes_no_columns(make_dataset, engine: Engine) -> None:
    assert verdicts(make_dataset().shards(), [], engine).column_names == ["id"]


def test_an_unknown_engine_and_a_name_twice(make_dataset) -> None:
    dataset = make_dataset()
    with pytest.raises(RecipeError, match="Known: duckdb, polars"):
        accepted_ids(dataset, recipe("em"), "sqlite")  # pyright: ignore[reportArgumentType]
    with pytest.raises(RecipeError, match="names of their own"):
        verdicts(dataset.shards(), [recipe("em"), recipe("f1 > 0")], "duckdb")


def test_what_an_engine_cannot_run_is_one_clear_error(make_dataset) -> None:
    deep = recipe("+".join(["f1"] * 100) + " > 1")
    with pytest.raises(RecipeError, match="recipe own: must run on polars"):
        accepted_ids(make_dataset(), deep, "polars")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_broken_shard(tmp_path: Path, engine: Engine) -> None:
    broken = tmp_path / "raw.parquet"
    broken.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DataError, match=r"raw\.parquet"):
        verdicts([broken], [recipe("em")], engine)


def test_the_connection_of_duckdb_is_locked(make_dataset, tmp_path: Path, monkeypatch) -> None:
    """Were a predicate to get past the check, it could still open nothing."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    sneaky = recipe("em")
    monkeypatch.setattr(Recipe, "sql", property(lambda _: f"(SELECT true FROM read_text('{secret}'))"))
    with pytest.raises(RecipeError, match="must run on duckdb"):
        verdicts(make_dataset().shards(), [sneaky], "duckdb")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_version_on_the_hub_is_judged_without_its_messages(
    tmp_path: Path, stub: StubSite, engine: Engine
) -> None:
    rows = [
        sample_row(n, f1=n % 7 / 6, text=" ".join(str(hash((n, k))) for k in range(90))) for n in range(900)
    ]
    folder = tmp_path / "data"
    write_dataset(folder, Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    publish(folder, "tester/data", "v1", site=stub.site)
    local, remote = LocalDataset.open(folder), open_readable("tester/data@v1", stub.site)
    stub.hub.ranges.clear()
    found = verdicts(remote, list_recipes(), engine)
    assert found.equals(verdicts(local, list_recipes(), engine))
    fetched = [entry for entry in stub.hub.ranges if entry.path.startswith("data/raw")]
    (shard,) = local.shards()
    size, (first, last) = shard.stat().st_size, bytes_of(shard, "messages")
    pieces = [
        entry for entry in fetched if entry.end < size
    ]  # not the footer, which comes in one 64 KiB read
    assert len(pieces) == len(fetched) - 1 > 0
    assert all(entry.end <= first or entry.start >= last for entry in pieces)
    assert sum(entry.end - entry.start for entry in pieces) < size / 8


def test_comparing_the_engines(make_dataset, monkeypatch) -> None:
    dataset = make_dataset()
    check_engines_agree(dataset, load_recipe("f1_search"))
    right = engines._Polars.conditions
    monkeypatch.setattr(engines._Polars, "conditions", lambda self, rows, _: right(self, rows, ["f1 > 0.9"]))
    with pytest.raises(RecipeError, match="1 rows differ, the first is; got '0000000000000002'"):
        check_engines_agree(dataset, recipe("f1 > 0.5"))


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalDataset:
    folder = tmp_path_factory.mktemp("imported")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    files = [
        shared_data / "trajectories" / name
        for name in ("fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz", "r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz")
    ]
    read = read_transcripts(files, ImportConfig(out=folder), now)
    write_dataset(folder, Tables(read.rows, read.judgements), MadeBy("import", now))
    return LocalDataset.open(folder)


def test_real_rows_both_engines_accept_the_same(imported: LocalDataset) -> None:
    for entry in list_recipes():
        ours, theirs = (accepted_ids(imported, entry, engine) for engine in ENGINES)
        assert ours == theirs
    assert accepted_ids(imported, load_recipe("llm_judge"))


def test_known_counts_of_fireact(imported: LocalDataset) -> None:
    fireact = "teacher LIKE 'fireact%' AND f1 > 0.65"
    assert len(accepted_ids(imported, recipe(fireact))) == 262
    assert len(accepted_ids(imported, recipe(f"{fireact} AND n_searches >= 1"))) == 170
