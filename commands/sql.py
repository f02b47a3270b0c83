"""Sql: any read-only query over a dataset, run in the sandbox."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.console import Console

from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, Problem
from ..builder.refs import DatasetRef, open_ref
from ..builder.shards import storage
from ..filters.sandbox import Answer, Limits, answer
from .progress import STDERR
from .sql_config import FORMATS, Format, SqlConfig
from .sql_output import show, write

_DEFAULT_ROWS: dict[Format, int] = {"table": 40}
_PARTIAL = ".partial-"


def run_sql(sql: str, data: str, config: SqlConfig, console: Console) -> None:
    """Run the query and show or write its result. Notes go to stderr, so that a pipe gets the result alone.

    Raises:
        ConfigError: an option does not fit.
        InputError: the query is refused, fails, or reaches a limit; nothing is written.
    """
    form = _format(config)
    limits = Limits(_bytes(config.memory), config.timeout, config.limit or _DEFAULT_ROWS.get(form))
    ref = DatasetRef.parse(data)
    dataset = open_ref(ref)
    if config.out:
        _check_place(config.out, dataset)
    text = sys.stdin.read() if sql == "-" else sql
    with STDERR.status("running the query") as running, answer(dataset, text, limits, ref.split) as found:
        running.stop()
        _give(found, form, config.out, console)


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _format(config: SqlConfig) -> Format:
    suffix = config.out.suffix.removeprefix(".").lower() if config.out else "table"
    form = config.format or FORMATS.get(suffix)
    if form is None or (config.out and form == "table"):
        fix = "End it in .csv, .json, .jsonl or .parquet, or name the --format."
        raise ConfigError(str(Problem("--out", "must say how to write the result", str(config.out), fix)))
    if form == "parquet" and not config.out and sys.stdout.isatty():
        fix = "Name a file with --out, or send it into a pipe."
        raise ConfigError(str(Problem("--format", "must be one that a terminal can show", form, fix)))
    return form


def _bytes(text: str) -> int:
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        fix = "Write it as 500MB or 16GB."
        raise ConfigError(str(Problem("--memory", "must be a size", text, fix))) from error


def _check_place(out: Path, dataset: LocalDataset) -> None:
    if out.resolve().is_relative_to(dataset.path.resolve()):
        rule = "must lie outside of the dataset, which queries never change"
        raise ConfigError(str(Problem("--out", rule, str(out), "Choose another folder.")))
    if out.exists() and not out.is_file():  # replacing a device or a folder is nobody's wish
        rule = "must be a file, or the name of a new one"
        raise ConfigError(str(Problem("--out", rule, str(out), "Choose another name.")))


def _give(found: Answer, form: Format, out: Path | None, console: Console) -> None:
    if out:
        _say(f"{out}: {_rows(_write_file(found, form, out))}")
    elif form == "table":
        table = found.reader.read_all()
        show(table, console)
        _say(f"{_rows(table.num_rows)}{_AND_MORE if found.more else ''}")
        return
    else:
        _write_stdout(found, form)
    if found.more:
        _say("There are more rows than --limit asks for.")


_AND_MORE = " and more: --limit N shows as many, --out FILE takes all"


def _say(text: str) -> None:
    STDERR.print(text, markup=False, highlight=False, soft_wrap=True)


def _write_file(found: Answer, form: Format, out: Path) -> int:
    """Write under another name first: a file of that name stays as it is until the new one is whole."""
    partial = out.with_name(_PARTIAL + out.name)
    with storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as sink:
                rows = write(found.reader, form, sink)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return rows


def _write_stdout(found: Answer, form: Format) -> None:
    try:
        write(found.reader, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader, `head` say, has had enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
