"""Datasets on disk: shards, splits, pivoted verdicts, loadable by `datasets`, and safe against crashes."""

import dataclasses
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, remove_split, write_dataset, write_split
from trajset.builder.errors import DataError, StorageError
from trajset.builder.info import dataset_info
from trajset.builder.manifest import MadeBy, Manifest, check_split_name
from trajset.builder.schema import FEATURES, JUDGEMENT_FEATURES, Judgement, Label, Row
from trajset.builder.shards import Limits, place, stage
from trajset.builder.table import rows_from_table, table_from_rows

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC), {"k": 5}, {"p": "Search before you answer."})
RECIPE = {"name": "odd", "predicate": "seed % 2 = 1", "parameters": {"min_f1": 0.65}, "note": None}


def judged(row_id: str, judge: str, verdict: bool | None) -> Judgement:
    return Judgement(row_id, judge, "gpt", "h", verdict, 0.9, "so it says", 10, 0.5)


def write(path: Path, count: int = 6) -> list[Row]:
    rows = [sample_row(number) for number in range(count)]
    write_dataset(path, Tables(rows), MADE)
    return rows


def odd_ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows[1::2]]


def test_rows_come_back_and_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    rows = write(tmp_path)
    dataset = LocalDataset.open(tmp_path)
    assert list(dataset.rows()) == rows
    assert dataset.splits == ("raw",)
    assert dataset.table("raw", ["f1", "id"]).column_names == ["f1", "id"]
    assert dataset.table().schema.metadata
    assert dataset.ids() == [row.id for row in rows]
    assert list(dataset.judgements()) == list(dataset.labels()) == []
    manifest = dataset.manifest
    assert (manifest.command, manifest.config, manifest.parent) == ("test", {"k": 5}, None)
    assert manifest.prompts["p"].text == MADE.prompts["p"]
    assert manifest.versions["trajset"]
    assert [shard.rows for shard in manifest.shards] == [6]
    dataset.verify()


def test_writing_the_same_rows_gives_the_same_files(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    first, second = (LocalDataset.open(tmp_path / name).manifest for name in "ab")
    assert first == second


def test_a_split_keeps_the_order_of_raw_and_can_be_replaced_and_removed(tmp_path: Path) -> None:
    rows = write(tmp_path)
    write_split(tmp_path, "odd", list(reversed(odd_ids(rows))), RECIPE)
    write_split(tmp_path, "none", [], RECIPE)
    dataset = LocalDataset.open(tmp_path)
    assert list(dataset.rows("odd")) == rows[1::2]
    assert list(dataset.rows("none")) == []
    assert dataset.table("none").num_rows == 0
    recipes = tomllib.loads((tmp_path / "recipes.toml").read_text())
    assert recipes["odd"]["parameters"] == {"min_f1": 0.65}
    assert dataset.manifest.recipes["odd"]["hash"]
    write_split(tmp_path, "odd", odd_ids(rows)[:1], RECIPE)
    assert LocalDataset.open(tmp_path).splits == ("raw", "none", "odd")
    assert list(LocalDataset.open(tmp_path).rows("odd")) == rows[1:2]
    remove_split(tmp_path, "odd")
    assert LocalDataset.open(tmp_path).splits == ("raw", "none")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "none-00000-of-00001.parquet",
        "raw-00000-of-00001.parquet",
    ]


def test_new_rows_drop_the_splits_cut_from_the_old_ones(tmp_path: Path) -> None:
    rows = write(tmp_path)
    write_split(tmp_path, "odd", odd_ids(rows), RECIPE)
    write_dataset(tmp_path, Tables(LocalDataset.open(tmp_path).rows("odd")), MADE)
    dataset = LocalDataset.open(tmp_path)
    assert dataset.splits == ("raw",)
    assert list(dataset.rows()) == rows[1::2]
    assert not list((tmp_path / "data").glob("odd*"))


def test_verdicts_are_pivoted_by_judge_name(tmp_path: Path) -> None:
    rows = [sample_row(number) for number in range(3)]
    judgements = [
        judged(rows[0].id, "llm_judge", True),
        judged(rows[0].id, "llm_judge_reflect", False),
        judged(rows[1].id, "llm_judge", None),
        judged(rows[1].id, "some_other_judge", True),
    ]
    label = Label(rows[0].id, "oracle", True, False, None, CREATED)
    write_dataset(tmp_path, Tables(iter(rows), iter(judgements), iter([label])), MADE)
    dataset = LocalDataset.open(tmp_path)
    verdicts = [(row.verdicts.llm_judge, row.verdicts.llm_judge_reflect) for row in dataset.rows()]
    assert verdicts == [(True, False), (None, None), (None, None)]
    assert list(dataset.judgements()) == judgements
    assert list(dataset.labels()) == [label]


