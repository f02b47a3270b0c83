"""From datasets on disk to an evaluation: what is found, what is one measurement, what is compared."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sample_rows import sample_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row
from trajset.eval.bootstrap import Draws
from trajset.eval.cells import Cell, Mode
from trajset.eval.evaluation import EvaluationOptions, evaluate_datasets, evaluate_rows
from trajset.eval.failures import WrongRows
from trajset.eval.gathering import model_labels
from trajset.eval.results import Evaluation, Failure, Probe
from trajset.eval.results_json import PROBE, ProbeFile, write_probe

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUICK = EvaluationOptions(draws=Draws(200))


def row_of(number: int, model: str, f1: float, **made: str | None) -> Row:
    """A row of a model; `made` are columns of its provenance."""
    row = sample_row(number, answer="Rome" if f1 == 1 else "Paris", f1=f1)
    provenance = dataclasses.replace(row.provenance, teacher=model, **made)
    name = "".join(filter(None, (model, *made.values())))
    return dataclasses.replace(
        row, identity=dataclasses.replace(row.identity, id=f"{name}-{number}"), provenance=provenance
    )


def rows_of(model: str, scores: Sequence[float], **made: str | None) -> list[Row]:
    return [row_of(number, model, f1, **made) for number, f1 in enumerate(scores)]


def write(folder: Path, rows: Sequence[Row]) -> None:
    write_dataset(folder, Tables(rows), MadeBy("eval", NOON, {}, {}))


def noisy(share: float) -> str:
    return f"noise(drop={share:g},seed=0)/bm25"


def whole(model: str) -> list[Row]:
    """A model in all modes, on three questions."""
    return [
        *rows_of(model, (1, 0, 1)),
        *rows_of(model, (1, 0, 0), retriever=noisy(0.2)),
        *rows_of(model, (0, 0, 0), policy="closed_book", retriever=None),
        *rows_of(model, (1, 1, 1), policy="gold_evidence", retriever=None),
    ]


def test_one_pass_over_rows_gives_everything() -> None:
    found = evaluate_rows([*whole("big"), *rows_of("small", (0, 0, 1))], QUICK)
    cells = [one.cell for one in found.summaries]
    assert cells == [
        Cell("demo", "big", Mode.CLOSED_BOOK),
        Cell("demo", "big", Mode.GOLD_EVIDENCE),
        Cell("demo", "big", Mode.LIVE, "", "bm25"),
        Cell("demo", "big", Mode.NOISY, "drop=0.2", "bm25"),
        Cell("demo", "small", Mode.LIVE, "", "bm25"),
    ]
    assert [one.cell for one in found.failures] == cells
    assert [one.wrong for one in found.failures] == [3, 0, 1, 2, 2]
    assert found.failures[0].counts[Failure.HALLUCINATION] == 3
    (curve,) = found.noise
    assert [(point.share, point.f1.value) for point in curve.points] == [(0.0, 2 / 3), (0.2, 1 / 3)]
    (split,) = found.losses
    assert (split.memory.value, split.retrieval.value, split.reasoning.value) == (
        pytest.approx(2 / 3),
        pytest.approx(1 / 3),
        pytest.approx(0),
    )
    f1 = next(one for one in found.paired if one.measure == "f1")
    assert (f1.first.model, f1.second.model, f1.difference.value) == ("big", "small", pytest.approx(1 / 3))
    assert {one.measure for one in found.paired} == {"f1", "em", "wrong", *map(str, Failure)}
    assert not found.simulated


def test_datasets_are_found_below_a_folder_and_count_once(tmp_path: Path) -> None:
    write(tmp_path / "out" / "b", rows_of("small", (0, 1)))
    write(tmp_path / "out" / "deep" / "a", rows_of("big", (1, 1)))
    write(tmp_path / "out" / ".old", rows_of("hidden", (1, 1)))
    (tmp_path / "out" / "index").mkdir()
    (tmp_path / "out" / "index" / "manifest.json").write_text("{}")
    found = evaluate_datasets([str(tmp_path / "out"), str(tmp_path / "out" / "b")], QUICK)
    assert [(one.cell.model, one.rows) for one in found.summaries] == [("big", 2), ("small", 2)]
    assert found.facts["datasets"] == "b, out"
    assert str(tmp_path) not in str(found.facts)


def test_questions_beside_a_dataset_give_types_hops_and_titles(tmp_path: Path) -> None:
    rows = [
        dataclasses.replace(
            row, question=dataclasses.replace(row.question, hops=None, supporting_titles=None)
        )
        for row in rows_of("m", (0, 1))
    ]
    write(tmp_path / "data", rows)
    facts = {"question_id": ["q0", "q1"], "type": ["bridge", None], "hops": [3, None]}
    titles = {"supporting_titles": [["Rome", "Nowhere"], None]}
    pl.DataFrame(facts | titles).write_parquet(tmp_path / "data" / "questions.parquet")
    found = evaluate_datasets([str(tmp_path / "data")], QUICK)
    slices = found.summaries[0].slices
    assert {by: list(part) for by, part in slices.items()} == {
        "hops": ["3", "unknown"],
        "type": ["bridge", "unknown"],
    }
    assert found.failures[0].examples[0].why.startswith("never retrieved: Nowhere")


def test_questions_of_ones_own_are_found_by_text_and_go_before(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"question": "What is capital 1?", "type": "comparison", "answer": "Rome"}\n')
    options = dataclasses.replace(QUICK, questions=(own,))
    slices = evaluate_rows(rows_of("m", (0, 1)), options).summaries[0].slices
    assert {name: part.f1.value for name, part in slices["type"].items()} == {
        "comparison": 1.0,
        "unknown": 0.0,
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"type": "bridge"}', "must have question_id or question"),
        ('{"question_id": "q", "type": 3}', "type: must be text"),
        ('{"question_id": "q", "hops": "two"}', "hops: must be a whole number"),
        ('{"question_id": "q", "supporting_titles": "Rome"}', "supporting_titles: must be a list"),
    ],
)
def test_a_bad_file_of_questions_is_told_by_line(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(f"{line}\n")
    with pytest.raises(DataError, match=r"own\.jsonl:1") as told:
        evaluate_rows(rows_of("m", (0, 1)), dataclasses.replace(QUICK, questions=(file,)))
    assert said in str(told.value)


def test_revisions_of_one_model_stay_apart_under_short_labels() -> None:
    rows = [
        *rows_of("m", (1, 1), teacher_revision="0123456789abcdef"),
        *rows_of("m", (0, 1), teacher_revision="fedcba9876543210"),
        *rows_of("n", (0, 0), teacher_revision="0123456789abcdef"),
    ]
    models = [one.cell.model for one in evaluate_rows(rows, QUICK).summaries]
    assert models == ["m@01234567", "m@fedcba98", "n"]
    labels = model_labels([("m", "0123456789a"), ("m", "0123456789b"), ("m", None), (None, None)])
    assert list(labels.values()) == ["m@0123456789a", "m@0123456789b", "m", "unknown"]


def test_many_models_are_compared_with_the_best_and_their_neighbours() -> None:
    rows = [row for place in range(5) for row in rows_of(f"m{place}", [1] * place + [0] * (5 - place))]
    found = evaluate_rows(rows, dataclasses.replace(QUICK, most_pairs=7))
    pairs = [(one.first.model, one.second.model) for one in found.paired if one.measure == "f1"]
    assert pairs == [
        ("m4", "m3"),
        ("m4", "m2"),
        ("m4", "m1"),
        ("m4", "m0"),
        ("m3", "m2"),
        ("m2", "m1"),
        ("m1", "m0"),
    ]
    assert found.facts["pairs left out"] == "3"


def test_retrievers_are_compared_within_a_model_only() -> None:
    rows = [
        *rows_of("a", (1, 1)),
        *rows_of("a", (0, 1), retriever="dense"),
        *rows_of("b", (0, 0), retriever="dense"),
    ]
    pairs = {
        (one.first.model, one.first.retriever, one.second.model, one.second.retriever)
        for one in evaluate_rows(rows, QUICK).paired
    }
    assert pairs == {("a", "bm25", "a", "dense"), ("a", "dense", "b", "dense")}


PROBED = Probe(
    "demo",
    "m",
    layer=2,
    layers=4,
    components=8,
    questions=10,
    right=4,
    ece=0.1,
    auroc=None,
    bins=(),
    histogram=(),
    curve=(),
)


def test_probes_in_and_below_folders_are_read(tmp_path: Path) -> None:
    write(tmp_path / "out" / "data", rows_of("m", (1, 0)))
    (tmp_path / "out" / "probe").mkdir()
    write_probe(tmp_path / "out" / "probe" / PROBE, ProbeFile(PROBED, "trajset probe", NOON))
    found = evaluate_datasets([str(tmp_path / "out"), str(tmp_path / "out" / "probe")], QUICK)
    assert found.probes == (PROBED,)
    assert len(found.summaries) == 1
    alone = evaluate_datasets([str(tmp_path / "out" / "probe")], QUICK)
    assert (alone.probes, alone.summaries) == ((PROBED,), ())


def test_what_is_simulated_is_called_so() -> None:
    assert evaluate_rows(rows_of("simulated", (1, 0)), QUICK).simulated
    world = [
        dataclasses.replace(row, question=dataclasses.replace(row.question, dataset="demo-world"))
        for row in rows_of("m", (1, 0))
    ]
    assert evaluate_rows(world, QUICK).simulated


def test_wrong_rows_may_be_told_by_a_judge() -> None:
    rows = [
        dataclasses.replace(row, verdicts=dataclasses.replace(row.verdicts, llm_judge=number < 2))
        for number, row in enumerate(rows_of("m", (0, 1, 1)))
    ]
    found = evaluate_rows(rows, dataclasses.replace(QUICK, wrong=WrongRows("llm_judge")))
    assert (found.failures[0].scored, found.failures[0].wrong) == (3, 1)
    assert found.facts["wrong rows"] == "llm_judge at most 0.65"
    with pytest.raises(ConfigError, match="lmm_judge"):
        evaluate_rows(rows, dataclasses.replace(QUICK, wrong=WrongRows("lmm_judge")))


def test_nothing_to_evaluate_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="datasets below it"):
        evaluate_datasets([str(tmp_path)], QUICK)
    with pytest.raises(DataError, match="must be there"):
        evaluate_rows([], QUICK)


def test_the_same_rows_in_another_order_give_the_same_numbers() -> None:
    def values(found: Evaluation) -> list[object]:
        return [one.quality["f1"].value for one in found.summaries] + [one.counts for one in found.failures]

    rows = whole("m")
    assert values(evaluate_rows(rows, QUICK)) == values(evaluate_rows(rows[::-1], QUICK))
