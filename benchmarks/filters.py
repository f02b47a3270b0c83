"""All shipped recipes with their pairwise overlaps: trajset, hand-written DuckDB, `datasets.filter`.

    python benchmarks/filters.py [--rows 1000000] [--data FOLDER]

The rows are simulated, with about 2 KB of text each. Every contender runs in a process of its own and gives,
for each recipe, the number of rows that it accepts, and for each two the number that both accept; the numbers
must be equal. Imports are not timed; reading the Parquet files is, each time, from a warm page cache.

- trajset: `verdicts` of all recipes, then one group-by; best of nine, in turns with DuckDB.
- DuckDB: one query over the Parquet files, written by hand for exactly these recipes; best of nine.
- datasets: `Dataset.filter` with a Python lambda over the columns that it needs, one a recipe. Recipes that
  rank need a pass of their own that notes the ids to keep. Making the Dataset from the files is told apart.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

from filters_by_datasets import by_datasets
from machine import describe
from simulated_rows import write_simulated

Counts = dict[str, int]
BY_HAND = """
WITH raw AS MATERIALIZED (
    SELECT row_number() OVER () AS n, id, dataset, question_id, sample_index, f1, n_searches,
        llm_judge, llm_judge_reflect, prompt_tokens, prompt_tokens + completion_tokens AS tokens,
        f1 > 0.65 AS f1_only,
        f1 > 0.65 AND n_searches >= 1 AND first_action = 'search' AND n_memory_cues = 0
            AND (answer_in_evidence IS NULL OR answer_in_evidence)
            AND COALESCE(evidence_recall >= 1.0, n_searches - n_failed_searches >= hops, TRUE) AS f1_search
    FROM read_parquet({files})
),
ranked AS (
    SELECT n,
        row_number() OVER (PARTITION BY dataset, question_id ORDER BY f1 DESC, n_searches, tokens, id) = 1
            AS best_of_n,
        row_number() OVER (PARTITION BY dataset, question_id ORDER BY tokens, n_searches, f1 DESC, id) = 1
            AS cheapest_right,
        row_number() OVER (PARTITION BY dataset, question_id ORDER BY f1 DESC, sample_index, id) <= 4
            AS per_question
    FROM raw WHERE f1_search
),
budget AS (
    SELECT n, sum(tokens) OVER (ORDER BY f1 DESC, tokens, id ROWS UNBOUNDED PRECEDING) <= 10000000
            AS token_budget
    FROM raw WHERE f1_search AND tokens IS NOT NULL
)
SELECT best_of_n IS TRUE AS best_of_n, cheapest_right IS TRUE AS cheapest_right, f1_only IS TRUE AS f1_only,
    f1_search IS TRUE AS f1_search, llm_judge IS TRUE AS llm_judge,
    llm_judge_reflect IS TRUE AS llm_judge_reflect, per_question IS TRUE AS per_question,
    token_budget IS TRUE AS token_budget, count(*) AS rows
FROM raw LEFT JOIN ranked USING (n) LEFT JOIN budget USING (n)
GROUP BY ALL
"""


def from_patterns(patterns: list[dict[str, Any]]) -> Counts:
    """Accepted by each recipe and by each two, from the counts of verdict patterns."""
    names = sorted(set(patterns[0]) - {"rows"})
    wanted = [(name,) for name in names] + list(combinations(names, 2))
    return {
        " ".join(together): sum(row["rows"] for row in patterns if all(row[name] for name in together))
        for together in wanted
    }


def best_of_three(run: Callable[[], Counts]) -> tuple[float, Counts]:
    seconds, counts = float("inf"), dict[str, int]()
    for _ in range(3):
        start = time.perf_counter()
        counts = run()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, counts


def by_trajset(folder: Path, engine: str) -> dict[str, Any]:
    import polars as pl
    from trajset.builder.dataset import LocalDataset
    from trajset.filters.engines import verdicts
    from trajset.filters.recipes import list_recipes

    dataset, recipes = LocalDataset.open(folder), list_recipes()

    def run() -> Counts:
        frame = pl.DataFrame(verdicts(dataset, recipes, engine))
        return from_patterns(frame.group_by([recipe.name for recipe in recipes]).len("rows").to_dicts())

    seconds, counts = best_of_three(run)
    return {"seconds": seconds, "counts": counts}


def by_duckdb(folder: Path) -> dict[str, Any]:
    import duckdb

    query = BY_HAND.format(files=[str(path) for path in sorted(folder.glob("data/raw-*.parquet"))])

    def run() -> Counts:
        with duckdb.connect() as connection:
            return from_patterns(connection.sql(query).pl().to_dicts())

    seconds, counts = best_of_three(run)
    return {"seconds": seconds, "counts": counts}


CONTENDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "trajset": lambda folder: by_trajset(folder, "duckdb"),
    "trajset, Polars": lambda folder: by_trajset(folder, "polars"),
    "DuckDB by hand": by_duckdb,
    "datasets": by_datasets,
}


def peak_mb() -> float:
    """Of this program alone: `ru_maxrss` would count what the parent held when it started this one."""
    status = Path("/proc/self/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


QUICK = ["trajset", "trajset, Polars", "DuckDB by hand"]
TURNS = 3


def in_a_process(contender: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--data", str(folder), "--only", contender]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(folder: Path) -> dict[str, dict[str, Any]]:
    """The quick ones take turns, so that a busy moment hits all of them; of each the best turn counts."""
    found: dict[str, dict[str, Any]] = {}
    for name in [*QUICK * TURNS, "datasets"]:
        made = in_a_process(name, folder)
        if name not in found or made["seconds"] < found[name]["seconds"]:
            found[name] = made
    return found


def compare(folder: Path) -> None:
    print(describe("duckdb", "polars", "datasets", "pyarrow"))
    found = measured(folder)
    ours, by_hand = found["trajset"], found["DuckDB by hand"]
    print(f"{'':<18}{'seconds':>9}{'peak MB':>9}")
    for name, made in found.items():
        assert made["counts"] == ours["counts"], f"{name} counts otherwise"
        print(f"{name:<18}{made['seconds']:>9.2f}{made['peak_mb']:>9,.0f}")
    print(f"datasets besides took {found['datasets']['load_s']:.1f} s to make its copy of the Parquet files")
    print(f"datasets.filter / trajset   {found['datasets']['seconds'] / ours['seconds']:6.1f} x")
    print(f"trajset / DuckDB by hand    {ours['seconds'] / by_hand['seconds']:6.2f} x")
    print(f"equal counts: {', '.join(f'{k} {v:,}' for k, v in ours['counts'].items() if ' ' not in k)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="a folder of simulated_rows.py, instead of making one")
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        made = CONTENDERS[options.only](options.data)
        print(json.dumps(made | {"peak_mb": peak_mb()}))
    elif options.data:
        compare(options.data)
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(f"writing {options.rows:,} simulated rows ...", file=sys.stderr)
            write_simulated(Path(folder), options.rows)
            compare(Path(folder))


if __name__ == "__main__":
    main()
