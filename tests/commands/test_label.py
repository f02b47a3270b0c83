"""`trajset label sample`, `import`, `export` and `agreement` as commands."""

import dataclasses
from pathlib import Path

import pytest
from label_samples import label
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Label, Row
from trajset.filters.label_checks import read_plan
from trajset.filters.label_journal import Entry, LabelJournal

F1 = (1.0, 0.0, 0.5, None)


def rows() -> list[Row]:
    made = [sample_row(number, f1=F1[number % 4]) for number in range(40)]
    teachers = [dataclasses.replace(row.provenance, teacher="ab"[n % 2]) for n, row in enumerate(made)]
    return [dataclasses.replace(row, provenance=who) for row, who in zip(made, teachers, strict=True)]


def dataset(tmp_path: Path, *labels: Label) -> Path:
    write_dataset(tmp_path / "data", Tables(rows(), labels=labels), MadeBy("test", CREATED))
    return tmp_path / "data"


def labels(data: Path) -> list[Label]:
    return list(LocalDataset.open(data).labels())


def test_a_sample_is_drawn_from_every_pattern_of_verdicts(tmp_path: Path, launch, capsys) -> None:
    data, out = dataset(tmp_path), tmp_path / "audit.csv"
    assert launch("label", "sample", data, "--size", 12, "--out", out, "--set", "min_f1=0.4") == 0
    sample = read_plan(out)
    sizes = {row.stratum: (row.stratum_size, row.inclusion_probability) for row in sample}
    assert sizes == {"f1_only+ f1_search+": (20, 0.3), "f1_only- f1_search-": (20, 0.3)}
    shown = capsys.readouterr().out
    assert "12 of 40 rows" in " ".join(shown.split())
    assert f"trajset label {data} --annotator YOUR-NAME --sample {out}" in shown


def test_the_same_command_gives_the_same_sample_and_never_over_another(
    tmp_path: Path, launch, capsys
) -> None:
    data, out, again = dataset(tmp_path), tmp_path / "a.csv", tmp_path / "b.csv"
    for path, seed in ((out, 1), (again, 1)):
        assert (
            launch("label", "sample", data, "--size", 9, "--by", "teacher", "--seed", seed, "--out", path)
            == 0
        )
    assert out.read_bytes() == again.read_bytes()
    assert "f1_only+ f1_search+ teacher=a" in out.read_text()
    assert launch("label", "sample", data, "--seed", 2, "--out", out) == 2
    assert "--out: must not be there yet" in capsys.readouterr().err
    assert out.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "3"], "--size: must be at least 4"),
        (["--by", "teachers"], "Did you mean 'teacher'"),
        (["--by", "messages"], "--by: must be a column of single values"),
        (["--set", "min_f2=1"], "Did you mean 'min_f1'"),
        (["--recipes", "f1_onyl"], "Did you mean 'f1_only'"),
    ],
)
def test_what_cannot_be_sampled_is_refused(tmp_path: Path, launch, capsys, options, message) -> None:
    out = tmp_path / "audit.csv"
    assert launch("label", "sample", dataset(tmp_path), *options, "--out", out) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_labels_go_out_and_come_in(tmp_path: Path, launch, capsys) -> None:
    given = [label(0), label(1, grounded=False), label(0, "bob", correct=False)]
    data, out = dataset(tmp_path, *given), tmp_path / "labels.csv"
    assert launch("label", "export", data, "--out", out) == 0
    assert launch("label", "import", data, out) == 0
    assert "3 as they were" in " ".join(capsys.readouterr().out.split())
    assert labels(data) == given
    out.write_text(out.read_text().replace("ada,true,false", "ada,false,false"))
    assert launch("label", "import", data, out) == 0
    assert "1 label replaced, 2 as they were" in " ".join(capsys.readouterr().out.split())
    assert [found.correct for found in labels(data)] == [True, False, False]
    LocalDataset.open(data).verify()


