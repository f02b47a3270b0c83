"""Sweeps: exact decimals, the end included, and what is refused."""

import pytest
from trajset.builder.errors import RecipeError
from trajset.filters.recipes import load_recipe
from trajset.filters.sweeps import Sweep, parse_sweep


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("min_f1=0.3:0.5:0.05", ("0.30", "0.35", "0.40", "0.45", "0.50")),
        ("min_f1=0:0.95:0.25", ("0.00", "0.25", "0.50", "0.75")),
        ("n=1:3:1", ("1", "2", "3")),
        ("n=-1:1:1", ("-1", "0", "1")),
        ("n=5:5:1", ("5",)),
        (" min_f1 = 0.5, 0.65 ,0.8", ("0.5", "0.65", "0.8")),
        ("name=gpt", ("gpt",)),
        ("n=0:1e-3:5e-4", ("0.0000", "0.0005", "0.0010")),
    ],
)
def test_values_are_exact(text: str, values: tuple[str, ...]) -> None:
    assert parse_sweep(text).values == values


@pytest.mark.parametrize(
    "text",
    [
        "min_f1",
        "=1,2",
        "min_f1=",
        "min_f1=0.3:0.9",
        "min_f1=0.3:0.9:0",
        "min_f1=0.9:0.3:0.1",
        "min_f1=0.3:0.9:-0.1",
        "min_f1=a:b:c",
        "min_f1=0:nan:1",
        "min_f1=0:inf:1",
        "min_f1=0:1:0.0001",
        "min_f1=0.5,0.5",
        "min_f1=0.5,,0.6",
        "min_f1=0:1e99:1",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="--sweep"):
        parse_sweep(text)


def test_a_sweep_over_a_recipe() -> None:
    recipe = load_recipe("f1_only")
    sweep = parse_sweep("min_f1=0.3:0.4:0.05")
    assert [entry.values for entry in sweep.over(recipe)] == [
        {"min_f1": 0.3},
        {"min_f1": 0.35},
        {"min_f1": 0.4},
    ]
    assert sweep.fits(recipe)
    assert not sweep.fits(load_recipe("llm_judge"))
    with pytest.raises(RecipeError, match="Known: min_f1"):
        Sweep("min_searches", ("1",)).over(recipe)
