"""SQL text of recipes: parsed for good messages, and written out so that both engines read the same.

The text is parsed once (sqlglot, DuckDB's dialect). Parameters (`$min_f1`) are put in as literals of the
syntax tree, so a `$name` inside a quoted text or a comment stays what it is. What goes to the engines is the
tree written out with every operation in parentheses, so that neither can group it differently, and with
decimals and arithmetic in double precision, so that neither rounds, overflows or divides differently.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from ..builder.errors import Problem, RecipeError

Value = bool | int | float | str
"""What a parameter may hold."""

_DIALECT = "duckdb"
_INT64 = 2**63
_PREFIX_BLAMED = "LINE 1:"
"""In an error of DuckDB: nothing follows the line that we put before the text."""


@contextmanager
def bounded(text: str, field: str) -> Generator[None]:
    """Turn the interpreter's limit on nesting (some 30 brackets or 300 terms) into a clear error.

    Raises:
        RecipeError: the text is nested too deeply.
    """
    try:
        yield
    except RecursionError as error:
        fix = "Write long lists of OR as column IN (...)."
        raise RecipeError(str(Problem(field, "must be nested less deeply", text, fix))) from error


def _check_syntax(text: str, field: str) -> None:
    """Let DuckDB read the text as a WHERE clause, for the sake of its error messages."""
    try:
        duckdb.extract_statements(f"SELECT 1 FROM rows WHERE\n{text}")
    except duckdb.ParserException as error:
        if _PREFIX_BLAMED in str(error):
            raise _not_one(text, field) from error
        raise RecipeError(f"{field}: {_placed(str(error))}") from error


def parse(text: str, field: str) -> exp.Expr:
    """The tree of one expression. `field` is where the text stands, for messages.

    Raises:
        RecipeError: a syntax error (with its position), or not exactly one expression.
    """
    _check_syntax(text, field)
    try:
        trees = sqlglot.parse(text, dialect=_DIALECT)
    except ParseError as error:
        place = error.errors[0]
        start = place["col"] - len(place["highlight"]) + 1
        raise RecipeError(f"{field}: syntax error\n\n{_pointed(text, place['line'], start)}") from error
    except SqlglotError as error:
        raise RecipeError(f"{field}: syntax error: {error}") from error
    if len(trees) != 1 or trees[0] is None:
        raise _not_one(text, field)
    return trees[0]


def _not_one(text: str, field: str) -> RecipeError:
    fix = "Write one condition, as in f1 > 0.5."
    return RecipeError(str(Problem(field, "must be one expression", text, fix)))


def _placed(message: str) -> str:
    """DuckDB's message with the line counted within our text, whose first line it calls line 2."""

    def renumber(match: re.Match[str]) -> str:
        old, new = match[1], str(int(match[1]) - 1)
        return f"LINE {new}:{match[2]}\n{match[3][len(old) - len(new) :]}"

    text = message.removeprefix("Parser Error: ")
    return re.sub(r"LINE (\d+):(.*)\n( *)(?=\^)", renumber, text)


def _pointed(text: str, line: int, column: int) -> str:
    """The line of an error with a caret under the place. `line` and `column` count from 1."""
    head = f"LINE {line}: "
    return f"{head}{text.splitlines()[line - 1]}\n{' ' * (len(head) + column - 1)}^"


_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Abs, exp.Neg)
_FUNCTIONS = (exp.Abs, exp.Case, exp.Cast, exp.Coalesce, exp.If, exp.Length, exp.Nullif)
_ATOMS = (exp.Column, exp.Literal, exp.Boolean, exp.Null, *_FUNCTIONS)


def engine_sql(node: exp.Expr, values: Mapping[str, Value]) -> str:
    """The text of a tree as the engines get it (see the module's text)."""
    return _written(node, values).sql(_DIALECT, comments=False)


def readable_sql(node: exp.Expr, values: Mapping[str, Value]) -> str:
    """The text of a tree on one line with the parameters filled in: for people, not for the engines."""

    def filled(part: exp.Expr) -> exp.Expr:
        return _literal(values[str(part.this)]) if isinstance(part, exp.Placeholder) else part

    return node.transform(filled).sql(_DIALECT, comments=False)


def _written(node: exp.Expr, values: Mapping[str, Value]) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        return _written(_literal(values[str(node.this)]), values)
    if isinstance(node, exp.Paren):
        return _written(node.this, values)
    if isinstance(node, exp.Column):
        return exp.column(node.name.lower(), quoted=True)
    if isinstance(node, exp.Literal):
        return node.copy() if node.is_string else _number(str(node.this))
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
        return _is_truth(node, values)
    return _operation(node, values)


def _is_truth(node: exp.Is, values: Mapping[str, Value]) -> exp.Expr:
    """`x IS TRUE` and `x IS FALSE` without IS, which Polars lets be null where x is."""
    holds = node.this if node.expression.this else exp.Not(this=node.this)
    inner = _operand(node, holds, values)
    return exp.Coalesce(this=inner, expressions=[exp.false()])


def _operation(node: exp.Expr, values: Mapping[str, Value]) -> exp.Expr:
    def written(child: object) -> object:
        if isinstance(child, list):
            return [written(item) for item in cast("list[object]", child)]
        return _operand(node, child, values) if isinstance(child, exp.Expr) else child

    return type(node)(**{name: written(child) for name, child in node.args.items()})


def _operand(parent: exp.Expr, child: exp.Expr, values: Mapping[str, Value]) -> exp.Expr:
    written = _written(child, values)
    if isinstance(parent, _ARITHMETIC) and not isinstance(written, _ARITHMETIC):
        return exp.cast(written, exp.DataType.Type.DOUBLE)
    chained = isinstance(written, exp.And | exp.Or) and type(written) is type(parent)
    return written if chained or isinstance(written, _ATOMS) else exp.paren(written, copy=False)


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    literal = exp.Literal.number(repr(abs(value)))
    return exp.Neg(this=literal) if value < 0 else literal


def _number(text: str) -> exp.Expr:
    """Whole numbers of 64 bit as they are, all others in a form that both engines read as a double."""
    if text.isdecimal() and int(text) < _INT64:
        return exp.Literal.number(text)
    digits = repr(float(text))
    return exp.Literal.number(digits if "e" in digits else f"{digits}e0")
