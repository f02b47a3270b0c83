"""The plots: sound SVG, within a phone, with the words and numbers of the evaluation."""

import re

import evaluation_samples as samples
import pytest
from drawings import check_sound, check_within_phone, tree, words
from trajset.filters.report.figure import Colour
from trajset.filters.report.plot import Plot, standalone

CASES = ["full", "demo", "single", "hostile", "many_models"]
EVERY = [
    *("leaderboard", "paired", "published", "searches", "by_hops", "by_type", "failures", "losses"),
    *("noise", "reliability", "histogram", "adaptive", "latency", "latency_parts"),
]


def plots(name: str) -> dict[str, Plot]:
    return {plot.name: plot for plot in samples.made(name)[1].plots}


def test_there_is_a_plot_for_what_there_are_numbers_for() -> None:
    assert list(plots("full")) == EVERY
    assert list(plots("sparse")) == ["leaderboard", "searches"]
    assert list(plots("empty")) == []


@pytest.mark.parametrize("name", CASES)
def test_every_drawing_is_sound_and_within_its_page(name: str) -> None:
    for plot in plots(name).values():
        check_sound(plot.wide, plot.name)
        check_sound(plot.narrow, plot.name)
        check_within_phone(plot.narrow)
        assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", plot.name)
        assert tree(standalone(plot)).tag == "svg"


def test_ids_differ_between_all_drawings_of_a_page() -> None:
    everything = "".join(plot.wide + plot.narrow for plot in plots("full").values())
    ids = re.findall(r'<\w+ id="([^"]+)"', everything)
    assert len(ids) == len(set(ids))


def test_the_colours_of_a_page_are_variables() -> None:
    for plot in plots("full").values():
        for drawing in plot.inline:
            outside = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", drawing)
            assert not any(colour.value in outside for colour in Colour)


def test_models_and_published_methods_are_named() -> None:
    shown = words(plots("full")["published"].narrow)
    assert {"published: vanilla", "published: ASP, Mixed", "published: teacher"} <= set(shown)
    assert "Qwen/Qwen3-32B, hotpotqa_val500" in shown
    for name in ("noise", "by_hops", "latency"):
        assert "Qwen/Qwen3-1.7B@70d244cc" in words(plots("full")[name].wide)


def test_counts_and_shares_stand_on_the_bars() -> None:
    assert {"80", "120", "50", "31"} <= set(words(plots("full")["failures"].narrow))
    assert {"17.3", "25.0", "20.0", "37.7"} <= set(words(plots("full")["losses"].narrow))


def test_the_alternative_text_has_the_numbers() -> None:
    made = plots("full")
    assert "Qwen/Qwen3-32B on bamboogle, live: 60.3 (52.3–68.3)" in made["leaderboard"].alt
    assert "281 of 500 wrong, bad retrieval 80" in made["failures"].alt
    assert "0.0% 42.3" in made["noise"].alt
    assert "expected calibration error 4.7%" in made["reliability"].alt


def test_of_many_panels_some_are_drawn_and_the_caption_says_so() -> None:
    assert "Drawn are 12 of 14 benchmarks." in plots("many_models")["leaderboard"].caption
    assert "Drawn are 14 of 29." in plots("many_models")["paired"].caption


def test_two_search_engines_of_one_model_stand_apart() -> None:
    shown = words(plots("many_models")["leaderboard"].wide)
    assert any("dense(e5" in word for word in shown)


def test_text_from_the_data_is_drawn_as_it_is() -> None:
    shown = [word for plot in plots("hostile").values() for word in words(plot.wide)]
    assert any("<script>" in word for word in shown)
    assert not any("\x1b" in word for word in shown)
    assert any(word == "$x$ other" or word.startswith("$x$ other,") for word in shown)
