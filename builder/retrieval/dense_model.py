"""An embedding model, pinned: which weights, which prompts, and the embeddings that they give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import constants, try_to_load_from_cache
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from ..errors import ConfigError, DataError, Problem
from ..hub_client import hub_errors
from ..identity import content_hash, file_hash
from ..retrieval_config import DenseConfig
from ..schema import JsonObject, Passage
from .dense_prompts import choose_prompts

Vectors = NDArray[np.float32]
"""Embeddings, one a row."""

_LONGEST_TEXT = 65_536
"""Characters of a text that the tokenizer is given; no model reads more tokens than fit in them."""

_WEIGHT_FILES = {".json", ".safetensors", ".bin", ".txt", ".model"}
"""What decides the embeddings of a model in a folder: weights, settings, vocabulary."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """All that decides an embedding, but the library: it stands in the manifest and enters names and keys.

    `model` is a name on the Hub or a folder; `revision` is the commit, for a folder the hash of its files.
    """

    model: str
    revision: str
    query_prompt: str
    passage_prompt: str
    normalise: bool
    max_length: int | None
    compute: str

    @property
    def short_name(self) -> str:
        """The model's name without its owner or folder."""
        return short_name(self.model)

    @property
    def key(self) -> str:
        """A hash that does not depend on where the model lies."""
        return content_hash(asdict(self) | {"model": self.short_name})

    @classmethod
    def read(cls, settings: JsonObject) -> Encoding:
        """The inverse of `asdict`, from the settings in a manifest."""
        return cls(**{name: settings[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded model. Not thread-safe."""

    encoding: Encoding
    model: SentenceTransformer
    batch_size: int = 64

    @property
    def dims(self) -> int:
        """Length of an embedding."""
        return int(self.texts(["x"], "").shape[1])

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Embeddings of queries, with the query prompt; of shape (texts, dimension)."""
        return self.texts(texts, self.encoding.query_prompt)

    def passages(self, passages: Sequence[Passage]) -> Vectors:
        """Embeddings of passages, title and text on lines of their own, with the passage prompt."""
        texts = [f"{passage.title}\n{passage.text}".strip() for passage in passages]
        return self.texts(texts, self.encoding.passage_prompt)

    def texts(self, texts: Sequence[str], prompt: str) -> Vectors:
        """Embeddings of texts with a prompt before each; of shape (texts, dimension)."""
        vectors = self.model.encode(
            [_storable(text) for text in texts],
            prompt=prompt,
            batch_size=self.batch_size,
            normalize_embeddings=self.encoding.normalise,
            show_progress_bar=False,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def open_encoder(config: DenseConfig) -> Encoder:
    """The model that `--dense` names, pinned to what it is now.

    Raises:
        ConfigError: no such model, or none that can be loaded.
        HubError: the Hub cannot be reached or refuses.
    """
    name = config.dense or ""
    model = _load(name, config.dense_revision, config.compute, config.device)
    if config.max_length is not None:
        model.max_seq_length = config.max_length
    own = {key: text or "" for key, text in model.prompts.items()}
    prompts = choose_prompts(short_name(name), own, config)
    similarity = model.similarity_fn_name if config.similarity == "auto" else config.similarity
    encoding = Encoding(
        model=str(Path(name).absolute()) if Path(name).is_dir() else name,
        revision=_revision(name, config.dense_revision),
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
        normalise=similarity != "dot",
        max_length=config.max_length,
        compute=config.compute,
    )
    return Encoder(encoding, model, config.batch_size)


def reopen_encoder(encoding: Encoding, place: str | None = None) -> Encoder:
    """The model that an index was built with; `place` is its folder where it lies elsewhere by now.

    Raises: what `open_encoder` raises, and
        DataError: nothing lies there, or another model.
    """
    folder = place or encoding.model
    if not Path(folder).is_dir() and (place or Path(folder).is_absolute()):
        rule = f"must be the folder of the index's model ({encoding.short_name}@{encoding.revision})"
        fix = "Name the folder where it lies by now with --embedding-model."
        raise DataError(str(Problem("embedding_model", rule, folder, fix)))
    if Path(folder).is_dir() and (found := _revision(folder, None)) != encoding.revision:
        rule = f"must be the model that the index was built with ({encoding.short_name}@{encoding.revision})"
        fix = "Name its folder with --embedding-model, or build the index anew."
        raise DataError(str(Problem(folder, rule, found, fix)))
    revision = None if Path(folder).is_dir() else encoding.revision
    model = _load(folder, revision, encoding.compute, None)
    if encoding.max_length is not None:
        model.max_seq_length = encoding.max_length
    return Encoder(encoding, model)


def short_name(model: str) -> str:
    """A model's name without its owner or folder."""
    return Path(model).name or model


def _load(name: str, revision: str | None, compute: str, device: str | None) -> SentenceTransformer:
    kwargs: dict[str, Any] = {"dtype": compute}
    transformers_logging.disable_progress_bar()  # ours counts passages
    try:
        with hub_errors(name):
            return SentenceTransformer(
                name,
                revision=revision,
                device=device,
                cache_folder=constants.HF_HUB_CACHE,
                model_kwargs=kwargs,
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        fix = "Check its name (OWNER/MODEL on the Hub, or a folder), the network and --device."
        rule = f"must be a sentence-transformers model that can be loaded ({_first_line(error)})"
        raise ConfigError(str(Problem("--dense", rule, name, fix))) from error


def _revision(name: str, wanted: str | None) -> str:
    """The commit of a model that was just loaded from the Hub, or the hash of one in a folder."""
    folder = Path(name)
    if folder.is_dir():
        files = sorted(file for file in folder.rglob("*") if file.suffix in _WEIGHT_FILES and file.is_file())
        return content_hash([[file.relative_to(folder).as_posix(), file_hash(file)] for file in files], 40)
    for file in ("modules.json", "config.json"):
        found = try_to_load_from_cache(name, file, constants.HF_HUB_CACHE, wanted)
        if isinstance(found, str):
            with suppress(ValueError):
                return Path(found).relative_to(constants.HF_HUB_CACHE).parts[2]
    fix = "Download it into a folder and name that folder."
    raise ConfigError(str(Problem("--dense", "must have a commit that can be pinned", name, fix)))


def _storable(text: str) -> str:
    """A text that a tokenizer takes: not endless, and no lone surrogates, which UTF-8 cannot say."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition(os.linesep)[0][:200]