def test_datasets_loads_every_split_and_table_from_the_folder(tmp_path: Path) -> None:
    folder, cache = tmp_path / "data set", str(tmp_path / "cache")
    rows = [sample_row(number) for number in range(5)]
    write_dataset(folder, Tables(rows, [judged(rows[0].id, "llm_judge", True)]), MADE)
    write_split(folder, "odd", odd_ids(rows), RECIPE)
    write_split(folder, "none.of_them", [], RECIPE)
    loaded = load_dataset(str(folder), split="odd", cache_dir=cache)
    assert loaded.features == FEATURES
    assert loaded["id"][:] == odd_ids(rows)
    assert len(load_dataset(str(folder), split="raw", cache_dir=cache)) == 5
    with pytest.raises(ValueError, match="Unknown split"):
        load_dataset(str(folder), split="none.of_them", cache_dir=cache)
    judgements = load_dataset(str(folder), "judgements", split="train", cache_dir=cache)
    assert judgements.features == JUDGEMENT_FEATURES


def test_the_card_keeps_its_text_and_gets_the_configs(tmp_path: Path) -> None:
    rows = write(tmp_path)
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\nconfigs: []\n---\n# My title\n\n---\nText é\n", "utf-8"
    )
    write_split(tmp_path, "odd", odd_ids(rows), RECIPE)
    _, head, body = (tmp_path / "README.md").read_text("utf-8").split("---\n", 2)
    assert body == "# My title\n\n---\nText é\n"
    card = yaml.safe_load(head)
    assert card["license"] == "mit"
    assert [entry["split"] for entry in card["configs"][0]["data_files"]] == ["raw", "odd"]
    (tmp_path / "README.md").write_text("---\n- a list\n---\n")
    with pytest.raises(DataError, match="YAML mapping"):
        write_split(tmp_path, "odd", [], RECIPE)


def test_repeated_and_unknown_ids_are_named_and_nothing_is_touched(tmp_path: Path) -> None:
    rows = write(tmp_path)
    before = LocalDataset.open(tmp_path).manifest
    row, unknown = rows[0], "f" * 16
    cases = [
        (Tables([row, rows[1], row]), row.id),
        (Tables([row], [judged(unknown, "llm_judge", True)]), unknown),
        (Tables([row], [], [Label(unknown, "a", True, True, None, CREATED)]), unknown),
        (Tables([row], [judged(row.id, "j", True), judged(row.id, "j", False)]), "twice"),
        (Tables([]), "at least one row"),
    ]
    for tables, message in cases:
        with pytest.raises(DataError, match=message):
            write_dataset(tmp_path, tables, MADE)
    with pytest.raises(DataError, match=unknown):
        write_split(tmp_path, "odd", [row.id, unknown], RECIPE)
    assert LocalDataset.open(tmp_path).manifest == before
    LocalDataset.open(tmp_path).verify()
    assert not list(tmp_path.rglob(".staged*"))


@pytest.mark.parametrize("name", ["raw", "all", "a-b", "a b", "", "ü", ".a", "a/b"])
def test_split_names_that_datasets_does_not_take_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="split"):
        check_split_name(name)


def test_unknown_split_and_column_list_what_exists(tmp_path: Path) -> None:
    write_split(tmp_path, "odd", odd_ids(write(tmp_path)), RECIPE)
    dataset = LocalDataset.open(tmp_path)
    with pytest.raises(DataError, match=r"Did you mean 'odd'\? Known: odd, raw"):
        dataset.shards("oddd")
    with pytest.raises(DataError, match="Did you mean 'f1'"):
        dataset.table("raw", ["f1s"])
    with pytest.raises(DataError, match="Known: odd, raw"):
        remove_split(tmp_path, "even")


def test_shards_and_row_groups_are_bounded(tmp_path: Path) -> None:
    rows = [sample_row(number) for number in range(200)]
    tables = [table_from_rows(rows[start : start + 10]) for start in range(0, 200, 10)]
    limits = Limits(row_group=tables[0].nbytes * 2, shard=10_000)
    placed = place(tmp_path, stage(tmp_path / "data", "raw", tables[0].schema, tables, limits))
    assert len(placed) > 2
    assert placed[-1].path == f"data/raw-{len(placed) - 1:05d}-of-{len(placed):05d}.parquet"
    files = [pq.ParquetFile(tmp_path / shard.path) for shard in placed]
    assert [file.metadata.num_rows for file in files] == [shard.rows for shard in placed]
    assert all(file.num_row_groups > 1 for file in files[:-1])
    assert [row for file in files for row in rows_from_table(file.read())] == rows


