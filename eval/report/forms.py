"""How the values of an evaluation look: qualities in points of 100, differences with their sign, seconds."""

from __future__ import annotations

from collections.abc import Callable

from ...filters.report.forms import UNKNOWN, count, percent
from ...filters.report.table import Cell
from ..results import Estimate, Failure

Show = Callable[[float | None], str]

_MINUS = "−"
_POINTS = frozenset({"f1", "em", "cover_match", "llm_judge", "llm_judge_reflect"})
_SHARES = frozenset({"never_searches", "answered", "wrong", *map(str, Failure)})
_TOKENS = frozenset({"prompt_tokens", "completion_tokens"})
_NAMES = {
    "f1": "F1",
    "em": "EM",
    "cover_match": "cover",
    "llm_judge": "judge",
    "llm_judge_reflect": "judge, reflecting",
    "never_searches": "never searches",
    "failed_searches": "failed searches",
}


def measure_name(measure: str) -> str:
    """What a measure is called in a heading."""
    return _NAMES.get(measure, measure.replace("_", " "))


def shown_as(measure: str) -> Show:
    """The form of a measure's values: points, percent, tokens, or two decimals."""
    if measure in _POINTS:
        return points
    if measure in _SHARES:
        return percent
    return whole if measure in _TOKENS else decimal


def change_of(measure: str) -> Show:
    """The form of a measure's differences."""
    if measure in _POINTS | _SHARES:
        return signed_points
    return signed_whole if measure in _TOKENS else signed


def points(value: float | None) -> str:
    """A share in points of 100, as papers give F1."""
    return UNKNOWN if value is None else _minus(f"{value * 100:.1f}")


def tick(value: float) -> str:
    """A share in points of 100 at an axis."""
    return points(value).removesuffix(".0")


def signed_points(value: float | None) -> str:
    """A difference of shares in points of 100."""
    return UNKNOWN if value is None else _signed(f"{value * 100:+.1f}")


def signed(value: float | None) -> str:
    """A difference with two decimals."""
    return UNKNOWN if value is None else _signed(f"{value:+,.2f}")


def signed_whole(value: float | None) -> str:
    """A difference without decimals."""
    return UNKNOWN if value is None else _signed(f"{value:+,.0f}")


def _signed(text: str) -> str:
    """A value that rounds to nothing has no sign."""
    return _minus(text) if any(digit in text for digit in "123456789") else text[1:]


def _minus(text: str) -> str:
    return text.replace("-", _MINUS)


def decimal(value: float | None) -> str:
    """A number with two decimals."""
    return UNKNOWN if value is None else _minus(f"{value:,.2f}")


def whole(value: float | None) -> str:
    """A number without decimals."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """Seconds."""
    return UNKNOWN if value is None else f"{bare_seconds(value)} s"


def bare_seconds(value: float | None) -> str:
    """Seconds without their unit, short ones to the millisecond."""
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}" if value >= 0.1 else f"{value:.3f}"


def interval(estimate: Estimate, show: Show) -> str:
    """`54.2–61.0`, with `to` between signed ends; words where a value has none."""
    if estimate.value is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return "no interval"
    ends = (show(estimate.low).rstrip("%"), show(estimate.high).rstrip("%"))
    return (" to " if _is_signed(ends) else "–").join(ends)


def _is_signed(ends: tuple[str, str]) -> bool:
    return any(end.startswith((_MINUS, "+")) for end in ends)


def estimate_cell(estimate: Estimate | None, show: Show) -> Cell:
    """A value and its interval, or why there is none."""
    if estimate is None:
        return Cell(UNKNOWN, "not measured")
    if estimate.value is None:
        return Cell(UNKNOWN, f"{count(estimate.unscored)} unscored" if estimate.unscored else "no rows")
    return Cell(show(estimate.value), interval(estimate, show))


def said(estimate: Estimate, show: Show) -> str:
    """The same in words, for who does not see a plot."""
    return f"{show(estimate.value)} ({interval(estimate, show)})" if estimate.value is not None else "unknown"


def is_clear(estimate: Estimate) -> bool:
    """Whether the interval lies on one side of 0."""
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.low > 0 or estimate.high < 0
