"""From the options to the cells: models x benchmarks x ways of searching x modes, in a stable order."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..builder.agent_config import TalkConfig
from ..builder.chat.vllm_command import PREFIX as VLLM
from ..builder.config import CollectConfig
from ..builder.errors import ConfigError, Problem
from ..builder.retrieval.noise import parse_noise
from .benchmarks import name_of, questions_of
from .cells import Mode
from .eval_config import (
    DEFAULT_NOISE,
    BenchmarkSettings,
    EvalConfig,
    ModelSettings,
    RetrievalSettings,
)

_UNFIT = re.compile(r"[^\w.=-]+")
_BENCHMARK = "{benchmark}"

Named = TypeVar("Named", ModelSettings, BenchmarkSettings)
Settings = ModelSettings | BenchmarkSettings | RetrievalSettings


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A measurement to make: its folder's name, its parts, and all options that hold for it.

    `noise` is as in `Cell`; `retrieval` names a way of searching of a matrix, empty where there is none.
    """

    slug: str
    model: str
    benchmark: str
    mode: Mode
    noise: str
    retrieval: str
    options: EvalConfig

    @property
    def title(self) -> str:
        """The cell in words."""
        parts = (self.benchmark, self.retrieval, self.mode, self.noise)
        return f"{self.model} on {' '.join(part for part in parts if part)}"

    @property
    def searches(self) -> bool:
        """Whether the model has a search tool."""
        return self.mode in (Mode.LIVE, Mode.NOISY)

    def collect_config(self) -> CollectConfig:
        """The cell as a collection run; what it hands over, and that it may not search, is not in it.

        Raises:
            ConfigError: the demo world without its folder.
        """
        options = self.options
        return CollectConfig(
            questions=questions_of(options.benchmark[0], options.world),
            index=tuple(place.replace(_BENCHMARK, self.benchmark) for place in options.index),
            out=options.out / self.slug,
            teacher=options.model[0],
            teacher_revision=options.revision,
            base_url=options.base_url,
            api_key_env=options.api_key_env,
            world=options.world,
            policy=options.policy,
            grammar=options.grammar,
            k=options.k,
            samples=options.samples,
            limit=options.limit,
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            max_tokens=options.max_tokens,
            max_turns=options.max_turns if self.searches else 1,
            max_total_tokens=options.max_total_tokens,
            timeout=options.timeout,
            request_timeout=options.request_timeout,
            retries=options.retries,
            patience=options.patience,
            concurrency=options.concurrency,
            seed=options.seed,
            resume=True,
            vllm=options.vllm,
            knobs=options.knobs,
            summaries=options.summaries if self.searches else type(options.summaries)(),
            last_turn=options.last_turn if self.searches else type(options.last_turn)(),
            talk=TalkConfig(family=options.family, thinking=options.thinking),
            local=options.local,
            retrieval=options.retrieval,
            fields=options.fields,
        )


def plan_cells(config: EvalConfig) -> tuple[PlannedCell, ...]:
    """All cells, model by model, then benchmark by benchmark.

    Raises:
        ConfigError: no model, no benchmark or no index is named; a noise is none; or two cells would share a
            folder, or could not be told apart by their rows.
    """
    cells = tuple(_cells(config))
    _check_distinct(cells)
    slugs = [cell.slug.lower() for cell in cells]
    for slug in slugs:
        if slugs.count(slug) > 1:
            fix = "Give models and benchmarks names of their own, as tables [models.NAME] of a TOML file."
            raise ConfigError(str(Problem("cells", "must have folders of their own", slug, fix)))
    for cell in cells:
        if cell.searches and not cell.options.index:
            fix = "Name it with --index, or leave the modes that search out."
            raise ConfigError(str(Problem("index", f"must be given for {cell.title}", None, fix)))
    return cells


def _check_distinct(cells: Sequence[PlannedCell]) -> None:
    """Rows name model and search engine, and say nothing of tables.

    Raises:
        ConfigError: two models of the matrix, or two ways of searching, have the same names in their rows.
    """
    names: dict[str, dict[object, str]] = {"revision": {}, "index": {}}
    for cell in cells:
        options = cell.options
        search = options.retrieval
        fusion = (search.fusion_constant, search.fusion_depth) if len(options.index) > 1 else ()
        way = (cell.benchmark, options.index, fusion, options.summaries) if cell.searches else cell.benchmark
        for field, key, name in (
            ("revision", (options.model, options.revision, options.world), cell.model),
            ("index", repr(way), cell.retrieval if cell.searches else ""),
        ):
            other = names[field].setdefault(key, name)
            if other != name:
                rule = f"must tell {other!r} and {name!r} apart, whose rows would name the same"
                fix = f"Give one of them another {field}, or evaluate it into a folder of its own."
                raise ConfigError(str(Problem(field, rule, key, fix)))


