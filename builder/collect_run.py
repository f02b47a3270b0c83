"""`trajset collect`: from its config to a filled journal."""

from __future__ import annotations

import dataclasses

from .agent import Agent, Limits
from .chat.choice import fitted_to, grammar_of, is_local, sampling_of, settled
from .chat.opening import open_summariser, open_teacher
from .collect import Collected, Report, collect, collected
from .collect_job import CollectJob, settings_of
from .config import CollectConfig, published_values, save_config
from .event_loop import run_in_loop
from .identity import content_hash
from .journal import FILE_NAME
from .notices import Notices
from .prompts import load_prompt
from .questions import load_questions
from .retrieval.opening import open_retriever
from .scale_cluster import on_ray
from .scale_rollouts import collect_on_ray
from .tracking import open_tracker
from .watching import Audience


def run_collect(
    config: CollectConfig, report: Report | None = None, notices: Notices | None = None
) -> Collected:
    """Collect what the config asks for; the settings lie beside the journal as `config.toml`.

    The notices hear of servers and workers that come and go.

    With `partial` nothing is collected: the result is what the journal holds.

    Raises:
        InputError: a question file, index, world or setting is wrong, or the journal does not fit them.
        ServiceError: a server refuses for good, or nothing but failures came back; the journal stays.
        StorageError: the disk refuses; what was committed to the journal stays.
    """
    return run_in_loop(_collect(settled(config), report, notices or Notices()))


async def _collect(config: CollectConfig, report: Report | None, notices: Notices) -> Collected:
    job = open_job(config, notices)
    try:
        if config.partial:
            return collected(config.out, settings_of(job))
        if not (config.out / FILE_NAME).exists():  # a run that is killed leaves its settings too
            _save(config)
        job = _watched(job, config, notices)
        if on_ray(config.scale):
            result = await collect_on_ray(config, job, open_agent, report, notices.tell)
        else:
            result = await collect(job, report)
    finally:
        await job.agent.aclose()
    _save(config)
    return result


def _watched(job: CollectJob, config: CollectConfig, notices: Notices) -> CollectJob:
    """The job with those who hear of it. A tracker knows it by its folder and the hash of its settings."""
    name = f"{config.out.resolve().name}-{content_hash(settings_of(job))[:8]}"
    tracker = open_tracker(config.watch, name, published_values(config))
    return dataclasses.replace(job, audience=Audience(notices, tracker))


def _save(config: CollectConfig) -> None:
    config.out.mkdir(parents=True, exist_ok=True)
    save_config(config, config.out / "config.toml")


def open_job(config: CollectConfig, notices: Notices | None = None) -> CollectJob:
    """The questions and the agent of a config; nothing is sent to a server yet.

    Raises:
        InputError: a file or a setting is wrong.
    """
    config = settled(config)
    return CollectJob(
        questions=tuple(load_questions(config.questions, config.limit, config.seed, config.fields)),
        agent=open_agent(config, notices),
        out=config.out,
        samples=config.samples,
        seed=config.seed,
        concurrency=_concurrency(config),
        resume=config.resume,
        fitted_to=fitted_to(config),
        outage_s=config.patience.outage,
    )


def _concurrency(config: CollectConfig) -> int:
    """A model in this process answers a batch at once; on a cluster every worker has one of its own."""
    if is_local(config) and not on_ray(config.scale):
        return min(config.concurrency, config.local.batch_size)
    return config.concurrency


def open_agent(config: CollectConfig, notices: Notices | None = None) -> Agent:
    """The model, the search engine, the prompt and the limits of a settled config.

    Raises:
        InputError: the index, the world, the URL or the prompt's name is wrong.
    """
    teacher = open_teacher(config, notices)
    return Agent(
        model=teacher,
        retriever=open_retriever(config),
        prompt=load_prompt(config.policy, grammar_of(config), force_answer=config.last_turn.force_answer),
        sampling=sampling_of(config),
        limits=Limits(config.max_turns, config.max_total_tokens, config.timeout, config.request_timeout),
        k=config.k,
        summariser=open_summariser(config, teacher),
    )
