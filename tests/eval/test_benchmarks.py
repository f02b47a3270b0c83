"""The benchmarks: each is one that can be read, and what it is searched over and judged by is said."""

from pathlib import Path

import pytest
from trajset.builder.errors import ConfigError
from trajset.builder.question_sources import public_sets
from trajset.builder.schema import COLUMNS
from trajset.eval.benchmarks import benchmarks, name_of, questions_of

NAMES = {
    *("hotpotqa", "2wikimultihopqa", "bamboogle", "musique", "browsecomp", "browsecomp-plus", "frames"),
    *("longseal", "demo-world"),
}


def test_there_are_the_seven_and_more() -> None:
    assert set(benchmarks()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"demo-world"}))
def test_each_is_a_public_set_with_that_split(name: str) -> None:
    known, public = benchmarks()[name], public_sets()[name]
    assert known.split in public.splits
    assert (known.repo, known.licence, known.canary) == (
        public.repo, public.licence, public.cipher is not None
    )  # fmt: skip
    assert known.metric in COLUMNS
    assert known.corpus
    assert known.homepage.startswith("https://")


def test_those_with_a_canary() -> None:
    assert {name for name, one in benchmarks().items() if one.canary} == {
        "browsecomp", "browsecomp-plus", "longseal"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hotpotqa", "hotpotqa"),
        ("hotpotqa@v1:train", "hotpotqa"),
        ("browsecomp=/somewhere/browse_comp_test_set.csv", "browsecomp"),
        ("hf:owner/my-set@v1:default/test", "my-set"),
    ],
)
def test_the_name_of_what_is_given(text: str, name: str) -> None:
    assert name_of(text) == name


def test_a_file_is_named_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl.gz").touch()
    assert name_of(str(tmp_path / "mine.jsonl.gz")) == "mine"


def test_the_docs_have_them_all() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text("utf-8")
    for name, one in benchmarks().items():
        assert f"| `{name}` |" in page
        assert one.repo is None or one.repo in page


def test_what_is_asked_of_a_benchmark(tmp_path: Path) -> None:
    assert questions_of("hotpotqa", None) == "hotpotqa:validation"
    assert questions_of("hotpotqa:train", None) == "hotpotqa:train"
    assert questions_of("demo-world", tmp_path) == f"demo-world={tmp_path / 'questions.jsonl'}"
    with pytest.raises(ConfigError, match="world: must be given"):
        questions_of("demo-world", None)
