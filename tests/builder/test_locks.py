"""One writer at a time, in threads and in processes."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from trajset.builder.errors import StorageError
from trajset.builder.locks import writing

HOLD = """
import sys
import time
from pathlib import Path
from trajset.builder.locks import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_writers_take_turns(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add(_: int) -> None:
        with writing(tmp_path):
            before = int(counter.read_text())
            time.sleep(0.0001)
            counter.write_text(str(before + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(80)))
    assert counter.read_text() == "80"


def test_another_process_is_waited_for_and_named_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match="in use by another command"), writing(tmp_path, 0.1):
            pass
        other.kill()
        other.wait()
        with writing(tmp_path, 0.1):
            pass


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"), writing(tmp_path / "file"):
        pass
