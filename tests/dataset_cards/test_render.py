"""The card: frozen, valid for the Hub, its code runs, and nobody's own text is lost."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import get_dataset_config_names, load_dataset
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import DataError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import COLUMNS
from trajset.dataset_cards.about import About
from trajset.dataset_cards.render import render_card, write_card
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split

from .test_facts import EVALUATION, mark

EXPECTED = Path(__file__).with_name("expected_card.md")
ABOUT = About(
    "Rome, six times",
    "Six rows about *one* city.",
    "cc-by-4.0",
    ("en",),
    "@misc{rome}",
)


def frozen(dataset: LocalDataset) -> LocalDataset:
    """The dataset with versions that do not change with the installation."""
    return dataclasses.replace(
        dataset,
        manifest=dataclasses.replace(dataset.manifest, versions={"python": "3.11", "trajset": "0.1.0"}),
    )


def test_the_card_is_the_expected_one(dataset: LocalDataset) -> None:
    """After a wanted change: TRAJSET_UPDATE_CARD=1 pytest tests/dataset_cards, and read the difference."""
    card = render_card(frozen(dataset), ABOUT)
    if os.environ.get("TRAJSET_UPDATE_CARD"):
        EXPECTED.write_text(card, "utf-8")
    assert card == EXPECTED.read_text("utf-8")


def test_the_head_is_valid_and_no_licence_is_invented(dataset: LocalDataset) -> None:
    card = DatasetCard(write_card(dataset.path).read_text("utf-8"))
    head = card.data.to_dict()
    assert "license" not in head
    assert "language" not in head
    assert head["size_categories"] == "n<1K"
    assert head["pretty_name"] == "Search trajectories on demo"
    assert [config["config_name"] for config in head["configs"]] == ["default", "judgements", "labels"]
    told = DatasetCard(write_card(dataset.path, ABOUT).read_text("utf-8")).data
    assert (told.license, told.language, told.pretty_name) == ("cc-by-4.0", ["en"], ABOUT.title)


def test_every_config_and_split_loads(dataset: LocalDataset, tmp_path: Path) -> None:
    path, cache = str(write_card(dataset.path).parent), str(tmp_path / "cache")
    assert sorted(get_dataset_config_names(path)) == ["default", "judgements", "labels"]
    sizes = {name: len(split) for name, split in load_dataset(path, cache_dir=cache).items()}
    assert sizes == {"raw": 6, "f1_only": 3, "f1_search": 3}
    assert len(load_dataset(path, "judgements", split="train", cache_dir=cache)) == 3
    assert len(load_dataset(path, "labels", split="train", cache_dir=cache)) == 10


def parsed(card: str) -> SyntaxTreeNode:
    body = card.split("\n---\n", 1)[1]
    return SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(body))


def test_it_looks_right_when_rendered(dataset: LocalDataset) -> None:
    tree = parsed(render_card(dataset, About()))
    headings = [node.children[0].content for node in tree.walk() if node.type == "heading"]
    assert headings[0] == "Search trajectories on demo"
    assert {"Splits", "Labels", "How it was made", "How to load", "Columns", "Limitations"} <= set(headings)
    for table in (node for node in tree.walk() if node.type == "table"):
        widths = {len(row.children) for part in table.children for row in part.children}
        assert len(widths) == 1
        assert len(table.children) == 2, "a table without rows"
    fences = [node.content for node in tree.walk() if node.type == "fence"]
    assert any("Then answer. <answer>|</answer>" in fence for fence in fences)
    inline = [node.content for node in tree.walk() if node.type == "code_inline"]
    assert "a|b `c` <d>" in inline
    assert set(COLUMNS) <= set(inline)


def test_no_heading_stands_over_nothing(dataset: LocalDataset) -> None:
    siblings = parsed(render_card(dataset, About())).children
    for node, after in zip(siblings, [*siblings[1:], None], strict=True):
        if node.type == "heading":
            assert after is not None
            assert after.type != "heading" or after.tag > node.tag


def run_card(folder: Path, home: Path, check: str) -> None:
    """Run the code on a folder's card in that folder, then `check`."""
    tree = parsed((folder / "README.md").read_text("utf-8"))
    code = [node.content for node in tree.walk() if node.type == "fence" and node.info == "python"]
    assert len(code) == 2
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([code[0], check, code[1]])],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_code_on_the_card_runs(dataset: LocalDataset, tmp_path: Path) -> None:
    write_card(dataset.path)
    run_card(dataset.path, tmp_path, "assert len(rows) == 3 and len(labels) == 10 and len(judgements) == 3")


