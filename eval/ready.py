"""From a planned cell to the rollouts that it asks for: its questions, its search engine, its model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..builder.agent import Agent, Limits
from ..builder.chat.choice import fitted_to, grammar_of, is_local, sampling_of, settled
from ..builder.chat.model import ChatModel
from ..builder.chat.opening import open_summariser, open_teacher
from ..builder.collect_job import CollectJob
from ..builder.config import CollectConfig
from ..builder.errors import ConfigError, Problem
from ..builder.identity import content_hash
from ..builder.notices import Notices
from ..builder.prompts import load_prompt
from ..builder.questions import TypedQuestion, load_typed_questions
from ..builder.retrieval.noise import NoisyRetriever, parse_noise
from ..builder.retrieval.opening import open_index
from ..builder.retrieval.retriever import Retriever
from ..builder.watching import Audience
from ..builder.world.questions import DATASET as DEMO_WORLD
from .benchmarks import name_of
from .cells import Mode
from .evidence import NoSearch, hand_over
from .matrix import PlannedCell


@dataclass(frozen=True, slots=True)
class ReadyCell:
    """A cell with all that it needs; `left_out` questions of the benchmark are not asked in it."""

    cell: PlannedCell
    config: CollectConfig
    questions: tuple[TypedQuestion, ...]
    left_out: int
    job: CollectJob


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the model may rest on: a search engine, or passages by question id."""

    retriever: Retriever
    questions: Sequence[TypedQuestion]
    evidence: Mapping[str, str] | None = None
    left_out: int = 0


@dataclass(slots=True)
class Shared:
    """What cells share: questions, search engines, models."""

    notices: Notices
    questions: dict[str, list[TypedQuestion]] = field(default_factory=dict[str, list[TypedQuestion]])
    engines: dict[str, Retriever] = field(default_factory=dict[str, Retriever])
    models: dict[tuple[str, str], ChatModel] = field(default_factory=dict[tuple[str, str], ChatModel])

    def ready(self, cell: PlannedCell) -> ReadyCell:
        """A cell with all that it needs; nothing is sent to a server yet but for questions and models on the
        Hub.

        Raises:
            InputError: a setting, a file, an index or a world is wrong.
            ServiceError: the Hub, or the server of an index, refuses or cannot be reached.
        """
        config = settled(cell.collect_config())
        reading = self._reading(cell, config)
        questions = tuple(reading.questions)
        canaries = {one.question.question_id: one.canary for one in questions if one.canary}
        if canaries:
            _check_leaks(config)
        job = CollectJob(
            questions=tuple(one.question for one in questions),
            agent=self._agent(cell, config, reading),
            out=config.out,
            samples=config.samples,
            seed=config.seed,
            concurrency=_concurrency(config),
            resume=True,
            outage_s=config.patience.outage,
            audience=Audience(self.notices),
            fitted_to=fitted_to(config),
            canaries=canaries,
        )
        return ReadyCell(cell, config, questions, reading.left_out, job)

    async def close(self, model: str) -> None:
        """Free what was opened of a model of the matrix."""
        for key in [key for key in self.models if key[0] == model]:
            await self.models.pop(key).aclose()

    def _asked(self, config: CollectConfig) -> list[TypedQuestion]:
        source = (config.questions, config.limit, config.seed, config.fields)
        key = content_hash(source)
        if key not in self.questions:
            self.questions[key] = load_typed_questions(*source, passages=True)
        return self.questions[key]

    def _engine(self, config: CollectConfig) -> Retriever:
        """The index without noise."""
        if not config.index:
            fix = "Name the index that holds the supporting passages."
            raise ConfigError(str(Problem("index", "must be given for these questions", None, fix)))
        options = dataclasses.replace(config.retrieval, noise=())
        key = repr((config.index, options))
        if key not in self.engines:
            self.engines[key] = open_index(config.index, options)
        return self.engines[key]

    def _reading(self, cell: PlannedCell, config: CollectConfig) -> _Reading:
        asked = [_under_name(cell, one) for one in self._asked(config)]
        if cell.mode is Mode.CLOSED_BOOK:
            return _Reading(NoSearch(), asked)
        if cell.mode is Mode.GOLD_EVIDENCE:
            given = hand_over(asked, lambda: self._engine(config), cell.options.gold_passages)
            kept = [one for one in asked if one.question.question_id in given.texts]
            return _Reading(given.source, kept, given.texts, given.left_out)
        engine = self._engine(config)
        if cell.mode is Mode.NOISY:
            engine = NoisyRetriever(engine, parse_noise(config.retrieval.noise), config.retrieval.noise_seed)
        return _Reading(engine, asked)

    def _agent(self, cell: PlannedCell, config: CollectConfig, reading: _Reading) -> Agent:
        model = self._model(cell, config)
        policy = config.policy if cell.searches else str(cell.mode)
        return Agent(
            model=model,
            retriever=reading.retriever,
            prompt=load_prompt(policy, grammar_of(config), force_answer=config.last_turn.force_answer),
            sampling=sampling_of(config),
            limits=Limits(config.max_turns, config.max_total_tokens, config.timeout, config.request_timeout),
            k=config.k,
            summariser=open_summariser(config, model),
            evidence=reading.evidence,
        )

    def _model(self, cell: PlannedCell, config: CollectConfig) -> ChatModel:
        """A server or weights are only started with the first request, and serve all cells of the model."""
        parts = (config.teacher, config.teacher_revision, config.base_url, config.world, config.grammar)
        key = (cell.model, repr((*parts, config.talk, config.vllm, config.local, config.knobs)))
        if key not in self.models:
            self.models[key] = open_teacher(
                dataclasses.replace(config, out=servers_folder(cell)), self.notices
            )
        return self.models[key]


def _under_name(cell: PlannedCell, one: TypedQuestion) -> TypedQuestion:
    """A question of a benchmark that has a name of its own in the matrix, under that name. (The demo world
    keeps its own: what is simulated is called so.)"""
    question, given = one.question, name_of(cell.options.benchmark[0])
    if cell.benchmark == given or question.dataset == DEMO_WORLD:
        return one
    return dataclasses.replace(one, question=dataclasses.replace(question, dataset=cell.benchmark))


def servers_folder(cell: PlannedCell) -> Path:
    """Where the log of a server that is started for a model lies."""
    return cell.options.out / "servers" / cell.model


def _concurrency(config: CollectConfig) -> int:
    """A model in this process answers a batch at once."""
    return min(config.concurrency, config.local.batch_size) if is_local(config) else config.concurrency


def _check_leaks(config: CollectConfig) -> None:
    """What would write questions with a canary down in clear.

    Raises:
        ConfigError: an option does.
    """
    if config.retrieval.search_cache is not None:
        rule = "must be left out for a benchmark with a canary: queries quote its questions"
        fix = "Search without a cache."
        raise ConfigError(str(Problem("search_cache", rule, str(config.retrieval.search_cache), fix)))
    if "log-requests" in config.vllm.vllm_args:
        rule = "must not log requests for a benchmark with a canary"
        raise ConfigError(str(Problem("vllm_args", rule, config.vllm.vllm_args, "Leave that out.")))
