"""Recipes: the shipped ones, the user's own, parameters, and everything that can be wrong with a file."""

from pathlib import Path

import pytest
from trajset.builder.errors import RecipeError
from trajset.filters.recipes import Recipe, list_recipes, load_recipe, parse_settings

OWN = """
name = "own"
title = "My own"
predicate = "f1 > $least AND teacher <> $name -- not $this"

[parameters.least]
default = 0.5
description = "Least F1."

[parameters.name]
default = "gpt"
"""


def own(folder: Path, text: str = OWN) -> Recipe:
    path = folder / "own.toml"
    path.write_text(text, "utf-8")
    return load_recipe(str(path))


def refused(folder: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        own(folder, text)
    return str(caught.value)


def test_the_shipped_recipes() -> None:
    shipped = {recipe.name: recipe for recipe in list_recipes()}
    assert sorted(shipped) == [
        "best_of_n",
        "cheapest_right",
        "f1_only",
        "f1_search",
        "llm_judge",
        "llm_judge_reflect",
        "per_question",
        "token_budget",
    ]
    assert shipped["f1_only"].readable_sql == "f1 > 0.65"
    assert shipped["f1_only"].columns == ("f1",)
    assert shipped["llm_judge"].columns == ("llm_judge",)
    assert {"n_searches", "first_action", "answer_in_evidence", "hops"} <= set(shipped["f1_search"].columns)
    for recipe in shipped.values():
        assert recipe.title
        assert all(parameter.description for parameter in recipe.parameters)


def test_a_recipe_file_of_ones_own(tmp_path: Path) -> None:
    recipe = own(tmp_path)
    assert (recipe.name, recipe.columns) == ("own", ("f1", "teacher"))
    assert recipe.values == {"least": 0.5, "name": "gpt"}
    assert recipe.sql == """("f1" > 0.5e0) AND ("teacher" <> 'gpt')"""


def test_parameters_are_typed_and_enter_as_literals(tmp_path: Path) -> None:
    bound = own(tmp_path).bind({"least": "-1", "name": "it's $least; DROP TABLE rows --"})
    assert bound.values == {"least": -1.0, "name": "it's $least; DROP TABLE rows --"}
    assert bound.readable_sql == "f1 > -1.0 AND teacher <> 'it''s $least; DROP TABLE rows --'"


def test_the_hash_follows_text_and_values_only(tmp_path: Path) -> None:
    recipe = own(tmp_path)
    assert recipe.hash == own(tmp_path, OWN.replace("My own", "Renamed")).hash
    assert recipe.hash == recipe.bind({"least": "0.5"}).hash
    assert recipe.hash != recipe.bind({"least": "0.6"}).hash
    assert recipe.hash != own(tmp_path, OWN.replace("f1 >", "f1 >=")).hash
    assert len(recipe.hash) == 16


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"leest": "1"}, "Did you mean 'least'? Known: least, name."),
        ({"least": "much"}, "parameter least: must be a number; got 'much'. The default is 0.5."),
        ({"least": "nan"}, "must be a number"),
        ({"least": ""}, "must be a number"),
    ],
)
def test_bad_settings(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        own(tmp_path).bind(settings)
    assert said in str(caught.value)


def test_whole_numbers_and_truth_values(tmp_path: Path) -> None:
    text = "name='t'\ntitle='T'\npredicate='em = $right AND n_searches >= $n'\n"
    recipe = own(tmp_path, text + "[parameters]\nright={default=true}\nn={default=1}")
    assert recipe.bind({"right": "False", "n": "3"}).readable_sql == "em = FALSE AND n_searches >= 3"
    for settings in ({"n": "1.5"}, {"right": "1"}):
        with pytest.raises(RecipeError):
            recipe.bind(settings)


def test_settings_from_the_command_line() -> None:
    assert parse_settings(["min_f1=0.7", "name = a=b"]) == {"min_f1": "0.7", "name": "a=b"}
    with pytest.raises(RecipeError, match="NAME=VALUE"):
        parse_settings(["min_f1"])
    with pytest.raises(RecipeError, match="once"):
        parse_settings(["a=1", "a=2"])


def test_an_unknown_recipe_names_those_that_exist() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("f1_serch")
    known = "Known: best_of_n, cheapest_right, f1_only, f1_search"
    assert f"Did you mean 'f1_search'? {known}" in str(caught.value)
    assert ".toml" in str(caught.value)


def test_a_missing_file() -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.toml"):
        load_recipe("nowhere.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        (OWN.replace("title", "titel"), "Did you mean 'title'"),
        (OWN.replace('title = "My own"', ""), "title: must be a text"),
        (OWN.replace('"own"', '"My Recipe"'), "name: must be lower case"),
        (OWN.replace('"own"', '"raw"'), "not one of"),
        (OWN.replace('"own"', '"id"'), "not one of"),
        (OWN.replace("default = 0.5", "default = [1]"), "parameters.least: must be a table with a default"),
        (OWN.replace("default = 0.5", "default = nan"), "parameters.least: must be finite"),
        (OWN.replace("description", "descripton"), "Did you mean 'description'"),
        (OWN.replace("$least", "$last"), "Did you mean 'least'"),
        (OWN.replace("f1 > $least AND ", ""), "parameters: must be used in the predicate; got 'least'"),
        ("parameters = 1\n" + OWN.split("[", 1)[0], "parameters: must be a table"),
        (OWN.replace("teacher", "teecher"), "Did you mean 'teacher'"),
    ],
)
def test_a_file_with_something_wrong_in_it(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path, text)
    assert said in message
    assert "own.toml" in message


def test_a_manifest_gives_the_recipe_back(tmp_path: Path) -> None:
    bound = own(tmp_path).bind({"least": "0.75"})
    again = Recipe.from_json(bound.to_json())
    assert again.to_json() == bound.to_json()
    assert (again.hash, again.sql, again.title) == (bound.hash, bound.sql, bound.title)
    for recipe in list_recipes():
        assert Recipe.from_json(recipe.to_json()).hash == recipe.hash


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"predicate": None}, "predicate: must be a text"),
        ({"predicate": "read_text('x') = ''"}, "both engines"),
        ({"parameters": {"least": [1]}}, "parameters: must map names"),
        ({"parameters": {}}, "parameter: must be one that exists; got 'least'"),
        ({"name": "../raw"}, "name: must be lower case"),
    ],
)
def test_a_manifest_of_a_stranger(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(own(tmp_path).to_json() | change)
    assert said in str(caught.value)
