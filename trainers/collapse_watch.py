"""The callback that looks for collapse while a run goes on, and tells of it: at once, and in the lineage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from ..builder.schema import JsonObject
from .collapse import Collapse, Detector, ends_of
from .grpo_options import CollapseOptions
from .run_book import RunBook


class CollapseWatch(TrainerCallback):
    """Shows every logged point to a detector. Only `stop_on_collapse` lets it end the run."""

    def __init__(self, options: CollapseOptions, book: RunBook) -> None:
        self._options, self._book = options, book
        self._detector = Detector(options)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """See what a run that goes on had logged, and told, before."""
        self._detector = Detector(self._options)
        for point in state.log_history:
            self._detector.see(point)
        self._note(state.log_history)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Tell what is new."""
        if not state.log_history:
            return control
        found = self._detector.see(state.log_history[-1])
        self._note(state.log_history)
        for one in found:
            self._book.say(line_of(one, self._options.collapse_window))
        if found and self._options.stop_on_collapse:
            self._book.say(f"stopping at step {state.global_step:,}, as --stop-on-collapse asks")
            control.should_training_stop = True
        return control

    def _note(self, history: Sequence[dict[str, Any]]) -> None:
        self._book.note(result_of(history, self._detector, self._options.collapse_window))


def line_of(one: Collapse, window: int) -> str:
    """What is said when a rule first holds."""
    return f"collapse: {one}, mean over {window} logged points"


def result_of(history: Sequence[dict[str, Any]], detector: Detector, window: int) -> JsonObject:
    """What lineage records: the reward at both ends, searches and answers at the last, the collapses.

    `collapse` is None where no window was full: nothing can be said then.
    """
    reward = ends_of(history, "reward", window)
    result: JsonObject = {"collapse": [one.to_json() for one in detector.found] if detector.judged else None}
    if reward is not None:
        result |= {"reward_first": round(reward.first, 6), "reward_last": round(reward.last, 6)}
    for name in ("searches", "answered", "failed"):
        ends = ends_of(history, f"rollouts/{name}", window)
        if ends is not None:
            result[f"{name}_last"] = round(ends.last, 6)
    return result
