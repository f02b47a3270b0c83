"""The failure rule of `trajset.eval.failures` against true causes, on wrong rows of the demo world.

    python benchmarks/failure_rules.py [--questions 600] [--entities 3000] [--seed 0] [--plain]

The simulated teacher answers the same questions under several settings: what it knows, how diligent it is,
what its search engine (BM25 over the world's passages) is spoilt by. Where each fact came from is known:

    bad retrieval   it searched, and not every fact of the gold chain stood in what it read
    hallucination   it went on a fact that came from memory or was guessed, at any turn

The rule sees the rows alone. Rows that the rule's threshold calls wrong although the world calls the answer
right (a short answer in a long sentence) have no true cause; they are counted apart. The simulated teacher
says when it guesses; what the rule makes of rows from which these words are taken out is told too. All of it
is simulated.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from machine import describe
from trajset.builder.chat.model import ChatModel, ChatRequest, Completion
from trajset.builder.config import IndexConfig, TeacherKnobs, WorldConfig
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.noise import NoisyRetriever
from trajset.builder.retrieval.retriever import Retriever
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.rollout import Agent, rollout
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import Row
from trajset.builder.world import SimulatedTeacher, World, generate
from trajset.builder.world.evidence import Evidence
from trajset.builder.world.files import CORPUS, write_world
from trajset.builder.world.oracle import is_correct
from trajset.builder.world.speech import Source
from trajset.builder.world.wording import Style
from trajset.eval.failures import WrongRows, cause_of, is_wrong
from trajset.eval.results import Failure

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MADE_UP = (Source.CUED, Source.SILENT, Source.GUESSED)
SETTINGS: dict[str, tuple[TeacherKnobs, dict[str, float]]] = {
    "default knobs": (TeacherKnobs(), {}),
    "lazy": (TeacherKnobs(known=0.7, known_wrongly=0.5, diligence=0.2), {}),
    "lazy and silent": (TeacherKnobs(known=0.7, known_wrongly=0.5, diligence=0.2, cue_rate=0.0), {}),
    "diligent, misreads": (TeacherKnobs(known=0.0, diligence=1.0, misreading=0.3), {}),
    "knows nothing, half the searches dropped": (TeacherKnobs(known=0.0), {"drop": 0.5}),
    "half the searches swapped": (TeacherKnobs(known_wrongly=0.5, cue_rate=0.2), {"swap": 0.5}),
    "a third contradicted": (TeacherKnobs(), {"contradict": 0.33}),
    "a third look-alikes": (TeacherKnobs(misreading=0.2), {"distract": 0.33}),
}


@dataclass(frozen=True)
class Witness:
    """The teacher, heard out: the sources of all facts that it went on, by question id."""

    teacher: SimulatedTeacher
    world: World
    sources: dict[str, set[Source]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.teacher.name

    @property
    def revision(self) -> str:
        return self.teacher.revision

    async def complete(self, request: ChatRequest) -> Completion:
        thought = self.teacher.thought(request)
        question = self.world.by_text[request.messages[1].content.strip()]
        if thought is not None:
            said = {belief.source for belief in thought.beliefs}
            self.sources.setdefault(question.question_id, set()).update(said)
        return await self.teacher.complete(request)

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True)
class Case:
    """A wrong row with its true cause; None where the world calls its answer right."""

    setting: str
    row: Row
    truth: Failure | None


def true_cause(world: World, row: Row, sources: set[Source]) -> Failure | None:
    if is_correct(row):
        return None
    evidence = Evidence.of(row.conversation.messages)
    facts = world.facts_of(row.question.question_id)
    missed = row.search_use.n_searches > 0 and not all(map(evidence.shows, facts))
    made_up = bool(sources.intersection(MADE_UP))
    if missed and made_up:
        return Failure.BOTH
    if missed:
        return Failure.BAD_RETRIEVAL
    return Failure.HALLUCINATION if made_up else Failure.REASONING


def cases(world: World, engine: Retriever, name: str) -> Iterator[Case]:
    """The wrong rows of one setting."""
    knobs, noise = SETTINGS[name]
    witness = Witness(SimulatedTeacher(world, knobs), world)
    model: ChatModel = witness
    retriever = NoisyRetriever(engine, noise) if noise else engine
    agent = Agent(model, retriever, load_prompt("always_search", "tools"))

    async def rows() -> list[Row]:
        found: list[Row] = []
        for seed, question in enumerate(world.questions):
            trajectory = await rollout(question, agent, seed)
            found.append(build_row(trajectory, Origin("run"), Sample(0, seed), NOON))
        return found

    for row in asyncio.run(rows()):
        if is_wrong(row, WrongRows()):
            yield Case(name, row, true_cause(world, row, witness.sources[row.question.question_id]))


def without_titles(row: Row) -> Row:
    """The row as a benchmark without supporting titles gives it."""
    return replace(row, question=replace(row.question, supporting_titles=None))


HEDGES = ("The results do not settle it; most likely ", "Perhaps ")


def without_hedges(row: Row) -> Row:
    """The row of a teacher that does not say when it guesses."""

    def plain(text: str) -> str:
        for hedge in HEDGES:
            text = text.replace(hedge, "")
        return text

    messages = tuple(
        replace(message, content=plain(message.content)) if message.is_model else message
        for message in row.conversation.messages
    )
    return replace(row, conversation=replace(row.conversation, messages=messages))


def table(counts: Counter[tuple[Failure, Failure]]) -> str:
    """The confusion of truth (rows) and rule (columns)."""
    head = f"{'truth, by the rule:':<20}" + "".join(f"{name:>15}" for name in Failure)
    lines = [
        f"{truth:<20}" + "".join(f"{counts[truth, found]:>15}" for found in Failure) for truth in Failure
    ]
    return "\n".join([head, *lines])


def accuracy(counts: Counter[tuple[Failure, Failure]]) -> float:
    return sum(count for (truth, found), count in counts.items() if truth == found) / counts.total()


def confusion(of: Sequence[Case], titles: bool) -> Counter[tuple[Failure, Failure]]:
    return Counter(
        (case.truth, cause_of(case.row if titles else without_titles(case.row)).failure)
        for case in of
        if case.truth is not None
    )


def setting_cases(
    config: WorldConfig, folder: Path, names: Sequence[str], style: Style = "varied"
) -> list[Case]:
    """The wrong rows of some settings in one world, with its search index below `folder`."""
    world = generate(config, style)
    write_world(world, folder / "world")
    build_index(str(folder / "world" / CORPUS), folder / "index", IndexConfig(), lambda _: None)
    engine = TantivyRetriever.open(folder / "index")
    return [case for name in names for case in cases(world, engine, name)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=600)
    parser.add_argument("--entities", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--plain", action="store_true", help="the world's plain style, as micro students get it"
    )
    parser.add_argument("--errors", type=int, default=0, help="print that many misjudged rows a setting")
    args = parser.parse_args()
    print(describe("scipy", "tantivy"))
    config = WorldConfig(entities=args.entities, questions=args.questions, seed=args.seed)
    print(f"simulated: {config.entities:,} entities, {config.questions:,} questions, seed {config.seed}")
    with tempfile.TemporaryDirectory() as folder:
        everything = setting_cases(config, Path(folder), tuple(SETTINGS), "plain" if args.plain else "varied")
    for name in SETTINGS:
        found = [case for case in everything if case.setting == name]
        shares = [accuracy(confusion(found, titles)) for titles in (True, False)]
        known = sum(case.truth is not None for case in found)
        print(f"{name:<42}{known:>5} wrong{shares[0]:>8.1%}{shares[1]:>8.1%} without titles")
        show_errors(found, args.errors)
    for titles in (True, False):
        counts = confusion(everything, titles)
        print(f"\n{'with' if titles else 'without'} supporting titles: accuracy {accuracy(counts):.1%}")
        print(table(counts))
    silent = [replace(case, row=without_hedges(case.row)) for case in everything]
    shares = [accuracy(confusion(silent, titles)) for titles in (True, False)]
    print(f"\nwhere no guess is told: accuracy {shares[0]:.1%}, without titles {shares[1]:.1%}")
    right = sum(case.truth is None for case in everything)
    print(f"{right} rows more count as wrong although the world calls the answer right")


def show_errors(found: Sequence[Case], most: int) -> None:
    errors = [
        (case, cause)
        for case in found
        if case.truth is not None and (cause := cause_of(case.row)).failure != case.truth
    ]
    for case, cause in errors[:most]:
        print(f"  {case.truth} taken for {cause.failure}: {cause.why}")
        asked = case.row.question
        print(f"    {asked.question} -> {case.row.outcome.answer} {asked.gold_answers}")
        for message in case.row.conversation.messages[2:]:
            calls = [call["function"]["arguments"] for call in message.tool_calls or ()]
            print(f"    {message.role}: {message.content} {calls or ''}")


if __name__ == "__main__":
    main()
