"""On-policy distillation: the student searches and answers, and learns what the teacher would have written.

TRL's `DistillationTrainer` with other completions. The student writes them itself with the search engine at hand
(`live`), or they are read from a dataset's rows (replay). The loss is TRL's: the generalised Jensen-Shannon
divergence between student and teacher over the whole vocabulary, at the tokens that the student wrote. A teacher
behind vLLM tells its K likeliest tokens, and the divergence is taken over those and the rest as one.

What it leaves out: rewards (see `grpo`), teachers with other tokens than the student, and a teacher that searches
itself: it only judges what the student wrote.

    args = DistillationConfig("run", max_completion_length=2048, learning_rate=2e-6, ...)
    opd_trainer(args, OpdParts(model, target, LocalTeacher(teacher, its_tokenizer), Live(questions, writer), settings))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from transformers import TrainerCallback
from trl import DistillationConfig, DistillationTrainer

from ..builder.errors import ConfigError, Problem
from .completions import Completions, Live, LiveSource, Replay, ReplaySource, Source, question_set
from .live import LiveRollouts, LiveSettings, open_rollouts
from .live_chat import Room
from .lockstep import Said
from .server_loss import server_loss, teacher_tensors
from .target import Target
from .teacher_server import TeacherServer
from .vocabulary import check_vocabularies


@dataclass(frozen=True, slots=True)
class LocalTeacher:
    """A teacher in this process: a causal language model of transformers and its tokenizer."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True, slots=True)
class OpdParts:
    """What a distillation is made of. `settings` are those of live searches, None in a replay."""

    model: Any
    target: Target
    teacher: LocalTeacher | TeacherServer
    source: Live | Replay
    settings: LiveSettings | None = None
    peft_config: Any = None
    callbacks: tuple[TrainerCallback, ...] = ()


class OpdTrainer(DistillationTrainer):
    """TRL's trainer with completions from a `Source`, and with teachers behind a server."""

    def __init__(self, args: DistillationConfig, parts: OpdParts) -> None:
        """Nothing is sent to a server yet. See `opd_trainer`, which checks the parts."""
        live = isinstance(parts.source, Live)
        super().__init__(
            model=parts.model,
            teacher_model=parts.teacher.model if isinstance(parts.teacher, LocalTeacher) else None,
            args=args,
            train_dataset=(
                question_set(parts.source.questions, parts.source.samples)
                if isinstance(parts.source, Live)
                else parts.source.dataset()
            ),
            processing_class=parts.target.tokenizer.inner,
            peft_config=parts.peft_config,
            callbacks=list(parts.callbacks),
        )
