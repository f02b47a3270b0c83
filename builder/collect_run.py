"""`trajset collect`: from its config to a filled journal."""

from __future__ import annotations

import asyncio

from .chat.model import ChatModel, Sampling
from .chat.openai_client import Endpoint, OpenAIChat
from .collect import Collected, Report, collect, collected
from .collect_job import CollectJob, settings_of
from .config import CollectConfig, save_config
from .errors import ConfigError, Problem
from .journal import FILE_NAME
from .prompts import load_prompt
from .questions import load_questions
from .retrieval.tantivy_index import TantivyRetriever
from .rollout import Agent, Limits
from .world.files import load_world
from .world.teacher import SimulatedTeacher

SIMULATED = "simulated"


def run_collect(config: CollectConfig, report: Report | None = None) -> Collected:
    """Collect what the config asks for; the settings lie beside the journal as `config.toml`.

    With `partial` nothing is collected: the result is what the journal holds.

    Raises:
        InputError: a question file, index, world or setting is wrong, or the journal does not fit them.
        ServiceError: a server refuses for good, or nothing but failures came back; the journal stays.
        StorageError: the disk refuses; what was committed to the journal stays.
    """
    return asyncio.run(_collect(config, report))


async def _collect(config: CollectConfig, report: Report | None) -> Collected:
    job = open_job(config)
    try:
        if config.partial:
            return collected(config.out, settings_of(job))
        if not (config.out / FILE_NAME).exists():  # a run that is killed leaves its settings too
            _save(config)
        result = await collect(job, report)
    finally:
        await job.agent.model.aclose()
    _save(config)
    return result


def _save(config: CollectConfig) -> None:
    config.out.mkdir(parents=True, exist_ok=True)
    save_config(config, config.out / "config.toml")


def open_job(config: CollectConfig) -> CollectJob:
    """The questions and the agent of a config; nothing is sent to a server yet.

    Raises:
        InputError: a file or a setting is wrong.
    """
    return CollectJob(
        questions=tuple(load_questions(config.questions, config.limit, config.seed)),
        agent=open_agent(config),
        out=config.out,
        samples=config.samples,
        seed=config.seed,
        concurrency=config.concurrency,
        resume=config.resume,
    )


def open_agent(config: CollectConfig) -> Agent:
    """The model, the search engine, the prompt and the limits of a config.

    Raises:
        InputError: the index, the world, the URL or the prompt's name is wrong.
    """
    return Agent(
        model=_open_model(config),
        retriever=TantivyRetriever.open(config.index),
        prompt=load_prompt(config.policy, config.grammar),
        sampling=Sampling(config.temperature, config.top_p, config.top_k, config.max_tokens),
        limits=Limits(config.max_turns, config.max_total_tokens, config.timeout, config.request_timeout),
        k=config.k,
    )


def _open_model(config: CollectConfig) -> ChatModel:
    if config.teacher == SIMULATED:
        return _open_simulated(config)
    endpoint = Endpoint(
        model=config.teacher,
        base_url=config.base_url,
        api_key_env=config.api_key_env,
        timeout_s=config.request_timeout,
        retries=config.retries,
        revision=config.teacher_revision,
    )
    return OpenAIChat(endpoint)


def _open_simulated(config: CollectConfig) -> ChatModel:
    if config.world is None:
        fix = "Name the folder of the demo world (`trajset quickstart` makes one)."
        raise ConfigError(str(Problem("world", f"must be given for --teacher {SIMULATED}", None, fix)))
    return SimulatedTeacher(load_world(config.world), config.knobs)
