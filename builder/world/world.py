"""The demo world: a generated encyclopedia with questions whose every fact is known.

    config ──> entities ──> atlas (who stands in which relation to whom)
                              ├──> pages: passages, and the sentence of each fact
                              └──> questions, each with its chain of facts

Everything is invented, so that a model can know of it only what it was given. All of it follows from the
config alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from ..identity import content_hash
from ..schema import Passage, Question
from ..scoring import normalise
from ..world_config import WorldConfig
from .atlas import Atlas, Value, make_atlas
from .chains import Chain, walk
from .pages import Fact, Page, plain_page, render_page
from .questions import draw_questions
from .wording import Style

_PAGES_IN_MEMORY = 20_000


@dataclass(frozen=True, eq=False)
class World:
    """A demo world. Compared by identity; `id` tells whether two worlds have the same settings."""

    config: WorldConfig
    atlas: Atlas
    questions: tuple[Question, ...]
    chains: Mapping[str, Chain]
    """The chain of each question, by question id."""
    style: Style = "varied"
    """How its passages and its simulated teacher speak; questions and facts are the same in every style."""

    @property
    def id(self) -> str:
        """A hash of the settings; the world follows from them."""
        return content_hash(self.config if self.style == "varied" else [self.config, self.style])

    def passages(self) -> Iterator[Passage]:
        """The encyclopedia, entity by entity. Text is made as it is read, not held."""
        for index in range(len(self.atlas.entities)):
            yield from self._render(index).passages

    def page(self, index: int) -> Page:
        """The page of an entity, from a cache."""
        return self._page(index)

    def fact(self, index: int, relation: str) -> Fact | None:
        """The fact that gives an entity's value of a relation, None where there is none."""
        return self.page(index).facts.get(relation)

    def branches(self, chain: Chain) -> tuple[tuple[Fact, ...], ...]:
        """The facts of a chain in order, one branch for a bridge question and two for a comparison."""
        return tuple(self._branch(start, chain.path) for start in chain.starts)

    def facts_of(self, question_id: str) -> tuple[Fact, ...]:
        """All facts that a question's answer rests on, in order.

        Raises:
            KeyError: the question is not one of this world's.
        """
        return tuple(fact for branch in self.branches(self.chains[question_id]) for fact in branch)

    def names_of_value(self, fact: Fact) -> tuple[str, ...]:
        """All ways to write a fact's value."""
        value: Value = fact.value if fact.target is None else self.atlas.by_title[fact.target]
        return self.atlas.names(value)

    @cached_property
    def normalised_names(self) -> frozenset[str]:
        """All names of all entities after `scoring.normalise`."""
        return frozenset(normalise(name) for entity in self.atlas.entities for name in entity.names)

    @cached_property
    def by_text(self) -> Mapping[str, Question]:
        """The questions by their text."""
        return {question.question: question for question in self.questions}

    def _branch(self, start: int, path: tuple[str, ...]) -> tuple[Fact, ...]:
        values = walk(self.atlas, start, path) or ()
        subjects = (start, *values[:-1])
        return tuple(
            self.page(subject).facts[relation]
            for subject, relation in zip(subjects, path, strict=True)
            if isinstance(subject, int)
        )

    @cached_property
    def _page(self) -> Callable[[int], Page]:
        return lru_cache(_PAGES_IN_MEMORY)(self._render)

    @property
    def _render(self) -> Callable[[int], Page]:
        return partial(plain_page if self.style == "plain" else render_page, self.atlas)


def generate(config: WorldConfig, style: Style = "varied") -> World:
    """The world of a config in a style; the same ones, the same world on every machine.

    Raises:
        ConfigError: the world is too small for that many different questions, or their shares exceed 1.
    """
    atlas = make_atlas(config)
    asked = draw_questions(atlas)
    questions = tuple(question for question, _ in asked)
    return World(config, atlas, questions, {question.question_id: chain for question, chain in asked}, style)
