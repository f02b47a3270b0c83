"""`trajset corpus` from the command line: what it says, its exit codes, and Ctrl-C."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trajset.builder.wikipedia.build import Made
from trajset.commands.corpus import describe
from wiki_dump import articles, multistream, plain


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "trajset", "corpus", *map(str, arguments)]


def run(*arguments: object) -> tuple[int, str, str]:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, " ".join(done.stdout.split()), " ".join(done.stderr.split())


def test_a_dump_to_an_index(tmp_path: Path) -> None:
    dump, corpus, index = tmp_path / "w.xml", tmp_path / "corpus", tmp_path / "index"
    dump.write_bytes(plain(articles(6)))
    code, said, _ = run(dump, corpus, "--processes", 1)
    assert code == 0
    assert re.search(r"corpus: 18 passages of 6 articles written \([0-9a-f]{8}\)", said)
    assert "left out: namespace 2, redirect 2" in said
    assert "unchanged, reused" in run(dump, corpus, "--processes", 2)[1]
    again = [sys.executable, "-m", "trajset", "index", str(corpus), str(index)]
    done = subprocess.run(again, capture_output=True, text=True, check=True)
    assert "18 passages of corpus@" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.xml", b"<mediawiki><page>", "must be a whole dump"),
        ("w.xml.bz2", b"BZh9", "must be a whole dump"),
        ("w.txt", b"text", "must be one of .jsonl"),
        ("w.jsonl", b'{"title": "T", "text": "x"}\n', "--kind: must be named"),
    ],
)
def test_bad_input_ends_with_2_and_no_traceback(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, said = run(tmp_path / name, tmp_path / "corpus")
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_bad_options_are_told() -> None:
    assert "must be >= 10" in run("x", "y", "--words", 5)[2].lower()


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    dump, corpus = tmp_path / "w-multistream.xml.bz2", tmp_path / "corpus"
    dump.write_bytes(multistream(articles(3000), 4))
    arguments = command(dump, corpus, "--processes", 2, "--piece-kib", 1)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not list(corpus.glob("passages-*.parquet")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "What was finished is kept" in said
    assert "Traceback" not in said
    kept = len(list(corpus.glob("passages-*.parquet")))
    assert not (corpus / "manifest.json").exists()
    assert run(dump, corpus, "--processes", 1, "--piece-kib", 1)[0] == 0
    assert len(list(corpus.glob("passages-*.parquet"))) >= kept > 0


def test_the_progress_line_counts_all_and_rates_this_run() -> None:
    line = describe(Made(30, 3000, 12000), Made(10, 1000, 4000), 2.0)
    assert line == "30 pieces, 3,000 articles (1,000/s), 12,000 passages (4,000/s)"
