"""From the options of a run to the model that answers; nothing is sent to a server yet, and none is
started."""

from __future__ import annotations

import dataclasses

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from ..notices import Notices
from ..summarise import ChatSummariser, Summariser
from ..world.files import load_world
from ..world.teacher import SimulatedTeacher
from .balanced import Backend, BalancedChat
from .choice import SIMULATED, family_of, grammar_of, sampling_of
from .families import family_of_model
from .fitting import fitted
from .model import ChatModel
from .openai_client import Endpoint, OpenAIChat
from .token_log import FILE_NAME, TokenLog
from .vllm_chat import VllmChat
from .vllm_command import PREFIX, served, server_command, server_environment
from .vllm_server import Launch, VllmServer

_SHARED_RETRIES = 1
"""Retries at one of several servers, before another one is asked."""


def open_teacher(config: CollectConfig, notices: Notices | None = None) -> ChatModel:
    """The teacher that a settled config names.

    Raises:
        InputError: the world, the URL or the model is wrong, or an option that the teacher needs is missing.
        MissingExtraError: the model would run in this process, which lacks the libraries.
    """
    teacher = fitted(_open(config, notices or Notices()), family_of(config))
    return TokenLog(teacher, config.out / FILE_NAME) if config.talk.token_ids else teacher


def _open(config: CollectConfig, notices: Notices) -> ChatModel:
    if config.teacher == SIMULATED:
        return _open_simulated(config)
    if config.teacher.startswith(PREFIX):
        return _open_vllm(config, notices)
    if len(config.base_url) > 1:
        return _open_several(config, config.base_url, notices)
    if config.base_url:
        return OpenAIChat(_endpoint(config, config.base_url[0]))
    from .local import open_local

    return open_local(config)


def _endpoint(config: CollectConfig, url: str) -> Endpoint:
    return Endpoint(
        model=config.teacher,
        base_url=url,
        api_key_env=config.api_key_env,
        timeout_s=config.request_timeout,
        retries=config.retries,
        revision=config.teacher_revision,
    )


def _open_several(config: CollectConfig, urls: tuple[str, ...], notices: Notices) -> ChatModel:
    if len(set(urls)) < len(urls):
        raise ConfigError(
            str(Problem("base_url", "must name each server once", list(urls), "Leave one out."))
        )
    retries = min(config.retries, _SHARED_RETRIES)
    endpoints = [dataclasses.replace(_endpoint(config, url), retries=retries) for url in urls]
    backends = [Backend(endpoint.base_url, OpenAIChat(endpoint)) for endpoint in endpoints]
    return BalancedChat(backends, config.retries, notices)


def _open_vllm(config: CollectConfig, notices: Notices) -> ChatModel:
    if config.base_url:
        fix = "Leave --base-url out, or name the model as that server calls it."
        given = list(config.base_url)
        raise ConfigError(str(Problem("base_url", f"must not be given for --teacher {PREFIX}", given, fix)))
    model, options = served(config.teacher), config.vllm
    launch = Launch(
        command=server_command(model, grammar_of(config), family_of(config), options),
        environment=server_environment(config.api_key_env),
        model=model.name,
        folder=config.out,
        port=options.vllm_port,
        start_s=options.vllm_start,
        restarts=options.vllm_restarts,
    )
    endpoint = dataclasses.replace(
        _endpoint(config, ""),
        model=model.name,
        revision=config.teacher_revision or model.revision,
        api_key_env="",  # it has no key; that of another server is not for it
    )
    return VllmChat(VllmServer(launch, notices), endpoint)


SAME = "same"


def open_summariser(config: CollectConfig, teacher: ChatModel) -> Summariser | None:
    """The summariser that a config asks for: the teacher itself, or a model at a server; None without one.

    It samples like the teacher, with a token limit of its own. Without a URL it is at the teacher's server.

    Raises:
        ConfigError: the URL is wrong, or the teacher is simulated and cannot summarise.
    """
    wanted = config.summaries
    if wanted.summariser is None:
        return None
    sampling = dataclasses.replace(sampling_of(config), max_tokens=wanted.summariser_max_tokens)
    if wanted.summariser == SAME:
        if config.teacher == SIMULATED:
            fix = "Name a model at a chat server, or leave it out."
            rule = f"must be a model that can summarise, which --teacher {SIMULATED} cannot"
            raise ConfigError(str(Problem("summariser", rule, SAME, fix)))
        quiet = teacher.inner if isinstance(teacher, TokenLog) else teacher  # the log is of a row's turns
        return ChatSummariser(quiet, sampling, shared=True)
    if not (wanted.summariser_base_url or config.base_url):
        fix = "Name its server, such as http://127.0.0.1:8000/v1; or `--summariser same` for the teacher."
        rule = "must be given where the teacher is at no server"
        raise ConfigError(str(Problem("summariser_base_url", rule, None, fix)))
    endpoint = Endpoint(
        model=wanted.summariser,
        base_url=wanted.summariser_base_url or config.base_url[0],
        api_key_env=wanted.summariser_api_key_env or config.api_key_env,
        timeout_s=config.request_timeout,
        retries=config.retries,
        revision=wanted.summariser_revision,
        option="summariser",
    )
    model = fitted(OpenAIChat(endpoint), family_of_model(wanted.summariser))
    return ChatSummariser(model, dataclasses.replace(sampling, thinking=None))


def _open_simulated(config: CollectConfig) -> ChatModel:
    if config.world is None:
        fix = "Name the folder of the demo world (`trajset quickstart` makes one)."
        raise ConfigError(str(Problem("world", f"must be given for --teacher {SIMULATED}", None, fix)))
    return SimulatedTeacher(load_world(config.world), config.knobs)
