"""The dataset card: YAML head and Markdown, computed from the dataset and the owner's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import docstring_parser
from huggingface_hub import DatasetCardData
from jinja2 import Environment, StrictUndefined, select_autoescape

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.layout import README
from ..builder.locks import writing
from ..builder.manifest import card_configs
from ..builder.schema import StopReason
from ..builder.schema_docs import row_columns, table_columns
from ..builder.shards import write_file
from ..filters.ablation_types import Design
from . import markdown
from .about import HEAD_KEY, About, about_in_card
from .facts import Count, Facts, compute_facts
from .limitations import limitations
from .loading import loading

_TASKS = ("question-answering", "text-generation")
_TAGS = ("trajset", "search-agents", "trajectories", "multi-hop-question-answering", "tool-use")
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
_LARGEST = "n>10M"

_SHOWN = 8
"""Values of a column listed one by one; the rest is counted."""

_MEASURES = (
    ("F1", "f1", "number"),
    ("exact match", "em", "share"),
    ("gold answer within the answer", "cover_match", "share"),
    ("turns", "n_turns", "number"),
    ("searches", "n_searches", "number"),
    ("phrases of memory", "n_memory_cues", "number"),
    ("gold answer in the evidence", "answer_in_evidence", "share"),
    ("share of supporting titles retrieved", "evidence_recall", "share"),
    ("wall time in seconds", "latency_s", "number"),
)
_PROVENANCE = (
    ("Questions", "dataset"),
    ("Hops", "hops"),
    ("Teacher", "teacher"),
    ("Teacher revision", "teacher_revision"),
    ("System prompt", "prompt_id"),
    ("Search policy", "policy"),
    ("Grammar", "grammar"),
    ("Temperature", "temperature"),
    ("Top-p", "top_p"),
    ("Retriever", "retriever"),
    ("Corpus", "corpus"),
    ("Scorer", "scorer"),
    ("Built by trajset", "builder_version"),
)
_DRAWN = {
    Design.CENSUS: "every row",
    Design.STRATIFIED: "a stratified sample",
    Design.UNKNOWN: "nobody says how",
    Design.NONE: "nobody says how",
}
"""How the labelled rows were chosen."""
_TOKENS = (("Tokens read", "prompt_tokens"), ("Tokens written", "completion_tokens"))


def write_card(path: Path, about: About | None = None) -> Path:
    """Compute the card of a dataset folder and write it as its README; the path of that file.

    Without `about`, what an earlier card was told is kept.

    Raises:
        DataError: no dataset there, or the README is not a card that was computed; nothing was changed.
        StorageError: the disk is full or not writable.
    """
    LocalDataset.open(path)
    with writing(path):
        return _write_card(path, about)


def _write_card(path: Path, about: About | None) -> Path:
    readme = path / README
    remembered = about_in_card(readme)
    if remembered is None and _has_own_text(readme):
        fix = "Move it away; own words for the card go into a TOML file (--about)."
        raise DataError(str(Problem(str(readme), "must be a card that trajset computed", "other text", fix)))
    card = render_card(LocalDataset.open(path), about or remembered or About())
    write_file(readme, card.encode())
    return readme


def _has_own_text(readme: Path) -> bool:
    """Whether a README holds more than the YAML head and the heading that every new dataset gets."""
    if not readme.is_file():
        return False
    body = re.sub(r"\A---\r?\n.*?^---\r?\n", "", readme.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.fullmatch(r"\s*(# [^\n]*)?\s*", body) is None


def render_card(dataset: LocalDataset, about: About) -> str:
    """The text of the card: the same for the same dataset and words.

    Raises:
        DataError: a file of the dataset is missing or cannot be read.
    """
    facts = compute_facts(dataset)
    head = card_data(dataset, facts, about).to_yaml(line_break="\n")
    body = (
        _environment()
        .from_string(_template())
        .render(
            about=about,
            facts=facts,
            title=about.title or _title(facts),
            manifest=dataset.manifest,
            groups=(*row_columns(), *_side_columns(dataset)),
            limitations=limitations(facts, about),
            loading=loading(dataset.manifest, about),
            stop_reasons=_stop_reasons(),
            created=_created(facts),
            measures=_MEASURES,
            provenance=_PROVENANCE,
            tokens=_TOKENS,
            drawn=_DRAWN,
            names=_names,
            listed=_listed,
        )
    )
    return f"---\n{head}\n---\n{_squeezed(body)}"


def card_data(dataset: LocalDataset, facts: Facts, about: About) -> DatasetCardData:
    """The YAML head. Licence and language are the owner's to say: without them the keys are left out."""
    head = DatasetCardData(
        pretty_name=about.title or _title(facts),
        language=list(about.language) or None,
        license=about.licence,
        task_categories=list(_TASKS),
        size_categories=_size(facts.rows),
        tags=[*_TAGS, *(["simulated"] if facts.simulated else [])],
        configs=card_configs(dataset.manifest),
    )
    head[HEAD_KEY] = about.to_head()
    return head


def _template() -> str:
    return files(__package__ or "").joinpath("templates", "card.md.jinja").read_text("utf-8")


def _environment() -> Environment:
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=select_autoescape(default_for_string=False),
    )
    forms = (
        *(markdown.text, markdown.code, markdown.block),
        *(markdown.count, markdown.percent, markdown.decimal, markdown.estimate),
    )
    environment.filters.update({form.__name__: form for form in forms})
    return environment


def _squeezed(body: str) -> str:
    """At most one empty line in a row, none at the end."""
    return re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


def _title(facts: Facts) -> str:
    return f"Search trajectories on {_joined([str(name) for name in facts.values('dataset')])}"


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), _LARGEST)


def _side_columns(dataset: LocalDataset) -> tuple[Any, ...]:
    present = {"judgements": dataset.manifest.judgements, "labels": dataset.manifest.labels}
    return tuple(group for group in table_columns() if present[group.name])


def _stop_reasons() -> dict[str, str]:
    docs = docstring_parser.parse_from_object(StopReason).params
    return {StopReason[doc.arg_name].value: " ".join((doc.description or "").split()) for doc in docs}


def _created(facts: Facts) -> str:
    first, last = (moment.strftime("%Y-%m-%d %H:%M UTC") for moment in facts.created)
    return first if first == last else f"{first} to {last}"


def _names(facts: Facts, column: str) -> str:
    return _joined([markdown.code(value) for value in facts.values(column)])


def _joined(names: Sequence[str]) -> str:
    """`a, b and c`; of many, the first few and how many more."""
    shown = list(names[:_SHOWN])
    if rest := len(names) - len(shown):
        shown.append(f"{rest:,} more")
    return " and ".join([part for part in (", ".join(shown[:-1]), shown[-1]) if part])


def _listed(counts: Sequence[Count]) -> str:
    """The values of a column with their rows; without counts where all rows agree."""
    if len(counts) == 1:
        return markdown.code(counts[0].value)
    shown = [f"{_value(entry)} ({entry.rows:,})" for entry in counts[:_SHOWN]]
    rest = counts[_SHOWN:]
    more = [f"{len(rest):,} more ({sum(entry.rows for entry in rest):,})"] if rest else []
    return ", ".join([*shown, *more])


def _value(entry: Count) -> str:
    return "not known" if entry.value is None else markdown.code(entry.value)
