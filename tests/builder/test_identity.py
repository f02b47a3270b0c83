"""Identity is content: equal content, equal hash; what has no JSON form has no identity."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder import identity
from trajset.builder.errors import DataError

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), _JSON, max_size=5))
def test_key_order_does_not_matter(value: dict) -> None:
    assert identity.content_hash(value) == identity.content_hash(dict(reversed(value.items())))


@dataclass(frozen=True)
class Point:
    x: int


def test_dataclasses_hash_as_objects() -> None:
    assert identity.content_hash(Point(1)) == identity.content_hash({"x": 1})


@pytest.mark.parametrize("value", [{1, 2}, object(), "\ud800", 2**70])
def test_what_cannot_be_hashed_is_an_error(value: object) -> None:
    with pytest.raises(DataError, match="identity: must be JSON"):
        identity.content_hash(value)


def test_hashes_stay_the_same_between_versions() -> None:
    assert identity.content_hash(["a", 1, None]) == "0ae764bffd3a17b6"
    assert identity.derived_seed(0, "q", 1) == identity.derived_seed(0, "q", 1)
    assert 0 <= identity.derived_seed(0, "q", 2) < 2**31


def test_file_hash(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert identity.file_hash(tmp_path / "f").startswith("ba7816bf8f01cfea")
