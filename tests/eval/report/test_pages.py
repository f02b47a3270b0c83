"""The page and the Markdown: whole, safe, and with every number."""

import dataclasses
import re
from collections.abc import Iterator
from functools import cache

import evaluation_samples as samples
import pytest
from hostile_text import WORST
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from page_reader import Page
from trajset.eval.report import forms
from trajset.eval.report.beside import Beside
from trajset.eval.report.document import document
from trajset.eval.report.pages import html_page, markdown_page
from trajset.eval.report.section import Section
from trajset.eval.results import Estimate, Evaluation
from trajset.filters.report.table import Cell, Column, Group, Table

GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": False})
CASES = ["full", "demo", "sparse", "single", "empty", "hostile"]


@cache
def page(name: str) -> Page:
    return Page(html_page(samples.made(name)[1]))


@cache
def source(name: str) -> str:
    return markdown_page(samples.made(name)[1])


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def shown(estimate: Estimate | None, show: forms.Show) -> Iterator[str]:
    """What a page has to say of an estimate."""
    if estimate is not None and estimate.value is not None:
        yield show(estimate.value)
        if estimate.low is not None:
            yield forms.interval(estimate, show)
        yield f"{estimate.questions:,}"


def numbers(evaluation: Evaluation) -> Iterator[str]:
    """Every number of an evaluation, as a report prints it."""
    for one in evaluation.summaries:
        for measure, estimate in (*one.quality.items(), *one.behaviour.items()):
            yield from shown(estimate, forms.shown_as(measure))
        for part in one.latency.values():
            yield from (forms.bare_seconds(value) for value in (part.p50, part.p95) if value is not None)
        yield from (f"{count:,}" for count in one.stops.values())
        for parts in one.slices.values():
            for part in parts.values():
                yield from (*shown(part.f1, forms.points), *shown(part.em, forms.points))
                yield from shown(part.searches, forms.decimal)
    for pair in evaluation.paired:
        yield from shown(pair.difference, forms.change_of(pair.measure))
        yield f"{pair.sign_changes:.1%}" if pair.sign_changes is not None else forms.UNKNOWN
    for failed in evaluation.failures:
        yield from (f"{failed.wrong:,} (", f"{failed.scored:,} scored")
        yield from (f"{count:,}" for count in failed.counts.values())
        yield from (f"{share.value:.1%}" for share in failed.shares.values() if share.value is not None)
    for curve in evaluation.noise:
        for point in curve.points:
            yield f"{point.share:.1%}"
            yield from (*shown(point.f1, forms.points), *shown(point.loss, forms.points))
    for loss in evaluation.losses:
        for estimate in (loss.closed_book, loss.live, loss.gold_evidence):
            yield from shown(estimate, forms.points)
        for estimate in (loss.memory, loss.retrieval, loss.reasoning):
            yield from shown(estimate, forms.points)
    for probe in evaluation.probes:
        yield from (f"{probe.ece:.3f}", f"{probe.layer} of {probe.layers}", f"{probe.right:,}")
        for entry in probe.bins:
            yield from (f"{share:.1%}" for share in (entry.confidence, entry.accuracy) if share is not None)
        for at in probe.curve:
            yield f"{at.percent:g}%"
            yield from (*shown(at.f1, forms.points), *shown(at.change, forms.signed_points))


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_sound_and_loads_nothing(name: str) -> None:
    assert page(name).mistakes == []
    assert page(name).open == []
    page(name).check_loads_nothing()
    page(name).check_can_be_read(2 * len(samples.made(name)[1].plots))


@pytest.mark.parametrize("name", ["full", "demo", "sparse", "single", "hostile"])
def test_every_number_stands_on_the_page_and_in_the_markdown(name: str) -> None:
    expected = set(numbers(samples.made(name)[0]))
    assert len(expected) > 3
    assert {number for number in expected if number not in page(name).text} == set()
    written = unescaped(source(name))
    assert {number for number in expected if number not in written} == set()


def test_the_facts_stand_in_both() -> None:
    for text in (page("full").text, unescaped(source("full"))):
        assert f"eval/base@{samples.COMMIT}" in text
        assert samples.MODELS[0] in text
        assert "trajset 0.1.0, Python 3.11.9" in text
        assert "trajset report runs/eval --out report" in text


