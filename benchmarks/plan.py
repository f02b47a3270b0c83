"""Plans a collection: GPUs, hours and storage for so many trajectories, and which limit is met first.

What a trajectory is like is measured on a dataset: turns, searches, text read and written, bytes in Parquet
and in a journal. What machines do is an assumption, an option each; the defaults are figures that stand in
docs/benchmarks.md and docs/scale.md with what they were measured on, except for the GPU's.

    python benchmarks/plan.py DATASET [--trajectories 1000000] [--gpus 16] [--tokens-per-second 2353]

A server with prefix caching reads each token of a conversation once; without it (`--no-prefix-cache`) it
reads the whole conversation again at every turn.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from trajset.builder.dataset import LocalDataset
from trajset.builder.journal import FILE_NAME, Journal
from trajset.builder.prompts import load_prompt
from trajset.builder.schema import Message, Row

GB = 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """Means of one trajectory; text in characters, `read_once` with prefix caching, `read_anew` without."""

    rows: int
    turns: float
    searches: float
    written: float
    read_once: float
    read_anew: float
    parquet_bytes: float
    journal_bytes: float


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the machines do; see the options."""

    trajectories: int
    gpus: int
    gpus_per_replica: int
    tokens_per_second: float
    characters_per_token: float
    thinking_tokens: float
    prefix_cache: bool
    cpu_ms_per_turn: float
    driver_rows_per_second: float
    searches_per_second: float
    days: float

    @property
    def replicas(self) -> int:
        """vLLM servers, a worker each."""
        return self.gpus // self.gpus_per_replica


@dataclass(frozen=True, slots=True)
class Limit:
    """How many trajectories a second one part of the chain can carry, all of it taken together."""

    name: str
    rate: float
    how: str


def measure(folder: Path) -> Measured:
    """What the rows of a dataset are like."""
    dataset = LocalDataset.open(folder)
    rows = list(dataset.rows())
    texts = [list(_turns(row)) for row in rows]
    count = len(rows)
    return Measured(
        rows=count,
        turns=sum(map(len, texts)) / count,
        searches=sum(row.search_use.n_searches for row in rows) / count,
        written=sum(written for turns in texts for _, written in turns) / count,
        read_once=sum(turns[-1][0] for turns in texts if turns) / count,
        read_anew=sum(read for turns in texts for read, _ in turns) / count,
        parquet_bytes=sum(path.stat().st_size for path in folder.glob("data/raw-*.parquet")) / count,
        journal_bytes=_journal_bytes(rows) / count,
    )


def _turns(row: Row) -> Iterator[tuple[int, int]]:
    """Of each model turn: characters before it, with our system prompt where there is none, and in it."""
    messages = row.conversation.messages
    prompt = load_prompt("always_search", row.conversation.grammar)
    before = 0 if messages and messages[0].role == "system" else len(prompt.text)
    before += len(orjson.dumps(prompt.tools))
    for message in messages:
        length = _length(message)
        if message.is_model:
            yield before, length
        before += length


def _length(message: Message) -> int:
    calls = len(orjson.dumps(message.tool_calls)) if message.tool_calls else 0
    return len(message.content) + len(message.reasoning_content or "") + calls


