"""What a run leaves to its model's family: grammar, sampling, thinking; settled once, before anything starts.

A settled config holds numbers and names, never `auto` for what enters a row, so that config.toml, the run's
settings and every row say what was done.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from ..schema import Grammar
from .families import (
    AUTO,
    NO_FAMILY,
    SAMPLING,
    Draw,
    Family,
    call_format_of,
    family_named,
    family_of_files,
    family_of_model,
)
from .model import Sampling
from .model_files import ModelFiles, find_files, require_local
from .vllm_command import PREFIX as VLLM

SIMULATED = "simulated"


def settled(config: CollectConfig) -> CollectConfig:
    """The config with all that it leaves to the model's family filled in; one that is settled stays as it is.

    Raises:
        ConfigError: no such family, a thinking mode that the family does not have, no such local model.
        MissingExtraError: the model would run in this process, which lacks the libraries.
    """
    files = _files(config)
    family = _family(config, files)
    _check_thinking(config, family)
    draw = _draw(config, family, files)
    return dataclasses.replace(
        config,
        grammar=_grammar(config, family, files),
        temperature=draw.temperature if config.temperature == "auto" else config.temperature,
        top_p=draw.top_p if config.top_p == "auto" else config.top_p,
        top_k=draw.top_k if config.top_k == "auto" else config.top_k,
        talk=dataclasses.replace(config.talk, family=family.name if family else NO_FAMILY),
    )


def is_local(config: CollectConfig) -> bool:
    """Whether the teacher is to run in this process."""
    return not (config.base_url or config.teacher == SIMULATED or config.teacher.startswith(VLLM))


def family_of(config: CollectConfig) -> Family | None:
    """The family of a settled config.

    Raises:
        ConfigError: it names one that does not exist.
    """
    return family_named(config.talk.family)


def fitted_to(config: CollectConfig) -> str | None:
    """The family into whose form the messages of a settled config are put; None where they stay."""
    family = family_of(config)
    return None if family is None or family.fits_messages else family.name


def grammar_of(config: CollectConfig) -> Grammar:
    """The grammar of a settled config."""
    return "tools" if config.grammar == "auto" else config.grammar


def sampling_of(config: CollectConfig) -> Sampling:
    """How the turns of a settled config are sampled."""
    return Sampling(
        SAMPLING.temperature if config.temperature == "auto" else config.temperature,
        SAMPLING.top_p if config.top_p == "auto" else config.top_p,
        SAMPLING.top_k if config.top_k == "auto" else config.top_k,
        config.max_tokens,
        _thinking(config),
    )


def _thinking(config: CollectConfig) -> bool | None:
    """What is told to the chat template: nothing where it has no switch, or is to do as it likes."""
    family = family_of(config)
    if config.talk.thinking == AUTO or (family is not None and family.thinking != "switch"):
        return None
    return config.talk.thinking == "on"


def _files(config: CollectConfig) -> ModelFiles | None:
    if is_local(config):
        require_local(config.teacher)
        return find_files(config.teacher, config.teacher_revision)
    model = config.teacher.removeprefix(VLLM)
    return find_files(model, None) if config.teacher.startswith(VLLM) and Path(model).is_dir() else None


def _family(config: CollectConfig, files: ModelFiles | None) -> Family | None:
    if config.talk.family != AUTO:
        return family_named(config.talk.family)
    if files is not None:
        return family_of_files(files.model_type, files.template)
    return family_of_model(config.teacher.removeprefix(VLLM))


def _check_thinking(config: CollectConfig, family: Family | None) -> None:
    refused = {"never": "on", "always": "off"}.get(family.thinking) if family else None
    if family and config.talk.thinking == refused:
        rule = f"must be auto for the family {family.name}, which {family.thinking} thinks"
        fix = f"Leave it out, or say --family {NO_FAMILY} if the model is of another family."
        raise ConfigError(str(Problem("thinking", rule, config.talk.thinking, fix)))


def _draw(config: CollectConfig, family: Family | None, files: ModelFiles | None) -> Draw:
    thinking = None if config.talk.thinking == AUTO else config.talk.thinking == "on"
    known = family.draw_for(thinking) if family else None
    of_files = files.draw if files else None
    return known or of_files or Draw(SAMPLING.temperature, SAMPLING.top_p, SAMPLING.top_k)


def _grammar(config: CollectConfig, family: Family | None, files: ModelFiles | None) -> Grammar:
    """The family's; of an unknown one `tools`, but in this process only where its calls can be read."""
    if config.grammar != "auto":
        return config.grammar
    if family is not None:
        return family.grammar
    return "tools" if files is None or call_format_of(files.template) else "tags"