def _cells(config: EvalConfig) -> Iterator[PlannedCell]:
    given = {_model_slug(text): ModelSettings(model=text) for text in config.model}
    models = _some("model", given | config.models)
    questions = {name_of(text): BenchmarkSettings(benchmark=text) for text in config.benchmark}
    asked = _some("benchmark", questions | config.benchmarks)
    ways: Mapping[str, RetrievalSettings] = config.retrievals or {"": RetrievalSettings()}
    for model, of_model in models.items():
        for benchmark, of_benchmark in asked.items():
            for place, (way, of_way) in enumerate(ways.items()):
                options = config
                for settings in (of_benchmark, of_way, of_model):
                    options = overlaid(options, settings)
                options = dataclasses.replace(
                    options,
                    model=(of_model.model or model,),
                    benchmark=(of_benchmark.benchmark or benchmark,),
                    models={},
                    benchmarks={},
                    retrievals={},
                )
                yield from _modes(options, (model, benchmark, way), first=place == 0)


def _modes(options: EvalConfig, names: tuple[str, str, str], *, first: bool) -> Iterator[PlannedCell]:
    """The cells of one model, benchmark and way of searching; what does not search is measured once."""
    model, benchmark, way = names
    modes = list(dict.fromkeys(map(Mode, options.mode)))
    if options.retrieval.noise and Mode.NOISY not in modes:
        modes.append(Mode.NOISY)
    for mode in modes:
        searches = mode in (Mode.LIVE, Mode.NOISY)
        if not (searches or first):
            continue
        noises = (options.retrieval.noise or (DEFAULT_NOISE,)) if mode is Mode.NOISY else ("",)
        for noise in noises:
            shares = _shares(noise)
            parts = (_model_slug(model), benchmark, way if searches else "", mode, shares)
            slug = _UNFIT.sub("_", ".".join(part for part in parts if part))
            clean = dataclasses.replace(options.retrieval, noise=tuple(shares.split(",")) if shares else ())
            settled = dataclasses.replace(options, retrieval=clean, mode=(str(mode),))
            yield PlannedCell(
                slug, _model_slug(model), benchmark, mode, shares, way if searches else "", settled
            )


def _shares(noise: str) -> str:
    """A noise as the retriever's name has it.

    Raises:
        ConfigError: no such kind, or no share between 0 and 1; or nothing is spoilt.
    """
    if not noise:
        return ""
    shares = parse_noise(noise.split(","))
    if not shares:
        fix = "Measure without noise in the mode live."
        raise ConfigError(str(Problem("--noise", "must spoil a share of the searches", noise, fix)))
    return ",".join(f"{kind}={share:g}" for kind, share in shares.items())


def _some(what: str, named: dict[str, Named]) -> dict[str, Named]:
    """What options and tables name.

    Raises:
        ConfigError: nothing.
    """
    if not named:
        fix = f"Name one with --{what}, or in a table [{what}s.NAME] of a TOML file."
        raise ConfigError(str(Problem(what, "must be given", None, fix)))
    return named


def _model_slug(text: str) -> str:
    """A model's name without folder, owner and launcher."""
    return text.removeprefix(VLLM).rstrip("/").rsplit("/", 1)[-1]


def overlaid(config: EvalConfig, settings: Settings) -> EvalConfig:
    """The options with those that a table sets in their place, wherever in the config they lie."""
    values = {
        entry.name: value
        for entry in dataclasses.fields(settings)
        if (value := getattr(settings, entry.name)) is not None and entry.name not in ("model", "benchmark")
    }
    return _replaced(config, values)


def _replaced(config: Any, values: Mapping[str, Any]) -> Any:
    """A config with the values of the fields of these names, at any depth."""
    changes: dict[str, Any] = {}
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if entry.name in values:
            changes[entry.name] = values[entry.name]
        elif dataclasses.is_dataclass(value):
            changes[entry.name] = _replaced(value, values)
    return dataclasses.replace(config, **changes)
