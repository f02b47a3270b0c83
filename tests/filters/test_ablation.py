"""The ablation of a small dataset, counted by hand; and of the real audit, whose first figures are known."""

import dataclasses
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.config import ImportConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import ConfigError, DataError, RecipeError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Label, Row
from trajset.builder.transcripts import read_transcripts
from trajset.builder.transcripts.files import bare_name
from trajset.filters.ablation import AblationPlan, ablate
from trajset.filters.ablation_types import Ablation, Design, Example, Pair, RecipeResult, Target
from trajset.filters.label_checks import Reader, read_labels
from trajset.filters.label_sources import read_source_lines
from trajset.filters.recipes import load_recipe
from trajset.filters.sweeps import parse_sweep

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
F1 = (1.0, 0.5, 0.8, 0.0, None, 0.7, 1.0, 0.65)
TEACHERS = ("a", "a", "a", "b", "b", "b", None, "b")
RECIPES = tuple(load_recipe(name) for name in ("f1_only", "f1_search", "llm_judge"))


def made_rows() -> list[Row]:
    """Eight rows of two teachers and an unknown one; every third did not search."""
    made: list[Row] = []
    for number, (f1, teacher) in enumerate(zip(F1, TEACHERS, strict=True)):
        row = sample_row(number, f1=f1)
        use = (
            row.search_use
            if number % 3
            else dataclasses.replace(row.search_use, n_searches=0, first_action="answer")
        )
        provenance = dataclasses.replace(row.provenance, teacher=teacher)
        made.append(dataclasses.replace(row, search_use=use, provenance=provenance))
    return made


def judgement(row: Row, judge: str, verdict: bool | None) -> Judgement:
    return Judgement(row.id, judge, "model-x", "hash", verdict, None, None, None, None)


def dataset(path: Path, rows: list[Row], annotators: tuple[str, ...] = ("ann",)) -> LocalDataset:
    """The rows with verdicts of `llm_judge` on the first four, of `strict` on the first three, and labels."""
    judgements = [judgement(row, "llm_judge", row.id[-1] != "1") for row in rows if row.id[-1] in "0123"]
    judgements += [judgement(row, "strict", row.id[-1] == "0" or None) for row in rows if row.id[-1] in "012"]
    labels = [
        Label(
            row.id,
            who,
            correct=True,
            grounded=row.search_use.n_searches > 0,
            note="seen",
            labelled_at=CREATED,
        )
        for who in annotators
        for row in rows
        if row.id[-1] in "023"
    ]
    write_dataset(path, Tables(rows, judgements, labels), MADE)
    return LocalDataset.open(path)


@pytest.fixture
def made(tmp_path: Path) -> LocalDataset:
    return dataset(tmp_path / "data", made_rows())


def overall(found: Ablation, recipe: str, source: str | None = None) -> RecipeResult:
    (result,) = [one for one in found.results if (one.recipe, one.source) == (recipe, source)]
    return result


def test_what_each_recipe_keeps(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES), "demo")
    assert [result.recipe for result in found.results] == [
        "f1_only",
        "f1_search",
        "llm_judge",
        "judge:strict",
    ]
    f1_only, judge, strict = (overall(found, name) for name in ("f1_only", "llm_judge", "judge:strict"))
    assert (f1_only.rows, f1_only.scored, f1_only.accepted) == (8, 7, 4)
    assert f1_only.mean_f1 == pytest.approx(3.5 / 4)
    assert f1_only.mean_searches == pytest.approx(2 / 4)
    assert f1_only.tokens == 4 * 120
    assert (f1_only.sql, f1_only.hash) == ("f1 > 0.65", RECIPES[0].hash)
    assert (judge.scored, judge.accepted) == (4, 3)
    assert (strict.scored, strict.accepted, strict.hash) == (1, 1, None)
    assert (found.rows, found.labelled, found.unlabelled, found.design) == (8, 3, 5, Design.UNKNOWN)
    assert (f1_only.labelled, f1_only.labelled_accepted, f1_only.fdr.value) == (3, 2, 0.5)
    assert found.thresholds == {"f1_only": 0.65, "f1_search": 0.65}
    assert (found.simulated, found.revision, found.grouped_by) == (False, None, None)
    assert found.config["recipes"][0]["hash"] == RECIPES[0].hash


def test_judges_are_counted(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES), "demo")
    assert [
        (one.judge, one.model, one.prompt_hash, one.right, one.wrong, one.unread) for one in found.judges
    ] == [
        ("llm_judge", "model-x", "hash", 3, 1, 0),
        ("strict", "model-x", "hash", 1, 0, 2),
    ]


def test_sources(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES[:1], by="teacher"), "demo")
    results = {result.source: result for result in found.results if result.recipe == "f1_only"}
    assert {source: (one.rows, one.accepted, one.labelled) for source, one in results.items()} == {
        None: (8, 4, 3),
        "?": (1, 1, 0),
        "a": (3, 2, 2),
        "b": (4, 1, 1),
    }
    assert results["?"].fdr.value is None
    assert results["a"].fdr.value == 0.5
    assert {pair.source for pair in found.pairs} == {None, "?", "a", "b"}