def test_one_annotators_labels_under_another_name(tmp_path: Path, launch) -> None:
    data, out = dataset(tmp_path, label(0), label(0, "bob")), tmp_path / "labels.csv"
    assert launch("label", "export", data, "--annotator", "bob", "--out", out) == 0
    assert launch("label", "import", data, out, "--annotator", "carl") == 0
    assert labels(data) == [label(0), label(0, "bob"), label(0, "carl")]


def test_a_bad_file_changes_nothing(tmp_path: Path, launch, capsys) -> None:
    data, out = dataset(tmp_path, label(0)), tmp_path / "labels.csv"
    out.write_text("row_id,annotator,correct\nffff,ada,perhaps\n")
    assert launch("label", "import", data, out) == 2
    assert "line 2: correct: must be true or false" in " ".join(capsys.readouterr().err.split())
    assert labels(data) == [label(0)]
    out.write_text("file,index,annotator,correct,grounded\na.jsonl,0,ada,1,1\n")
    assert launch("label", "import", data, out) == 2
    assert "Name them with --transcripts" in " ".join(capsys.readouterr().err.split())
    assert launch("label", "export", data, "--annotator", "nobody", "--out", tmp_path / "x.csv") == 2


def test_agreement_is_shown_with_the_rows_that_differ(tmp_path: Path, launch, capsys) -> None:
    ada = [label(number, correct=number % 2 == 0) for number in range(10)]
    bob = [dataclasses.replace(given, annotator="bob") for given in ada]
    bob[3] = dataclasses.replace(bob[3], correct=True, note="reads [red]otherwise[/]\x1b[2J")
    data = dataset(tmp_path, *ada, *bob)
    assert launch("label", "agreement", data) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "ada, bob correct 10 90.0% 0.80" in shown
    assert "ada, bob grounded 10 100.0% – undefined: all the same answer" in shown
    assert "They differ on 1 row: 0000000000000003 What is capital 3?" in shown
    assert "bob: correct yes, grounded yes (reads [red]otherwise[/]␛[2J)" in shown


def test_agreement_needs_two(tmp_path: Path, launch, capsys) -> None:
    assert launch("label", "agreement", dataset(tmp_path, label(0))) == 2
    assert "must be at least two to compare; got ['ada']" in " ".join(capsys.readouterr().err.split())


def test_answers_of_a_killed_session_are_not_passed_over_in_silence(tmp_path: Path, launch, capsys) -> None:
    data, given = dataset(tmp_path, label(0, "bob")), label(0)
    LabelJournal.of(data, "ada").record(Entry(given.row_id, "ada", CREATED, given))
    assert launch("label", "export", data, "--out", tmp_path / "labels.csv") == 0
    assert "1 answer of ada is not among the labels yet" in capsys.readouterr().out


@pytest.mark.slow
def test_the_audit_of_real_rows_reaches_all_of_them(
    shared_data: Path, tmp_path: Path, launch, capsys
) -> None:
    folder, data = shared_data / "trajectories", tmp_path / "data"
    files = [*sorted(folder.glob("r1searcher*")), *sorted(folder.glob("fireact*gpt*"))]
    assert launch("import", *files, "--dataset", "hotpotqa", "--out", data) == 0
    audit = shared_data / "labels" / "hotpotqa_audit.csv"
    assert launch("label", "import", data, audit, "--transcripts", *files) == 0
    found = labels(data)
    assert len(found) == 464
    assert len({given.row_id for given in found}) == 232
    one = [given for given in found if given.annotator == "lm-A"]
    assert sum(
        1 / given.inclusion_probability for given in one if given.inclusion_probability
    ) == pytest.approx(1465)
    assert launch("label", "agreement", data) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "lm-A, lm-B correct 232 100.0% 1.00" in shown
    assert "lm-A, lm-B grounded 232 97.8% 0.95" in shown
