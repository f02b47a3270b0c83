"""From the options of `trajset judge` to a judge; nothing is sent to a server yet."""

from __future__ import annotations

import dataclasses
import re

from ..builder.chat.model import ChatModel, Dialect, Sampling
from ..builder.chat.openai_client import Endpoint, OpenAIChat
from ..builder.config import JudgeKnobs, published_values
from ..builder.errors import ConfigError, Problem
from ..builder.scale import Say
from ..builder.scale_cluster import on_ray
from ..builder.schema import JsonObject
from ..builder.world.judge import SimulatedJudge
from .judge import JudgeJob
from .judge_budget import Prices
from .judge_config import SIMULATED, JudgeConfig
from .judge_model import Asking, Judge
from .judge_prompts import JudgePrompt
from .judge_scale import on_ray_model

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_REASONING = re.compile(r"(?:.*/)?(?:gpt-5(?!.*chat)|o\d)", re.IGNORECASE)
"""GPT-5 and the o-series, also behind a router (`openai/gpt-5`); `gpt-5-chat-latest` samples like others."""


def open_job(config: JudgeConfig, say: Say = lambda _: None) -> JudgeJob:
    """The judge and the way to run it; `say` is told of workers that come and go on a cluster.

    Raises:
        ConfigError: an option does not fit the others, or the URL is none.
    """
    _check(config)
    judge = Judge(
        model=on_ray_model(config, open_model, say) if on_ray(config.scale) else open_model(config),
        name=config.name,
        prompt=JudgePrompt(config.mode, config.plain),
        reflect=config.reflect,
        asking=Asking(
            Sampling(config.temperature, top_p=1.0, top_k=None, max_tokens=config.max_tokens),
            config.seed,
            dialect_of(config),
            config.reasoning_effort,
        ),
    )
    return JudgeJob(
        judge,
        concurrency=config.concurrency,
        limit=config.limit,
        prices=_prices(config),
        budget=config.budget,
        resume=config.resume,
        replace=config.replace,
        cache=config.cache,
        settings=_settings(config),
    )


def dialect_of(config: JudgeConfig) -> Dialect:
    """The dialect that is asked for, or the one that the model's name tells."""
    if config.dialect != "auto":
        return config.dialect
    return "reasoning" if _REASONING.match(config.model) else "common"


def _check(config: JudgeConfig) -> None:
    if not _NAME.fullmatch(config.name):
        rule = "must consist of ASCII letters, digits, _, . and -"
        raise ConfigError(str(Problem("name", rule, config.name, "Choose another name.")))
    if config.model == SIMULATED and config.mode == "trajectory":
        fix = "Leave --mode out."
        rule = "must be answer for the simulated judge, which sees nothing else"
        raise ConfigError(str(Problem("mode", rule, config.mode, fix)))
    if config.resume and config.replace:
        fix = "--resume keeps the verdicts that are there, --replace drops them: choose one."
        raise ConfigError(str(Problem("resume", "must not stand beside --replace", True, fix)))
    if config.budget is not None and _prices(config) is None:
        fix = "Give --price-in and --price-out, in USD per million tokens."
        raise ConfigError(str(Problem("budget", "must stand beside both prices", config.budget, fix)))
    if (config.price_in is None) != (config.price_out is None):
        fix = "Give both, in USD per million tokens; 0 for what is free."
        raise ConfigError(str(Problem("price_in", "must stand beside price_out", config.price_in, fix)))


def _prices(config: JudgeConfig) -> Prices | None:
    if config.price_in is None or config.price_out is None:
        return None
    return Prices(config.price_in, config.price_out)


def open_model(config: JudgeConfig) -> ChatModel:
    """The model that judges, asked from this process.

    Raises:
        ConfigError: the URL is none.
    """
    if config.model == SIMULATED:
        return SimulatedJudge(config.knobs)
    endpoint = Endpoint(
        model=config.model,
        base_url=config.base_url,
        api_key_env=config.api_key_env,
        timeout_s=config.request_timeout,
        retries=config.retries,
        revision=config.model_revision,
        reask=False,  # what was paid for and cannot be read has to be counted
        option="model",
    )
    return OpenAIChat(endpoint)


_KNOBS = frozenset(field.name.replace("_", "-") for field in dataclasses.fields(JudgeKnobs))


def _settings(config: JudgeConfig) -> JsonObject:
    """What the manifest shows: without how it was run, and without knobs where nothing is simulated."""
    hidden = _HOW if config.model == SIMULATED else _HOW | _KNOBS
    return {name: value for name, value in published_values(config).items() if name not in hidden}


_HOW = frozenset({"concurrency", "resume", "replace", "retries", "request-timeout"})
