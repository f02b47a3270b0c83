"""Ranking recipes: what is refused, what the words mean, and the shipped ones on rows told apart by hand."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.errors import RecipeError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row
from trajset.dataset_cards.render import write_card
from trajset.filters.engines import ENGINES, Engine, accepted_ids, verdicts
from trajset.filters.predicate_types import Kind
from trajset.filters.predicates import Predicate
from trajset.filters.qualify import Qualify
from trajset.filters.recipes import Recipe, list_recipes, load_recipe
from trajset.filters.splits import make_split


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f1 > 0.5", "must hold a window function"),
        ("ROW_NUMBER() OVER (ORDER BY f1)", "must be true or false for each row, not a number"),
        ("COUNT(*) > 1", "must keep to what both engines take alike"),
        ("RANK() OVER () = 1", "must say by what to rank"),
        ("LAG(f1) OVER (ORDER BY id) > 0", "must be a window function that both engines take alike"),
        ("NTILE(4) OVER (ORDER BY f1) = 1", "must be a window function"),
        ("COUNT(DISTINCT f1) OVER () > 1", "both engines"),
        ("SUM(hops) FILTER (WHERE em) OVER () > 1", "must be a window function"),
        ("SUM(hops) OVER w > 1", 'qualify: window "w" does not exist'),
        ("SUM(hops) OVER (ORDER BY id ROWS 2 PRECEDING) > 1", "must be a window function"),
        ("SUM(hops) OVER (ORDER BY id RANGE UNBOUNDED PRECEDING) > 1", "must be a window function"),
        ("SUM(hops) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) > 1", "window function"),
        (
            "SUM(hops) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING EXCLUDE TIES) > 1",
            "must be a window function",
        ),
        ("ROW_NUMBER() OVER (ORDER BY f1 ROWS UNBOUNDED PRECEDING) = 1", "must have no frame"),
        ("ROW_NUMBER(f1) OVER () = 1", "usual arguments"),
        ("COUNT() OVER () = 1", "usual arguments"),
        ("SUM(f1) OVER () > 1", "must add up whole numbers: SUM of decimals depends on the order"),
        ("AVG(f1) OVER () > 1", "must add up whole numbers"),
        ("SUM(hops / 2) OVER () > 1", "must add up whole numbers"),
        ("SUM(hops * 0.5) OVER () > 1", "must add up whole numbers"),
        ("SUM(em) OVER () > 1", "must add up whole numbers"),
        ("MAX(answer) OVER () = 'a'", "must take a number, not text"),
        ("MAX(MAX(f1) OVER ()) OVER () = 1", "not put one into another"),
        ("RANK() OVER (ORDER BY n_search) = 1", "Did you mean 'n_searches'"),
        ("RANK() OVER (ORDER BY messages) = 1", "must use columns of numbers, text"),
        ("RANK() OVER (PARTITION BY UPPER(answer) ORDER BY f1) = 1", "both engines"),
        ("RANK() OVER (ORDER BY f1) = $m", "got 'm'. Known: k."),
        ("RANK() OVER (ORDER BY f1) = 'a'", "needs values of one kind"),
        ("RANK() OVER (ORDER BY f1 COLLATE NOCASE) = 1", "both engines"),
        ("RANK() OVER (ORDER BY f1) == = 1", "qualify:"),
        ("(" * 200 + "RANK() OVER (ORDER BY f1) = 1" + ")" * 200, "nested less deeply"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Qualify.parse(text, {"k": Kind.NUMBER})
    assert said in str(caught.value)
    assert "predicate:" not in str(caught.value)


def test_a_predicate_has_no_windows() -> None:
    with pytest.raises(RecipeError, match="predicate: must leave window functions to `qualify`"):
        Predicate.parse("ROW_NUMBER() OVER () = 1", {})


def test_the_plan_names_operands_and_windows_once() -> None:
    text = (
        "RANK() OVER (ORDER BY F1 DESC) = 1 OR RANK() OVER (ORDER BY f1 DESC) = $k OR MAX(f1) OVER () > hops"
    )
    plan = Qualify.parse(text, {"k": Kind.NUMBER}).plan({"k": 2})
    assert plan.columns == ("f1", "hops", "id")
    assert len(plan.windows) == 2
    assert plan.condition == '("_window_0" = 1) OR ("_window_0" = 2) OR ("_window_1" > "hops")'


def ranking(qualify: str, predicate: str = "TRUE") -> Recipe:
    return Recipe("own", "Own", "", Predicate.parse(predicate, {}), (), Qualify.parse(qualify, {}))


def row(number: int, question: str, f1: float, **changes: int | None) -> Row:
    """A row of a question; `n_searches`, `tokens` and `sample` may be given."""
    made = sample_row(number, f1=f1)
    asked = dataclasses.replace(made.question, question_id=question)
    use = dataclasses.replace(made.search_use, n_searches=changes.get("n_searches", 1))
    cost = dataclasses.replace(made.cost, prompt_tokens=changes.get("tokens", 100), completion_tokens=0)
    identity = dataclasses.replace(made.identity, sample_index=changes.get("sample", 0))
    return dataclasses.replace(made, identity=identity, question=asked, search_use=use, cost=cost)


@pytest.fixture
def samples(tmp_path: Path) -> LocalDataset:
    """Samples of three questions; the third was never answered right."""
    rows = [
        row(0, "a", 0.8, tokens=50, sample=3),
        row(1, "a", 1.0, tokens=300, sample=2, n_searches=2),
        row(2, "a", 1.0, tokens=200, sample=1, n_searches=3),
        row(3, "b", 0.9, tokens=None, sample=1),
        row(4, "b", 0.9, tokens=400, sample=0),
        row(5, "c", 0.1, tokens=10),
    ]
    write_dataset(tmp_path / "data", Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    return LocalDataset.open(tmp_path / "data")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "settings", "kept"),
    [
        ("best_of_n", {}, [1, 4]),
        ("best_of_n", {"min_f1": "0.05"}, [1, 4, 5]),
        ("cheapest_right", {}, [0, 4]),
        ("per_question", {"k": "2"}, [1, 2, 3, 4]),
        ("per_question", {"k": "1"}, [2, 4]),
        ("token_budget", {"max_tokens": "549"}, [1, 2]),
        ("token_budget", {"max_tokens": "900"}, [1, 2, 4]),
        ("token_budget", {"max_tokens": "950"}, [0, 1, 2, 4]),
    ],
)
def test_the_shipped_ones(
    samples: LocalDataset, engine: Engine, name: str, settings: dict[str, str], kept: list[int]
) -> None:
    ids = accepted_ids(samples, load_recipe(name).bind(settings), engine)
    assert ids == [f"{number:016x}" for number in kept]


def test_the_shipped_ones_start_from_f1_search() -> None:
    rules = load_recipe("f1_search").predicate.text
    ranked = [recipe for recipe in list_recipes() if recipe.qualify]
    assert len(ranked) == 4
    assert all(recipe.predicate.text.startswith(rules) for recipe in ranked)


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_see_only_what_the_predicate_accepts(samples: LocalDataset, engine: Engine) -> None:
    """A null predicate stays null, a false one false, whatever the windows say."""
    recipe = ranking("COUNT(*) OVER () = 2", "prompt_tokens < 100")
    assert verdicts(samples, [recipe], engine).column("own").to_pylist() == [
        True,
        False,
        False,
        None,
        False,
        True,
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_null_condition_is_no_verdict(samples: LocalDataset, engine: Engine) -> None:
    recipe = ranking("SUM(prompt_tokens) OVER (PARTITION BY id) > 100")
    assert verdicts(samples, [recipe], engine).column("own").to_pylist() == [
        False,
        True,
        True,
        None,
        True,
        False,
    ]


def test_the_hash_covers_it_and_the_manifest_gives_it_back(samples: LocalDataset) -> None:
    one, two = ranking("RANK() OVER (ORDER BY f1) = 1"), ranking("RANK() OVER (ORDER BY f1) = 2")
    assert one.hash != two.hash
    manifest = make_split(samples.path, load_recipe("per_question").bind({"k": "1"}))
    again = Recipe.from_json(manifest.recipes["per_question"])
    assert again.hash == load_recipe("per_question").bind({"k": "1"}).hash
    assert again.qualify == load_recipe("per_question").qualify
    assert "QUALIFY ROW_NUMBER()" in manifest.recipes["per_question"]["sql"]
    assert "qualify = " in (samples.path / "recipes.toml").read_text()
    write_card(samples.path)
    assert "QUALIFY\nROW_NUMBER() OVER" in (samples.path / "README.md").read_text()
