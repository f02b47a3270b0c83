"""A Hub dataset of articles, with configs as wikimedia/wikipedia has them, through the real command."""

import json
from pathlib import Path

import pytest
from hub_site import StubSite, python
from trajset.builder.corpus import read_passages
from wiki_dump import words

CARD = b"""---
configs:
- config_name: 20231101.en
  data_files: 20231101.en/*.jsonl
- config_name: 20231101.de
  data_files: 20231101.de/*.jsonl
---
"""


@pytest.fixture
def wikipedia(stub: StubSite) -> StubSite:
    repo = stub.hub.create("me/wikipedia")
    files = {"README.md": stub.hub.store(CARD, lfs=False)}
    for config in ("20231101.en", "20231101.de"):
        rows = [
            {"id": str(number), "url": "u", "title": f"{config} {number}", "text": words(number, 120)}
            for number in range(1, 6)
        ]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        files[f"{config}/train.jsonl"] = stub.hub.store(content, lfs=False)
    repo.add("data", "", files)
    return stub


def test_articles_from_the_hub_and_a_second_run(wikipedia: StubSite, tmp_path: Path) -> None:
    source, folder = "hf:me/wikipedia:20231101.en/train", tmp_path / "corpus"
    arguments = ["trajset", "corpus", source, str(folder), "--processes", "1", "--limit", "4"]
    script = f"import sys; sys.argv = {arguments!r}; from trajset.cli import main; main()"
    said = [" ".join(python(script, wikipedia.address, tmp_path / "home").split()) for _ in range(2)]
    assert "8 passages of 4 articles written" in said[0]
    assert "8 passages of 4 articles unchanged, reused" in said[1]
    passages = list(read_passages(str(folder)))
    assert [passage.id for passage in passages] == [f"{n}-{block}" for n in range(1, 5) for block in (0, 1)]
    assert passages[0].title == "20231101.en 1"
    assert json.loads((folder / "manifest.json").read_bytes())["source"] == source
