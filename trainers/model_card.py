"""The model card: every number of it from the lineage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import yaml
from jinja2 import Environment, StrictUndefined, select_autoescape

from ..builder.schema import JsonObject
from ..builder.shards import write_file
from .lineage import LINEAGE, Lineage
from .options import WATCHING

CARD = "README.md"
METHODS = {
    "sft": "supervised fine-tuning (SFT)",
    "opd": "on-policy distillation (OPD)",
    "mixed": "supervised fine-tuning followed by on-policy distillation (Mixed)",
    "rft": "rejection fine-tuning (RFT)",
    "grpo": "group relative policy optimization (GRPO)",
}


@dataclass(frozen=True, slots=True)
class _Table:
    title: str
    rows: list[tuple[str, str]]


def write_model_card(folder: Path, lineage: Lineage) -> None:
    """Write `README.md` beside the weights.

    Raises:
        StorageError: the disk does not take it.
    """
    write_file(folder / CARD, model_card(lineage).encode())


def model_card(lineage: Lineage) -> str:
    """The card: YAML head and Markdown."""
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=select_autoescape(default_for_string=False),
    )
    text = files("trajset.trainers").joinpath("templates/model_card.md.jinja").read_text("utf-8")
    dataset, model = lineage.dataset, lineage.model
    return environment.from_string(text).render(
        head=yaml.safe_dump(_head(lineage), sort_keys=False),
        title=f"{model['name']}, {lineage.method} on {dataset['split']}",
        base=f"`{model['name']}`",
        method=METHODS.get(lineage.method, lineage.method),
        dataset=f"`{dataset['name']}`",
        lineage_file=LINEAGE,
        simulated=bool(dataset.get("simulated")),
        tables=list(_tables(lineage)),
        grammar=lineage.target.get("grammar", "tools"),
        reasoning=lineage.target.get("reasoning"),
        template_hash=lineage.target.get("template_hash"),
    )


def _head(lineage: Lineage) -> JsonObject:
    """What the Hub reads: links to dataset and base model where these are there too."""
    head: JsonObject = {
        "library_name": "peft" if _is_adapter(lineage) else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["trajset", "search-agents", "trl", lineage.method],
    }
    if lineage.model.get("source") == "hub":
        head["base_model"] = lineage.model["name"]
    if repo := lineage.dataset.get("repo"):
        head["datasets"] = [repo]
    return head


def _is_adapter(lineage: Lineage) -> bool:
    """Whether the weights are adapters: in checkpoints always, in the end unless they were merged."""
    last: JsonObject = lineage.stages[-1]["options"] if lineage.stages else lineage.options
    merged = lineage.state == "complete" and bool(last.get("lora-merge"))
    return bool(last.get("use-peft")) and not merged


def _tables(lineage: Lineage) -> Iterator[_Table]:
    progress, audit = lineage.progress, lineage.audit
    search: JsonObject = lineage.inputs.get("search") or {}
    yield _Table(
        "Data",
        _shown(
            ("dataset", lineage.dataset.get("name")),
            ("recipe", _recipe(lineage.dataset)),
            ("rows in the split", lineage.dataset.get("rows")),
            ("tokens, with loss", _pair(audit.get("tokens"), audit.get("loss_tokens"))),
            ("rows seen", progress.rows_seen),
            ("tokens seen, with loss", _pair(progress.tokens_seen, progress.loss_tokens_seen)),
        ),
    )
    yield _Table(
        "Training",
        _shown(
            ("base model", f"{lineage.model.get('name')} ({lineage.model.get('revision')})"),
            (
                "teacher",
                lineage.teacher and f"{lineage.teacher.get('name')} ({lineage.teacher.get('revision')})",
            ),
            ("state", lineage.state),
            ("steps", f"{progress.step:,} of {progress.steps:,}" if progress.steps else None),
            ("epochs", f"{progress.epoch:g}"),
            ("seconds", f"{progress.seconds:,.0f}"),
            ("search engine", search.get("retriever")),
            ("corpus", search.get("corpus")),
            ("device", lineage.machine.get("device")),
            ("git commit", lineage.git and _commit(lineage.git)),
            *((name.replace("_", " "), value) for name, value in lineage.result.items() if _is_plain(value)),
        ),
    )
    if lineage.result.get("collapse"):
        yield _Table("Collapse", [(one["what"], _collapse(one)) for one in lineage.result["collapse"]])
    yield _Table("Options", _shown(*_options(lineage)))
    yield _Table("Versions", _shown(*lineage.versions.items()))


def _options(lineage: Lineage) -> Iterator[tuple[str, Any]]:
    """The options that had a say."""
    adapters = bool(lineage.options.get("use-peft"))
    for name, value in lineage.options.items():
        if isinstance(value, dict):
            table = cast("JsonObject", value)
            yield from ((f"{name}.{key}", each) for key, each in table.items() if key not in WATCHING)
        elif name not in WATCHING and (adapters or not name.startswith("lora-")):
            yield name, value


def _shown(*rows: tuple[str, Any]) -> list[tuple[str, str]]:
    """Rows that have a value, as a table shows it."""
    return [(name, _cell(value)) for name, value in rows if value is not None and value != []]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_cell, cast("list[Any]", value)))
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _pair(all_tokens: int | None, with_loss: int | None) -> str | None:
    return None if all_tokens is None else f"{all_tokens:,}, {with_loss or 0:,}"


def _recipe(dataset: JsonObject) -> str | None:
    return f"{dataset['recipe']} ({dataset['recipe_hash']})" if dataset.get("recipe") else None


def _collapse(one: JsonObject) -> str:
    """When a rule of `collapse` first held, and by what."""
    start = "" if one["from"] is None else f"from {one['from']:.3g} "
    return f"at step {one['step']:,}, {start}to {one['to']:.3g}"


def _commit(git: JsonObject) -> str:
    return f"{git['commit']}{' with changes' if git['changed'] else ''}"
