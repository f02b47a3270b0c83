"""A small world, a retriever that finds by name, and rollouts of the simulated teacher."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from trajset.builder.config import TeacherKnobs, WorldConfig
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.retriever import DictRetriever, Retriever
from trajset.builder.rollout import Agent, Limits, rollout
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import Grammar, Hit, Question, Row
from trajset.builder.world import SimulatedTeacher, World, generate

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class NameRetriever:
    """Finds all passages of the entities whose names stand in the query, the longest names first."""

    world: World
    name: str = "by-name"
    corpus: str = "demo-world"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [self._hits(query) for query in queries]

    def _hits(self, query: str) -> list[Hit]:
        named = [e for e in self.world.atlas.entities if any(name in query for name in e.names)]
        named.sort(key=lambda entity: -len(entity.name))
        return [Hit(passage, 1.0) for e in named for passage in self.world.page(e.index).passages]


@dataclass(frozen=True)
class Player:
    """Plays rollouts of the simulated teacher in a world and makes rows of them."""

    world: World
    retriever: Retriever

    def row(self, question: Question, knobs: TeacherKnobs, seed: int = 0, grammar: Grammar = "tools") -> Row:
        limits = Limits(turns=8)
        teacher = SimulatedTeacher(self.world, knobs)
        agent = Agent(teacher, self.retriever, load_prompt("always_search", grammar), limits=limits)
        trajectory = asyncio.run(rollout(question, agent, seed))
        return build_row(trajectory, Origin("run"), Sample(0, seed), NOON)

    def rows(self, knobs: TeacherKnobs, number: int = 60) -> list[Row]:
        questions = self.world.questions[:number]
        return [self.row(question, knobs, seed) for seed, question in enumerate(questions)]


@pytest.fixture(scope="session")
def world() -> World:
    return generate(WorldConfig(entities=300, questions=400, seed=3))


@pytest.fixture(scope="session")
def player(world: World) -> Player:
    return Player(world, NameRetriever(world))


@pytest.fixture(scope="session")
def blind_player(world: World) -> Player:
    """One whose retriever never finds anything."""
    return Player(world, DictRetriever({}))


@pytest.fixture(scope="session")
def play_in() -> Callable[[World], Player]:
    return lambda world: Player(world, NameRetriever(world))
