"""`trajset train`: a command for each method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import App, Parameter

from ..builder.errors import ConfigError, Problem
from ..trainers.grpo_options import GrpoConfig
from ..trainers.mixed_options import MixedConfig
from ..trainers.opd_options import OpdConfig
from ..trainers.options import SftConfig
from ..trainers.rft_options import RftConfig
from .boundary import options_in

app = App(
    name="train",
    help="Train a student on a named split of a dataset at a revision, or by its own searches.",
    help_format="markdown",
    default_parameter=Parameter(negative=""),
)


@app.command
def sft(*, config: SftConfig) -> None:
    """Supervised fine-tuning on the rows of a split: reasoning, searches and answers carry loss.

    The split is rendered for the model and audited first: how many tokens carry loss, and whether an answer
    or a search would be lost. Ctrl-C keeps a checkpoint; `--resume` goes on.
    """
    from .train import run_sft

    run_sft(config)


@app.command
def grpo(*, config: GrpoConfig) -> None:
    """Group relative policy optimization: live searches, a reward for the right answer.

    The questions are those of a split, the student a base model or one after `sft`. Collapse (of reward,
    entropy, length, searching, answers, or the learning signal) is told when it shows, and in the lineage,
    the card and the curves. Ctrl-C keeps a checkpoint; `--resume` goes on.
    """
    from .train import run_grpo

    run_grpo(config)


@app.command
def mixed(*, config: MixedConfig) -> None:
    """Supervised fine-tuning, then on-policy distillation from there: one run, resumed wherever it stopped.

    Options of a stage's fitting have its name before theirs: `--sft.num-train-epochs`, `--opd.learning-rate`;
    in a file they stand in the tables `[sft]` and `[opd]`.
    """
    from .train import run_mixed

    run_mixed(config)


@app.command
def rft(*, config: RftConfig) -> None:
    """Rejection fine-tuning: the student answers new questions, the recipe filters, it learns what is kept.

    Each round leaves a dataset and a model. A round that keeps fewer rows than `--min-kept` is an error: from
    a few survivors a weak student collapses. `--resume` goes on wherever a run was stopped.
    """
    from .train import run_rft

    run_rft(config)


@app.command
def opd(*, config: OpdConfig) -> None:
    """On-policy distillation: the student searches and answers, and learns what a teacher would have written.

    The questions are those of `--data`, or `--questions`; the student searches in `--index`, and its rollouts
    are kept as a dataset in `OUT/rollouts`. With `--replay` it learns on the rows of `--data` instead. The
    teacher runs in this process, or behind vLLM (`--teacher-url`).
    Ctrl-C keeps a checkpoint; `--resume` goes on, with the rollouts that the whole run would have made.
    """
    from .train import run_opd

    run_opd(config)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Again:
    """A run to repeat, and where things are now that were in folders which have moved."""

    from_lineage: Path | None = None
    """The `training.json` of a run, or a folder that holds one."""
    out: Path | None = None
    """Folder of the new run."""
    data: str | None = None
    """The split that was trained on."""
    model: str | None = None
    """The student."""
    questions: str | None = None
    """The questions that it answered."""
    index: tuple[str, ...] = ()
    """The index that it searched in."""
    teacher: str | None = None
    """The teacher that was distilled."""

    @property
    def places(self) -> dict[str, object]:
        """The options that are given."""
        given = {"data": self.data, "model": self.model, "questions": self.questions}
        given |= {"index": list(self.index), "teacher": self.teacher, "out": str(self.out)}
        return {name: value for name, value in given.items() if value}


NOTHING = Again()


@app.default
def repeat(*, config: Again = NOTHING) -> None:
    """Repeat a run from its lineage, or train by one of the methods below.

    Data, questions and model are checked to be what they were; what is on the Hub is found by itself. At the
    end it says whether the weights are the same, bit for bit.
    """
    from .train import repeat_run

    if config.from_lineage is None or config.out is None:
        fix = "Name a method (sft, opd, mixed, rft, grpo), or give --from-lineage and --out."
        given = [str(path) for path in (config.from_lineage, config.out) if path]
        raise ConfigError(str(Problem("train", "must be told what to do", given, fix)))
    repeat_run(config.from_lineage, config.places, _again)


def _again(method: str, options: dict[str, object]) -> None:
    """Run a method's command with these options."""
    before = app.config
    app.config = (options_in(options, "training.json"),)
    try:
        app([method], result_action="return_none")
    finally:
        app.config = before
