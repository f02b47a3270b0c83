"""`trajset sql` as somebody uses it: its formats, its files, its messages, and the examples of the docs."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import Tables, write_dataset, write_split
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Label
from trajset.builder.table import table_from_rows
from trajset.commands.sql_output import show
from trajset.dataset_cards.render import write_card

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "sql.md").read_text("utf-8")
HOSTILE = "a\x1b[2Jb\nc\u202ed"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty rows, judged and labelled, with the splits that the docs ask."""
    folder = tmp_path_factory.mktemp("sql") / "trajset-demo" / "dataset"
    rows = [sample_row(number, answer=HOSTILE if number == 7 else "Rome", f1=0.5) for number in range(50)]
    judgements = [Judgement(row.id, "llm_judge", "m", None, True, None, None, 9, 0.1) for row in rows]
    labels = [Label(row.id, "oracle", True, True, None, CREATED) for row in rows]
    write_dataset(folder, Tables(rows, judgements, labels), MadeBy("test", CREATED))
    write_split(folder, "f1_only", [row.id for row in rows[:20]], {"predicate": "true"})
    write_split(folder, "f1_search", [row.id for row in rows[:10]], {"predicate": "true"})
    return folder


def test_a_table_for_the_terminal_and_a_note_beside_it(data, launch, capsys):
    assert launch("sql", "SELECT id, f1, NULL AS note FROM rows ORDER BY id", data) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 41
    assert shown.out.splitlines()[0].split() == ["id", "f1", "note"]
    assert shown.out.splitlines()[1].split() == [f"{0:016x}", "0.5", "null"]
    assert shown.err == "40 rows and more: --limit N shows as many, --out FILE takes all\n"


def test_text_of_the_data_moves_no_cursor(data, launch, capsys):
    assert (
        launch("sql", "SELECT answer FROM rows WHERE n_searches = 1 ORDER BY answer DESC LIMIT 1", data) == 0
    )
    assert capsys.readouterr().out.splitlines()[1].rstrip() == "a·[2Jb⏎c·d"


def test_wide_rows_are_shown_as_blocks_and_narrow_ones_as_lines():
    table = table_from_rows([sample_row(0), sample_row(1)])
    for names, expected in ((table.column_names, 2 * (table.num_columns + 1)), (["id", "messages"], 3)):
        console = Console(width=80, file=io.StringIO())
        show(table.select(names), console)
        lines = console.file.getvalue().splitlines()
        assert len(lines) == expected
        assert max(map(len, lines)) <= 80
    assert lines[1].rstrip().endswith("…")


FIELDS = (
    "id, queries, searches[1] AS search, created_at, '' AS empty, NULL AS nothing, "
    "sum(n_turns) OVER () AS turns"
)


