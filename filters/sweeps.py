"""Sweep: one parameter of a recipe, and the values it is to take in turn."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..builder.errors import Problem, RecipeError
from .recipes import Recipe

_MANY = 1000
_FIX = "Write for example --sweep min_f1=0.3:0.9:0.05 or --sweep min_f1=0.5,0.65,0.8."


@dataclass(frozen=True, slots=True)
class Sweep:
    """A parameter and its values as text, in order: what `Recipe.bind` takes, with no rounding in them."""

    parameter: str
    values: tuple[str, ...]

    def fits(self, recipe: Recipe) -> bool:
        """Whether the recipe has the parameter."""
        return self.parameter in recipe.values

    def over(self, recipe: Recipe) -> tuple[Recipe, ...]:
        """The recipe once for each value.

        Raises:
            RecipeError: it has no such parameter, or a value is not of its type.
        """
        return tuple(recipe.bind({self.parameter: value}) for value in self.values)


def parse_sweep(text: str) -> Sweep:
    """`min_f1=0.3:0.9:0.05` (start, end, step; the end included where a step falls on it) or `min_f1=a,b,c`.

    Raises:
        RecipeError: it reads as neither, a number is not one, a value comes twice, or there are over 1,000.
    """
    name, separator, values = (part.strip() for part in text.partition("="))
    if not separator or not name or not values:
        raise _refuse("must read NAME=START:END:STEP or NAME=VALUE,VALUE", text)
    found = _range(values, text) if ":" in values else tuple(value.strip() for value in values.split(","))
    if len(set(found)) < len(found) or not all(found):
        raise _refuse("must name each value once", text)
    return Sweep(name, found)


def _range(values: str, text: str) -> tuple[str, ...]:
    """The steps in decimal arithmetic: 0.3 + 3 * 0.05 is 0.45, not 0.44999999999999996."""
    try:
        start, end, step = map(Decimal, values.split(":"))
        upwards = step > 0 and end >= start
        count = (end - start) // step + 1
    except (ValueError, ArithmeticError) as error:
        raise _refuse("must give start, end and step as numbers, the step above 0", text) from error
    if not upwards:
        raise _refuse("must go upwards from start to end", text)
    if count > _MANY:
        raise _refuse(f"must have at most {_MANY:,} values, not {count}", text)
    return tuple(f"{start + number * step:f}" for number in range(int(count)))


def _refuse(rule: str, text: str) -> RecipeError:
    return RecipeError(str(Problem("--sweep", rule, text, _FIX)))
