"""Blocks of words: nothing lost, nothing doubled, the lengths as written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.wikipedia.blocks import blocks
from trajset.builder.wikipedia.rules import BlockRule

TEXT = st.lists(st.sampled_from(["a", "Bee", "c.", "Dr.", "End!", "“Q", "r.”", "e.g."]), max_size=400)


@given(TEXT, st.integers(10, 60), st.integers(0, 12), st.booleans())
def test_every_word_stands_once_in_its_order(
    words: list[str], size: int, least: int, sentences: bool
) -> None:
    cut = [block.split(" ") for block in blocks("\n".join(words), BlockRule(size, least, sentences))]
    kept = words if words and len(words) >= least else []
    assert [word for block in cut for word in block] == kept
    assert all(len(block) < size + max(least, 1) for block in cut)
    assert all(len(block) >= (size // 2 if sentences else size) for block in cut[:-1])
    assert not cut or len(cut[-1]) >= least


def test_blocks_of_a_hundred_and_a_last_one_of_the_rest() -> None:
    text = "  ".join(f"w{n}" for n in range(230))
    assert [len(block.split()) for block in blocks(text, BlockRule())] == [100, 100, 30]


@pytest.mark.parametrize(("count", "lengths"), [(9, []), (10, [10]), (109, [109]), (110, [100, 10])])
def test_a_short_rest_joins_the_block_before(count: int, lengths: list[int]) -> None:
    assert [len(block.split()) for block in blocks("w " * count, BlockRule())] == lengths


def test_passages_end_with_a_sentence_where_they_can() -> None:
    text = "It was founded by Dr. Smith in the U.S. in 1900. It closed. " * 4
    cut = list(blocks(text, BlockRule(20, 1, sentences=True)))
    assert all(block.endswith(("1900.", "closed.")) for block in cut)
    assert not any(block.endswith(("Dr.", "U.S.")) for block in cut)