def test_json_holds_lists_and_objects(data, launch, capsys):
    assert launch("sql", f"SELECT {FIELDS} FROM rows ORDER BY id", data, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 50
    assert found[3]["queries"] == ["capital 3"]
    assert found[3]["search"]["titles"] == ["Rome"]
    assert found[3]["created_at"] == CREATED.isoformat()
    assert (found[3]["empty"], found[3]["nothing"], found[3]["turns"]) == ("", None, 100)


def test_json_lines_csv_and_parquet_hold_the_same(data, launch, capsys, tmp_path):
    sql = f"SELECT {FIELDS} FROM rows ORDER BY id"
    assert launch("sql", sql, data, "--format", "jsonl", "--limit", 2) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert launch("sql", sql, data, "--format", "csv", "--limit", 2) == 0
    shown = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert shown.err == "There are more rows than --limit asks for.\n"
    assert shown.out.splitlines()[1].endswith(',"",,100')
    assert launch("sql", sql, data, "--out", tmp_path / "new" / "out.parquet") == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.parquet"]
    table = pq.read_table(tmp_path / "new" / "out.parquet")
    assert table.num_rows == 50
    for line, row, record in zip(lines, rows, table.slice(0, 2).to_pylist(), strict=True):
        assert line["id"] == row["id"] == record["id"]
        assert line["queries"] == json.loads(row["queries"]) == record["queries"]
        assert line["search"] == json.loads(row["search"]) == json.loads(record["search"])


@pytest.mark.parametrize(("form", "expected"), [("json", "[]\n"), ("jsonl", ""), ("csv", '"id","search"\n')])
def test_a_result_without_rows(data, launch, capsys, form, expected):
    sql = "SELECT id, searches AS search FROM rows WHERE false"
    assert launch("sql", sql, data, "--format", form) == 0
    assert capsys.readouterr().out == expected


def test_values_that_json_and_csv_have_no_word_for(data, launch, capsys):
    sql = (
        "SELECT 'nan'::DOUBLE AS n, 1::HUGEINT << 100 AS h, INTERVAL 1 DAY AS i, "
        "'\\xC3\\xA9'::BLOB AS b, map {'k': [1]} AS m"
    )
    assert launch("sql", sql, data, "--format", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found == {"n": None, "h": 2**100, "i": "P0M1DT0S", "b": "c3a9", "m": {"k": [1]}}
    assert launch("sql", sql, data, "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[1] == f'nan,{2**100},"P0M1DT0S","c3a9","{{""k"": [1]}}"'


def test_what_parquet_has_no_word_for_is_said_and_nothing_is_written(data, launch, capsys, tmp_path):
    out = tmp_path / "out.parquet"
    out.write_text("mine")
    assert launch("sql", "SELECT INTERVAL 1 DAY AS i", data, "--out", out) == 2
    assert "Cast that column to text" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_query_that_fails_late_writes_nothing(data, launch, capsys, tmp_path):
    sql = "SELECT if(range < 100000, range, error('late')::BIGINT) AS x FROM range(100001)"
    assert launch("sql", sql, data, "--format", "csv") == 2
    assert capsys.readouterr().out == ""
    assert launch("sql", sql, data, "--out", tmp_path / "out.csv") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "{data}/data/raw-00000-of-00001.parquet"], "must lie outside of the dataset"),
        (["--out", "{data}/new.csv"], "must lie outside of the dataset"),
        (["--out", "out.txt"], "must say how to write"),
        (["--out", "out.csv", "--format", "table"], "must say how to write"),
        (["--out", "{data}/..", "--format", "csv"], "must be a file"),
        (["--memory", "lots"], "must be a size"),
        (["--memory", "1MB"], "at least 64 MB"),
        (["--timeout", "1e9"], "at most 86,400 seconds"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_options_that_do_not_fit(data, launch, capsys, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    assert launch("sql", "FROM rows", data, *[option.replace("{data}", str(data)) for option in options]) != 0
    shown = capsys.readouterr()
    assert said in shown.err + shown.out
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []


def test_the_query_may_come_from_standard_input(data, launch, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("-- a long one\nSELECT count(*) AS n FROM rows"))
    assert launch("sql", "-", f"{data}:f1_only", "--format", "csv") == 0
    assert capsys.readouterr().out == '"n"\n20\n'


def test_a_dataset_on_the_hub(data, launch, capsys, stub, monkeypatch):
    write_card(data)
    publish(data, "me/data", "v1", site=stub.site)
    monkeypatch.setattr("trajset.builder.refs.THE_HUB", stub.site)
    monkeypatch.setattr("trajset.builder.refs.open_ref.__defaults__", (stub.site,))
    sql = "SELECT count(*) AS n, (SELECT count(*) FROM labels) AS labels FROM rows"
    assert launch("sql", sql, "me/data@v1:f1_search", "--format", "jsonl") == 0
    assert json.loads(capsys.readouterr().out) == {"n": 10, "labels": 50}


def command(*tokens: object) -> list[str]:
    return [sys.executable, "-m", "trajset", "sql", *map(str, tokens)]


def test_a_reader_that_has_had_enough_is_no_error(data):
    lines = shlex.join(command("FROM range(1000000)", data, "--format", "csv"))
    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {lines} | head -n 1"], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ('"range"\n', "")


def test_ctrl_c_ends_the_worker_too(data):
    slow = command("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", data)
    with subprocess.Popen(slow, stderr=subprocess.PIPE, text=True) as run:
        worker = child_of(run.pid)
        os.kill(run.pid, signal.SIGINT)
        said = run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert "Traceback" not in said
    assert not worker.exists()


def child_of(parent: int) -> Path:
    """The folder in /proc of the process that another one started; skipped where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("reads /proc")
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for _ in range(1200):
        if found := children.read_text().split():
            time.sleep(0.5)  # the query is under way
            return Path("/proc", found[0])
        time.sleep(0.05)
    raise AssertionError("no worker was started")


EXAMPLES = re.findall(r"```bash\n(trajset sql .*?)```(?:\n\n```text\n(.*?)```)?", DOCS, re.DOTALL)


@pytest.mark.parametrize("example", [example for example, _ in EXAMPLES], ids=range(len(EXAMPLES)))
def test_the_examples_of_the_docs_run(data, launch, capsys, tmp_path, monkeypatch, example):
    monkeypatch.chdir(tmp_path)
    tokens = shlex.split(example)[1:]
    place = next(index for index, token in enumerate(tokens) if token.startswith("trajset-demo/dataset"))
    tokens[place] = tokens[place].replace("trajset-demo/dataset", str(data))
    assert launch(*tokens) == 0
    assert capsys.readouterr().err.endswith((" row\n", " rows\n"))


def test_the_python_of_the_docs_runs(data, monkeypatch):
    monkeypatch.chdir(data.parents[1])
    (code,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    run = subprocess.run(
        [sys.executable, "-c", f"{code}print(table.to_pylist())"], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[{'hops': 1, 'f1': 0.5}]\n"


@pytest.mark.slow
def test_the_docs_show_what_the_examples_print(tmp_path):
    bare = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    subprocess.run(["trajset", "quickstart"], cwd=tmp_path, env=bare, check=True, capture_output=True)
    for example, shown in EXAMPLES:
        run = subprocess.run(
            ["bash", "-c", example], cwd=tmp_path, env=bare, check=True, capture_output=True, text=True
        )
        assert [line.rstrip() for line in run.stdout.splitlines()] == shown.splitlines(), example
