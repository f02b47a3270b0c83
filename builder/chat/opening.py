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
from .model import ChatModel, Sampling
from .openai_client import Endpoint, OpenAIChat
from .vllm_chat import VllmChat
from .vllm_command import PREFIX, served, server_command, server_environment
from .vllm_server import Launch, VllmServer

SIMULATED = "simulated"
DEFAULT_URL = "http://127.0.0.1:8000/v1"
_SHARED_RETRIES = 1
"""Retries at one of several servers, before another one is asked."""


def open_teacher(config: CollectConfig, notices: Notices | None = None) -> ChatModel:
    """The teacher that a config names.

    Raises:
        InputError: the world, the URL or the model is wrong, or an option that the teacher needs is missing.
    """
    if config.teacher == SIMULATED:
        return _open_simulated(config)
    if config.teacher.startswith(PREFIX):
        return _open_vllm(config, notices or Notices())
    urls = config.base_url or (DEFAULT_URL,)
    if len(urls) == 1:
        return OpenAIChat(_endpoint(config, urls[0]))
    return _open_several(config, urls, notices or Notices())


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
        command=server_command(model, config.grammar, options),
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
    sampling = Sampling(config.temperature, config.top_p, config.top_k, wanted.summariser_max_tokens)
    if wanted.summariser == SAME:
        if config.teacher == SIMULATED:
            fix = "Name a model at a chat server, or leave it out."
            rule = f"must be a model that can summarise, which --teacher {SIMULATED} cannot"
            raise ConfigError(str(Problem("summariser", rule, SAME, fix)))
        return ChatSummariser(teacher, sampling, shared=True)
    endpoint = Endpoint(
        model=wanted.summariser,
        base_url=wanted.summariser_base_url or (*config.base_url, DEFAULT_URL)[0],
        api_key_env=wanted.summariser_api_key_env or config.api_key_env,
        timeout_s=config.request_timeout,
        retries=config.retries,
        revision=wanted.summariser_revision,
        option="summariser",
    )
    return ChatSummariser(OpenAIChat(endpoint), sampling)


def _open_simulated(config: CollectConfig) -> ChatModel:
    if config.world is None:
        fix = "Name the folder of the demo world (`trajset quickstart` makes one)."
        raise ConfigError(str(Problem("world", f"must be given for --teacher {SIMULATED}", None, fix)))
    return SimulatedTeacher(load_world(config.world), config.knobs)
