"""Wikipedia to passages to an index: passages a second, peak memory, and what 21 million would take.

    python benchmarks/wikipedia.py [--articles 300000] [--keep FOLDER]

Makes a simulated dump (`simulated_wikipedia.py`) and runs the real commands on it, each in processes of its
own: `trajset corpus` on the dump and on the same articles as plain text, with one and two processes, and
`trajset index` on the result. Peak memory is the largest sum of the resident sets of a command and its
children, looked at ten times a second; pages that they share count several times.

The alternative is a script as one writes it by hand: one process, the dump read from the start, markup taken
out by regular expressions, passages written as JSON lines. It neither resumes nor checks anything.
"""

from __future__ import annotations

import argparse
import bz2
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import psutil
from machine import describe
from simulated_wikipedia import write_simulated

DPR_PASSAGES = 21_015_324
_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """One command: seconds by the clock and of CPU, peak memory in bytes, passages, bytes written."""

    name: str
    seconds: float
    cpu: float
    memory: int
    passages: int
    size: int

    @property
    def rate(self) -> float:
        """Passages a second."""
        return self.passages / self.seconds


def resident(process: psutil.Process) -> int:
    """Bytes of a process and all below it; 0 once it is gone."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def cpu_of_children() -> float:
    """Seconds of CPU of all commands so far and of what they started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, arguments: list[str], out: Path) -> Run:
    """Run `trajset ARGUMENTS` and look on."""
    started, cpu = time.perf_counter(), cpu_of_children()
    command = [sys.executable, "-m", "trajset", *arguments]
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process))
        time.sleep(_EVERY_S)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(process.stderr.read().decode())
    manifest = json.loads((out / "manifest.json").read_bytes())
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return Run(name, seconds, cpu_of_children() - cpu, peak, manifest["passages"], size)


_PAGE = re.compile(r"<page>.*?</page>", re.DOTALL)
_FIELDS = re.compile(r"<title>(.*?)</title>.*?<id>(\d+)</id>.*?<text[^>]*>(.*?)</text>", re.DOTALL)
_REF = re.compile(r"<ref[^>]*/>|<ref[^>]*>.*?</ref>|<!--.*?-->", re.DOTALL)
_INNER = re.compile(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}|\[\[(?:File|Category):[^\[\]]*\]\]")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_REST = re.compile(r"'{2,}|^=+.*=+\s*$|^[*#;:].*$", re.MULTILINE)


def by_hand(dump: Path, out: Path) -> Run:
    """The script that one writes by hand."""
    started, cpu = time.perf_counter(), time.process_time()
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for page in pages_by_hand(dump):
            fields = _FIELDS.search(page)
            if fields is None or "<ns>0</ns>" not in page or "<redirect" in page or "{{hndis" in page:
                continue
            words = strip_by_hand(unescape(fields[3])).split()
            for number, start in enumerate(range(0, len(words), 100)):
                text = " ".join(words[start : start + 100])
                record = {"id": f"{fields[2]}-{number}", "title": unescape(fields[1]), "text": text}
                file.write(json.dumps(record) + "\n")
                count += 1
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    memory = psutil.Process().memory_info().rss
    return Run("by hand, 1 process", seconds, cpu, memory, count, out.stat().st_size)


def pages_by_hand(dump: Path) -> Iterator[str]:
    rest = ""
    with bz2.open(dump, "rt", encoding="utf-8") as file:
        while block := file.read(1 << 22):
            rest += block
            end = 0
            for match in _PAGE.finditer(rest):
                yield match[0]
                end = match.end()
            rest = rest[end:]


def strip_by_hand(text: str) -> str:
    text, changed = _REF.sub("", text), 1
    text = _LINK.sub(lambda match: match[0] if match[0][2:7] == "File:" else match[1], text)
    while changed:
        text, changed = _INNER.subn("", text)
    return _REST.sub("", text)


def report(run: Run) -> None:
    hours = DPR_PASSAGES / run.rate / 3600
    disk = run.size / run.passages * DPR_PASSAGES / 1e9
    print(
        f"{run.name:26}{run.seconds:9.1f}{run.cpu:8.1f}{run.rate:12,.0f}{run.memory / 1e6:9,.0f}"
        f"{run.size / 1e6:8,.0f}{hours:13.2f}{disk:7.1f}",
        flush=True,
    )


def measure_all(folder: Path, articles: int) -> None:
    started = time.perf_counter()
    dump, parquet = write_simulated(folder / "source", articles)
    print(f"{articles:,} articles, {dump.stat().st_size / 1e6:,.0f} MB packed, made in", end=" ")
    print(f"{time.perf_counter() - started:.0f} s\n")
    head = f"{'':26}{'seconds':>9}{'CPU s':>8}{'passages/s':>12}{'peak MB':>9}{'MB':>8}"
    print(f"{head}{'21 M: hours':>13}{'GB':>7}")
    runs: dict[str, Run] = {}
    for kind, source in (("dump", dump), ("articles", parquet)):
        for processes in (1, 2):
            out = folder / f"{kind}-{processes}"
            arguments = ["corpus", str(source), str(out), "--processes", str(processes)]
            runs[f"{kind}-{processes}"] = measure(f"{kind}, {processes} process(es)", arguments, out)
            report(runs[f"{kind}-{processes}"])
    index = folder / "index"
    report(measure("index", ["index", str(folder / "dump-2"), str(index)], index))
    hand = by_hand(dump, folder / "by_hand.jsonl")
    report(hand)
    for kind in ("dump", "articles"):
        print(f"{kind}: 2 processes {runs[f'{kind}-2'].rate / runs[f'{kind}-1'].rate:.2f}x of 1")
    print(
        f"dump, 1 process: {runs['dump-1'].rate / hand.rate:.2f}x of the script by hand, 2 processes:",
        end=" ",
    )
    print(f"{runs['dump-2'].rate / hand.rate:.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--articles", type=int, default=300_000)
    parser.add_argument("--keep", type=Path, help="an empty folder in which everything stays")
    args = parser.parse_args()
    print(describe("mwparserfromhell", "pyarrow", "tantivy"))
    if args.keep:
        measure_all(args.keep, args.articles)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure_all(Path(folder), args.articles)


if __name__ == "__main__":
    main()
