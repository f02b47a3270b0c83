"""Commands in folders whose names mean something to a pattern, a shell or a markup."""

import subprocess
import sys
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy


@pytest.mark.parametrize("name", ["a[/b]", "[old] it's*"])
def test_filter_and_info_name_the_folder_as_it_is(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    write_dataset(folder, Tables([sample_row(number) for number in range(3)]), MadeBy("test", CREATED))
    for command in (["filter", name, "--recipe", "f1_search", "--engine", "polars"], ["info", name]):
        run = subprocess.run(
            [sys.executable, "-m", "trajset", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert name in run.stdout
    assert LocalDataset.open(folder).splits == ("raw", "f1_search")