def test_pairs_are_over_the_rows_that_both_judge(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES), "demo")
    assert Pair("f1_only", "llm_judge", None, both=2, only_first=0, only_second=1, neither=1) in found.pairs
    assert Pair("f1_only", "f1_search", None, both=2, only_first=2, only_second=0, neither=3) in found.pairs
    assert len(found.pairs) == 6


def shown(found: Ablation, accepts: str, rejects: str) -> list[Example]:
    return [one for one in found.examples if (one.accepts, one.rejects) == (accepts, rejects)]


def test_examples_of_disagreement(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES, by="teacher", examples=5), "demo")
    (first, second) = shown(found, "f1_only", "f1_search")
    assert (first.row_id, first.source, first.correct, first.grounded, first.note) == (
        "0000000000000000",
        "a",
        True,
        False,
        "seen",
    )
    assert (first.question, first.gold_answers, first.answer) == ("What is capital 0?", ("Rome",), "Rome")
    assert (second.row_id, second.source, second.correct) == ("0000000000000006", "?", None)
    assert shown(found, "f1_search", "f1_only") == []
    assert ablate(made, AblationPlan(RECIPES, examples=0), "demo").examples == ()


def test_examples_spread_over_sources(tmp_path: Path) -> None:
    rows = [sample_row(number, f1=1.0 if number % 2 else 0.9) for number in range(40)]
    named = [
        dataclasses.replace(row, provenance=dataclasses.replace(row.provenance, teacher="ab"[number >= 30]))
        for number, row in enumerate(rows)
    ]
    write_dataset(tmp_path / "data", Tables(named), MADE)
    plan = AblationPlan((RECIPES[0], RECIPES[0].bind({"min_f1": "0.95"})), by="teacher", examples=6)
    renamed = dataclasses.replace(plan.recipes[1], name="stricter")
    plan = dataclasses.replace(plan, recipes=(plan.recipes[0], renamed))
    found = ablate(LocalDataset.open(tmp_path / "data"), plan, "demo")
    assert Counter(one.source for one in found.examples) == {"a": 3, "b": 3}


def test_a_sweep_is_the_recipe_with_each_value(made: LocalDataset) -> None:
    plan = AblationPlan(RECIPES, by="teacher", sweeps=(parse_sweep("min_f1=0.3:0.9:0.3"),))
    found = ablate(made, plan, "demo")
    points = {
        (point.result.recipe, point.value): point.result.accepted
        for point in found.sweeps
        if point.result.source is None
    }
    assert points == {
        ("f1_only", 0.3): 6,
        ("f1_only", 0.6): 5,
        ("f1_only", 0.9): 2,
        ("f1_search", 0.3): 4,
        ("f1_search", 0.6): 3,
        ("f1_search", 0.9): 0,
    }
    for point in found.sweeps[1:5:3]:
        again = ablate(
            made, AblationPlan((load_recipe(point.result.recipe).bind({"min_f1": str(point.value)}),)), "x"
        )
        assert again.results[0] == point.result


def test_histograms_hold_every_row(made: LocalDataset) -> None:
    found = ablate(made, AblationPlan(RECIPES), "demo")
    every, searches = (
        next(one for one in found.histograms if (one.column, one.recipe) == (column, None))
        for column in ("f1", "n_searches")
    )
    assert len(every.bins) == 20
    assert {(one.low, one.rows) for one in every.bins if one.rows} == {
        (0.0, 1),
        (0.5, 1),
        (0.65, 1),
        (0.7, 1),
        (0.8, 1),
        (0.95, 2),
    }
    assert (every.unknown, every.bins[-1].high) == (1, 1.0)
    assert [(one.low, one.high, one.rows) for one in searches.bins] == [(0.0, 1.0, 3), (1.0, 2.0, 5)]
    kept = next(one for one in found.histograms if (one.column, one.recipe) == ("n_searches", "f1_only"))
    assert [one.rows for one in kept.bins] == [2, 2]


def test_the_order_of_the_rows_changes_nothing(tmp_path: Path, made: LocalDataset) -> None:
    rows = random.Random(3).sample(made_rows(), len(F1))
    plan = AblationPlan(RECIPES, by="teacher", sweeps=(parse_sweep("min_f1=0.5,0.9"),))
    assert ablate(dataset(tmp_path / "shuffled", rows), plan, "demo") == ablate(made, plan, "demo")


def test_both_engines_give_the_same(made: LocalDataset) -> None:
    one, other = (
        ablate(made, AblationPlan(RECIPES, engine=engine), "demo") for engine in ("duckdb", "polars")
    )
    assert dataclasses.replace(other, config=one.config) == one


