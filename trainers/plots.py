"""The curves of a run as a PNG beside its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

CURVES = "curves.png"
_PANELS = (
    (("loss", "eval_loss"), "loss"),
    (("reward",), "reward"),
    (("rollouts/f1", "rollouts/answered", "rollouts/failed"), "share of rollouts"),
    (("rollouts/searches",), "searches a question"),
    (("completions/mean_length",), "tokens written in a rollout"),
    (("frac_reward_zero_std",), "groups that earn the same"),
    (("entropy",), "entropy of a token (nats)"),
    (("mean_token_accuracy",), "tokens predicted right"),
    (("learning_rate",), "learning rate"),
    (("grad_norm",), "norm of the gradient"),
)
_WIDTH, _HEIGHT = 4.5, 3.0
_COLUMNS = 2


def write_curves(
    folder: Path, title: str, history: Sequence[dict[str, float]], marks: Mapping[int, str] | None = None
) -> None:
    """Draw every curve that the history (the trainer's `log_history`) has two points of.

    `marks` are steps, each with what it is: a vertical line in every curve.
    """
    panels = [(names, label) for names, label in _PANELS if any(_points(history, name) for name in names)]
    if not panels:
        return
    rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _WIDTH, rows * _HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for place, (names, label) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        for name in names:
            if points := _points(history, name):
                axes.plot(*zip(*points, strict=True), label=name, marker="." if len(points) < 20 else "")
        for step, what in (marks or {}).items():
            axes.axvline(step, color="tab:red", linestyle="--", label=_once(what, place))
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if len(names) > 1 or (marks and place == 1):
            axes.legend()
    figure.savefig(folder / CURVES, dpi=110)


def _once(text: str, place: int) -> str | None:
    """A label in the first panel alone."""
    return text if place == 1 else None


def _points(history: Sequence[dict[str, float]], name: str) -> list[tuple[float, float]]:
    points = [
        (point["step"], point[name])
        for point in history
        if point.get(name) is not None and "step" in point  # TRL logs None where a value has no meaning
    ]
    return points if len(points) > 1 else []
