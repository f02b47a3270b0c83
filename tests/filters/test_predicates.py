"""Predicates: what is refused, with which words, and what goes to the engines."""

import pytest
from trajset.builder.errors import RecipeError
from trajset.filters.predicate_types import Kind
from trajset.filters.predicates import Predicate


def refused(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        Predicate.parse(text, {"least": Kind.NUMBER})
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "place"),
    [
        ("f1 >> > 0.5", "LINE 1: f1 >> > 0.5", "> 0.5"),
        ("f1 > 0.5\nAND AND em", "LINE 2: AND AND em", "AND em"),
        ("em AND\n" * 8 + "em\nAND ) em", "LINE 10: AND ) em", ") em"),
        ("f1 > 0.5 GROUP BY id", "LINE 1: f1 > 0.5 GROUP BY id", "GROUP BY id"),
        ("f1 = 'abc", "LINE 1: f1 = 'abc", "'abc"),
    ],
)
def test_a_syntax_error_shows_its_place(text: str, line: str, place: str) -> None:
    shown, caret = refused(text).splitlines()[-2:]
    assert shown == line
    assert line[caret.index("^") :].startswith(place)


def test_the_message_of_a_syntax_error_is_the_engines() -> None:
    assert 'syntax error at or near "AND"' in refused("f1 > 0.5 AND AND em")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f1", "must be true or false for each row, not a number"),
        ("'em'", "not text"),
        ("NULL", "not null"),
        (
            "n_search > 1",
            "column: must be one that exists; got 'n_search'. Did you mean 'n_searches'? Known: answer,",
        ),
        ("messages IS NULL", "must use columns of numbers, text or true/false; got 'messages'"),
        ("created_at > '2026'", "must use columns of numbers"),
        ("rows.f1 > 1", "must name columns without a table"),
        ("f1 > $leest", "parameter: must be one that exists; got 'leest'. Did you mean 'least'"),
        ("f1 > ?", "parameter"),
        ("f1 > 'a'", "needs values of one kind, not a number and text; got \"f1 > 'a'\""),
        ("em = 1", "needs values of one kind, not true or false and a number"),
        ("em AND f1", "needs values of one kind"),
        ("f1 AND n_searches", "needs true or false, not a number"),
        ("f1 + '1' > 2", "needs values of one kind"),
        ("-answer = 1", "needs a number, not text"),
        ("f1 LIKE 'a'", "needs values of one kind"),
        ("answer LIKE dataset", "must use LIKE with a fixed pattern"),
        ("hops IN ()", "must use IN with at least one value"),
        ("f1 IS TRUE", "must be true or false here, not a number"),
        ("f1 IS 1", "IS"),
        ("CASE n_searches WHEN 1 THEN em END", "must write CASE with conditions"),
        ("CASE WHEN f1 THEN em END", "must be true or false here"),
        ("f1 > 1e999", "within double precision"),
        ("", "must be one expression"),
        ("-- nothing", "must be one expression"),
        ("em; em", ""),
    ],
)
def test_what_is_no_predicate(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "f1 > (SELECT 1)",
        "id IN (SELECT id FROM read_parquet('x'))",
        "EXISTS (SELECT 1)",
        "read_text('/etc/passwd') = ''",
        "count(*) > 1",
        "row_number() OVER () = 1",
        "UPPER(answer) = 'A'",
        "answer ILIKE 'a'",
        "answer SIMILAR TO 'a'",
        "answer ~ 'a'",
        "CAST(answer AS INTEGER) = 1",
        "n_searches % 2 = 1",
        "n_searches // 2 = 1",
        "ROUND(f1) = 1",
        "GREATEST(f1, 1) = 1",
        "answer LIKE 'a' ESCAPE 'b'",
        "answer || 'a' = 'b'",
        "getvariable('x') = 1",
        "random() > 0.5",
        "current_setting('threads') = 1",
        "f1 = ANY([1])",
        "f1 IN (gold_answers)",
        "$$a$$ = answer",
        "em AS f",
        "SELECT 1",
    ],
)
def test_sql_outside_the_common_part_is_refused(text: str) -> None:
    assert "predicate:" in refused(text)


def test_the_refusal_says_what_is_usable() -> None:
    said = refused("UPPER(answer) = 'A'")
    assert "must keep to what both engines take alike; got 'UPPER(answer)'. Usable: =, <>," in said


@pytest.mark.parametrize("text", ["(" * 200 + "em" + ")" * 200, " OR ".join(["f1 > 0.5 AND em"] * 900)])
def test_nesting_has_a_limit(text: str) -> None:
    assert "nested less deeply" in refused(text)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("F1 > 0.65", '"f1" > 0.65e0'),
        ("f1 > .5 -- a $comment", '"f1" > 0.5e0'),
        ("n_searches >= 1", '"n_searches" >= 1'),
        ("f1 > 12345678901234567890", '"f1" > 1.2345678901234567e+19'),
        ("em AND (em AND (em OR llm_judge))", '"em" AND "em" AND ("em" OR "llm_judge")'),
        ("NOT em = llm_judge", 'NOT ("em" = "llm_judge")'),
        ("em IS NOT TRUE", 'NOT COALESCE("em", FALSE)'),
        ("n_searches - 1 > 0", '(CAST("n_searches" AS DOUBLE) - CAST(1 AS DOUBLE)) > 0'),
        ("answer = '$least'", "\"answer\" = '$least'"),
        ("if(em, f1, 0) > $least", 'CASE WHEN "em" THEN "f1" ELSE 0 END > 0.5e0'),
    ],
)
def test_what_goes_to_the_engines(text: str, sql: str) -> None:
    assert Predicate.parse(text, {"least": Kind.NUMBER}).sql({"least": 0.5}) == sql


def test_what_people_read() -> None:
    predicate = Predicate.parse("f1 > $least\n  AND (em OR answer = '$least')", {"least": Kind.NUMBER})
    assert predicate.readable({"least": 0.5}) == "f1 > 0.5 AND (em OR answer = '$least')"
    assert predicate.columns == ("answer", "em", "f1")
    assert predicate.parameters == {"least"}
