"""Report: what an evaluation found, in the terminal and as files."""

from __future__ import annotations

import dataclasses
import platform
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from ..builder.chat.openai_client import Endpoint, OpenAIChat
from ..eval.bootstrap import Draws
from ..eval.evaluation import EvaluationOptions, evaluate
from ..eval.failure_judge import FailureJudge
from ..eval.failures import WrongRows
from ..eval.report.baseline import against
from ..eval.report.beside import Beside
from ..eval.report.document import document
from ..eval.report.terminal import terminal_report
from ..eval.report.write import MARKDOWN, prepare, write_document
from ..eval.report_config import ReportConfig
from ..eval.results_json import read_probe
from ..eval.sources import DatasetRows, find_datasets, find_probes
from ..filters.report.facts import COMMAND
from .progress import STDERR
from .reports import check_place, options_again, public

_EVERY = 10_000
"""Pairs of a group that are compared where only those with a baseline are kept."""
_LIBRARIES = ("numpy", "scipy", "polars", "matplotlib")


def report_on(places: Sequence[str], config: ReportConfig, console: Console) -> None:
    """Evaluate the datasets and probes, write the report, and print its tables.

    Raises:
        ConfigError, DataError: an option, a dataset or a file is wrong; or the folder holds files of another
            origin under the report's names.
        HubError: the Hub refuses or cannot be reached.
        ChatServerError: the judge's server refuses for good.
        StorageError: the disk is full or not writable.
    """
    sources = find_datasets(places)
    for source in sources:
        check_place(config.out, source.dataset)
    prepare(config.out)
    with STDERR.status("Evaluating") if STDERR.is_terminal else nullcontext():
        probes = [
            read_probe(file).probe for file in find_probes([Path(place).expanduser() for place in places])
        ]
        found = evaluate(sources, probes, _options(config), _facts(places, sources, config))
        found = found if config.baseline is None else against(found, config.baseline)
        made = document(found, beside=Beside(config.published))
        report = write_document(found, made, config.out)
    console.print(terminal_report(made))
    console.print(
        f"\n{report.html}: the report for a browser; {MARKDOWN} and Parquet beside it", soft_wrap=True
    )


def _options(config: ReportConfig) -> EvaluationOptions:
    bar = config.min_f1 if config.correct == "f1" else 0.0
    made = EvaluationOptions(
        questions=config.questions,
        wrong=WrongRows(config.correct, bar),
        examples=config.examples,
        draws=Draws(config.draws, config.seed),
        judge=_judge(config),
    )
    return made if config.baseline is None else dataclasses.replace(made, most_pairs=_EVERY)


def _judge(config: ReportConfig) -> FailureJudge | None:
    """The judge of wrong rows; nothing is sent yet.

    Raises:
        ConfigError: the URL is none.
    """
    if config.failure_judge is None:
        return None
    endpoint = Endpoint(config.failure_judge, config.base_url, config.api_key_env, option="failure_judge")
    return FailureJudge(OpenAIChat(endpoint), config.concurrency, plain=config.plain)


def _facts(places: Sequence[str], sources: Sequence[DatasetRows], config: ReportConfig) -> Mapping[str, str]:
    """The data with their revisions, the command that makes the report again, and versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        COMMAND: shlex.join(["trajset", "report", *map(public, places), *options_again(config, {})]),
        "datasets": "; ".join(dict.fromkeys(map(_named, sources))),
        "versions": f"Python {platform.python_version()}, {versions}",
    }


def _named(source: DatasetRows) -> str:
    """A dataset, on the Hub with the commit that was read."""
    name, revision = public(source.name), source.dataset.revision
    return name if revision is None else f"{name.partition('@')[0]}@{revision}"
