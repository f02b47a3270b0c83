"""How the simulated teacher gets from a conversation to its next step: along the chain, fact by fact.

For each fact, with the name it holds for the subject, right or wrong:

    an earlier turn settled it       -> that
    it stood in retrieved text       -> read it there (or misread it)
    known, and no mind to search     -> memory
    searches left                    -> search, reworded after a miss
    else                             -> memory without a word, a neighbouring passage's value, a guess

Nothing is remembered between turns: all of it is worked out anew from the messages, each chance from the
request's seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from ..schema import Question
from ..world_config import TeacherKnobs
from .chains import Chain, verdict
from .entities import Entity
from .evidence import Evidence
from .memory import Memory
from .mistakes import any_value, mistaken_value
from .speech import ANSWER_FORMS, Source, Why, ask_plainly, said_value
from .wording import Kind, Relation, Style, relations, relations_in
from .world import World

MOST_SEARCHES = 5
"""Searches after which the teacher stops looking."""

GAVE_UP = "unknown"
"""The answer of a teacher that found nothing and does not want to guess."""


@dataclass(frozen=True, slots=True)
class _Habits:
    """Made-up habits that are no knobs: chosen once so that rows differ in ways that real rows do."""

    opens_with_question: float = 0.15
    checks_again: float = 0.1
    tries_once_more: float = 0.4
    gives_up: float = 0.35
    verbose: float = 0.08


_HABITS: dict[Style, _Habits] = {
    "varied": _Habits(),
    "plain": _Habits(opens_with_question=0, checks_again=0, verbose=0),
}


@dataclass(frozen=True, slots=True)
class Belief:
    """A fact as the teacher holds it, under the names that it uses."""

    source: Source
    relation: Relation
    subject: str
    value: str


@dataclass(frozen=True, slots=True)
class Search:
    """The next search, what it is for, and why: a fact is missing, a search missed it, or to make sure."""

    query: str
    relation: Relation
    subject: str
    why: Why


@dataclass(frozen=True, slots=True)
class Thought:
    """What the teacher believes by now, and its next step: a search, or else an answer."""

    beliefs: tuple[Belief, ...]
    search: Search | None = None
    answer: str = GAVE_UP


@dataclass(frozen=True, slots=True)
class Situation:
    """One rollout so far: the question with its chain, what the teacher wrote, what was retrieved.

    `may_search` is False on a last turn that has to be the answer.
    """

    question: Question
    chain: Chain
    queries: tuple[str, ...]
    said: tuple[str, ...]
    evidence: Evidence
    may_search: bool = True


class Thinker:
    """Works out the next step of one situation. All chances come from `rng`, in a fixed order."""

    def __init__(self, world: World, memory: Memory, now: Situation, rng: Random) -> None:
        self._world = world
        self._memory = memory
        self._knobs: TeacherKnobs = memory.knobs
        self._now = now
        self._rng = rng
        self._habits = _HABITS[world.style]

    def think(self) -> Thought:
        """The beliefs and the next step."""
        beliefs: list[Belief] = []
        ends: list[str] = []
        for start in self._now.chain.starts:
            held = self._world.atlas.entities[start].name
            for name in self._now.chain.path:
                step = self._step(relations_in(self._world.style)[name], held)
                if isinstance(step, Search):
                    return Thought(tuple(beliefs), step if beliefs else self._opened(step))
                if step.source is Source.GUESSED and self._happens(self._habits.gives_up):
                    return Thought(tuple(beliefs))
                beliefs.append(step)
                held = step.value
            ends.append(held)
        check = self._check(beliefs)
        return Thought(tuple(beliefs), check) if check else Thought(tuple(beliefs), answer=self._answer(ends))

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _step(self, relation: Relation, subject: str) -> Belief | Search:
        """A fact that is settled, or the search for it."""
        entity = self._entity(relation.kind, subject)
        settled = self._settled(relation, subject, entity)
        if settled is not None:
            return Belief(settled[0], relation, subject, settled[1])
        recalled = self._memory.recall(entity.index, relation.name) if entity else None
        tried = self._tried(relation, subject)
        if recalled is not None and not tried and not self._happens(self._knobs.diligence):
            source = Source.CUED if self._happens(self._knobs.cue_rate) else Source.SILENT
            return Belief(source, relation, subject, recalled)
        search = self._search(relation, subject, tried)
        if search is not None:
            return search
        if recalled is not None:
            return Belief(Source.SILENT, relation, subject, recalled)
        return Belief(Source.GUESSED, relation, subject, self._guess(relation, entity))

    def _entity(self, kind: Kind, name: str) -> Entity | None:
        index = self._world.atlas.by_name.get((kind, name))
        return None if index is None else self._world.atlas.entities[index]

    def _settled(self, relation: Relation, subject: str, entity: Entity | None) -> tuple[Source, str] | None:
        """The value that an earlier turn stated, else the one that stands in retrieved text."""
        said = said_value(self._now.said, relation, subject)
        if said is not None:
            return Source.SAID, said
        fact = self._world.fact(entity.index, relation.name) if entity else None
        if entity is None or fact is None or not self._now.evidence.shows(fact):
            return None
        misread = self._nearby(relation, entity) if self._happens(self._knobs.misreading) else iter(())
        return Source.FOUND, next(misread, fact.value)

    def _nearby(self, relation: Relation, entity: Entity) -> Iterator[str]:
        """Values of the same sort in what was retrieved: in the entity's own passages, then in others'."""
        passages = self._now.evidence.passages
        decoy = self._world.page(entity.index).decoys.get(relation.name)
        if decoy and any(decoy in shown.text for shown in passages.get(entity.title, ())):
            yield decoy
        for title in passages:
            other = self._world.atlas.by_title.get(title, entity.index)
            fact = self._world.fact(other, relation.name) if other != entity.index else None
            if fact and self._now.evidence.shows(fact):
                yield fact.value

    def _guess(self, relation: Relation, entity: Entity | None) -> str:
        """A neighbouring passage's value, else a look-alike of the truth or anything of the right sort."""
        nearby = next(self._nearby(relation, entity), None) if entity else None
        if nearby is not None:
            return nearby
        truth = self._world.atlas.value(entity.index, relation.name) if entity else None
        if truth is None:
            return any_value(self._world.atlas, relation, self._rng)
        return mistaken_value(self._world.atlas, relation, truth, self._rng)

    def _tried(self, relation: Relation, subject: str) -> int:
        """Searches for this fact so far. The question itself as a query counts for its first fact."""
        first = self._world.atlas.entities[self._now.chain.starts[0]].name
        opened = (subject, relation.name) == (first, self._now.chain.path[0])
        tries = [*self._wordings(relation, subject), *([self._now.question.question] if opened else [])]
        return sum(query in self._now.queries for query in tries)

    def _search(self, relation: Relation, subject: str, tried: int) -> Search | None:
        """A wording not tried yet, None when patience or searches are used up."""
        enough = 3 if tried == 2 and self._happens(self._habits.tries_once_more) else 2
        fresh = [query for query in self._wordings(relation, subject) if query not in self._now.queries]
        if tried >= enough or not fresh or not self._may_search():
            return None
        return Search(self._chosen(fresh), relation, subject, "again" if tried else "need")

    def _wordings(self, relation: Relation, subject: str) -> list[str]:
        """All queries for a fact."""
        wordings = [wording.format(x=subject) for wording in relation.query]
        return [ask_plainly(relation, subject), *wordings] if self._world.style == "plain" else wordings

    def _chosen(self, fresh: list[str]) -> str:
        return fresh[0] if self._world.style == "plain" else self._rng.choice(fresh)

    def _may_search(self) -> bool:
        return self._now.may_search and len(self._now.queries) < MOST_SEARCHES

    def _opened(self, search: Search) -> Search:
        """Some rollouts start with the question itself as the query."""
        if self._now.queries or not self._happens(self._habits.opens_with_question):
            return search
        return Search(self._now.question.question, search.relation, search.subject, "need")

    def _check(self, beliefs: list[Belief]) -> Search | None:
        """Now and then a needless search for a fact that was just found."""
        found = [belief for belief in beliefs if belief.source is Source.FOUND]
        if not found or not self._happens(self._habits.checks_again):
            return None
        search = self._search(found[-1].relation, found[-1].subject, tried=1)
        return replace(search, why="check") if search else None

    def _answer(self, ends: list[str]) -> str:
        answer = self._concluded(ends)
        form = self._rng.choice(ANSWER_FORMS) if self._happens(self._habits.verbose) else "{v}"
        return form.format(v=answer)

    def _concluded(self, ends: list[str]) -> str:
        chain = self._now.chain
        if chain.rule == "bridge":
            return ends[0]
        last = relations()[chain.path[-1]]
        chosen = verdict(chain.rule, *(self._plain_name(last, end) for end in ends))
        if isinstance(chosen, str):
            return chosen
        return self._world.atlas.entities[chain.starts[chosen or 0]].name

    def _plain_name(self, relation: Relation, name: str) -> str:
        entity = self._entity(relation.target_kind, name) if relation.target_kind else None
        return entity.name if entity else name
