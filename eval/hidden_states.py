"""A causal language model of transformers, asked for a layer's hidden states. Needs the extra `[local]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from ..builder.chat.local_model import device_of
from ..builder.chat.model_files import ModelFiles
from ..builder.errors import ConfigError, DataError, Problem

_DTYPES = {"cuda": torch.bfloat16}  # elsewhere float32, as where models answer


class HiddenStates:
    """Weights on a device and their tokenizer: bfloat16 on CUDA, float32 elsewhere. One thread owns it."""

    def __init__(self, files: ModelFiles, device: str) -> None:
        """Load them.

        Raises:
            ConfigError: no such device, no model that transformers knows, or too large a one.
        """
        self._device = device_of(device)
        commit = None if files.is_folder else files.revision
        dtype = _DTYPES.get(self._device.type, torch.float32)
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(files.place, revision=commit)
            model: Any = AutoModelForCausalLM.from_pretrained(files.place, revision=commit, dtype=dtype)
            self._model = model.to(self._device).eval()
        except (OSError, ValueError, ImportError) as error:
            rule = f"must be a causal language model that transformers loads ({error})"
            raise ConfigError(str(Problem("model", rule, files.place, "See the message."))) from error
        except torch.OutOfMemoryError as error:
            rule = f"must fit the memory of {self._device.type} ({error})"
            fix = "Take a smaller one, or --device cpu."
            raise ConfigError(str(Problem("model", rule, files.place, fix))) from error
        config: Any = self._model.config.get_text_config()
        self.layers = int(config.num_hidden_layers)
        self._context = int(getattr(config, "max_position_embeddings", 1 << 30))

    def layer(self, wanted: int | None) -> int:
        """The layer to read, the middle one where none is wanted.

        Raises:
            ConfigError: the model has not so many.
        """
        if wanted is None:
            return self.layers // 2
        if wanted > self.layers:
            rule = f"must be from 0 (the embeddings) to {self.layers} (the last layer of this model)"
            raise ConfigError(str(Problem("layer", rule, wanted, "Leave it out for the middle one.")))
        return wanted

    @torch.inference_mode()
    def at_the_end(
        self, rows: Sequence[Sequence[int]], layer: int, batch_size: int, report: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """The hidden state after a layer at the last token of each row, of shape (rows, width).

        Rows of like length share a batch. `report` is told how many are done each time.

        Raises:
            ConfigError: a batch does not fit the memory.
            DataError: a row does not fit the model's context.
        """
        self._check_lengths(rows)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            states = self._batch([rows[place] for place in places], layer)
            for place, state in zip(places, states, strict=True):
                found[place] = state
            report(len(places))
        return np.stack(found)

    def _batch(self, rows: Sequence[Sequence[int]], layer: int) -> NDArray[np.float32]:
        """Padded on the right, where no token of a row looks, so that positions are those of a row alone."""
        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self._device)
        ends = torch.tensor([len(row) - 1 for row in rows], device=self._device)
        mask = (torch.arange(width, device=self._device) <= ends[:, None]).long()
        try:
            inner: Any = self._model.base_model  # without the head: nobody asks for the next token
            read = inner(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        except torch.OutOfMemoryError as error:
            rule = f"must fit the memory of {self._device.type} ({error})"
            raise ConfigError(str(Problem("batch_size", rule, len(rows), "Lower --batch-size."))) from error
        states = read.hidden_states[layer][torch.arange(len(rows), device=self._device), ends]
        return states.float().cpu().numpy()

    def _check_lengths(self, rows: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, rows), default=0)
        if longest > self._context:
            rule = f"must fit the model's context of {self._context} tokens with the system prompt"
            raise DataError(str(Problem("question", rule, longest, "Leave that question out.")))
