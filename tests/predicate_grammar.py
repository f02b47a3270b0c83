"""Hypothesis strategies for recipes: tables of odd values, and predicates over them.

Predicates are built in layers (values from columns and literals, conditions on them, values that depend on
conditions, ...), so that drawing one costs little. Brackets are left out now and then, on purpose.
"""

import math
from collections.abc import Sequence

import pyarrow as pa
from hypothesis import strategies as st
from trajset.builder.schema import ARROW_SCHEMA

NUMBERS = ("f1", "latency_s", "n_searches", "hops")
BOOLEANS = ("em", "llm_judge")
TEXTS = ("answer", "dataset")
SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in ("id", *NUMBERS, *BOOLEANS, *TEXTS)])

ODD_FLOATS = (0.0, -0.0, 0.65, 0.5, 1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308, 0.1 + 0.2)
ODD_INTEGERS = (0, 1, 2, 3, -3, 2**53 + 1, 2**63 - 1, -(2**63))
ODD_TEXTS = (
    "",
    " ",
    "a",
    "A",
    "ab",
    "a%b",
    "a_b",
    "a\\b",
    "a\nb",
    "ä",
    "a\u0308",
    "İ",
    "ß",
    "日本",
    "😀",
    "'",
    "$p",
)
LITERALS = (
    "0",
    "1",
    "2",
    "-1",
    "0.65",
    ".5",
    "1e-3",
    "9007199254740993",
    "12345678901234567890",
    "0.30",
    "NULL",
)
PATTERNS = ("%", "_", "a", "A", "\\", ".", "*", "(", "[", "ä", "\n", "'", "^", "$")
COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
TRUTHS = ("TRUE", "FALSE", "NOT TRUE", "NOT FALSE", "NULL", "NOT NULL")

Text = st.SearchStrategy[str]

_values = {
    "int64": st.none() | st.sampled_from(ODD_INTEGERS),
    "double": st.none() | st.sampled_from(ODD_FLOATS) | st.floats(),
    "bool": st.sampled_from([None, True, False]),
    "string": st.none() | st.sampled_from(ODD_TEXTS) | st.text(max_size=4),
}
records = st.fixed_dictionaries(
    {field.name: _values[str(field.type)] for field in SCHEMA if field.name != "id"}
)
tables = st.lists(records, min_size=1, max_size=5)


def formatted(template: str, *parts: Text) -> Text:
    return st.tuples(*parts).map(lambda texts: template.format(*texts))


def infix(left: Text, operators: Sequence[str], right: Text) -> Text:
    bare = formatted("{} {} {}", left, st.sampled_from(operators), right)
    return bare | formatted("({})", bare)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def chosen(conditions: Text, values: Text) -> Text:
    """Values of one kind, picked by conditions."""
    return st.one_of(
        formatted("CASE WHEN {} THEN {} ELSE {} END", conditions, values, values),
        formatted("CASE WHEN {} THEN {} WHEN {} THEN {} END", conditions, values, conditions, values),
        formatted("if({}, {}, {})", conditions, values, values),
        formatted("COALESCE({}, {})", values, values),
        formatted("NULLIF({}, {})", values, values),
    )


def about(values: Text) -> Text:
    """Conditions on values of one kind."""
    lists = st.lists(values, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        infix(values, COMPARISONS, values),
        formatted("{} {} {} AND {}", values, st.sampled_from(["BETWEEN", "NOT BETWEEN"]), values, values),
        formatted("{} {} ({})", values, st.sampled_from(["IN", "NOT IN"]), lists),
        formatted("{} IS {}", values, st.sampled_from(["NULL", "NOT NULL"])),
    )


def combined(conditions: Text) -> Text:
    """Conditions made of conditions."""
    return st.one_of(
        infix(conditions, ("AND", "OR"), conditions),
        formatted("NOT {}", conditions),
        formatted("{} IS {}", conditions, st.sampled_from(TRUTHS)),
        about(conditions),
        chosen(conditions, conditions),
    )


