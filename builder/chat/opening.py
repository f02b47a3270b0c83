"""From the options of a run to the model that answers; nothing is sent to a server yet."""

from __future__ import annotations

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from ..summarise import ChatSummariser, Summariser
from ..world.files import load_world
from ..world.teacher import SimulatedTeacher
from .model import ChatModel, Sampling
from .openai_client import Endpoint, OpenAIChat

SIMULATED = "simulated"


def open_teacher(config: CollectConfig) -> ChatModel:
    """The teacher that a config names.

    Raises:
        InputError: the world or the URL is wrong, or an option that the teacher needs is missing.
    """
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
        base_url=wanted.summariser_base_url or config.base_url,
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
