"""Window functions: those that both engines can be made to mean the same, and how they are meant.

    ROW_NUMBER() RANK() DENSE_RANK() COUNT(*) COUNT(x) SUM(x) AVG(x) MIN(x) MAX(x)
    OVER ([PARTITION BY ...] [ORDER BY x [ASC|DESC] [NULLS FIRST|LAST], ...] [ROWS UNBOUNDED PRECEDING])

- Rows that are equal in all keys of ORDER BY follow each other by `id`, so that every run numbers and adds
  them up alike; to RANK and DENSE_RANK they stay equal. An aggregate with ORDER BY runs up to each row.
- Nulls come last unless NULLS FIRST is written; NaN is greater than every number.
- SUM and AVG take whole numbers only: sums of decimals depend on the order of addition. A sum beyond 64 bits
  is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from datasets import Value
from sqlglot import exp

from ..builder.schema import FEATURES
from .predicate_types import Kind, Names, kind_of, refuse

WINDOWS = (
    "ROW_NUMBER(), RANK(), DENSE_RANK(), COUNT, SUM, AVG, MIN, MAX OVER ([PARTITION BY ...] [ORDER BY ... "
    "[ASC|DESC] [NULLS FIRST|LAST]] [ROWS UNBOUNDED PRECEDING])"
)


class Function(StrEnum):
    """A window function, by its name in SQL."""

    ROW_NUMBER = "ROW_NUMBER"
    RANK = "RANK"
    DENSE_RANK = "DENSE_RANK"
    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"


_FUNCTIONS: dict[type[exp.Expr], Function] = {
    exp.RowNumber: Function.ROW_NUMBER,
    exp.Rank: Function.RANK,
    exp.DenseRank: Function.DENSE_RANK,
    exp.Count: Function.COUNT,
    exp.Sum: Function.SUM,
    exp.Avg: Function.AVG,
    exp.Min: Function.MIN,
    exp.Max: Function.MAX,
}
_NUMBERING = (Function.ROW_NUMBER, Function.RANK, Function.DENSE_RANK)
_RANKS = (Function.RANK, Function.DENSE_RANK)
_SUMS = (Function.SUM, Function.AVG)
_EXTREMES = (Function.MIN, Function.MAX)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs)
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Key:
    """A column to order by."""

    column: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A window function over columns that hold its operands; `argument` is None where it takes none.

    `running`: an aggregate up to each row, in the order of the keys and then of `id`.
    """

    function: Function
    argument: str | None
    partition: tuple[str, ...]
    order: tuple[Key, ...]
    running: bool

    @property
    def ranks(self) -> bool:
        """Whether rows that are equal in all keys stay equal."""
        return self.function in _RANKS


def check_window(node: exp.Window, names: Names) -> Kind:
    """The kind of a window function's value. `names` are those of its operands.

    Raises:
        RecipeError: it is none of those above, or its operands are refused.
    """
    function = _FUNCTIONS.get(type(node.this))
    odd = {name for name, value in node.args.items() if value} - {
        "this",
        "partition_by",
        "order",
        "spec",
        "over",
    }
    if function is None or odd or not _plain_frame(node.args.get("spec")):
        rule = "must be a window function that both engines take alike"
        raise refuse(node, names, rule, f"Usable: {WINDOWS}.")
    if function in _RANKS and not node.args.get("order"):
        raise refuse(node, names, "must say by what to rank", "Write ORDER BY in its brackets.")
    if function in _NUMBERING and node.args.get("spec"):
        raise refuse(node, names, "must have no frame", "Leave ROWS ... out: it numbers all rows.")
    for operand in (*partition_of(node), *(key.this for key in keys_of(node, names))):
        kind_of(operand, names)
    return _argument_kind(node, function, names)


def _plain_frame(spec: exp.Expr | None) -> bool:
    """Whether a frame is the one from the first row of the partition to this one, or none is written."""
    if spec is None:
        return True
    given = {name: value for name, value in spec.args.items() if value}
    end, end_side = given.pop("end", "CURRENT ROW"), given.pop("end_side", None)
    start = {"kind": "ROWS", "start": "UNBOUNDED", "start_side": "PRECEDING"}
    return given == start and end == "CURRENT ROW" and end_side is None