def calculated(numbers: Text) -> Text:
    return st.one_of(
        infix(numbers, "+-*/", numbers),
        formatted("-({})", numbers),
        formatted("- {}", numbers),
        formatted("ABS({})", numbers),
        formatted("LENGTH({})", st.sampled_from(TEXTS)),
    )


_numbers = st.sampled_from((*NUMBERS, *LITERALS))
_texts = st.sampled_from(TEXTS) | st.sampled_from(ODD_TEXTS).map(quoted) | st.just("NULL")
_patterns = st.lists(st.sampled_from(PATTERNS), max_size=5).map("".join).map(quoted)
_likes = formatted("{} {} {}", st.sampled_from(TEXTS), st.sampled_from(["LIKE", "NOT LIKE"]), _patterns)

_simple = st.one_of(st.sampled_from((*BOOLEANS, "TRUE")), about(_numbers), about(_texts), _likes)
_numbers_2 = st.one_of(_numbers, calculated(_numbers), chosen(_simple, _numbers))
_numbers_3 = st.one_of(_numbers_2, calculated(_numbers_2))
_compound = st.one_of(_simple, combined(_simple), about(_numbers_3), about(chosen(_simple, _texts)))

predicates = st.one_of(_compound, combined(_compound), combined(combined(_compound)))

WHOLE = ("n_searches", "hops", "1", "COALESCE(hops, 2)", "n_searches + 1", "-n_searches", "LENGTH(answer)")
DIRECTIONS = ("", "ASC", "DESC", "ASC NULLS FIRST", "DESC NULLS FIRST", "NULLS LAST", "DESC NULLS LAST")
RUNNING = "ROWS UNBOUNDED PRECEDING"

_columns = st.sampled_from((*NUMBERS, *BOOLEANS, *TEXTS))
_operands = st.one_of(_columns, _columns, _numbers, _simple)
_keys = formatted("{} {}", _operands, st.sampled_from(DIRECTIONS))
_counted = st.one_of(
    st.just("COUNT(*)"),
    formatted("COUNT({})", _operands),
    formatted("{}({})", st.sampled_from(["SUM", "AVG"]), st.sampled_from(WHOLE)),
    formatted("SUM(CASE WHEN {} THEN 1 ELSE 0 END)", _simple),
    formatted("{}({})", st.sampled_from(["MIN", "MAX"]), _numbers),
)


def listed(word: str, items: Text, least: int = 0) -> Text:
    """`PARTITION BY a, b`, or nothing."""
    return st.lists(items, min_size=least, max_size=2).map(
        lambda found: f"{word} {', '.join(found)}" * bool(found)
    )


def over(functions: Text, order: Text, frame: Text) -> Text:
    return formatted("{} OVER ({} {} {})", functions, listed("PARTITION BY", _operands), order, frame)


def windows(last_key: str) -> Text:
    """Window functions; `last_key` ends every ORDER BY on which a tie would tell, such as `, id`."""
    ordered = listed("ORDER BY", _keys, least=1)
    total = ordered.map(lambda text: text + last_key)
    return st.one_of(
        over(st.just("ROW_NUMBER()"), total, st.just("")),
        over(st.sampled_from(["RANK()", "DENSE_RANK()"]), ordered, st.just("")),
        over(_counted, st.just(""), st.just("")),
        over(_counted, total, st.sampled_from(["", RUNNING])),
    )


def qualifiers(last_key: str = "") -> Text:
    """Conditions with window functions; some read columns of the row too."""
    numbers = st.one_of(windows(last_key), windows(last_key), _numbers)
    first = formatted("{} {} {}", windows(last_key), st.sampled_from(COMPARISONS), numbers)
    return st.one_of(first, infix(first, ("AND", "OR"), _simple), formatted("{} IS NULL", windows(last_key)))


larger_tables = st.lists(records, min_size=3, max_size=9) | st.just([])
