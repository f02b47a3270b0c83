"""A recipe's predicate: parsed, checked, given its parameters, and written out for both engines.

The text is parsed once (sqlglot, DuckDB's dialect). Parameters (`$min_f1`) are put in as literals of the
syntax tree, so a `$name` inside a quoted text or a comment stays what it is. What goes to the engines is the
tree written out with every operation in parentheses, so that neither can group it differently, and with
decimals and arithmetic in double precision, so that neither rounds, overflows or divides differently.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from ..builder.errors import Problem, RecipeError
from .predicate_types import Kind, Names, column_kinds, kind_of

Value = bool | int | float | str
"""What a parameter may hold."""

_DIALECT = "duckdb"
_INT64 = 2**63
_PREFIX_BLAMED = "LINE 1:"
"""In an error of DuckDB: nothing follows the line that we put before the predicate."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A checked predicate. `text` is what the author wrote; it may hold `$parameters`."""

    text: str
    tree: exp.Expr

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, Kind]) -> Predicate:
        """Parse and check a predicate over the row.

        Raises:
            RecipeError: a syntax error (with its position), an unknown column or parameter, SQL outside the
                part that both engines take alike, or an expression that is not true or false.
        """
        _check_syntax(text)
        with _bounded(text):
            tree = _parse(text)
            kind = kind_of(tree, Names(column_kinds(), parameters))
        if kind is not Kind.BOOLEAN:
            rule = f"must be true or false for each row, not {kind}"
            raise RecipeError(
                str(Problem("predicate", rule, text, "Compare it with something, as in f1 > 0.5."))
            )
        return cls(text, tree)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, sorted."""
        return tuple(sorted({column.name.lower() for column in self.tree.find_all(exp.Column)}))

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters it uses."""
        return frozenset(str(node.this) for node in self.tree.find_all(exp.Placeholder))

    def sql(self, values: Mapping[str, Value]) -> str:
        """The text for the engines, with the parameters filled in."""
        with _bounded(self.text):
            return _written(self.tree, values).sql(_DIALECT, comments=False)

    def readable(self, values: Mapping[str, Value]) -> str:
        """The text on one line with the parameters filled in: for people, not for the engines."""

        def filled(node: exp.Expr) -> exp.Expr:
            return _literal(values[str(node.this)]) if isinstance(node, exp.Placeholder) else node

        return self.tree.transform(filled).sql(_DIALECT, comments=False)


@contextmanager
def _bounded(text: str) -> Generator[None]:
    """Turn the interpreter's limit on nesting (some 30 brackets or 300 terms) into a clear error."""
    try:
        yield
    except RecursionError as error:
        fix = "Write long lists of OR as column IN (...)."
        raise RecipeError(str(Problem("predicate", "must be nested less deeply", text, fix))) from error


def _check_syntax(text: str) -> None:
    """Let DuckDB read the text as a WHERE clause, for the sake of its error messages."""
    try:
        duckdb.extract_statements(f"SELECT 1 FROM rows WHERE\n{text}")
    except duckdb.ParserException as error:
        if _PREFIX_BLAMED in str(error):
            raise _not_one(text) from error
        raise RecipeError(f"predicate: {_placed(str(error))}") from error


def _parse(text: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, dialect=_DIALECT)
    except ParseError as error:
        place = error.errors[0]
        start = place["col"] - len(place["highlight"]) + 1
        raise RecipeError(f"predicate: syntax error\n\n{_pointed(text, place['line'], start)}") from error
    except SqlglotError as error:
        raise RecipeError(f"predicate: syntax error: {error}") from error
    if len(trees) != 1 or trees[0] is None:
        raise _not_one(text)
    return trees[0]


def _not_one(text: str) -> RecipeError:
    fix = "Write one condition, as in f1 > 0.5."
    return RecipeError(str(Problem("predicate", "must be one expression", text, fix)))


def _placed(message: str) -> str:
    """DuckDB's message with the line counted within the predicate, whose first line it calls line 2."""

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


def _written(node: exp.Expr, values: Mapping[str, Value]) -> exp.Expr:
    """The tree as the engines get it (see the module's text)."""
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
