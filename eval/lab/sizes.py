"""How much of everything the laboratory makes, and with which settings: the same ones for all methods.

None of it was chosen for what a claim comes out as. Steps and learning rates are those at which a method
works at all on this kind of student (docs/lab.md); the teacher's habits are set to the published gap in
searching.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...builder.world_config import TeacherKnobs


@dataclass(frozen=True, slots=True)
class Sizes:
    """One size of the laboratory.

    Counts of questions: `tool_questions` give the base its use of the tool, `questions` the rows of the raw
    set that the recipes filter, `new_questions` are those that RFT samples on, `exam_questions` the exam. The
    memory is told each fact in `memory_rows` rows, and in `rehearsals` rows while the tool is learnt.
    """

    entities: int = 20_000
    tool_questions: int = 20_000
    questions: int = 8000
    new_questions: int = 1200
    exam_entities: int = 1000
    exam_questions: int = 400
    memory_rows: int = 60
    rehearsals: int = 12
    memory_steps: int = 220
    tool_steps: int = 700
    teacher_steps: int = 200
    sft_steps: int = 100
    opd_steps: int = 60
    grpo_steps: int = 30
    rft_rows: int = 64
    batch: int = 48
    rollouts: int = 32
    max_tokens: int = 64
    draws: int = 10_000


SMOKE = Sizes(
    entities=400,
    tool_questions=300,
    questions=200,
    new_questions=60,
    exam_entities=200,
    exam_questions=40,
    memory_rows=6,
    rehearsals=2,
    memory_steps=6,
    tool_steps=8,
    teacher_steps=3,
    sft_steps=3,
    opd_steps=2,
    grpo_steps=2,
    rft_rows=1,
    batch=8,
    rollouts=8,
    draws=500,
)
"""Everything once, in minutes: it tries the laboratory out and shows nothing about the claims."""

KNOBS = TeacherKnobs(known=0.5, known_wrongly=0.25, diligence=0.5)
"""The simulated teacher. Of its rows with a right answer about a fifth has no search: published students
distilled from such rows search a quarter less (1.89 against 2.47 a question). The students' memory is as
large and as wrong."""

NOISE = "drop=0.1"
"""Searches that fail: of the teacher's, so that its rows show what to do then, and of the noisy exam."""

MEMORY_RATE, TOOL_RATE = 3e-3, 3e-3
"""Peak learning rates of the base: from scratch."""
TUNING_RATE, RFT_RATE, OPD_RATE, GRPO_RATE = 1e-3, 5e-4, 1e-3, 3e-4
"""Peak learning rates from the base on. RFT's is half of SFT's, as in the paper."""
