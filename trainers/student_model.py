"""The student's files, found and described; its weights, loaded as a training run wants them."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..builder.chat.model_files import ModelFiles, find_files
from ..builder.errors import ConfigError, MissingExtraError, Problem
from ..builder.schema import JsonObject

EXTRA = "train"
_NEEDED = ("torch", "transformers", "trl", "accelerate")


def require_training(purpose: str) -> None:
    """Whether the libraries of training are here.

    Raises:
        MissingExtraError: one is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise MissingExtraError(EXTRA, purpose)


@dataclass(frozen=True, slots=True)
class StudentFiles:
    """A model as a run takes it: `place` and `commit` load it, `name` and `revision` describe it."""

    files: ModelFiles

    @property
    def place(self) -> str:
        """What transformers loads: a folder, or a name at the Hub."""
        return self.files.place

    @property
    def commit(self) -> str | None:
        """The commit at the Hub; None for a folder."""
        return None if self.files.is_folder else self.files.revision

    def to_json(self) -> JsonObject:
        """What lineage records: of a folder its own name."""
        return {
            "name": self.files.name,
            "revision": self.files.revision,
            "source": "folder" if self.files.is_folder else "hub",
        }

    def context(self) -> int | None:
        """Most tokens of a conversation, None where the configuration does not say."""
        from transformers import AutoConfig

        config: Any = AutoConfig.from_pretrained(self.place, revision=self.commit)
        most = getattr(config.get_text_config(), "max_position_embeddings", None)
        return None if most is None else int(most)


@contextmanager
def loading(model: str) -> Generator[None]:
    """What is said where a trainer cannot be made of a model.

    Raises:
        ConfigError: its weights cannot be loaded, or not in the way that is asked for.
    """
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        fix = "See the message."
        problem = Problem("model", f"must be one that the trainer takes ({error})", model, fix)
        raise ConfigError(str(problem)) from error


def find_student(model: str, revision: str | None) -> StudentFiles:
    """The files of a folder, or of a model at the Hub at a revision.

    Raises:
        ConfigError: there is no such model.
    """
    try:
        return StudentFiles(find_files(model, revision))
    except ConfigError as error:
        rule = "must be a folder with a model, or a model at the Hub at a revision that exists"
        fix = f"Check name and revision ({error.__cause__ or 'no config.json there'})."
        raise ConfigError(str(Problem("model", rule, model, fix))) from error
