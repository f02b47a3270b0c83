"""A transformers model with its tokenizer: from requests to completions, a batch at a time.

One thread owns it; nothing here is safe to call from two.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)

from ..errors import ConfigError, Problem
from .families import CallFormat
from .fitting import template_record
from .local_batch import Line, LineSampler, LineStop
from .model import ChatRequest, ChatUnavailableError, Completion, ContextLengthError
from .model_files import ModelFiles
from .replies import opens_thinking, read_text, reply_text

_DTYPES = {"cuda": torch.bfloat16}  # elsewhere float32

Outcome = Completion | ContextLengthError | ChatUnavailableError


def device_of(name: str) -> torch.device:
    """The device that `--device` names; `auto` is the fastest there is.

    Raises:
        ConfigError: this machine has none of that kind.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if not there[name]:
        fix = f"Here are: {', '.join(kind for kind, found in there.items() if found)}."
        raise ConfigError(str(Problem("device", "must be one that torch sees", name, fix)))
    return torch.device(name)


@dataclass(slots=True)
class Asked:
    """A request on its way. Set `dropped` when nobody waits for the reply any more."""

    request: ChatRequest
    line: Line | None = None
    dropped: bool = False

    def drop(self) -> None:
        """Let the row end where it is."""
        self.dropped = True
        if self.line is not None:
            self.line.dropped = True


class LocalModel:
    """Weights on a device: bfloat16 on CUDA, float32 elsewhere."""

    def __init__(self, files: ModelFiles, device: torch.device, call_format: CallFormat | None) -> None:
        """Load them.

        Raises:
            ConfigError: the files hold no model that transformers knows, no chat template, or too large a
                model.
        """
        commit = None if files.is_folder else files.revision
        dtype = _DTYPES.get(device.type, torch.float32)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(files.place, revision=commit)
            model: Any = AutoModelForCausalLM.from_pretrained(files.place, revision=commit, dtype=dtype)
            model.to(device)
        except (OSError, ValueError, ImportError) as error:
            fix = "See the message; for a model behind a server give --base-url."
            rule = f"must be a model that transformers loads ({error})"
            raise ConfigError(str(Problem("teacher", rule, files.place, fix))) from error
        except torch.OutOfMemoryError as error:
            fix = "Take a smaller one, or --device cpu; or serve it elsewhere and give --base-url."
            rule = f"must fit the memory of {device.type} ({error})"
            raise ConfigError(str(Problem("teacher", rule, files.place, fix))) from error
        if not self._tokenizer.chat_template:
            fix = "Name its instruct or chat variant, or save a template with the tokenizer."
            problem = Problem("teacher", "must have a chat template", files.place, fix)
            raise ConfigError(str(problem))
        self._model = model.eval()
        self._device = device
        self._call_format: CallFormat | None = call_format
        self._ends = _end_tokens(self._tokenizer, self._model.generation_config)
        text_config = self._model.config.get_text_config()
        self._context = int(getattr(text_config, "max_position_embeddings", 1 << 30))
        self._special = tuple(self._tokenizer.all_special_tokens)

    def answer(self, batch: Sequence[Asked]) -> list[Outcome]:
        """What becomes of each request, in order. Too little memory is an outcome too."""
        read = [self._read(asked) for asked in batch]
        started = time.perf_counter()
        try:
            self._generate([line for line in read if isinstance(line, Line)])
        except torch.OutOfMemoryError as error:
            rule = f"must fit the memory of {self._device.type} ({error})"
            problem = Problem("batch_size", rule, len(batch), "Lower --batch-size.")
            return [ChatUnavailableError(str(problem))] * len(batch)
        seconds = time.perf_counter() - started
        return [
            self._completion(asked.request, line, seconds) if isinstance(line, Line) else line
            for asked, line in zip(batch, read, strict=True)
        ]

    def _read(self, asked: Asked) -> Line | ContextLengthError | ChatUnavailableError:
        """The row of a request; an error where the template refuses it or it is too long."""
        request = asked.request
        try:
            text = self._prompt(request)
        except jinja2.TemplateError as error:  # a server answers such a request with 400
            rule = f"must be messages that the chat template takes ({error})"
            fix = "Give --family, or use --grammar tags."
            return ChatUnavailableError(str(Problem("messages", rule, request.messages[-1].role, fix)))
        prompt = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        room = min(request.sampling.max_tokens, self._context - len(prompt))
        if room < 1:
            return ContextLengthError(f"{len(prompt)} tokens do not fit a context of {self._context}")
        asked.line = Line(prompt, request.sampling, request.seed, request.stop, room, asked.dropped)
        asked.line.thinking = opens_thinking(text)
        return asked.line

    def _prompt(self, request: ChatRequest) -> str:
        switch = {} if request.sampling.thinking is None else {"enable_thinking": request.sampling.thinking}
        return self._tokenizer.apply_chat_template(
            [template_record(message) for message in request.messages],
            tools=list(request.tools) or None,
            add_generation_prompt=True,
            tokenize=False,
            **switch,
        )

    @torch.inference_mode()
    def _generate(self, lines: Sequence[Line]) -> None:
        """Let the lines write their replies."""
        if not lines:
            return
        width = max(len(line.prompt) for line in lines)
        pad = self._tokenizer.pad_token_id
        pad = min(self._ends) if pad is None else pad
        ids = [[pad] * (width - len(line.prompt)) + line.prompt for line in lines]
        mask = [[0] * (width - len(line.prompt)) + [1] * len(line.prompt) for line in lines]
        self._model.generate(
            input_ids=torch.tensor(ids, device=self._device),
            attention_mask=torch.tensor(mask, device=self._device),
            generation_config=self._generation(max(line.room for line in lines), pad),
            logits_processor=LogitsProcessorList([LineSampler(lines, self._device)]),
            stopping_criteria=StoppingCriteriaList([LineStop(lines, self._tokenizer, self._ends)]),
        )

    def _generation(self, room: int, pad: int) -> GenerationConfig:
        """The model's own settings (a repetition penalty stays), but for sampling, which is ours."""
        config = copy.deepcopy(self._model.generation_config)
        config.update(do_sample=False, temperature=None, top_p=None, top_k=None, min_p=None)
        config.update(max_new_tokens=room, max_length=None, pad_token_id=pad, eos_token_id=sorted(self._ends))
        return config

    def _completion(self, request: ChatRequest, line: Line, seconds: float) -> Completion:
        text = self._tokenizer.decode(line.reply, skip_special_tokens=False)
        text = reply_text(text, request.stop, self._special)
        calls: CallFormat | None = self._call_format if request.tools and request.may_call else None
        message = read_text(text, calls, thinking=line.thinking)
        finish = "tool_calls" if message.tool_calls and line.finish == "stop" else line.finish or "stop"
        return Completion(
            message,
            finish,
            len(line.prompt),
            len(line.reply),
            seconds,
            tuple(line.prompt) if request.token_ids else None,
            tuple(line.reply) if request.token_ids else None,
        )


def _end_tokens(tokenizer: Any, generation: GenerationConfig) -> set[int]:
    named: Any = generation.eos_token_id
    ends = set(named if isinstance(named, list) else [] if named is None else [named])
    return ends | ({tokenizer.eos_token_id} - {None})
