"""A report on disk: whole, the same bytes for the same numbers, never in place of somebody else's file."""

import dataclasses
import json
from pathlib import Path

import evaluation_samples as samples
import pytest
from trajset.builder.errors import DataError
from trajset.eval.report.document import document
from trajset.eval.report.section import Section
from trajset.eval.report.write import prepare, report_files, write_report


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_that_the_json_names(tmp_path: Path) -> None:
    report = write_report(samples.demo(), tmp_path / "new" / "report")
    assert files(report.folder) == set(report.files)
    assert json.loads((report.folder / "evaluation.json").read_text("utf-8"))["files"] == list(report.files)
    assert report.html.read_text("utf-8").startswith("<!doctype html>")
    assert {"report.md", "measures.parquet", "plots/leaderboard.svg"} <= set(report.files)


def test_equal_evaluations_give_equal_bytes() -> None:
    first, second = samples.demo(), samples.demo()
    assert report_files(first, document(first)) == report_files(second, document(second))


def test_an_earlier_report_is_replaced_with_what_it_had_and_this_one_has_not(tmp_path: Path) -> None:
    write_report(samples.demo(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    report = write_report(samples.sparse(), tmp_path, (Section("own", "Own"),))
    assert "plots/paired.svg" not in report.files
    assert files(tmp_path) == {*report.files, "notes.txt"}


@pytest.mark.parametrize("name", ["report.html", "measures.parquet", "evaluation.json"])
def test_a_file_of_another_origin_stays_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    with pytest.raises(DataError, match=name):
        write_report(samples.sparse(), tmp_path)
    assert files(tmp_path) == {name}


def test_the_report_of_an_ablation_is_of_another_origin(tmp_path: Path) -> None:
    claim = {"made_by": "trajset ablate", "files": ["report.html", "report.md", "ablation.json"]}
    (tmp_path / "ablation.json").write_text(json.dumps(claim), "utf-8")
    (tmp_path / "report.html").write_text("ablation", "utf-8")
    with pytest.raises(DataError, match=r"report\.html"):
        prepare(tmp_path)


def test_a_report_of_nothing_can_be_written(tmp_path: Path) -> None:
    report = write_report(samples.empty(), tmp_path)
    assert "Evaluation" in report.html.read_text("utf-8")
    changed = dataclasses.replace(samples.empty(), facts={"datasets": "none"})
    assert "none" in write_report(changed, tmp_path).html.read_text("utf-8")
