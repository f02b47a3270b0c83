"""From the options of a run to the model that answers; nothing is sent to a server yet."""

from __future__ import annotations

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from ..world.files import load_world
from ..world.teacher import SimulatedTeacher
from .choice import SIMULATED, family_of
from .fitting import fitted
from .model import ChatModel
from .openai_client import Endpoint, OpenAIChat
from .token_log import FILE_NAME, TokenLog


def open_teacher(config: CollectConfig) -> ChatModel:
    """The teacher that a settled config names.

    Raises:
        InputError: the world, the URL or the model is wrong, or an option that the teacher needs is missing.
        MissingExtraError: the model would run in this process, which lacks the libraries.
    """
    teacher = fitted(_open(config), family_of(config))
    return TokenLog(teacher, config.out / FILE_NAME) if config.talk.token_ids else teacher


def _open(config: CollectConfig) -> ChatModel:
    if config.teacher == SIMULATED:
        return _open_simulated(config)
    if config.base_url:
        return _open_server(config, config.base_url)
    from .local import open_local

    return open_local(config)


def _open_server(config: CollectConfig, base_url: str) -> ChatModel:
    return OpenAIChat(
        Endpoint(
            model=config.teacher,
            base_url=base_url,
            api_key_env=config.api_key_env,
            timeout_s=config.request_timeout,
            retries=config.retries,
            revision=config.teacher_revision,
        )
    )


def _open_simulated(config: CollectConfig) -> ChatModel:
    if config.world is None:
        fix = "Name the folder of the demo world (`trajset quickstart` makes one)."
        raise ConfigError(str(Problem("world", f"must be given for --teacher {SIMULATED}", None, fix)))
    return SimulatedTeacher(load_world(config.world), config.knobs)
