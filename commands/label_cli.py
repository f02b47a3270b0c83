"""`trajset label`: the sub-commands and their options. Thin: each loads its stage when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from ..builder.config import WHOLE, Flag, Positive, Seed

Data = Annotated[str, Parameter(help="A dataset: `PATH` or `REPO[@REVISION]`.")]
DataFolder = Annotated[Path, Parameter(help="The dataset's folder.")]
Count = Annotated[int, WHOLE, Parameter(validator=Number(gte=0))]
PLAN = "audit.csv"

app = App(
    name="label", help="Audit rows by hand: draw a sample, label it in the terminal, compare annotators."
)
console = Console(markup=False, emoji=False)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SampleConfig:
    """Settings of `trajset label sample`."""

    size: Positive = 300
    """Rows to draw; with as many as the dataset has, every row is taken."""
    recipes: Annotated[tuple[str, ...], Parameter(name=("--recipes", "--recipe"), consume_multiple=True)] = (
        "llm_judge",
        "llm_judge_reflect",
        "f1_only",
        "f1_search",
    )
    """Recipes, by name or path, whose verdicts divide the rows into strata."""
    settings: Annotated[tuple[str, ...], Parameter(name="--set", consume_multiple=True)] = ()
    """Parameters of the recipes that have them, as `--set min_f1=0.7`."""
    by: str | None = None
    """Column of the row that divides the strata further, such as `teacher`."""
    allocation: Literal["proportional", "neyman", "equal"] = "proportional"
    """How the rows are shared out between the strata."""
    min_per_stratum: Positive = 10
    """Fewest rows of a stratum; smaller strata are taken whole."""
    seed: Seed = 0
    """Seed of the draw. With the same seed, more rows of a stratum are those of before and further ones."""
    out: Path = Path(PLAN)
    """CSV file to write."""


@app.default
def label(
    data: DataFolder,
    *,
    annotator: str,
    sample: Path = Path(PLAN),
    reasoning: Flag = False,
    show_scores: Flag = False,
) -> None:
    """Show the sampled rows one after another and ask: is the answer correct, is it grounded, any remark?

    Every answer is on disk the moment it is given; the same command goes on where it stopped. Scores,
    verdicts, and who wrote the row are not shown, so that they cannot sway you.

    Parameters
    ----------
    annotator
        Your name: it stands beside your labels.
    sample
        The sample that `trajset label sample` drew.
    reasoning
        Show the model's reasoning in full from the start (key `r`).
    show_scores
        Show F1, judges' verdicts, stratum and teacher as well. Labels made so are not blind.
    """
    from .label_run import label_rows
    from .label_view import Shown

    label_rows(data, annotator, sample, Shown(reasoning, show_scores), console)


@app.command(name="sample")
def sample_(data: DataFolder, *, config: SampleConfig = SampleConfig()) -> None:
    """Draw rows to audit: at random from every pattern of recipe verdicts, with known chances."""
    from .label import draw

    draw(data, config, console)


@app.command
def agreement(data: Data, *, examples: Count = 20) -> None:
    """Compare each two annotators: raw agreement, Cohen's kappa, and the rows on which they differ.

    Parameters
    ----------
    examples
        Most rows to list.
    """
    from .label import show_agreement

    show_agreement(data, examples, console)


@app.command
def export(data: Data, *, out: Path, annotator: str | None = None) -> None:
    """Write the labels as CSV.

    Parameters
    ----------
    out
        CSV file to write.
    annotator
        Only this annotator's labels.
    """
    from .label import export_labels

    export_labels(data, out, annotator, console)


Transcripts = Annotated[tuple[Path, ...], Parameter(consume_multiple=True)]


@app.command(name="import")
def import_(
    data: DataFolder, labels: Path, *, annotator: str | None = None, transcripts: Transcripts = ()
) -> None:
    """Read labels from CSV into the dataset; a label of the same row and annotator is replaced.

    Parameters
    ----------
    labels
        CSV file as `label export` or `label sample` writes it, or one that names rows by `file` and `index`
        instead of `row_id`.
    annotator
        Whose labels these are, where the file does not say or says another name.
    transcripts
        Files that the dataset was imported from, for labels that name rows by `file` and `index`.
    """
    from .label import Incoming, import_labels

    import_labels(data, Incoming(labels, annotator, transcripts), console)