def test_the_code_on_the_card_loads_no_other_rows_of_that_name(dataset: LocalDataset, tmp_path: Path) -> None:
    """`datasets` caches a folder by its last name: others of that name, and new rows, would be the old."""
    home, other = tmp_path / "home", tmp_path / "[old]" / dataset.path.name
    write_card(dataset.path)
    run_card(dataset.path, home, "assert len(rows) == 3")
    write_dataset(other, Tables([sample_row(0), sample_row(1)]), MadeBy("collect", CREATED, {}))
    write_card(other)
    run_card(other, home, "assert len(rows) == 2")
    make_split(dataset.path, load_recipe("f1_search").bind({"min_f1": "0"}))
    write_card(dataset.path)
    rows = LocalDataset.open(dataset.path).manifest.split("f1_search").rows
    assert rows > 3
    run_card(dataset.path, home, f"assert len(rows) == {rows}")


def test_with_a_repository_the_code_loads_from_the_hub(dataset: LocalDataset) -> None:
    card = render_card(dataset, About(repo="me/rome"))
    assert 'load_dataset("me/rome", split="f1_search")' in card
    assert "hf://datasets/me/rome/data/f1_search-*.parquet" in card
    assert "trajset pull me/rome" in card


def test_limitations_follow_the_facts(dataset: LocalDataset) -> None:
    bare, told = (render_card(dataset, about).split("## Limitations")[1] for about in (About(), ABOUT))
    assert "1 of 6 rows is unscored" in bare
    assert "How `ann` chose the rows to label is not known." in bare
    assert "`human` did not say whether rows are grounded" in bare
    assert "Questions were not compared with evaluation sets" in bare
    assert "1 of 6 rows is without a known `teacher`" in bare
    assert "No licence is stated" in bare
    assert "No licence" not in told


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("cc-by-sa-4.0", "The questions are under `cc-by-sa-4.0`, as their source states"),
        ("unknown", "The source of the questions states no licence"),
    ],
)
def test_the_licence_of_the_questions_is_told(tmp_path: Path, licence: str, words: str) -> None:
    made = MadeBy("collect", CREATED, {"questions-licence": licence})
    write_dataset(tmp_path / "data", Tables([sample_row(0)]), made)
    card = render_card(LocalDataset.open(tmp_path / "data"), ABOUT)
    assert words in card.split("## Limitations")[1]
    assert words not in render_card(LocalDataset.open(tmp_path / "data"), ABOUT).split("## Limitations")[0]


def test_the_owners_words_are_remembered(dataset: LocalDataset) -> None:
    first = write_card(dataset.path, ABOUT).read_text("utf-8")
    assert write_card(dataset.path).read_text("utf-8") == first
    assert "Six rows about *one* city." in first
    assert "@misc{rome}" in first


def test_a_readme_of_ones_own_is_not_overwritten(dataset: LocalDataset) -> None:
    readme = dataset.path / "README.md"
    readme.write_text("---\nconfigs: []\n---\n# Mine\n\nWritten by hand.\n", "utf-8")
    with pytest.raises(DataError, match="must be a card that trajset computed"):
        write_card(dataset.path)
    assert "Written by hand." in readme.read_text("utf-8")


def test_overlaps_and_steps_stand_on_the_card(dataset: LocalDataset) -> None:
    mark(dataset.path, [True, False, False, True, False, None], EVALUATION)
    card = render_card(LocalDataset.open(dataset.path), About())
    section = card.split("## Duplicates and contamination")[1].split("\n## ")[0]
    assert "1 of 6 questions repeat an earlier one" in section
    assert "2 of 6 rows ask what an evaluation set asks" in section
    assert "`f1_only` 1 of 3, `f1_search` 1 of 3" in section
    assert "| `dev` (dev.jsonl) | 7,405 | 1 | 1 | `abcd` |" in section
    assert "| Then | `trajset decontaminate` (2026-01-02) |" in card
    assert "2 of 6 rows ask what an evaluation set asks (`contaminated`)" in card.split("## Limitations")[1]
    mark(dataset.path, [None] * 6)
    assert "not compared with any evaluation set" in render_card(LocalDataset.open(dataset.path), About())
    parsed(card)
