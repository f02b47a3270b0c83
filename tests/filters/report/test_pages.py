"""The page and the Markdown: whole, safe, and with every number."""

from functools import cache

import ablation_samples as samples
import pytest
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from page_reader import Page
from trajset.filters.ablation_types import Ablation
from trajset.filters.report.html import html_report
from trajset.filters.report.markdown_report import markdown_report
from trajset.filters.report.plot import Plot
from trajset.filters.report.plots import drawn

GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": False})
CASES = ["demo", "real_like", "no_labels", "one_recipe", "hostile"]


@cache
def page(name: str) -> Page:
    return Page(html_report(*samples.made(name)))


@cache
def source(name: str) -> str:
    return markdown_report(*samples.made(name))


def nodes(name: str) -> list[SyntaxTreeNode]:
    return list(SyntaxTreeNode(GITHUB.parse(source(name))).walk())


def numbers(ablation: Ablation) -> set[str]:
    """Every number of the results, pairs and examples, as a report prints it."""
    found: set[str] = set()
    for result in ablation.results:
        found |= {f"{result.accepted:,}", f"{result.unscored:,}", f"{result.rows:,}"}
        for share in (result.fdr, result.fpr, result.recall):
            if share.value is not None and share.low is not None and share.high is not None:
                found.add(f"{share.value:.1%}")
                if share.low < share.high:
                    found.add(f"{share.low * 100:.1f}–{share.high * 100:.1f}")
        if result.accept_rate is not None:
            found.add(f"{result.accept_rate:.1%}")
        if result.source is None:
            found |= {f"{mean:.2f}" for mean in (result.mean_f1, result.mean_searches) if mean is not None}
            found |= {f"{result.tokens:,}"} if result.tokens is not None else set()
    for pair in (pair for pair in ablation.pairs if pair.source is None):
        found |= {f"{count:,}" for count in (pair.both, pair.only_first, pair.only_second, pair.neither)}
        found |= {f"{pair.jaccard:.2f}"} if pair.jaccard is not None else set()
        found |= {f"{pair.agreement:.1%}"} if pair.agreement is not None else set()
    for point in ablation.sweeps:
        found |= {f"{point.value:.12g}", f"{point.result.accepted:,}"}
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_well_nested(name: str) -> None:
    assert page(name).mistakes == []
    assert page(name).open == []


@pytest.mark.parametrize("name", CASES)
def test_the_page_loads_nothing_and_runs_nothing(name: str) -> None:
    page(name).check_loads_nothing()


@pytest.mark.parametrize("name", CASES)
def test_the_page_can_be_read_without_seeing_it(name: str) -> None:
    page(name).check_can_be_read(2 * len(samples.made(name)[1]))


@pytest.mark.parametrize("name", CASES)
def test_every_number_stands_on_the_page_and_in_the_markdown(name: str) -> None:
    expected = numbers(samples.made(name)[0])
    assert len(expected) > 10
    assert {number for number in expected if number not in page(name).text} == set()
    assert {number for number in expected if number not in source(name)} == set()


@pytest.mark.parametrize("name", CASES)
def test_hashes_sql_versions_and_command_stand_in_both(name: str) -> None:
    ablation = samples.made(name)[0]
    for text in (page(name).text, source(name)):
        for result in ablation.overall:
            assert result.hash is None or result.hash in text
        if name != "hostile":
            assert all(result.sql in text for result in ablation.overall)
            assert all(f"{library} {version}" in text for library, version in ablation.versions.items())
            assert ablation.method in text
    assert samples.demo().config["command"] in page("demo").text
    assert samples.demo().config["command"] in source("demo")


def test_hostile_text_shows_as_it_is_and_does_nothing() -> None:
    assert page("hostile").text.count("<script>alert(1)</script>") > 10
    assert "{{ 7 * 7 }}" in page("hostile").text
    assert "\x1b" not in html_report(*samples.made("hostile"))
    assert "\x00" not in source("hostile")
    assert "\x1b" not in source("hostile")


def test_simulated_data_and_judges_are_called_so_at_every_heading() -> None:
    text = page("demo").text
    assert "Simulated data: " in text
    assert "Simulated judges: " in text
    assert "right answers refused: 0.05" in text
    assert text.count(", simulated") > 6
    assert "imulated" not in page("real_like").text
    assert "Simulated data" in source("demo")


def test_without_labels_the_page_says_how_to_get_them() -> None:
    assert "trajset label sample runs/demo" in page("no_labels").text
    assert "trajset label sample runs/demo" in source("no_labels")


def test_published_figures_are_called_published() -> None:
    assert "not comparable one to one" in page("demo").text
    assert "arXiv 2604.04651" in page("demo").text
    assert "arXiv" not in Page(html_report(samples.many_recipes(), ())).text


@pytest.mark.parametrize("name", CASES)
def test_the_markdown_has_no_html_and_its_tables_are_whole(name: str) -> None:
    found = nodes(name)
    assert not [node for node in found if node.type in ("html_block", "html_inline")]
    tables = [node for node in found if node.type == "table"]
    assert len(tables) >= 3
    for table in tables:
        columns = len(table.children[0].children[0].children)
        assert columns > 3
        assert all(len(row.children) == columns for row in table.children[1].children)
    pictures = [node.attrs["src"] for node in found if node.type == "image"]
    assert pictures == [f"plots/{plot.name}.svg" for plot in sorted_as_shown(name)]
    assert not [node for node in found if node.type == "link"]


def sorted_as_shown(name: str) -> list[Plot]:
    order = ["accept_fdr", "accept_fpr", "f1", "searches", "overlap", "sources", "sweep"]
    return sorted(samples.made(name)[1], key=lambda plot: order.index(plot.name))


def test_a_table_that_is_divided_names_the_group_in_each_row() -> None:
    assert source("real_like").count("| `fireact-gpt-3.5-turbo-ft` |") == 3
    assert "| teacher | recipe |" in source("real_like")


def test_the_same_ablation_gives_the_same_text() -> None:
    again = samples.one_recipe(), drawn(samples.one_recipe())
    assert html_report(*again) == html_report(*samples.made("one_recipe"))
    assert markdown_report(*again) == source("one_recipe")
