"""The plots: which there are, that they are sound SVG, and that they show the ablation's numbers."""

import dataclasses
import re

import ablation_samples as samples
import pytest
from drawings import check_sound, check_within_phone, tree, words
from trajset.filters.ablation_types import Estimate
from trajset.filters.report.figure import Colour, fitted, width
from trajset.filters.report.plot import Plot, standalone
from trajset.filters.report.plots import drawn

ALWAYS = ["accept_fdr", "accept_fpr", "f1", "searches"]


def plots(name: str) -> dict[str, Plot]:
    return {plot.name: plot for plot in samples.made(name)[1]}


def both(plot: Plot) -> tuple[str, str]:
    return plot.wide, plot.narrow


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", [*ALWAYS, "overlap", "sweep"]),
        ("real_like", [*ALWAYS, "overlap", "sources", "sweep"]),
        ("no_labels", ["f1", "searches", "overlap"]),
        ("one_recipe", ALWAYS),
    ],
)
def test_there_is_a_plot_for_what_there_are_numbers_for(name: str, expected: list[str]) -> None:
    assert list(plots(name)) == expected


@pytest.mark.parametrize("name", ["real_like", "hostile", "many_recipes"])
def test_every_drawing_is_sound_and_refers_only_to_itself(name: str) -> None:
    for plot in plots(name).values():
        for drawing in both(plot):
            check_sound(drawing, plot.name)


def test_ids_differ_between_all_drawings_of_a_page() -> None:
    everything = "".join(drawing for plot in plots("real_like").values() for drawing in both(plot))
    ids = re.findall(r'<\w+ id="([^"]+)"', everything)
    assert len(ids) == len(set(ids))


def test_the_colours_of_a_page_are_variables() -> None:
    plot = plots("real_like")["accept_fdr"]
    for drawing in plot.inline:
        outside = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", drawing)
        assert not any(colour.value in outside for colour in Colour)
        assert f"var(--ink, {Colour.INK.value})" in drawing


def test_text_from_the_data_is_drawn_as_it_is() -> None:
    hostile = plots("hostile")
    shown = [word for plot in hostile.values() for word in words(plot.wide)]
    assert any("<script>" in word for word in shown)
    assert any("日本語 <b>" in word for word in shown)
    assert not any("\x1b" in word for word in shown)


def test_dollars_in_a_name_are_no_formula() -> None:
    made = samples.one_recipe()
    result = dataclasses.replace(made.results[0], recipe="$\\frac$")
    odd = dataclasses.replace(samples.small(), results=(result,), thresholds={})
    assert "$\\frac$" in words(drawn(odd)[0].wide)


def test_every_recipe_is_named_at_its_point_and_the_published_ranges_are_marked() -> None:
    for plot in (plots("demo")["accept_fdr"], plots("demo")["accept_fpr"]):
        for drawing in both(plot):
            shown = words(drawing)
            assert {"llm_judge", "llm_judge_reflect", "f1_only", "f1_search"} <= set(shown)
            assert shown.count("published") == 4


def test_the_alternative_text_has_the_numbers() -> None:
    made = samples.real_like()
    alt = plots("real_like")["accept_fdr"].alt
    for result in made.overall:
        assert f"{result.recipe} {result.accept_rate:.1%}, {result.fdr.value:.1%}" in alt
    jaccard = made.pairs[0].jaccard
    assert f"Jaccard {jaccard:.2f}" in plots("real_like")["overlap"].alt


def test_a_recipe_without_a_rate_is_not_drawn_and_the_caption_says_why() -> None:
    made = samples.real_like()
    bare = dataclasses.replace(made.results[0], fdr=Estimate(None, None, None, 0))
    results = (bare, *made.results[1:3])
    small = dataclasses.replace(made, results=results, histograms=(), sweeps=(), pairs=())
    plot = drawn(small)[0]
    assert "Not drawn: f1_only (no labelled row is kept)." in plot.caption
    assert "f1_search" in words(plot.wide)
    assert words(plot.wide).count("f1_only") == 1  # the published box


def test_each_threshold_is_marked_once_in_its_panels() -> None:
    shown = words(plots("demo")["f1"].wide)
    assert shown.count("0.65") == 3  # all rows, f1_only, f1_search


def test_the_overlap_is_written_in_its_cells() -> None:
    made = samples.real_like()
    shown = words(plots("real_like")["overlap"].narrow)
    for pair in made.pairs:
        if pair.source is None and pair.jaccard is not None and pair.agreement is not None:
            assert f"{pair.jaccard * 100:.0f}" in shown
            assert f"{pair.agreement * 100:.0f}" in shown


def test_of_many_sources_the_largest_are_drawn_and_the_caption_says_so() -> None:
    plot = plots("many_sources")["sources"]
    assert "12 sources with most rows of 14" in plot.caption
    assert "the table has all" in plots("many_sources")["sweep"].caption


def test_no_text_runs_over_the_edge_of_the_phone_drawing() -> None:
    for name in ("demo", "real_like"):
        for plot in plots(name).values():
            check_within_phone(plot.narrow)


def test_a_name_too_long_is_cut_in_the_middle() -> None:
    assert fitted("f1_search, r1searcher_hotpotqa_llama3.1-8b", 200).startswith("f1_search")
    assert fitted("f1_search, r1searcher_hotpotqa_llama3.1-8b", 200).endswith("llama3.1-8b")
    assert width(fitted("x" * 500, 200)) <= 200
    assert fitted("short", 200) == "short"


def test_the_same_ablation_gives_the_same_drawings() -> None:
    assert drawn(samples.one_recipe()) == samples.made("one_recipe")[1]


def test_a_file_of_its_own_is_a_whole_svg_on_white() -> None:
    root = tree(standalone(plots("demo")["f1"]))
    assert (root.tag, root.get("xmlns")) == ("svg", "http://www.w3.org/2000/svg")
    assert root[0].get("fill") == "#ffffff"
