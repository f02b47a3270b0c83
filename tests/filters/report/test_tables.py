"""The tables: every number of the ablation, and why a number is missing."""

import dataclasses

import ablation_samples as samples
import pytest
from trajset.filters.ablation_types import Ablation, Design
from trajset.filters.report import facts, tables
from trajset.filters.report.table import Table


def texts(table: Table | None) -> list[list[tuple[str, str]]]:
    assert table is not None
    return [[(cell.text, cell.detail) for cell in row] for group in table.groups for row in group.rows]


def test_a_row_of_the_outcomes() -> None:
    made = samples.real_like()
    result = made.overall[0]
    row = texts(tables.outcomes(made))[0]
    assert row[0] == ("f1_only", "")
    assert row[1:3] == [(f"{result.accepted:,}", ""), (f"{result.accepted / result.rows:.1%}", "")]
    for cell, share in zip(row[3:6], (result.fdr, result.fpr, result.recall), strict=True):
        assert share.value is not None
        assert share.low is not None
        assert share.high is not None
        assert cell == (f"{share.value:.1%}", f"{share.low * 100:.1f}–{share.high * 100:.1f}")
    labelled = (result.fdr.labelled, result.fpr.labelled, result.recall.labelled)
    assert row[6] == ("/".join(map(str, labelled)), "")


def test_exact_shares_have_no_interval_and_a_note_says_so() -> None:
    table = tables.outcomes(samples.demo())
    assert all(detail == "" for row in texts(table) for _, detail in row)
    assert "exact" in table.notes[0]


def test_without_labels_every_share_says_why() -> None:
    table = tables.outcomes(samples.no_labels())
    assert texts(table)[0][3:6] == [("–", "no row is labelled")] * 3
    assert texts(table)[3][2] == ("–", "no verdict")
    assert "Nothing is known" in table.notes[0]


def test_a_recipe_that_keeps_nothing_has_no_means() -> None:
    kept = texts(tables.kept_rows(samples.no_labels()))[2]
    assert kept[3:] == [("0", ""), ("–", "no row kept"), ("–", "no row kept"), ("–", "no row kept")]


def test_rows_without_verdict_are_told_beside_the_accept_rate() -> None:
    notes = tables.outcomes(samples.no_labels()).notes
    assert any("f1_only has no verdict on 2 of 120 rows" in note for note in notes)
    assert any(note.startswith("llm_judge has no verdict: ") for note in notes)


def test_no_labelled_row_kept_is_the_reason_for_no_fdr() -> None:
    made = samples.one_recipe()
    result = dataclasses.replace(made.results[0], labelled_accepted=0, fdr=samples.NOTHING)
    row = texts(tables.outcomes(dataclasses.replace(made, results=(result,))))[0]
    assert row[3] == ("–", "no labelled row is kept")


def test_the_published_table_holds_ours_beside_it() -> None:
    made = samples.real_like()
    rows = texts(tables.beside_published(made))
    assert [row[0][0] for row in rows] == ["f1_only", "f1_search"]
    assert rows[0][1][0] == "78%"
    assert rows[0][3][0] == "25 to 30%"
    assert rows[0][4] == texts(tables.outcomes(made))[0][3]
    assert tables.beside_published(samples.many_recipes()) is None


@pytest.mark.parametrize("make", [samples.real_like, samples.many_sources])
def test_every_source_has_its_rows(make: type[Ablation]) -> None:
    made = make()
    table = tables.outcomes_by_source(made)
    assert table is not None
    sources = sorted({result.source for result in made.results if result.source})
    assert [group.heading for group in table.groups] == sources
    assert all(len(group.rows) == len(made.overall) for group in table.groups)


def test_results_that_are_not_sorted_by_source_are_still_grouped() -> None:
    made = samples.real_like()
    mixed = (*made.overall, *sorted(made.results[3:], key=lambda result: result.recipe))
    table = tables.outcomes_by_source(dataclasses.replace(made, results=mixed))
    assert table is not None
    assert len(table.groups) == 2


def test_the_overlap_of_two_recipes() -> None:
    made = samples.real_like()
    pair = made.pairs[0]
    assert pair.jaccard is not None
    assert pair.agreement is not None
    row = [text for text, _ in texts(tables.overlaps(made))[0]]
    counts = [f"{count:,}" for count in (pair.both, pair.only_first, pair.only_second, pair.neither)]
    assert row == [pair.first, pair.second, *counts, f"{pair.jaccard:.2f}", f"{pair.agreement:.1%}"]
    assert tables.overlaps(samples.one_recipe()) is None


def test_the_sweep_rises_and_gives_precision_and_recall() -> None:
    made = samples.real_like()
    shuffled = dataclasses.replace(made, sweeps=tuple(reversed(made.sweeps)))
    table = tables.sweeps(shuffled)
    assert table is not None
    assert len(table.groups) == 6
    group = next(group for group in table.groups if group.heading == "f1_only: min_f1")
    assert [row[0].text for row in group.rows] == ["0", *(f"0.{step}" for step in range(1, 10))]
    assert float(group.rows[3][3].text[:-1]) + float(group.rows[3][4].text[:-1]) == pytest.approx(
        100, abs=0.11
    )


def test_the_head_says_who_labelled_and_how() -> None:
    told = {fact.label: fact.text for fact in facts.facts(samples.real_like())}
    assert told["Labels by"] == "language-model A; not counted: language-model B"
    assert told["Rows"] == "965: 232 labelled, 733 unlabelled"
    assert "stratified" in told["Sampling design"]
    assert told["Intervals"] == samples.real_like().method
    bare = {fact.label: fact.text for fact in facts.facts(samples.no_labels())}
    assert bare["Labels by"] == "nobody"
    assert bare["Revision"].startswith("– (")


def test_the_demo_world_and_simulated_judges_are_called_simulated() -> None:
    data, judges = facts.warnings(samples.demo())
    assert data.startswith("Simulated data")
    assert "simulated (wrong answers passed: 0.1" in judges
    made = samples.demo()
    assert "the demo world itself" in {fact.label: fact.text for fact in facts.facts(made)}["Labels by"]
    assert facts.warnings(samples.real_like()) == ()
    real = dataclasses.replace(made, simulated=False)
    assert "demo world" not in {fact.label: fact.text for fact in facts.facts(real)}["Labels by"]


def test_without_labels_it_says_how_to_get_some() -> None:
    (warning,) = facts.warnings(samples.no_labels())
    assert "trajset label sample runs/demo" in warning


def test_unknown_designs_are_said_to_be_unknown() -> None:
    made = samples.one_recipe()
    assert made.design is Design.UNKNOWN
    assert "only if the labelled rows were drawn at random" in tables.outcomes(made).notes[0]


def test_disagreements_count_all_rows_and_show_a_few() -> None:
    found = facts.disagreements(samples.real_like())
    first = samples.real_like().pairs[0]
    assert (found[0].accepts, found[0].rejects, found[0].rows) == ("f1_only", "f1_search", first.only_first)
    assert len(found[0].examples) == 3


def test_an_example_says_what_is_not_known() -> None:
    shown = {fact.label: fact.text for fact in facts.example_facts(samples.example("a", "b", 4))}
    assert shown["Answer"] == "– (no answer)"
    assert shown["F1"] == "– (unscored)"
    assert shown["Label"] == "correct, grounded"
    other = {fact.label: fact.text for fact in facts.example_facts(samples.example("a", "b", 2))}
    assert other["Label"] == "not correct, grounded not known"
