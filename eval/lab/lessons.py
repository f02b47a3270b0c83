"""What the base reads first: some of the exam world's facts, a part of them wrong, as questions with answers.

It stands for what a pretrained model has read. The questions are asked closed book, in all their wordings;
the trainers never see the exam world again.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ...builder.identity import derived_seed
from ...builder.prompts import Turn, load_prompt, render_turn
from ...builder.rows import Origin, Sample, build_row
from ...builder.schema import Conversation, Message, Outcome, Question, Row, StopReason, Trajectory
from ...builder.world.memory import Memory
from ...builder.world.pages import called
from ...builder.world.wording import relations, sentence
from ...builder.world.world import World
from ...builder.world_config import TeacherKnobs

TEACHER = "simulated-memory"
"""Who says so, in the rows: nobody searched for these answers."""
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""The rows' time: equal worlds give equal rows."""


def known_answers(world: World, knobs: TeacherKnobs) -> dict[str, str]:
    """What a memory with these knobs answers to the world's one-hop questions, by question id; what it does
    not know is left out."""
    memory = Memory(world, knobs)
    found = {name: memory.recall(chain.starts[0], chain.path[0]) for name, chain in world.chains.items()}
    return {name: answer for name, answer in found.items() if answer is not None}


def memory_rows(world: World, knobs: TeacherKnobs, each: int) -> Iterator[Row]:
    """`each` rows for every question that the memory answers, over the question's wordings in turn."""
    answers = known_answers(world, knobs)
    for question in world.questions:
        if question.question_id in answers:
            asked = wordings(world, question)
            for place in range(each):
                yield _row(question, asked[place % len(asked)], answers[question.question_id], place)


def wordings(world: World, question: Question) -> list[str]:
    """All ways to ask a one-hop question, its own among them."""
    chain = world.chains[question.question_id]
    entity = world.atlas.entities[chain.starts[0]]
    asks = relations()[chain.path[0]].ask
    return sorted(
        {question.question, *(sentence(ask, {"x": called(entity.kind, entity.name)}) for ask in asks)}
    )


def _row(question: Question, asked: str, answer: str, place: int) -> Row:
    prompt = load_prompt("closed_book", "tools")
    said = render_turn(Turn(answer=answer), "tools")
    messages = (Message("system", prompt.text), Message("user", asked), said)
    told = Trajectory(
        dataclasses.replace(question, question=asked),
        Conversation(messages, prompt.tools, prompt.grammar),
        Outcome(answer, StopReason.ANSWERED),
    )
    origin = Origin("memory", TEACHER, prompt_id=prompt.id, policy=prompt.policy)
    return build_row(told, origin, Sample(place, 0), _SINCE)


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows in another order, that of the seed."""
    return random.Random(derived_seed("lab", seed)).sample(rows, len(rows))
