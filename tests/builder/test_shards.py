"""Shards on a disk that fills up while Arrow writes."""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

WRITE = """
import random, sys
from pathlib import Path
import pyarrow as pa
from trajset.builder.errors import StorageError
from trajset.builder.shards import stage
words = random.Random(0).randbytes(2_000_000).hex()
table = pa.table({"id": range(500), "text": [[words[i * 8000 : (i + 1) * 8000]] * 2 for i in range(500)]})
try:
    stage(Path(sys.argv[1]), "raw", table.schema, [table])
except StorageError as error:
    sys.exit(f"refused: {error}")
"""


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [100_000, 1_000_000, 1_900_000])
def test_a_disk_that_is_full_is_one_clear_error(size: int, tmp_path: Path) -> None:
    """At the first of these sizes Arrow would end the process if it saw the refusal itself."""
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=partial(limit_files, size)
    )
    assert run.returncode == 1
    assert run.stderr.startswith("refused: ")
    assert "cannot be written" in run.stderr


def test_without_a_limit_the_same_rows_are_written(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path)], check=True)
    assert next(tmp_path.iterdir()).stat().st_size > 1_900_000
