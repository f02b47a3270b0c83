"""`trajset corpus` from the command line: what it says, its exit codes, and Ctrl-C."""

import os
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


WAITING = """
import sys, time
from pathlib import Path
from trajset.builder.corpus_config import CorpusConfig
from trajset.builder.wikipedia.build import build_corpus
from trajset.commands.boundary import guarded
if __name__ == "__main__":
    def report(made, fresh):
        print(made.pieces, flush=True)
        time.sleep(300)
    config = CorpusConfig(processes=2, piece_kib=1)
    sys.exit(guarded(lambda: build_corpus(sys.argv[1], Path(sys.argv[2]), config, report), debug=False))
"""


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    """The whole group gets the signal, as from a terminal, while the first piece is reported."""
    dump, corpus, script = tmp_path / "w-multistream.xml.bz2", tmp_path / "corpus", tmp_path / "run.py"
    dump.write_bytes(multistream(articles(40), 4))
    script.write_text(WAITING)
    arguments = [sys.executable, str(script), str(dump), str(corpus)]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said == "Interrupted. What was finished is kept.\n"
    assert list(corpus.glob("passages-*.parquet"))
    assert not (corpus / "manifest.json").exists()
    assert run(dump, corpus, "--processes", 1, "--piece-kib", 1)[0] == 0


def test_the_progress_line_counts_all_and_rates_this_run() -> None:
    line = describe(Made(30, 3000, 12000), Made(10, 1000, 4000), 2.0)
    assert line == "30 pieces, 3,000 articles (1,000/s), 12,000 passages (4,000/s)"
