"""The command line: thin commands, each loading its stage when it is called.

Exit codes: 0 done, 1 a bug in trajset, 2 bad input, 3 a server refuses or cannot be reached, 4 the disk is
full or not writable, 5 a budget is used up, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from .builder.config import CollectConfig, ImportConfig, IndexConfig, QuickstartConfig, WorldConfig
from .builder.corpus_config import CorpusConfig
from .builder.option_types import Count, Flag, Positive, Seconds, Seed
from .builder.retrieval_config import PLAIN, RetrievalConfig
from .builder.source_config import ElasticBuildConfig, ElasticConfig, QuestionFields
from .commands.boundary import guarded, options_from, plain_warning, report_bug
from .commands.filter_config import FilterConfig
from .commands.label_cli import app as label
from .commands.probe_config import ProbeConfig
from .commands.render_config import RenderConfig
from .commands.replay_config import ReplayConfig
from .commands.sql_config import SqlConfig
from .commands.train_cli import app as train
from .eval.eval_config import EvalConfig
from .eval.lab_config import LabConfig
from .eval.probe_options import FeatureOptions, ProbeOptions
from .eval.report_config import ReportConfig
from .filters.ablate_config import AblateConfig
from .filters.decontaminate_config import Rules
from .filters.judge_config import JudgeConfig

Data = Annotated[str, Parameter(help="A dataset: `PATH` or `REPO[@REVISION]`.")]
DataOrSplit = Annotated[str, Parameter(help="A dataset: `PATH[:SPLIT]` or `REPO[@REVISION][:SPLIT]`.")]
Query = Annotated[str, Parameter(allow_leading_hyphen=True)]
Version = Annotated[
    str, Parameter(help="`REPO[@REVISION]` on the Hub; without a revision the newest commit.")
]
DataFolder = Annotated[Path, Parameter(help="The dataset's folder.")]
RunFolder = Annotated[Path, Parameter(help="The run's folder, `--out` of `trajset collect`.")]
RunOfTraining = Annotated[
    Path, Parameter(help="The run's folder, `--out` of `trajset train`, or one of its checkpoints.")
]
Index = Annotated[str, Parameter(help="Folder of the index, or `es:URL/ALIAS` in Elasticsearch.")]
Fuse = Annotated[
    tuple[str, ...], Parameter(help="Further indexes over the same corpus, whose rankings are fused with it.")
]
Repo = Annotated[str, Parameter(help="Repository on the Hub, as `user/name`.")]
Recipes = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Against = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
FOUR = ("llm_judge", "llm_judge_reflect", "f1_only", "f1_search")
"""The recipes that the published table compares."""
RecipeFolder = Annotated[Path, Parameter(name="--dir", help="Folder with your own recipes.")]

app = App(
    name="trajset",
    help="Versioned datasets of search-agent trajectories: build, score, filter in SQL, publish, pull.",
    help_format="markdown",
    default_parameter=Parameter(negative=""),
    suppress_keyboard_interrupt=False,  # `guarded` says what became of the work
)
app.command(label)
app.command(train)
# A folder may be called [old] or :old:; where markup is meant, the call says so.
console = Console(markup=False, emoji=False)


@app.command
def quickstart(*, config: QuickstartConfig = QuickstartConfig()) -> None:
    """Run the whole chain on a generated demo world: corpus, index, trajectories, scores, splits, card.

    Takes under a minute on two cores, needs no model and no network. All of its numbers are simulated.
    A second run reuses what is there.
    """
    from .quickstart import run

    run(config, console)


@app.command
def world(folder: Path, *, plain: Flag = False, config: WorldConfig = WorldConfig()) -> None:
    """Generate the demo world: an encyclopedia of invented facts and multi-hop questions over it.

    Parameters
    ----------
    folder
        Where `corpus.jsonl`, `questions.jsonl` and `world.json` are written.
    plain
        One bare fact a passage, and a simulated teacher of few words: what a micro student learns in minutes.
    """
    from .commands.make import make_world

    make_world(folder, config, "plain" if plain else "varied", console)


@app.command
def corpus(source: str, folder: Path, *, config: CorpusConfig = CorpusConfig()) -> None:
    """Make passages with titles out of Wikipedia, or of any articles: 100 words each, for `trajset index`.

    After a crash or Ctrl-C the same command goes on where it stopped; a finished corpus is not made again.

    Parameters
    ----------
    source
        A MediaWiki dump (.xml, .xml.bz2, .xml.gz) or a folder of its parts; a JSONL, JSON, CSV, TSV or
        Parquet file (plain or .gz) or a folder of them; or `hf:REPO[@REVISION][:[CONFIG/]SPLIT]`.
    folder
        Where the Parquet files and the manifest are written.
    """
    from .commands.corpus import make_corpus

    make_corpus(source, folder, config, console)


@app.command
def index(
    corpus: str,
    index: str,
    *,
    config: IndexConfig = IndexConfig(),
    elastic: ElasticConfig = ElasticConfig(),
    build: ElasticBuildConfig = ElasticBuildConfig(),
) -> None:
    """Index a corpus for BM25 search, or with `--dense` for search by embeddings.

    The index is a folder, or lies in Elasticsearch. An unchanged corpus is not indexed again; a build that
    died goes on with the same command.

    Parameters
    ----------
    corpus
        Passages with a title and a text: a JSONL, JSON or Parquet file (plain or .gz), a folder of them,
        `hf:REPO[@REVISION][:SPLIT]`, or `pooled:QUESTIONS` for those that the records of a benchmark bring.
    index
        Where it is written: a folder, or `es:URL/ALIAS`, such as `es:http://localhost:9200/wiki`.
    """
    from .builder.retrieval.elastic_build import ElasticPlan
    from .builder.retrieval.elastic_client import is_elastic
    from .commands.make import make_elastic_index, make_index

    if is_elastic(index):
        make_elastic_index(corpus, index, ElasticPlan(config, elastic, build), console)
    else:
        make_index(corpus, Path(index), config, console)


@app.command
def search(
    index: Index, query: str, *, k: Positive = 5, fuse: Fuse = (), config: RetrievalConfig = PLAIN
) -> None:
    """Search an index and show the passages, as the model would read them.

    Parameters
    ----------
    query
        Any text.
    k
        Number of passages.
    """
    from .commands.make import Searched, show_search

    show_search(Searched((index, *fuse), config), query, k, console)


@app.command
def recall(
    index: Index,
    questions: str,
    *,
    limit: Positive | None = None,
    fields: QuestionFields = QuestionFields(),
    fuse: Fuse = (),
    config: RetrievalConfig = PLAIN,
) -> None:
    """Measure an index: full recall@2, 5, 10 and MRR@10 of the gold titles, searching with the question.

    Parameters
    ----------
    questions
        Questions with supporting titles: a named set such as `hotpotqa:validation`, a JSONL, JSON, CSV or
        Parquet file, or `hf:REPO[@REVISION][:[CONFIG/]SPLIT]`.
    limit
        Take only that many questions.
    """
    from .commands.make import Asked, Searched, measure_recall

    measure_recall(Searched((index, *fuse), config), Asked(questions, limit, fields), console)


@app.command
def collect(*, config: CollectConfig) -> None:
    """Let a teacher answer questions with a search tool; score and write the trajectories as a dataset.

    Rollouts are kept in a journal in `--out` as they end. Ctrl-C finishes the rollouts under way;
    `--resume` goes on where a run stopped, repeats nothing, and tries again what a server broke.
    """
    from .commands.rollouts import collect_dataset

    collect_dataset(config, console)


@app.command(name="eval")
def eval_(*, config: EvalConfig) -> None:
    """Evaluate models on benchmarks with the rollout loop of `trajset collect`: one dataset for each cell.

    A cell is a model, a benchmark, a mode and a way of searching; a matrix of them stands in a TOML file
    (`--config`). The same command goes on where a run stopped: finished cells are not made again.
    """
    from .commands.evaluate import evaluate_models

    evaluate_models(config, console)


@app.command(name="import")
def import_(*files: Path, config: ImportConfig = ImportConfig()) -> None:
    """Turn transcripts of other systems into a dataset. What cannot be read becomes a row that says why.

    Parameters
    ----------
    files
        .json, .jsonl or .parquet files, plain or .gz.
    """
    from .commands.rollouts import import_dataset

    import_dataset(files, config, console)


@app.command
def judge(data: DataFolder, *, config: JudgeConfig) -> None:
    """Let a language model judge the answers; its verdicts stand beside those of other judges.

    Every reply is kept in a cache the moment it comes, so nothing is paid for twice: after a kill the same
    command goes on. `--resume` goes on with a judge whose verdicts are in the dataset already (after a
    budget, Ctrl-C, a server's failures, or new rows). An answer that is missing is wrong, a reply that cannot
    be read is unscored.
    """
    from .commands.judge import judge_answers

    judge_answers(data, config, console)


@app.command(name="filter")
def filter_(data: Data, *, config: FilterConfig) -> None:
    """Apply a recipe and write the rows it accepts as a split of that name. Rejected rows stay in `raw`.

    With `--dry-run` or `--sweep` nothing is written, and the dataset may also lie on the Hub.
    """
    from .commands.splits import filter_dataset

    filter_dataset(data, config, console)


@app.command
def recipes(name: str | None = None, *, show: Flag = False, folder: RecipeFolder = Path("recipes")) -> None:
    """List the recipes, shipped ones and those of a folder, or show one with its SQL and parameters.

    Parameters
    ----------
    name
        Name of a recipe, or the path of your own .toml file.
    show
        Print the SQL of every recipe.
    """
    from .commands.splits import show_recipes

    show_recipes(name, show, folder, console)


@app.command
def outcomes(data: Data, *, recipe: Recipes = FOUR, annotator: str | None = None) -> None:
    """Compare recipes on a dataset: accept rate, and false positives against labels where there are any.

    Parameters
    ----------
    recipe
        Recipes to compare, by name or path.
    annotator
        Whose labels count, when several people labelled.
    """
    from .commands.splits import show_outcomes

    show_outcomes(data, recipe, annotator, console)


@app.command
def decontaminate(data: DataFolder, *, against: Against = (), rules: Rules = Rules()) -> None:
    """Find questions that repeat each other or overlap with evaluation sets; write it into the rows.

    Fills `duplicate_group`, `contaminated`, `contamination`, `contamination_overlap`, which recipes can use.
    Running it again replaces what was found before.

    Parameters
    ----------
    against
        Evaluation sets: named ones (`bamboogle`), JSONL, JSON, CSV, Parquet or text files, or
        `hf:REPO[@REVISION][:SPLIT]`; with a name of its own as `NAME=FILE`.
    """
    from .commands.decontaminate import decontaminate_dataset

    decontaminate_dataset(data, against, rules, console)


@app.command
def ablate(data: Data, *, config: AblateConfig = AblateConfig()) -> None:
    """Compare recipes and judges: accept rate, FDR and FPR with intervals, overlap, sweeps; write a report.

    The report in `--out` is one HTML page, the same as Markdown, plots as SVG, and every number as Parquet.
    Without labels it says what is kept and that nothing is known about what is wrong.
    """
    from .commands.ablate import ablate_dataset

    ablate_dataset(data, config, console)


@app.command
def report(
    first: Annotated[str, Parameter(name="DIR", help="A dataset, or a folder with datasets below it.")],
    *more: Annotated[str, Parameter(help="Further ones, taken together with it.")],
    config: ReportConfig = ReportConfig(),
) -> None:
    """Report on evaluations: leaderboard, paired differences, searches, failures, noise, probe, latency.

    DIR is a folder of `trajset eval`, `collect` or `import`, a folder above such ones, or a dataset on the
    Hub; several are taken together. The report in `--out` is one HTML page, the same as Markdown, plots as
    SVG, and every number as Parquet.
    """
    from .commands.report import report_on

    report_on((first, *more), config, console)


@app.command
def probe(
    *,
    config: ProbeConfig,
    features: FeatureOptions = FeatureOptions(),
    options: ProbeOptions = ProbeOptions(),
) -> None:
    """Probe a model's confidence before it searches, and simulate to search only where it is not sure.

    From the hidden state at the end of a question a small probe learns whether the closed-book answer is
    right; then the most confident questions take their closed-book row, the others their live row. Writes
    `probe.json` and plots into `--out`.
    """
    from .commands.probe import Asked, run_probe

    run_probe(Asked(config, features, options), console)


@app.command
def lab(*, config: LabConfig = LabConfig()) -> None:
    """Show the paper's claims in miniature: micro students trained on the demo world by all methods.

    A simulated teacher makes rows, filters choose among them, students of half a million parameters learn by
    SFT, OPD, Mixed, RFT and GRPO, and take exams: live, noisy, closed book, adaptive. The report says of each
    claim whether it shows here. All of it is simulated. Takes up to 45 minutes on two cores; what was stopped
    goes on.
    """
    from .commands.lab import run_lab

    run_lab(config, console)


@app.command
def info(data: Data, *, verify: Flag = False, lineage: Flag = False) -> None:
    """Show a dataset's splits, sizes, recipes, prompts, versions and where it came from.

    Parameters
    ----------
    verify
        Also read every file and compare its SHA-256 with the manifest.
    lineage
        Also follow the chain of published versions that it comes from; their manifests are read from the Hub.
    """
    from .commands.versions import show_info

    show_info(data, verify, lineage, console)


@app.command
def card(data: DataFolder, *, about: Path | None = None) -> None:
    """Compute the dataset card (README.md) anew.

    Parameters
    ----------
    about
        TOML file with your own `title`, `summary`, `licence`, `language`, `citation`; it is remembered.
    """
    from .commands.versions import make_card

    make_card(data, about, console)


@app.command
def render(data: DataOrSplit, *, config: RenderConfig) -> None:
    """Show rows as a model's training would see them, the tokens with loss in colour, and audit the split.

    The audit says whether calls, reasoning and answers are all in the loss and what `--max-length` would cut
    off. Exit code 2 where something would be lost.
    """
    from .commands.render import render_dataset

    render_dataset(data, config, console)


@app.command
def replay(data: DataOrSplit, *, config: ReplayConfig = ReplayConfig()) -> None:
    """Run the rollout loop again from the rows' own record, without a server; tell what comes out otherwise.

    With `--index` the recorded queries are also searched again: which searches return the same passages, and
    what the others do to the evidence. Exit code 2 where a row comes out otherwise.
    """
    from .commands.replay import replay_dataset

    replay_dataset(data, config, console)


@app.command
def rescore(data: DataFolder) -> None:
    """Derive scores and search-use columns anew from the conversations, by this version's scorer.

    Says how many rows changed in which column; splits and card follow. Where nothing changed nothing is
    written.
    """
    from .commands.rescore import rescore_dataset

    rescore_dataset(data, console)


@app.command
def schema() -> None:
    """Print every column of a row with its type and meaning."""
    from .commands.versions import show_schema

    show_schema(console)


@app.command
def sql(query: Query, data: DataOrSplit, *, config: SqlConfig = SqlConfig()) -> None:
    """Ask a dataset anything in SQL. A query only reads, and only the dataset: no file, no setting.

    The tables are `rows` (one row a trajectory), `judgements`, `labels`, and each split by its name. With
    `:SPLIT`, `rows` is that split.

    Parameters
    ----------
    query
        One SELECT, FROM, WITH, VALUES, DESCRIBE or SUMMARIZE of DuckDB; `-` reads it from standard input.
    """
    from .commands.sql import run_sql

    run_sql(query, data, config, console)


@app.command
def student(folder: Path, *, world: Path, seed: Seed = 0) -> None:
    """Make a micro student: a Qwen3 of 0.44 M random weights with a tokenizer of a demo world.

    It is an ordinary model folder, to be trained on rows about that world in minutes on a CPU.

    Parameters
    ----------
    folder
        Where the model and its tokenizer are written.
    world
        Folder that `trajset world` wrote; its texts make the tokenizer.
    seed
        Seed of the weights.
    """
    from .commands.student import make_micro_student

    make_micro_student(folder, world, seed, console)


@app.command
def status(
    run: RunFolder,
    *,
    watch: Flag = False,
    every: Seconds = 5.0,
    json: Annotated[Flag, Parameter(name="--json")] = False,
) -> None:
    """Show how far a collection run is, also while it goes on, from another shell or machine.

    Parameters
    ----------
    watch
        Show it again and again until the run is over.
    every
        Seconds between two looks of `--watch`.
    json
        Print one JSON object instead; with `--watch` one a line.
    """
    from .commands.status import show_status

    show_status(run, as_json=json, every_s=every if watch else None, console=console)


@app.command
def publish(data: DataFolder, repo: Repo, *, tag: str, private: Flag = False) -> None:
    """Publish a dataset to the Hub: one commit on top of the version it was made from, then a tag.

    If the repository has moved on in between, nothing is changed. An interrupted upload resumes.

    Parameters
    ----------
    tag
        Version to give it, for example v1.0.0.
    private
        Make a new repository private.
    """
    from .commands.versions import publish_dataset

    publish_dataset(data, repo, tag, private, console)


@app.command(name="publish-model")
def publish_model(model: RunOfTraining, repo: Repo, *, tag: str | None = None, private: Flag = False) -> None:
    """Publish a trained model to the Hub, with its card, `training.json` and curves: one commit.

    Optimizer states and TRL's own records, which hold paths, stay here. An unchanged model is not sent again.

    Parameters
    ----------
    tag
        Version to give it, for example v1.0.0.
    private
        Make a new repository private.
    """
    from .commands.versions import publish_trained

    publish_trained(model, repo, tag, private, console)


@app.command
def pull(data: Version, folder: Path) -> None:
    """Download a dataset at a revision into a folder, to filter it on and publish the next version.

    Parameters
    ----------
    folder
        Where it goes.
    """
    from .commands.versions import pull_dataset

    pull_dataset(data, folder, console)


@app.command
def versions(repo: Repo) -> None:
    """List the published versions of a dataset, newest first."""
    from .commands.versions import show_versions

    show_versions(repo, console)


@app.command
def diff(old: Data, new: Data, *, recipe: Recipes = (), rows: Count = 3, out: Path | None = None) -> None:
    """Compare two versions: rows added, removed and changed; how each recipe's accept rate moved, and why.

    Parameters
    ----------
    recipe
        Further recipes to evaluate on both versions, by name or path; those of both manifests always are.
    rows
        Rows to show of those that entered and of those that left, for each recipe.
    out
        File for all rows that changed side: .parquet, .csv or .json.
    """
    from .commands.diff import Wanted, show_diff

    show_diff(old, new, Wanted(recipe, rows, out), console)


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Path | None = None,
    debug: Flag = False,
) -> int:
    """Run a command; turn its failure into one message and an exit code.

    Parameters
    ----------
    config
        TOML file with options of the command; what stands on the command line wins.
    debug
        Show the traceback of an error.
    """

    def command() -> None:
        app.config = options_from(config) if config else None
        app(tokens, result_action="return_none")

    return guarded(command, debug=debug)


def main() -> None:
    """Entry point of the `trajset` script."""
    sys.excepthook = report_bug
    warnings.formatwarning = plain_warning
    if not sys.stderr.isatty():  # read by huggingface_hub when it is imported
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    sys.exit(app.meta())
