"""EVOUNA: five systems a question, people's verdicts as labels, and F1 against them on the real file."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from trajset.builder.config import ImportConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import DataError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Label, StopReason
from trajset.builder.transcripts import Imported, counts_table, read_transcripts
from trajset.filters.ablation import AblationPlan, ablate
from trajset.filters.ablation_types import Design, Target
from trajset.filters.recipes import load_recipe
from trajset.filters.sweeps import parse_sweep

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def record(**fields: Any) -> dict[str, Any]:
    return {
        "question": "Which highway was revisited?",
        "golden_answer": "61/ sixty-one /Highway 61 Revisited/",
        "answer_fid": "61",
        "judge_fid": True,
        "answer_gpt4": " It was Highway 66.",
        "judge_gpt4": False,
        "improper": False,
        **fields,
    }


def imported(folder: Path, *records: dict[str, Any], **config: Any) -> Imported:
    path = folder / "evouna.json"
    path.write_text(json.dumps(records), "utf-8")
    return read_transcripts([path], ImportConfig(dataset="triviaqa", **config), NOW)


def test_a_question_is_a_row_for_each_system(tmp_path: Path) -> None:
    made = imported(tmp_path, record())
    fid, gpt4 = made.rows
    assert (fid.provenance.teacher, gpt4.provenance.teacher) == ("fid", "gpt4")
    assert fid.question == gpt4.question
    assert fid.question.gold_answers == ("61", "sixty-one", "Highway 61 Revisited")
    assert (fid.question.dataset, fid.outcome.stop_reason) == ("triviaqa", StopReason.ANSWERED)
    assert (fid.outcome.answer, gpt4.outcome.answer) == ("61", "It was Highway 66.")
    assert (fid.scores.em, gpt4.scores.em) == (True, False)
    assert (fid.search_use.n_searches, fid.search_use.first_action, fid.search_use.n_turns) == (
        0,
        "answer",
        1,
    )
    assert [message.role for message in fid.conversation.messages] == ["user", "assistant"]
    assert [made.sources[row.id].index for row in made.rows] == ["0:fid", "0:gpt4"]


def test_a_verdict_is_a_label_that_says_nothing_of_the_way(tmp_path: Path) -> None:
    made = imported(tmp_path, record())
    assert made.labels == [
        Label(row.id, "human", correct, None, None, NOW)
        for row, correct in zip(made.rows, (True, False), strict=True)
    ]
    assert [label.good for label in made.labels] == [None, False]
    assert made.judgements == []


def test_improper_questions_are_left_out_and_counted(tmp_path: Path) -> None:
    made = imported(tmp_path, record(question="Who?", improper=True), record())
    assert {row.question.question for row in made.rows} == {"Which highway was revisited?"}
    assert [made.sources[row.id].index for row in made.rows] == ["1:fid", "1:gpt4"]
    (counts,) = made.counts
    assert (counts.rows, counts.labelled) == (2, 2)
    assert counts.omitted == (("the question is marked improper", 2),)
    shown = io.StringIO()
    Console(file=shown, width=200).print(counts_table(made.counts))
    assert "evouna.json: 2 left out, the question is marked improper" in shown.getvalue()


def test_a_file_of_nothing_but_improper_questions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold a record that counts"):
        imported(tmp_path, record(improper=True))


def test_an_answer_that_nobody_gave_or_judged(tmp_path: Path) -> None:
    made = imported(tmp_path, record(answer_gpt4="None", judge_gpt4="nan"))
    assert [label.row_id for label in made.labels] == [made.rows[0].id]
    assert (made.rows[1].outcome.answer, made.rows[1].outcome.stop_reason) == (None, StopReason.ABANDONED)


def test_none_is_an_answer_where_somebody_judged_it(tmp_path: Path) -> None:
    made = imported(tmp_path, record(answer_fid="None", judge_fid=True))
    assert (made.rows[0].outcome.answer, made.labels[0].correct) == ("None", True)


def test_a_repeated_question_is_another_sample(tmp_path: Path) -> None:
    made = imported(tmp_path, record(), record(golden_answer="sixty-one/61"))
    assert [row.identity.sample_index for row in made.rows] == [0, 0, 1, 1]
    assert len({row.id for row in made.rows}) == 4


@pytest.mark.parametrize("broken", [{"question": None}, {"answer_fid": 3}])
def test_what_cannot_be_read_is_a_row_without_a_label(broken: dict[str, Any], tmp_path: Path) -> None:
    made = imported(tmp_path, record(**broken), record(), format="evouna")
    assert made.rows[0].outcome.stop_reason is StopReason.UNPARSED
    assert made.rows[0].id not in {label.row_id for label in made.labels}


@pytest.fixture(scope="module")
def triviaqa(shared_data: Path) -> Imported:
    return read_transcripts(
        [shared_data / "judges" / "evouna_triviaqa.json.gz"], ImportConfig(dataset="triviaqa"), NOW
    )


def test_the_real_file(triviaqa: Imported) -> None:
    (counts,) = triviaqa.counts
    assert (counts.taken.format, counts.rows, counts.parsed) == ("evouna", 9_690, 9_690)
    assert (counts.answered, counts.labelled) == (9_690, 9_690)
    assert counts.omitted == (("the question is marked improper", 310),)
    good = Counter(system for label, system in labelled(triviaqa) if label.correct)
    assert good == {"fid": 1580, "gpt35": 1520, "chatgpt": 1636, "gpt4": 1748, "newbing": 1737}


def labelled(made: Imported) -> list[tuple[Label, str]]:
    """Each label with the system whose answer it is about."""
    teachers = {row.id: str(row.provenance.teacher) for row in made.rows}
    return [(label, teachers[label.row_id]) for label in made.labels]


@pytest.mark.parametrize(
    ("system", "threshold", "kept", "precision", "recall"),
    [
        ("fid", 0.0, 1580, 0.9728, 0.9728),
        ("fid", 0.65, 1490, 0.9913, 0.9348),
        ("gpt35", 0.2, 1178, 0.9728, 0.7539),
        ("gpt35", 0.65, 533, 1.0, 0.3507),
        ("chatgpt", 0.65, 188, 0.9894, 0.1137),
        ("gpt4", 0.3, 823, 0.9891, 0.4657),
        ("gpt4", 0.65, 134, 1.0, 0.0767),
        ("newbing", 0.1, 683, 0.9649, 0.3794),
        ("newbing", 0.65, 2, 1.0, 0.0012),
    ],
)
def test_precision_and_recall_of_f1_against_people(
    system: str, threshold: float, kept: int, precision: float, recall: float, triviaqa: Imported
) -> None:
    """The numbers come from a script of a few lines that knows nothing of trajset."""
    f1 = {row.id: row.scores.f1 or 0.0 for row in triviaqa.rows}
    verdicts = [
        (f1[label.row_id] > threshold, label.correct) for label, name in labelled(triviaqa) if name == system
    ]
    accepted = [correct for above, correct in verdicts if above]
    assert len(accepted) == kept
    assert sum(accepted) / kept == pytest.approx(precision, abs=5e-5)
    assert sum(accepted) / sum(correct for _, correct in verdicts) == pytest.approx(recall, abs=5e-5)


@pytest.mark.slow
def test_the_ablation_gives_the_same_precision_and_recall(triviaqa: Imported, tmp_path: Path) -> None:
    """Every answer has its verdict, so the ablation's shares are exact: they are those of a plain count."""
    write_dataset(tmp_path, Tables(triviaqa.rows, labels=triviaqa.labels), MadeBy("import", NOW))
    plan = AblationPlan(
        (load_recipe("f1_only"),),
        target=Target.CORRECT,
        by="teacher",
        sweeps=(parse_sweep("min_f1=0:0.95:0.05"),),
    )
    found = ablate(LocalDataset.open(tmp_path), plan, "evouna")
    assert found.design is Design.CENSUS
    f1 = {row.id: row.scores.f1 or 0.0 for row in triviaqa.rows}
    verdicts = [(name, f1[label.row_id], label.correct) for label, name in labelled(triviaqa)]
    points = [point for point in found.sweeps if point.result.source is not None]
    assert len(points) == 5 * 20
    for point in points:
        theirs = [(value, correct) for name, value, correct in verdicts if name == point.result.source]
        kept = [correct for value, correct in theirs if value > point.value]
        right = sum(correct for _, correct in theirs)
        assert point.result.accepted == len(kept)
        assert point.result.fdr.value == (pytest.approx(1 - sum(kept) / len(kept)) if kept else None)
        assert point.result.recall.value == pytest.approx(sum(kept) / right)
        assert point.result.recall.low == point.result.recall.high == point.result.recall.value