def test_hostile_text_shows_as_it_is_and_does_nothing() -> None:
    assert page("hostile").text.count("<script>alert(1)</script>") > 10
    assert "{{ 7 * 7 }}" in page("hostile").text
    for text in (page("hostile").source, source("hostile")):
        assert not set(text) & {"\x1b", "\x00", "\x07", "\u202e"}


def test_the_worst_text_in_a_section_of_ones_own_does_nothing() -> None:
    table = Table("own", WORST, (Column(WORST),), (Group(WORST, ((Cell(WORST, WORST),),)),), (WORST,), WORST)
    lead = (Section("own", WORST, (WORST,), (), (table,)),)
    made = document(samples.sparse(), lead)
    found = Page(html_page(made))
    assert found.mistakes == []
    found.check_loads_nothing()
    tree = SyntaxTreeNode(GITHUB.parse(markdown_page(made)))
    assert not [node for node in tree.walk() if node.type in ("html_block", "html_inline", "link")]


def test_sections_of_ones_own_stand_above_the_others() -> None:
    table = Table(
        "claims",
        "Claims",
        (Column("claim", numeric=False), Column("shows")),
        (Group(None, ((Cell("a"), Cell("yes")),)),),
    )
    lead = (Section("claims", "The paper's claims", ("Three seeds.",), (), (table,), measured=False),)
    made = document(samples.demo(), lead)
    text = Page(html_page(made)).text
    assert text.index("Three seeds.") < text.index("Leaderboard, simulated")
    assert "The paper's claims, simulated" not in text
    assert "| a | yes |" in markdown_page(made)


def test_what_is_simulated_is_called_so() -> None:
    assert "Simulated data: all figures here are." in page("demo").text
    assert page("demo").text.count(", simulated") >= 7
    assert "imulated" not in page("full").text
    mixed = document(samples.mixed())
    text = Page(html_page(mixed)).text
    assert "Partly simulated." in text
    assert "Leaderboard, simulated" not in text
    assert "demo-world (simulated)" in text


def test_an_evaluation_that_only_says_that_it_is_simulated_is_called_so_as_a_whole() -> None:
    said = dataclasses.replace(samples.sparse(), simulated=True)
    assert "Leaderboard, simulated" in Page(html_page(document(said))).text


def test_sections_without_numbers_are_left_out_and_named_at_the_end() -> None:
    assert [section.name for section in samples.made("sparse")[1].sections] == ["leaderboard", "behaviour"]
    text = page("sparse").text
    assert "Noise: trajset eval --model MODEL --benchmark BENCHMARK --mode noisy" in text
    assert "Confidence probe: trajset probe" in text
    assert "Judge accuracy: trajset judge" in text
    assert samples.made("empty")[1].sections == ()
    assert samples.made("full")[1].missing == ()
    assert "Not measured" not in page("full").text


def test_published_figures_are_called_published_and_shown_where_asked() -> None:
    assert "not comparable one to one" in page("full").text
    assert "arXiv 2604.04651" in page("full").text
    assert "Published" not in page("demo").text
    whole, world = samples.full(), samples.demo()
    bare = dataclasses.replace(whole, paired=(), failures=(), noise=(), losses=(), probes=())
    assert "2604.04651" in html_page(document(bare))
    assert "2604.04651" not in html_page(document(bare, beside=Beside.NEVER))
    always = document(dataclasses.replace(world, paired=(), probes=()), beside=Beside.ALWAYS)
    text = Page(html_page(always)).text
    assert "2WikiMultiHopQA: String-F1" in text
    assert "Beside the published figures, simulated" not in text
    assert "demo-world (simulated)" in text


@pytest.mark.parametrize("name", CASES)
def test_the_markdown_has_no_html_and_its_tables_are_whole(name: str) -> None:
    found = list(SyntaxTreeNode(GITHUB.parse(source(name))).walk())
    assert not [node for node in found if node.type in ("html_block", "html_inline", "link")]
    tables = [node for node in found if node.type == "table"]
    assert len(tables) == sum(len(section.tables) for section in samples.made(name)[1].sections)
    for table in tables:
        columns = len(table.children[0].children[0].children)
        assert columns > 3
        assert all(len(row.children) == columns for row in table.children[1].children)
    pictures = [node.attrs["src"] for node in found if node.type == "image"]
    assert pictures == [f"plots/{plot.name}.svg" for plot in samples.made(name)[1].plots]
