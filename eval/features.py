"""Features of questions: the hidden state of a layer where the question ends, before anything is answered.

The model reads the question as it does closed book: the shipped system prompt, the question as the user's
message, its own chat template. Any causal language model of transformers, by folder or by name at the Hub;
needs the extra `[local]`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..builder.chat.families import family_of_files
from ..builder.chat.model_files import ModelFiles, find_files, require_local
from ..builder.errors import ConfigError, Problem
from ..builder.identity import content_hash
from ..builder.prompts import load_prompt
from ..builder.schema import Grammar, Question
from ..builder.shards import write_file
from .probe_options import At, FeatureOptions


def unheard(done: int) -> None:
    """For whom nobody counts."""


@dataclass(frozen=True, slots=True)
class Features:
    """`values` has shape (questions, width), float32, in the order of `question_ids`.

    `layer` of `layers`: 0 are the embeddings. `model` and `revision` as rows name them.
    """

    values: NDArray[np.float32]
    question_ids: tuple[str, ...]
    layer: int
    layers: int
    model: str
    revision: str
    at: At = "question"

    def of(self, question_ids: Sequence[str]) -> NDArray[np.float32]:
        """Their rows in that order; an id that is not there is a KeyError."""
        places = {name: place for place, name in enumerate(self.question_ids)}
        return self.values[[places[name] for name in question_ids]]


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """A model and how its hidden states are read. `cache`: the .npz file in which they are kept, if any."""

    model: str
    revision: str | None = None
    grammar: Grammar = "tools"
    options: FeatureOptions = field(default_factory=FeatureOptions)
    cache: Path | None = None

    def files(self) -> ModelFiles:
        """The small files of the model.

        Raises:
            ConfigError: there is no such model.
            MissingExtraError: torch or transformers is not installed.
        """
        require_local(self.model)
        try:
            return find_files(self.model, self.revision)
        except ConfigError as error:
            rule = "must be a folder with a model, or a model at the Hub at a revision that exists"
            fix = f"Check name and revision ({error.__cause__ or 'no config.json there'})."
            raise ConfigError(str(Problem("model", rule, self.model, fix))) from error


def features_of(
    source: FeatureSource, questions: Sequence[Question], report: Callable[[int], object] = unheard
) -> Features:
    """The features of the questions, from the cache where it has those of just these questions.

    `report` is told after every batch how many questions came.

    Raises:
        ConfigError: the model cannot be found or loaded, has no such layer, does not fit the memory, or its
            chat template does not take the prompt.
        DataError: a question is empty or too long for the model.
        MissingExtraError: torch or transformers is not installed.
        StorageError: the cache cannot be written.
    """
    files = source.files()
    key = _key(source, files, questions)
    if source.cache is not None and (kept := _kept(source.cache, key, source, files)) is not None:
        report(len(questions))
        return kept
    found = _computed(source, files, questions, report)
    if source.cache is not None:
        _keep(source.cache, key, found)
    return found


def _computed(
    source: FeatureSource, files: ModelFiles, questions: Sequence[Question], report: Callable[[int], object]
) -> Features:
    from .hidden_states import HiddenStates
    from .queries import QueryReader

    options, states = source.options, HiddenStates(files, source.options.device)
    layer = states.layer(options.layer)
    family = family_of_files(files.model_type, files.template)
    reader = QueryReader(states.tokenizer, load_prompt("closed_book", source.grammar), family, options.at)
    rows = [reader.ids(question.question) for question in questions]
    values = states.at_the_end(rows, layer, options.batch_size, report)
    ids = tuple(question.question_id for question in questions)
    return Features(values, ids, layer, states.layers, files.name, files.revision, options.at)


def _key(source: FeatureSource, files: ModelFiles, questions: Sequence[Question]) -> str:
    """What the features depend on; batches and devices change no more than their last bits."""
    prompt = load_prompt("closed_book", source.grammar).id
    asked = [(question.question_id, question.question) for question in questions]
    return content_hash([files.revision, source.options.layer, source.options.at, prompt, asked])


def _kept(cache: Path, key: str, source: FeatureSource, files: ModelFiles) -> Features | None:
    """What a cache holds under the key; None where it has another, or cannot be read."""
    try:
        with np.load(cache, allow_pickle=False) as found:
            if str(found["key"]) != key:
                return None
            ids = tuple(map(str, found["question_ids"].tolist()))
            layer, layers = (int(number) for number in found["layers"])
            values = np.asarray(found["values"], np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Features(values, ids, layer, layers, files.name, files.revision, source.options.at)


def _keep(cache: Path, key: str, found: Features) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        key=np.array(key),
        values=found.values,
        question_ids=np.array(found.question_ids),
        layers=np.array([found.layer, found.layers]),
    )
    write_file(cache, buffer.getvalue())