def test_what_cannot_be_done_is_refused(tmp_path: Path, made: LocalDataset) -> None:
    def message(plan: AblationPlan, error: type[Exception], data: LocalDataset = made) -> str:
        with pytest.raises(error) as caught:
            ablate(data, plan, "demo")
        return str(caught.value)

    several = dataset(tmp_path / "several", made_rows(), ("ann", "bob"))
    assert "Choose with --annotator: ann, bob" in message(AblationPlan(RECIPES), DataError, several)
    assert ablate(several, AblationPlan(RECIPES, annotator="bob"), "demo").annotators == ("ann", "bob")
    assert "techer" in message(AblationPlan(RECIPES, by="techer"), DataError)
    assert "must be a column of text" in message(AblationPlan(RECIPES, by="gold_answers"), DataError)
    assert "must be a column of text" in message(AblationPlan(RECIPES, by="f1"), DataError)
    assert "min_f2" in message(AblationPlan(RECIPES, sweeps=(parse_sweep("min_f2=1,2"),)), RecipeError)
    assert "names of their own" in message(AblationPlan((RECIPES[0], RECIPES[0])), RecipeError)
    assert "at least one recipe" in message(AblationPlan(()), ConfigError)
    assert "--examples" in message(AblationPlan(RECIPES, examples=-1), ConfigError)


def audited(folder: Path, shared: Path, names: list[str]) -> LocalDataset:
    """Real transcripts with the labels of two language models, those of these transcripts alone."""
    files = [shared / "trajectories" / name for name in names]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    imported = read_transcripts(files, ImportConfig(), now)
    places = {(bare_name(Path(place.file)), place.index): row for row, place in imported.sources.items()}
    csv = folder.parent / f"{folder.name}.csv"
    head, *lines = (shared / "labels" / "hotpotqa_audit.csv").read_text("utf-8").splitlines(keepends=True)
    csv.write_text(head + "".join(line for line in lines if line.split(",")[0] in names), "utf-8")
    labels = read_labels(csv, read_source_lines(csv, places), Reader(frozenset(imported.sources), now)).labels
    write_dataset(folder, Tables(imported.rows, imported.judgements, labels), MADE)
    return LocalDataset.open(folder)


OWN = {
    "f1_searched": "f1 > 0.65 AND n_searches >= 1",
    "f1_in_evidence": "f1 > 0.65 AND n_searches >= 1 AND answer_in_evidence",
}


def own_recipes(folder: Path) -> AblationPlan:
    """F1 alone, with a search, with the gold answer in the evidence, as the data's README states them."""
    for name, predicate in OWN.items():
        text = f'name = "{name}"\ntitle = "{name}"\npredicate = "{predicate}"\n'
        (folder / f"{name}.toml").write_text(text, "utf-8")
    recipes = [load_recipe("f1_only"), *(load_recipe(str(folder / f"{name}.toml")) for name in OWN)]
    return AblationPlan((*recipes, load_recipe("llm_judge")), annotator="lm-A")


def test_fireact_agrees_with_the_first_figures_of_its_audit(tmp_path: Path, shared_data: Path) -> None:
    data = audited(tmp_path / "data", shared_data, ["fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz"])
    found = ablate(data, own_recipes(tmp_path), "FireAct")
    assert (found.rows, found.labelled, found.design) == (465, 120, Design.STRATIFIED)
    figures = [(overall(found, name).accepted, overall(found, name).fdr) for name in ("f1_only", *OWN)]
    assert [accepted for accepted, _ in figures[:2]] == [262, 170]
    assert [round(accepted / 465, 2) for accepted, _ in figures[:2]] == [0.56, 0.37]
    assert figures[2][0] / 465 == pytest.approx(0.25, abs=0.01)
    assert [round(fdr.value, 2) for _, fdr in figures] == [0.46, 0.17, 0.13]
    assert all(0.03 < fdr.value - fdr.low < 0.1 and 0.05 < fdr.high - fdr.value < 0.15 for _, fdr in figures)
    assert overall(found, "llm_judge").fdr.value is None


def test_r1_searcher_agrees_with_the_first_figures_of_its_audit(tmp_path: Path, shared_data: Path) -> None:
    names = ["r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz", "r1searcher_hotpotqa_llama3.1-8b.jsonl.gz"]
    found = ablate(audited(tmp_path / "data", shared_data, names), own_recipes(tmp_path), "R1-Searcher")
    assert (found.rows, found.labelled, found.design) == (1000, 112, Design.STRATIFIED)
    judge, f1_only = overall(found, "llm_judge"), overall(found, "f1_only")
    assert (round(judge.accept_rate, 2), round(judge.fdr.value, 2)) == (0.75, 0.05)
    assert (round(f1_only.accept_rate, 2), round(f1_only.fdr.value, 2)) == (0.70, 0.05)
    both = next(pair for pair in found.pairs if (pair.first, pair.second) == ("f1_only", "llm_judge"))
    assert (both.both, both.only_first, both.only_second, both.neither) == (689, 12, 59, 240)
    assert Target.GOOD is found.target
