"""Whether training by reinforcement collapses, from what it logs. Pure functions over the curves.

Each signal is looked at as its mean over a sliding window of logged points; nothing is said before the
window is full. The rules, with the thresholds of `CollapseOptions`:

reward fell         below `reward_fall` of its best window, and by `reward_drop` at least
answers fell        the share of rollouts with an answer is below `answer_fall` of its best window
searches fell       the share of rollouts that search is below `search_fall` of its best window
entropy vanished    below `entropy_min` nats a token
entropy exploded    over `entropy_rise` times its first window
length collapsed    tokens written in a rollout are below `length_fall` of their first window
length exploded     they are over `length_rise` times it
no learning signal  in `no_spread` of the groups or more all rollouts earn the same (so that every advantage
                    is 0), and the reward is below `solved`

Collapse is told and never hidden: each rule once, at the step where it first holds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from ..builder.schema import JsonObject
from .grpo_options import CollapseOptions

SAME = "same reward"
SIGNALS = {
    "reward": "reward",
    "entropy": "entropy",
    "length": "completions/mean_length",
    "searches": "rollouts/searched",
    "answers": "rollouts/answered",
    SAME: "frac_reward_zero_std",
}
"""Each signal and its name in the trainer's history."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """A rule that holds: of which signal, since which step; the window that it was compared with (None where
    with a fixed threshold), and the window now."""

    signal: str
    rule: str
    step: int
    before: float | None
    now: float

    @property
    def name(self) -> str:
        """The rule as the module's table has it."""
        return self.rule if self.signal == SAME else f"{self.signal} {self.rule}"

    def __str__(self) -> str:
        start = "" if self.before is None else f"from {self.before:.3g} "
        what = f"{self.now:.0%} of the groups earn the same" if self.signal == SAME else None
        return f"{self.name} at step {self.step:,} ({what or f'{start}to {self.now:.3g}'})"

    def to_json(self) -> JsonObject:
        """What lineage records."""
        return {
            "what": self.name,
            "step": self.step,
            "from": None if self.before is None else round(self.before, 6),
            "to": round(self.now, 6),
        }


@dataclass(slots=True)
class _Track:
    """A signal's sliding window; its first and its best mean over a full one."""

    values: deque[float]
    first: float = math.nan
    best: float = math.nan
    mean: float | None = None

    def add(self, value: float) -> None:
        self.values.append(value)
        if len(self.values) < (self.values.maxlen or 0):
            return
        self.mean = fmean(self.values)
        if math.isnan(self.first):
            self.first = self.best = self.mean
        self.best = max(self.best, self.mean)


@dataclass(slots=True)
class Detector:
    """Sees logged points one after the other and tells each rule once."""

    options: CollapseOptions
    found: list[Collapse] = field(default_factory=list[Collapse])
    _tracks: dict[str, _Track] = field(default_factory=dict[str, _Track])

    def see(self, point: Mapping[str, Any]) -> list[Collapse]:
        """What this point of the history shows that was not told before."""
        known = {collapse.name for collapse in self.found}
        values = {signal: point[name] for signal, name in SIGNALS.items() if _is_number(point.get(name))}
        if not values:
            return []
        for signal, value in values.items():
            if signal not in self._tracks:
                self._tracks[signal] = _Track(deque(maxlen=self.options.collapse_window))
            self._tracks[signal].add(float(value))
        new = [one for one in self._holding(int(point["step"])) if one.name not in known]
        self.found += new
        return new

    @property
    def judged(self) -> bool:
        """Whether a window has been full."""
        return any(track.mean is not None for track in self._tracks.values())

    def _holding(self, step: int) -> Iterator[Collapse]:
        options = self.options
        for signal, track in self._tracks.items():
            if track.mean is None:
                continue
            if _fell(signal, track.mean, track.best, options):
                yield Collapse(signal, "fell", step, track.best, track.mean)
            for rule in _left_its_range(signal, track.mean, track.first, options):
                yield Collapse(signal, rule, step, track.first, track.mean)
            if signal == SAME and self._no_spread(track.mean):
                yield Collapse(signal, "no learning signal", step, None, track.mean)

    def _no_spread(self, share: float) -> bool:
        rewards = self._tracks.get("reward")
        reward = rewards.mean if rewards else None
        solved = reward is not None and reward >= self.options.collapse_solved
        return share >= self.options.collapse_no_spread and not solved


def _fell(signal: str, now: float, best: float, options: CollapseOptions) -> bool:
    """Whether a signal is below a share of its best window."""
    if signal == "reward":
        return now < options.collapse_reward_fall * best and best - now >= options.collapse_reward_drop
    shares = {"answers": options.collapse_answer_fall, "searches": options.collapse_search_fall}
    return signal in shares and now < shares[signal] * best


def _left_its_range(signal: str, now: float, first: float, options: CollapseOptions) -> Iterator[str]:
    """What a signal does that stays near its first window in a healthy run."""
    least = options.collapse_entropy_min
    if signal == "entropy" and now < least:
        yield "vanished"
    if signal == "entropy" and now > options.collapse_entropy_rise * max(first, least):
        yield "exploded"
    if signal == "length" and now < options.collapse_length_fall * first:
        yield "collapsed"
    if signal == "length" and now > options.collapse_length_rise * first:
        yield "exploded"


def detect(history: Iterable[Mapping[str, Any]], options: CollapseOptions) -> list[Collapse]:
    """All that a history (the trainer's `log_history`) shows, in the order in which it showed."""
    detector = Detector(options)
    for point in history:
        detector.see(point)
    return detector.found


@dataclass(frozen=True, slots=True)
class Ends:
    """Means of a curve over its first and its last window; shorter ones where the curve is short."""

    first: float
    last: float


def ends_of(history: Sequence[Mapping[str, Any]], name: str, window: int) -> Ends | None:
    """How a curve began and ended; None where it has no point."""
    values = [float(point[name]) for point in history if _is_number(point.get(name))]
    if not values:
        return None
    size = min(window, max(1, len(values) // 2))
    return Ends(fmean(values[:size]), fmean(values[-size:]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)
