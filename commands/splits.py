"""Filter, recipes, outcomes: named SQL filters over a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.manifest import RAW
from ..builder.readable import Readable, open_readable
from ..builder.refs import DatasetRef
from ..dataset_cards.render import write_card
from ..filters.engines import check_engines_agree
from ..filters.outcomes import outcomes
from ..filters.previews import Preview, preview, preview_sweep
from ..filters.recipes import Recipe, list_recipes, load_recipe, own_recipes, parse_settings
from ..filters.splits import make_split
from ..filters.sweeps import Sweep, parse_sweep
from .filter_config import FilterConfig


def filter_dataset(data: str, config: FilterConfig, console: Console) -> None:
    """Write a recipe's split and bring the card up to date; or only say what it would hold.

    Raises:
        DataError: a split is to be written and the dataset is no folder; see `make_split`.
    """
    if config.sweep is None and not config.dry_run:
        _write(_folder(data), config, console)
        return
    dataset = open_readable(data)
    recipe = _chosen(dataset, config, console)
    if config.sweep is None:
        _preview(dataset, data, recipe, config, console)
    else:
        parsed = parse_sweep(config.sweep)
        console.print(_sweep_table(recipe, parsed, preview_sweep(dataset, recipe, parsed, config.engine)))
    console.print("Nothing was written.")


def _write(folder: Path, config: FilterConfig, console: Console) -> None:
    recipe = _chosen(LocalDataset.open(folder), config, console)
    manifest = make_split(folder, recipe, config.engine)
    write_card(folder)
    held = _of(manifest.split(recipe.name).rows, manifest.split(RAW).rows)
    console.print(f"{folder}:{recipe.name} holds {held}: {recipe.readable_sql}", soft_wrap=True)


def _preview(dataset: Readable, data: str, recipe: Recipe, config: FilterConfig, console: Console) -> None:
    found = preview(dataset, recipe, config.engine)
    held = _of(found.accepted, found.rows)
    console.print(f"{data}:{recipe.name} would hold {held}: {recipe.readable_sql}", soft_wrap=True)
    console.print(f"Rejected: {found.rejected:,} rows. Without a verdict: {found.unscored:,}.")
    if found.split is not None:
        entered, left = found.split
        console.print(f"Against the split that is there: {entered:,} rows enter, {left:,} leave.")


def _chosen(dataset: Readable, config: FilterConfig, console: Console) -> Recipe:
    recipe = load_recipe(config.recipe).bind(parse_settings(config.settings))
    if config.check:
        check_engines_agree(dataset, recipe)
        console.print("DuckDB and Polars give every row the same verdict.")
    return recipe


def _folder(data: str) -> Path:
    ref = DatasetRef.parse(data)
    if ref.path is None or ref.split is not None:
        rule = "must be a folder, and a whole dataset, to write a split into"
        fix = "Check the path. To filter a dataset on the Hub, `trajset pull` it; --dry-run needs no copy."
        raise DataError(str(Problem("dataset", rule, data, fix)))
    return ref.path


def _of(kept: int, rows: int) -> str:
    return f"{kept:,} of {rows:,} rows" + (f" ({kept / rows:.1%})" if rows else "")


def _sweep_table(recipe: Recipe, sweep: Sweep, found: Sequence[Preview]) -> Table:
    table = Table(sweep.parameter, title=recipe.name, box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("kept", "of all", "unscored"):
        table.add_column(heading, justify="right")
    for value, entry in zip(sweep.values, found, strict=True):
        share = f"{entry.accepted / entry.rows:.1%}" if entry.rows else "–"
        table.add_row(value, f"{entry.accepted:,}", share, f"{entry.unscored:,}")
    return table


def show_recipes(name: str | None, show: bool, folder: Path, console: Console) -> None:
    """A table of the shipped recipes and of those in a folder; the SQL of one, or of all."""
    if name is not None:
        _show_recipe(load_recipe(name), console)
        return
    own = own_recipes(folder)
    listed = [("", recipe) for recipe in list_recipes()] + [
        (str(path), recipe) for path, recipe in own.recipes
    ]
    if show:
        for _, recipe in listed:
            _show_recipe(recipe, console)
    else:
        console.print(_recipe_table(listed))
    for problem in own.problems:
        console.print(f"Not usable: {problem}", soft_wrap=True)


def _recipe_table(listed: Sequence[tuple[str, Recipe]]) -> Table:
    table = Table("recipe", "title", "parameters")
    for path, recipe in listed:
        title = Text(recipe.title)
        table.add_row(recipe.name, title.append(f"\n{path}", "dim") if path else title, _parameters(recipe))
    return table


def _parameters(recipe: Recipe) -> str:
    return " ".join(f"{name}={value}" for name, value in recipe.values.items())


def _show_recipe(recipe: Recipe, console: Console) -> None:
    head = f"[bold]{recipe.name}[/]  {escape(recipe.title)}  [dim]{recipe.hash}[/]"
    console.print(head, markup=True)
    console.print(" ".join(recipe.description.split()))
    qualify = f"\nQUALIFY {recipe.qualify.text}" if recipe.qualify else ""
    console.print(Syntax(recipe.predicate.text + qualify, "sql", word_wrap=True, background_color="default"))
    for parameter in recipe.parameters:
        console.print(f"  --set {parameter.name}={parameter.value}  {parameter.description}")
    console.print(f"  columns: {', '.join(recipe.columns)}\n")


def show_outcomes(data: str, names: Sequence[str], annotator: str | None, console: Console) -> None:
    """Accept rates, and false positives where there are labels."""
    dataset = open_readable(data)
    console.print(outcomes(dataset, [load_recipe(name) for name in names], annotator).table())
