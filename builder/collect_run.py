"""`trajset collect`: from its config to a filled journal."""

from __future__ import annotations

import asyncio

from .chat.model import Sampling
from .chat.opening import open_teacher
from .collect import Collected, Report, collect, collected
from .collect_job import CollectJob, settings_of
from .config import CollectConfig, save_config
from .journal import FILE_NAME
from .prompts import load_prompt
from .questions import load_questions
from .retrieval.opening import open_retriever
from .rollout import Agent, Limits
from .scale import Say, on_ray
from .scale_rollouts import collect_on_ray


def run_collect(config: CollectConfig, report: Report | None = None, say: Say = lambda _: None) -> Collected:
    """Collect what the config asks for; the settings lie beside the journal as `config.toml`.

    `say` is told of workers that come and go, where the run is spread over a cluster.

    With `partial` nothing is collected: the result is what the journal holds.

    Raises:
        InputError: a question file, index, world or setting is wrong, or the journal does not fit them.
        ServiceError: a server refuses for good, or nothing but failures came back; the journal stays.
        StorageError: the disk refuses; what was committed to the journal stays.
    """
    return asyncio.run(_collect(config, report, say))


async def _collect(config: CollectConfig, report: Report | None, say: Say) -> Collected:
    job = open_job(config)
    try:
        if config.partial:
            return collected(config.out, settings_of(job))
        if not (config.out / FILE_NAME).exists():  # a run that is killed leaves its settings too
            _save(config)
        if on_ray(config.scale):
            result = await collect_on_ray(config, job, open_agent, report, say)
        else:
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
        model=open_teacher(config),
        retriever=open_retriever(config),
        prompt=load_prompt(config.policy, config.grammar),
        sampling=Sampling(config.temperature, config.top_p, config.top_k, config.max_tokens),
        limits=Limits(config.max_turns, config.max_total_tokens, config.timeout, config.request_timeout),
        k=config.k,
    )