def test_fewer_shards_leave_no_old_ones_behind(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for index in range(2):
        (tmp_path / "data" / f"raw-{index:05d}-of-00002.parquet").write_bytes(b"old")
    write(tmp_path)
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["raw-00000-of-00001.parquet"]


def broken_stream(rows: list[Row]) -> Iterator[Row]:
    yield from rows
    raise KeyboardInterrupt


def test_an_interrupted_write_leaves_the_old_dataset(tmp_path: Path) -> None:
    rows = write(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, Tables(broken_stream(rows[:2])), MADE)
    assert list(LocalDataset.open(tmp_path).rows()) == rows


def test_what_a_crash_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    rows = write(tmp_path)
    stage(tmp_path / "data", "odd", table_from_rows(rows).schema, [table_from_rows(rows)])
    (tmp_path / "data" / "odd-00000-of-00001.parquet").write_bytes(b"named, but in no manifest")
    (tmp_path / ".staged-manifest.json").write_text("{")
    (tmp_path / "data" / "notes.txt").write_text("mine")
    write_split(tmp_path, "even", [], RECIPE)
    assert not list(tmp_path.rglob(".staged*"))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "even-00000-of-00001.parquet",
        "notes.txt",
        "raw-00000-of-00001.parquet",
    ]


def test_two_filters_at_once_both_get_their_split(tmp_path: Path) -> None:
    rows = write(tmp_path, 300)
    names = [f"cut_{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: write_split(tmp_path, name, odd_ids(rows), RECIPE), names))
    dataset = LocalDataset.open(tmp_path)
    assert sorted(dataset.splits) == [*names, "raw"]
    dataset.verify()


def test_a_crash_never_leaves_old_shards_beside_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write(tmp_path)
    write_split(tmp_path, "odd", odd_ids(rows), RECIPE)
    old = {file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    (tmp_path / "data" / "raw-00001-of-00002.parquet").write_bytes(b"an older raw had two shards")
    monkeypatch.setattr(Path, "replace", crash_after_raw(Path.replace))
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, Tables([sample_row(9)], labels=[LABEL]), MADE)
    found = {file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    assert list(found) == ["raw-00000-of-00001.parquet"]
    assert found["raw-00000-of-00001.parquet"] != old["raw-00000-of-00001.parquet"]
    with pytest.raises(DataError, match="interrupted"):
        LocalDataset.open(tmp_path)


LABEL = Label(sample_row(9).id, "oracle", True, False, None, CREATED)


def crash_after_raw(replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def replace_or_crash(source: Path, target: Path) -> Path:
        if target.name.startswith("labels"):
            raise KeyboardInterrupt
        return replace(source, target)

    return replace_or_crash


@pytest.mark.parametrize(
    "path", ["../secret.parquet", "/etc/passwd", "data/../../x-00000-of-00001.parquet", "README.md"]
)
def test_a_manifest_from_a_stranger_names_nothing_but_shards(tmp_path: Path, path: str) -> None:
    write(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("data/raw-00000-of-00001.parquet", path))
    with pytest.raises(DataError, match="must be a shard in one of the dataset's folders"):
        LocalDataset.open(tmp_path)


def test_a_manifest_from_a_stranger_names_sound_splits(tmp_path: Path) -> None:
    write_split(tmp_path, "odd", odd_ids(write(tmp_path)), RECIPE)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace('"name": "odd",\n      "shards"', '"name": "../o",\n      "shards"')
    )
    with pytest.raises(DataError, match="ASCII letters"):
        LocalDataset.open(tmp_path)


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    dataset = LocalDataset.open(tmp_path)
    file = dataset.shards()[0]
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="SHA-256"):
        dataset.verify()
    file.write_bytes(content[:-1])
    with pytest.raises(DataError, match="bytes"):
        dataset.shards()
    file.unlink()
    with pytest.raises(DataError, match="no such file"):
        list(dataset.rows())


def test_folders_that_are_no_dataset_say_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="existing folder"):
        LocalDataset.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="interrupted"):
        LocalDataset.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema_version": 1}')
    with pytest.raises(DataError, match="schema_version"):
        LocalDataset.open(tmp_path)
    write(tmp_path)
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"schema_version": "2"', '"schema_version": "0"'))
    with pytest.raises(DataError, match="must be '2'"):
        LocalDataset.open(tmp_path)


def test_a_disk_that_refuses_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        write(tmp_path)


def test_info_tells_what_is_there(tmp_path: Path) -> None:
    rows = [sample_row(0), sample_row(1, f1=None), sample_row(2, f1=0.5), sample_row(3)]
    write_dataset(tmp_path, Tables(rows), MADE)
    write_split(tmp_path, "odd", odd_ids(rows), RECIPE)
    info = dataset_info(LocalDataset.open(tmp_path))
    assert info.scored == 0.75
    assert [(split.name, split.rows) for split in info.manifest.splits] == [("raw", 4), ("odd", 2)]
    assert info.table("here").row_count == 2


def test_manifests_are_compared_by_content(tmp_path: Path) -> None:
    write(tmp_path)
    manifest = LocalDataset.open(tmp_path).manifest
    assert isinstance(manifest, Manifest)
    assert dataclasses.replace(manifest, parent="a/b@c") != manifest
