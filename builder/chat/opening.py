"""From the options of a run to the model that answers; nothing is sent to a server yet."""

from __future__ import annotations

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from ..world.files import load_world
from ..world.teacher import SimulatedTeacher
from .model import ChatModel
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


def _open_simulated(config: CollectConfig) -> ChatModel:
    if config.world is None:
        fix = "Name the folder of the demo world (`trajset quickstart` makes one)."
        raise ConfigError(str(Problem("world", f"must be given for --teacher {SIMULATED}", None, fix)))
    return SimulatedTeacher(load_world(config.world), config.knobs)
