"""Mixed: supervised fine-tuning on the rows of a split, then on-policy distillation from there, as one run.

    OUT/sft    the first stage, a run like any other
    OUT/opd    the second, which begins with the first one's model
    OUT        at the end the second one's model, with the lineages of both

A run that was stopped or killed goes on in the stage, and at the step, where it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ..builder.identity import content_hash
from .lineage import Lineage
from .mixed_options import MixedConfig
from .named_split import NamedSplit, open_split
from .opd_options import OpdConfig
from .opd_run import asked_questions, teacher_facts, train_opd
from .options import SftConfig, outcome_options
from .search_options import search_facts
from .sft import SftJob, run_sft, target_of
from .stages import close_stages
from .student_model import find_student
from .training_run import Audience, Ended, new_lineage, run_folder, with_target


def train_mixed(config: MixedConfig, audience: Audience, card: Callable[[Path], object]) -> Ended:
    """Both stages, or the rest of them. `card` writes the card of the second one's rollouts.

    Raises:
        ConfigError, DataError: what `train_sft` and `train_opd` refuse.
        ServiceError, StorageError: a server, the Hub or the disk refuses.
    """
    split = open_split(config.data, config.preset)
    with run_folder(config, _lineage(config, split)) as folder:
        if folder.earlier and folder.is_complete:
            return Ended(folder.earlier, nothing_to_do=True)
        first, second = _sft(config, folder.path / "sft"), _opd(config, split, folder.path)
        audience.say("first stage: supervised fine-tuning")
        taught = run_sft(SftJob(first, split.rows, split.to_json()), audience)
        if taught.interrupted:
            return taught
        audience.say("second stage: on-policy distillation")
        ended = train_opd(second, audience, card)
        if ended.interrupted:
            return ended
        stages, lineages = [first.out, second.out], [taught.lineage, ended.lineage]
        return Ended(close_stages(folder, _lineage(config, split), stages, lineages))


def _lineage(config: MixedConfig, split: NamedSplit) -> Lineage:
    student = find_student(config.model, config.model_revision)
    found = new_lineage("mixed", split.to_json(), student.to_json(), outcome_options(config))
    questions = asked_questions(_opd(config, split, config.out))
    return dataclasses.replace(
        with_target(found, target_of(student, config.rendering)),
        teacher=teacher_facts(config.teaching),
        inputs={
            "search": search_facts(config.search),
            "questions": {"count": len(questions), "hash": content_hash(questions)},
        },
    )


def _sft(config: MixedConfig, out: Path) -> SftConfig:
    """The first stage. Adapters are merged: the second begins with a whole model."""
    return SftConfig(
        data=config.data,
        model=config.model,
        out=out,
        model_revision=config.model_revision,
        preset=config.preset,
        resume=True,
        rendering=config.rendering,
        fitting=config.sft,
        lora=dataclasses.replace(config.lora, lora_merge=True),
    )


def _opd(config: MixedConfig, split: NamedSplit, out: Path) -> OpdConfig:
    """The second stage, on the rows that the first one saw, whatever the branch's head is by then."""
    pinned = f"hf:{split.repo}@{split.commit}" if split.repo else str(split.dataset.path)
    return OpdConfig(
        model=str(out / "sft"),
        out=out / "opd",
        teaching=config.teaching,
        data=None if config.questions else f"{pinned}:{split.split.name}",
        questions=config.questions,
        resume=True,
        search=config.search,
        rollouts=config.rollouts,
        rendering=config.rendering,
        fitting=config.opd,
        lora=dataclasses.replace(config.lora, lora_merge=True),
        fields=config.fields,
    )
