"""A corpus on the Hub: read through the unmodified clients from the stub, in a process of its own.

A process of its own, because huggingface_hub reads `HF_ENDPOINT` once, when it is imported.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hub_state import Hub
from hub_stub import running

SCRIPT = """
    import sys
    from pathlib import Path
    from trajset.builder.config import IndexConfig
    from trajset.builder.corpus import read_passages
    from trajset.builder.errors import TrajsetError
    from trajset.builder.questions import load_questions
    from trajset.builder.retrieval.tantivy_index import build_index
    from trajset.builder.sources import open_source

    out = Path(sys.argv[1])
    for _ in range(2):
        built = build_index("hf:me/corpus@v1:train", out, IndexConfig())
        print(built.reused, built.manifest.passages, built.manifest.corpus.split("@")[0])
    half_read = read_passages("hf:me/corpus:train")
    print(next(half_read).title)
    half_read.close()
    print(load_questions("hf:me/questions")[0])
    for reference in sys.argv[2:]:
        try:
            open_source(reference)
        except TrajsetError as error:
            print(f"{type(error).__name__} {error}")
"""

BAD = {
    "hf:me/corpus": "DataError split: must be named where there are several; got 'hf:me/corpus'. Name one",
    "hf:me/corpus:tran": "got 'tran'. Did you mean 'train'? Known: test, train.",
    "hf:me/corpus@v9:train": "DataError revision of me/corpus: must be one that exists; got 'v9'.",
    "hf:me/none:train": "DataError repository: must be a dataset on the Hub; got 'me/none'. Check the name",
    "hf:me/corpus:cfg/train": "got 'cfg'. Known: default.",
    "hf:me/script:train": "Try its Parquet copy: hf:me/script@refs/convert/parquet:CONFIG/train",
    "hf:a/b/c": "DataError source: must have the form hf:REPO[@REVISION][:[CONFIG/]SPLIT]; got 'hf:a/b/c'.",
}


def environment(endpoint: str, home: Path) -> dict[str, str]:
    return os.environ | {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)}


def hub() -> Hub:
    made = Hub()
    passages = [{"id": str(n), "title": f"T{n}", "text": f"text number {n}"} for n in range(50)]
    content = "".join(json.dumps(passage) + "\n" for passage in passages).encode()
    corpus = made.create("me/corpus")
    files = {f"data/{split}.jsonl": made.store(content, lfs=False) for split in ("train", "test")}
    corpus.tags["v1"] = corpus.add("data", "", files).sha
    question = {"id": "q", "question": "Who?", "golden_answers": ["Ann"]}
    stored = made.store(json.dumps(question).encode(), lfs=False)
    made.create("me/questions").add("data", "", {"data/test.jsonl": stored})
    script = made.store(b"import datasets", lfs=False)
    made.create("me/script").add("data", "", {"script.py": script})
    return made


def run(script: str, arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_corpora_and_questions_from_the_hub(tmp_path: Path) -> None:
    with running(hub()) as endpoint:
        done = run(SCRIPT, [str(tmp_path / "index"), *BAD], environment(endpoint, tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    first, again, title, question, *errors = done.stdout.splitlines()
    assert (first, again, title) == ("False 50 corpus", "True 50 corpus", "T0")
    assert question.startswith("Question(question_id='q', dataset='questions', question='Who?'")
    for expected, message in zip(BAD.values(), errors, strict=True):
        assert expected in message


OFFLINE = """
    from trajset.builder.errors import HubError
    from trajset.builder.sources import open_source
    try:
        open_source("hf:me/corpus:train")
    except HubError as error:
        print(error)
"""


@pytest.mark.parametrize("extra", [{}, {"HF_HUB_OFFLINE": "1"}], ids=["refused", "offline"])
def test_no_connection_is_told(tmp_path: Path, extra: dict[str, str]) -> None:
    done = run(OFFLINE, [], environment("http://127.0.0.1:9", tmp_path) | extra)
    assert "me/corpus" in done.stdout, done.stderr
    assert "must be reachable" in done.stdout
    assert "network" in done.stdout
