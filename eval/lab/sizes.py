"""How much of everything the laboratory makes, and with which settings: the same ones for all methods.

None of it was chosen for what a claim comes out as. Steps and learning rates are those at which a method
works at all on this kind of student (docs/lab.md); the teacher's habits are set to the published gap in
searching.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...builder.world_config import TeacherKnobs


@dataclass(frozen=True, slots=True)
class Sizes:
    """One size of the laboratory.

    Counts of questions: `tool_questions` give the base its use of the tool, `questions` the rows of the raw
    set that the recipes filter, `new_questions` are those that RFT samples on, `exam_questions` the exam. The
    base is told each fact of its memory in `memory_rows` rows, with `rehearsed` rows of the tool among them.
    """

    entities: int = 20_000
    tool_questions: int = 20_000
    questions: int = 8000
    new_questions: int = 1200
    exam_entities: int = 1000
    exam_questions: int = 400
    memory_rows: int = 60
    rehearsed: int = 6000
    tool_steps: int = 500
    memory_steps: int = 255
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
    rehearsed=100,
    tool_steps=8,
    memory_steps=6,
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
distilled from such rows search a quarter less (1.89 against 2.47 a question)."""

MEMORY = TeacherKnobs(known=0.3, known_wrongly=0.25)
"""What the students remember of the exam world: less than a teacher of its own, and as wrong."""

DILIGENT = TeacherKnobs(diligence=1.0, misreading=0.0)
"""The teacher of the base, which shows the use of the tool: it searches for everything. From rows in which
values come out of nowhere so small a student does not learn to copy what it reads."""

NOISE = "drop=0.1"
"""Searches that fail: in the raw set, so that the rows show what to do then, and in the noisy exam."""

TOOL_RATE, MEMORY_RATE = 3e-3, 1e-3
"""Peak learning rates of the base: constant from scratch, then falling."""
TUNING_RATE, RFT_RATE, OPD_RATE, GRPO_RATE = 1e-3, 5e-4, 1e-3, 3e-4
"""Peak learning rates from the base on. RFT's is half of SFT's, as in the paper."""


def settings_of(sizes: Sizes) -> dict[str, Any]:
    """All that decides what comes out, as JSON values."""
    return {
        "sizes": asdict(sizes),
        "teacher": asdict(KNOBS),
        "memory": asdict(MEMORY),
        "tool": asdict(DILIGENT),
        "noise": NOISE,
        "rates": [TOOL_RATE, MEMORY_RATE, TUNING_RATE, RFT_RATE, OPD_RATE, GRPO_RATE],
    }
