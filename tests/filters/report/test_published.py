"""The published figures, as the design of this project quotes them."""

from trajset.filters.recipes import list_recipes
from trajset.filters.report.published import published


def test_the_four_rows_of_the_published_table() -> None:
    shown = {one.recipe: (one.accept_text, one.wrong_text) for one in published().figures}
    assert shown == {
        "llm_judge": ("82%", "35 to 40%"),
        "llm_judge_reflect": ("68%", "20 to 25%"),
        "f1_only": ("78%", "25 to 30%"),
        "f1_search": ("about 50%", "below 10%"),
    }
    assert {one.recipe: (one.accept, one.wrong) for one in published().figures} == {
        "llm_judge": ((0.82, 0.82), (0.35, 0.40)),
        "llm_judge_reflect": ((0.68, 0.68), (0.20, 0.25)),
        "f1_only": ((0.78, 0.78), (0.25, 0.30)),
        "f1_search": ((0.50, 0.50), (0.0, 0.10)),
    }


def test_every_figure_is_about_a_shipped_recipe_and_says_where_it_is_from() -> None:
    assert {one.recipe for one in published().figures} <= {recipe.name for recipe in list_recipes()}
    assert "arXiv 2604.04651" in published().source
    assert "does not say which denominator" in published().note
    assert "not comparable one to one" in published().note


def test_only_the_recipes_asked_for_are_given_in_their_order() -> None:
    assert [one.recipe for one in published().of(["f1_search", "mine", "f1_only"])] == [
        "f1_search",
        "f1_only",
    ]
