"""A report on disk: whole, replaced as a whole, never in place of somebody else's file."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import ablation_samples as samples
import pytest
from trajset.builder.errors import DataError, StorageError
from trajset.filters.report.write import prepare, report_files, write_report

WRITE = """
import sys
from pathlib import Path
import ablation_samples as samples
from trajset.builder.errors import StorageError
from trajset.filters.report.write import write_report
try:
    write_report(samples.small(), Path(sys.argv[1]))
except StorageError as error:
    sys.exit(f"refused: {error}")
"""


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_that_the_json_names(tmp_path: Path) -> None:
    report = write_report(samples.small(), tmp_path / "new" / "report")
    assert files(report.folder) == set(report.files)
    assert json.loads((report.folder / "ablation.json").read_text("utf-8"))["files"] == list(report.files)
    assert report.html.read_text("utf-8").startswith("<!doctype html>")
    assert {"report.md", "results.parquet", "plots/accept_fdr.svg"} <= set(report.files)


def test_equal_ablations_give_equal_bytes() -> None:
    assert report_files(samples.small()) == report_files(samples.small())


def test_an_earlier_report_is_replaced_with_what_it_had_and_this_one_has_not(tmp_path: Path) -> None:
    write_report(samples.small(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    report = write_report(dataclasses.replace(samples.no_labels(), histograms=(), pairs=()), tmp_path)
    assert "plots/accept_fdr.svg" not in report.files
    assert files(tmp_path) == {*report.files, "notes.txt"}


@pytest.mark.parametrize("name", ["report.html", "results.parquet", "ablation.json"])
def test_a_file_of_another_origin_stays_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    with pytest.raises(DataError, match=name):
        write_report(samples.small(), tmp_path)
    assert files(tmp_path) == {name}
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_a_foreign_file_is_seen_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("mine", "utf-8")
    with pytest.raises(DataError, match=r"report\.md"):
        prepare(tmp_path)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StorageError, match="file"):
        prepare(tmp_path / "file")
    prepare(tmp_path / "new")
    assert (tmp_path / "new").is_dir()


def test_a_claim_on_other_files_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_report(samples.small(), folder)
    (tmp_path / "thesis.md").write_text("mine", "utf-8")
    claim = json.loads((folder / "ablation.json").read_text("utf-8"))
    claim["files"] += ["../thesis.md", str(tmp_path / "thesis.md"), "plots/../../thesis.md", 7]
    (folder / "ablation.json").write_text(json.dumps(claim), "utf-8")
    write_report(samples.small(), folder)
    assert (tmp_path / "thesis.md").read_text("utf-8") == "mine"


def test_a_report_that_was_cut_off_half_way_is_mended_by_the_next(tmp_path: Path) -> None:
    report = write_report(samples.small(), tmp_path)
    (tmp_path / "report.md").unlink()
    (tmp_path / ".staged-report" / "plots").mkdir(parents=True)
    (tmp_path / ".staged-report" / "report.md").write_text("half", "utf-8")
    assert write_report(samples.small(), tmp_path) == report
    assert files(tmp_path) == set(report.files)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_is_one_clear_error_and_the_earlier_report_stays(tmp_path: Path) -> None:
    write_report(samples.small(), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    tests = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": tests},
        preexec_fn=partial(limit_files, 20_000),
    )
    assert run.returncode == 1
    assert run.stderr.startswith("refused: ")
    assert "cannot be written" in run.stderr
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
