"""Passages by position and by title, beyond the first batch of the file."""

from pathlib import Path

from trajset.builder.retrieval.passage_store import PassageStore, PassageWriter
from trajset.builder.schema import Passage

PASSAGES = [Passage(f"{n}", f"Page {n // 2}" if n % 1000 else "Often", f"text {n}") for n in range(9000)]


def stored(folder: Path) -> PassageStore:
    with PassageWriter(folder / "passages.arrow") as writer:
        writer.add(PASSAGES)
    return PassageStore.open(folder / "passages.arrow")


def test_passages_by_title_are_in_the_order_of_the_corpus(tmp_path: Path) -> None:
    store = stored(tmp_path)
    found = store.titled(["Often", "Page 4400", "Nowhere"], 5)
    assert [passage.id for passage in found["Often"]] == ["0", "1000", "2000", "3000", "4000"]
    assert found["Page 4400"] == [PASSAGES[8800], PASSAGES[8801]]
    assert found["Nowhere"] == []
    assert len(store.titled(["Often"], 99)["Often"]) == 9
