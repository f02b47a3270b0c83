"""Filter, recipes, outcomes: named SQL filters over a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from ..builder.dataset import LocalDataset
from ..builder.refs import open_whole
from ..dataset_cards.render import write_card
from ..filters.engines import Engine, check_engines_agree
from ..filters.outcomes import outcomes
from ..filters.recipes import Recipe, list_recipes, load_recipe, parse_settings
from ..filters.splits import make_split


@dataclass(frozen=True, slots=True)
class Choice:
    """Which recipe, with which settings (`NAME=VALUE`), on which engine, compared with the other or not."""

    recipe: str
    settings: Sequence[str]
    engine: Engine
    check: bool


def filter_dataset(folder: Path, choice: Choice, console: Console) -> None:
    """Write a recipe's split and bring the card up to date."""
    recipe = load_recipe(choice.recipe).bind(parse_settings(choice.settings))
    if choice.check:
        check_engines_agree(LocalDataset.open(folder), recipe)
        console.print("DuckDB and Polars give every row the same verdict.")
    manifest = make_split(folder, recipe, choice.engine)
    write_card(folder)
    kept, rows = manifest.split(recipe.name).rows, manifest.split("raw").rows
    share = f" ({kept / rows:.1%})" if rows else ""
    console.print(
        f"{folder}:{recipe.name} holds {kept:,} of {rows:,} rows{share}: {recipe.readable_sql}",
        soft_wrap=True,
    )


def show_recipes(name: str | None, show: bool, console: Console) -> None:
    """A table of the shipped recipes; the SQL of one, or of all."""
    if name is not None:
        _show_recipe(load_recipe(name), console)
    elif show:
        for recipe in list_recipes():
            _show_recipe(recipe, console)
    else:
        console.print(_recipe_table())


def _recipe_table() -> Table:
    table = Table("recipe", "title", "parameters")
    for recipe in list_recipes():
        table.add_row(recipe.name, recipe.title, _parameters(recipe))
    return table


def _parameters(recipe: Recipe) -> str:
    return " ".join(f"{name}={value}" for name, value in recipe.values.items())


def _show_recipe(recipe: Recipe, console: Console) -> None:
    head = f"[bold]{recipe.name}[/]  {escape(recipe.title)}  [dim]{recipe.hash}[/]"
    console.print(head, markup=True)
    console.print(" ".join(recipe.description.split()))
    console.print(Syntax(recipe.predicate.text.strip(), "sql", word_wrap=True, background_color="default"))
    for parameter in recipe.parameters:
        console.print(f"  --set {parameter.name}={parameter.value}  {parameter.description}")
    console.print(f"  columns: {', '.join(recipe.columns)}\n")


def show_outcomes(data: str, names: Sequence[str], annotator: str | None, console: Console) -> None:
    """Accept rates, and false positives where there are labels."""
    dataset = open_whole(data)
    console.print(outcomes(dataset, [load_recipe(name) for name in names], annotator).table())
