"""The report in a terminal of 80 columns."""

import io
import re

import ablation_samples as samples
import pytest
from rich.cells import cell_len
from rich.console import Console
from trajset.filters.report.terminal import terminal_tables


def shown(name: str, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(terminal_tables(samples.ALL[name]()))
    return out.getvalue()


@pytest.mark.parametrize("name", samples.ALL)
def test_no_line_is_too_long(name: str) -> None:
    assert all(cell_len(line) <= 80 for line in shown(name).splitlines())


@pytest.mark.parametrize("name", ["demo", "real_like", "no_labels", "one_recipe", "many_recipes"])
def test_no_name_number_or_interval_is_broken(name: str) -> None:
    text = shown(name)
    made = samples.ALL[name]()
    for result in made.overall:
        rate = "–" if result.accept_rate is None else f"{result.accept_rate:.1%}"
        assert re.search(rf"^ {result.recipe} +{result.accepted:,} +{rate} ", text, re.MULTILINE), (
            result.recipe
        )
        for share in (result.fdr, result.fpr, result.recall):
            if share.low is not None and share.high is not None and share.low < share.high:
                assert f"{share.low * 100:.1f}–{share.high * 100:.1f}" in text
    for pair in (pair for pair in made.pairs if pair.source is None):
        assert re.search(rf"^ {pair.first} +{pair.second} +{pair.both} ", text, re.MULTILINE)


def test_groups_are_headed_by_their_whole_name() -> None:
    text = shown("real_like")
    assert "\nfireact-gpt-3.5-turbo-ft\n" in text
    assert "\nf1_only: min_f1, fireact-gpt-3.5-turbo-ft\n" in text


def test_a_long_sweep_is_cut_to_all_rows_and_says_so() -> None:
    text = shown("many_sources")
    assert "\nf1_only: min_f1\n" in text
    assert "min_f1, system" not in text
    assert "The sweep by source stands in the report." in text


def test_hostile_text_cannot_steer_the_terminal() -> None:
    text = shown("hostile", width=500)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "[bold]x[/bold]" in text
    assert "␛[31mred" in text


def test_simulated_data_is_called_so_first() -> None:
    assert shown("demo").startswith("Simulated data")


def test_rows_on_which_recipes_disagree_are_printed() -> None:
    text = shown("real_like")
    only = samples.real_like().pairs[0].only_first
    assert f"f1_only keeps, f1_search does not: {only} rows" in text
    assert "gold Bremfeld; the town of Bremfeld | answer Bremfeld, founded in 1732" in text
    assert "Rows on which" not in shown("one_recipe")