def _argument_kind(node: exp.Window, function: Function, names: Names) -> Kind:
    call = cast("exp.Expr", node.this)
    argument = call.args.get("this")
    if call.args.get("expressions") or (function in _NUMBERING) is (argument is not None):
        raise refuse(node, names, "must have its usual arguments", f"Usable: {WINDOWS}.")
    if function in _NUMBERING or (function is Function.COUNT and isinstance(argument, exp.Star)):
        return Kind.NUMBER
    kind = kind_of(cast("exp.Expr", argument), names)
    if function in _SUMS and not is_whole(cast("exp.Expr", argument)):
        rule = f"must add up whole numbers: {function} of decimals depends on the order of the rows"
        fix = "Count instead, as in SUM(CASE WHEN f1 > 0.65 THEN 1 ELSE 0 END), or use MIN or MAX."
        raise refuse(node, names, rule, fix)
    if function in _EXTREMES and kind not in (Kind.NUMBER, Kind.NOTHING):
        raise refuse(node, names, f"must take a number, not {kind}", "Order by it and take ROW_NUMBER() = 1.")
    return Kind.NUMBER


def partition_of(node: exp.Window) -> list[exp.Expr]:
    """What the rows are parted by."""
    return cast("list[exp.Expr]", node.args.get("partition_by") or [])


def keys_of(node: exp.Window, names: Names | None = None) -> list[exp.Ordered]:
    """What the rows are ordered by.

    Raises:
        RecipeError: with `names`, where something else than a direction and the place of nulls is said.
    """
    order = cast("exp.Order | None", node.args.get("order"))
    keys = cast("list[exp.Ordered]", order.expressions if order else [])
    for key in keys:
        if names and {name for name, value in key.args.items() if value} - {"this", "desc", "nulls_first"}:
            raise refuse(key, names, "must be ordered plainly", f"Usable: {WINDOWS}.")
    return keys


def is_whole(node: exp.Expr) -> bool:
    """Whether an expression is made of whole numbers alone, so that its values are whole."""
    if isinstance(node, exp.Column):
        feature = FEATURES.get(node.name.lower())
        return isinstance(feature, Value) and feature.dtype == "int64"
    if isinstance(node, exp.Literal):
        return not node.is_string and str(node.this).isdecimal() and int(node.this) < _INT64
    if isinstance(node, exp.Null | exp.Length):
        return True
    values = _values(node)
    return bool(values) and all(map(is_whole, values))


def _values(node: exp.Expr) -> list[exp.Expr]:
    """The parts that an expression takes its value from; none where it makes another kind of value."""
    if isinstance(node, exp.Case | exp.If):
        branches = cast("list[exp.If]", node.args["ifs"]) if isinstance(node, exp.Case) else [node]
        default = node.args.get("default") or node.args.get("false")
        return [branch.args["true"] for branch in branches] + ([default] if default is not None else [])
    if isinstance(node, exp.Coalesce):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Paren | exp.Nullif | exp.Neg | exp.Abs):
        return [node.this]
    return [node.this, node.expression] if isinstance(node, _ARITHMETIC) else []


def window_of(node: exp.Window, operand: Callable[[exp.Expr], str]) -> Window:
    """The window function of a checked node; `operand` gives the column that holds an expression's value."""
    function = _FUNCTIONS[type(node.this)]
    argument = cast("exp.Expr | None", node.this.args.get("this"))
    order = tuple(
        Key(operand(key.this), bool(key.args.get("desc")), bool(key.args.get("nulls_first")))
        for key in keys_of(node)
    )
    return Window(
        function,
        None
        if argument is None or isinstance(argument, exp.Star)
        else operand(_argument(argument, function)),
        tuple(operand(part) for part in partition_of(node)),
        order,
        function not in _NUMBERING and bool(order or node.args.get("spec")),
    )


def _argument(node: exp.Expr, function: Function) -> exp.Expr:
    """Of 0.0 and -0.0, which are equal, MIN and MAX could give either; a division would tell them apart."""
    if function not in _EXTREMES or is_whole(node):
        return node
    zero = exp.If(this=exp.EQ(this=node, expression=exp.Literal.number(0)), true=exp.Literal.number("0.0"))
    return exp.Case(ifs=[zero], default=node)