def _journal_bytes(rows: Sequence[Row]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        with Journal.begin(path, {}, len(rows)) as journal:
            for position, row in enumerate(rows):
                journal.record(position, row)
        return path.stat().st_size


def tokens(measured: Measured, assumed: Assumed) -> float:
    """Tokens that the GPUs compute for a trajectory, read and written.

    With a prefix cache what was written is not read again, so only the last turn comes on top of what stood
    before it. What a thinking model thinks is in no later prompt.
    """
    last = measured.written / max(measured.turns, 1.0)
    both = measured.read_once + last if assumed.prefix_cache else measured.read_anew + measured.written
    return both / assumed.characters_per_token + measured.turns * assumed.thinking_tokens


def limits(measured: Measured, assumed: Assumed) -> list[Limit]:
    """What each part of the chain can carry."""
    per_trajectory = tokens(measured, assumed)
    model = assumed.gpus * assumed.tokens_per_second / per_trajectory
    worker_s = measured.turns * assumed.cpu_ms_per_turn / 1000
    search = assumed.replicas * assumed.searches_per_second / max(measured.searches, 1e-9)
    return [
        Limit("model", model, f"{assumed.gpus} GPUs x {assumed.tokens_per_second:,.0f} tokens/s"),
        Limit("workers' CPU", assumed.replicas / worker_s, f"one core each, {worker_s * 1000:.1f} ms a row"),
        Limit("search", search, f"{assumed.replicas} indexes x {assumed.searches_per_second:,.0f} queries/s"),
        Limit("driver", assumed.driver_rows_per_second, "one process, one journal"),
    ]


def report(measured: Measured, assumed: Assumed) -> Iterator[str]:
    """The plan, as Markdown."""
    count = assumed.trajectories
    chain = sorted(limits(measured, assumed), key=lambda limit: limit.rate)
    yield (
        f"Measured on {measured.rows:,} rows, a row: {measured.turns:.2f} turns, {measured.searches:.2f} "
        f"searches, {measured.written:,.0f} characters written, {measured.read_once:,.0f} before the last "
        f"turn ({measured.read_anew:,.0f} over all turns), {measured.parquet_bytes:,.0f} bytes of Parquet, "
        f"{measured.journal_bytes:,.0f} of journal."
    )
    yield ""
    yield "| limit | trajectories/s | hours if alone | assumed |"
    yield "|---|---:|---:|---|"
    for limit in chain:
        yield f"| {limit.name} | {limit.rate:,.1f} | {count / limit.rate / 3600:,.1f} | {limit.how} |"
    yield ""
    yield from _hours(measured, assumed, chain)
    yield ""
    yield from _storage(measured, count)


def _hours(measured: Measured, assumed: Assumed, chain: Sequence[Limit]) -> Iterator[str]:
    count, binding, each = assumed.trajectories, chain[0], tokens(measured, assumed)
    cache = "with" if assumed.prefix_cache else "without"
    hours = count / binding.rate / 3600
    gpu_hours = count * each / assumed.tokens_per_second / 3600
    yield (
        f"{each:,.0f} tokens computed a trajectory ({assumed.characters_per_token:g} characters a token, "
        f"{assumed.thinking_tokens:g} more a turn, {cache} prefix cache), {count * each / 1e9:,.1f} billion "
        f"for {count:,}: {gpu_hours:,.0f} GPU-hours."
    )
    yield (
        f"The {binding.name} binds: {hours:,.1f} hours on {assumed.gpus} GPUs. {assumed.days:g} days need "
        f"{gpu_hours / 24 / assumed.days:,.1f} GPUs. From {_gpus_at(chain, assumed):,.0f} GPUs on the driver "
        "would bind."
    )


def _gpus_at(chain: Sequence[Limit], assumed: Assumed) -> float:
    rates = {limit.name: limit.rate for limit in chain}
    return assumed.gpus * rates["driver"] / rates["model"]


def _storage(measured: Measured, count: int) -> Iterator[str]:
    journal, parquet = count * measured.journal_bytes / GB, count * measured.parquet_bytes / GB
    yield "| storage | GB |"
    yield "|---|---:|"
    yield f"| journal | {journal:,.1f} |"
    yield f"| workers' journals, where they lie beside it, until the run ends | {journal:,.1f} |"
    yield f"| dataset (Parquet), and once more beside it while it is written again | 2 x {parquet:,.1f} |"
    yield f"| together at most | {2 * journal + 2 * parquet:,.1f} |"


def options() -> tuple[Path, Assumed]:
    """The command line."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("dataset", type=Path, help="what trajectories are like")
    parser.add_argument("--trajectories", type=int, default=1_000_000, help="how many are wanted")
    parser.add_argument("--gpus", type=int, default=16, help="all GPUs of the cluster")
    parser.add_argument("--gpus-per-replica", type=int, default=1, help="GPUs of one vLLM server")
    parser.add_argument("--tokens-per-second", type=float, default=2353, help="of one GPU, read and written")
    parser.add_argument("--characters-per-token", type=float, default=4.0, help="of the tokenizer")
    parser.add_argument("--thinking-tokens", type=float, default=0, help="a turn, beyond the dataset's")
    parser.add_argument("--no-prefix-cache", dest="prefix_cache", action="store_false", help="see above")
    parser.add_argument("--cpu-ms-per-turn", type=float, default=1.45, help="a worker's own CPU")
    parser.add_argument("--driver-rows-per-second", type=float, default=800, help="benchmarks/scale.py")
    parser.add_argument("--searches-per-second", type=float, default=1150, help="of one worker's index")
    parser.add_argument("--days", type=float, default=7, help="time there is, for the number of GPUs")
    values = vars(parser.parse_args())
    return values.pop("dataset"), Assumed(**values)


def main() -> None:
    """Measure, compute, print."""
    folder, assumed = options()
    print("\n".join(report(measure(folder), assumed)))


if __name__ == "__main__":
    main()
