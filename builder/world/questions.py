"""Questions over the atlas: chains of one to four facts, and comparisons of two entities.

Relations are functional and names unique within a kind, so each question has one answer. No value that has to
be found stands in the question's own text. Questions are drawn one after the other: a world with more
questions begins with those of a world with fewer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

from ..errors import ConfigError, Problem
from ..identity import content_hash, derived_seed
from ..schema import Question
from ..scoring import normalise
from ..world_config import WorldConfig
from .atlas import Atlas, Value
from .chains import Chain, gold_answers, walk
from .pages import called
from .wording import Comparison, comparisons, kinds, relations, sentence

DATASET = "demo-world"
"""`Question.dataset` of the questions of a demo world."""

_PATIENCE = 1500
"""Draws of one sort in a row without a new question after which that sort counts as used up."""
_LONGER_CHAINS = {2: 0.5, 3: 0.3, 4: 0.2}
_TWO_SENTENCES = 0.12
_KIND_NAMED = 0.4


def draw_questions(atlas: Atlas) -> list[tuple[Question, Chain]]:
    """`config.questions` different questions, each with its chain.

    Raises:
        ConfigError: the world has no more questions of some sort, or the shares exceed 1.
    """
    drawer = _Drawer(atlas, Random(derived_seed("questions", *_seeds(atlas.config))))
    weights = _weights(atlas.config)
    return [drawer.draw(weights) for _ in range(atlas.config.questions)]


def _seeds(config: WorldConfig) -> tuple[object, ...]:
    """What the questions depend on, besides their number."""
    shares = (config.one_hop, config.comparison, config.max_hops)
    return (config.seed, config.entities, config.lookalikes, *shares)


def _weights(config: WorldConfig) -> Mapping[int, float]:
    """Share of each sort of question: 0 for comparisons, else the number of hops."""
    if config.one_hop + config.comparison > 1:
        rule = "the shares `one_hop` and `comparison` must not exceed 1 together"
        value = (config.one_hop, config.comparison)
        raise ConfigError(str(Problem("one_hop", rule, value, "Lower one of them.")))
    longer = {hops: share for hops, share in _LONGER_CHAINS.items() if hops <= config.max_hops}
    rest = (1 - config.one_hop - config.comparison) / sum(longer.values())
    return {0: config.comparison, 1: config.one_hop, **{hops: share * rest for hops, share in longer.items()}}


class _Drawer:
    """Draws questions that were not drawn before."""

    def __init__(self, atlas: Atlas, rng: Random) -> None:
        self._atlas = atlas
        self._rng = rng
        self._texts: set[str] = set()
        self._keys: set[tuple[frozenset[int], tuple[str, ...], str]] = set()
        self._ends: dict[Comparison, Mapping[Value, Sequence[int]]] = {}

    def draw(self, weights: Mapping[int, float]) -> tuple[Question, Chain]:
        """The next question, of a sort drawn by weight."""
        sort = self._rng.choices(list(weights), list(weights.values()))[0]
        for _ in range(_PATIENCE):
            drawn = self._bridge(sort) if sort else self._comparison()
            if drawn and self._is_new(*drawn):
                return self._question(*drawn), drawn[0]
        raise ConfigError(str(_used_up(sort, len(self._texts), self._atlas.config)))

    def _is_new(self, chain: Chain, text: str) -> bool:
        """Whether the question can be kept: not asked before, and giving none of its values away."""
        key = (frozenset(chain.starts), chain.path, chain.rule)
        if key in self._keys or text in self._texts or self._gives_away(chain, text):
            return False
        self._keys.add(key)
        self._texts.add(text)
        return True

    def _gives_away(self, chain: Chain, text: str) -> bool:
        padded = f" {normalise(text)} "
        values = [value for start in chain.starts for value in walk(self._atlas, start, chain.path) or ()]
        names = [normalise(name) for value in values for name in self._atlas.names(value)]
        return any(f" {name} " in padded for name in names)

    def _question(self, chain: Chain, text: str) -> Question:
        golds = gold_answers(self._atlas, chain)
        titles = dict.fromkeys(self._atlas.entities[index].title for index in self._subjects(chain))
        return Question(content_hash([DATASET, text, golds]), DATASET, text, golds, chain.hops, tuple(titles))

    def _subjects(self, chain: Chain) -> list[int]:
        found: list[Value] = []
        for start in chain.starts:
            found += [start, *(walk(self._atlas, start, chain.path) or ())[:-1]]
        return [index for index in found if isinstance(index, int)]

    def _bridge(self, hops: int) -> tuple[Chain, str] | None:
        start: Value = self._rng.randrange(len(self._atlas.entities))
        here, path = start, tuple[str, ...]()
        for left in reversed(range(hops)):
            options = [
                name for name, value in self._links(here).items() if isinstance(value, int) or not left
            ]
            if not options:
                return None
            path = (*path, self._rng.choice(options))
            here = self._links(here)[path[-1]]
        if walk(self._atlas, start, path) is None:
            return None
        return Chain((start,), path, "bridge"), self._nested(start, path)

    def _links(self, value: Value) -> Mapping[str, Value]:
        return self._atlas.links[value] if isinstance(value, int) else {}

    def _nested(self, start: int, path: tuple[str, ...]) -> str:
        """The question of a chain: one relation's wording inside the other's."""
        phrase = self._called(start)
        for name in path[:-1]:
            phrase = self._rng.choice(relations()[name].noun).format(x=phrase)
        last = relations()[path[-1]]
        if len(path) > 1 and self._rng.random() < _TWO_SENTENCES:
            ask = self._rng.choice(last.ask).format(x=f"that {kinds()[last.kind].noun}")
            return f"Think of {phrase}. {ask}"
        return sentence(self._rng.choice(last.ask), {"x": phrase})

    def _called(self, index: int, bare: bool = False) -> str:
        """The subject in a question; with its kind where the name alone could mean another entity."""
        entity = self._atlas.entities[index]
        words = kinds()[entity.kind]
        freely = words.said_freely and not bare and self._rng.random() < _KIND_NAMED
        return (
            words.said.format(x=entity.name)
            if freely or entity.title != entity.name
            else called(entity.kind, entity.name)
        )

    def _comparison(self) -> tuple[Chain, str] | None:
        most = self._atlas.config.max_hops
        options = [comparison for comparison in comparisons() if 2 * len(comparison.path) <= most]
        comparison = self._rng.choice(options)
        peers: Sequence[int] = self._atlas.ranges[comparison.kind]
        left = self._rng.choice(peers)
        # Two arbitrary towns are hardly ever in one country: half of the yes/no questions are made to be yes.
        if comparison.rule == "same" and self._rng.random() < 0.5:
            values = walk(self._atlas, left, comparison.path)
            peers = self._by_end(comparison)[values[-1]] if values else peers
        chain = Chain((left, self._rng.choice(peers)), comparison.path, comparison.rule)
        if chain.starts[0] == chain.starts[1] or not gold_answers(self._atlas, chain):
            return None
        first, second = (self._called(start, bare=True) for start in chain.starts)
        return chain, sentence(self._rng.choice(comparison.ask), {"a": first, "b": second})

    def _by_end(self, comparison: Comparison) -> Mapping[Value, Sequence[int]]:
        """The entities that a comparison can be about, by the value at the end of its path."""
        if comparison not in self._ends:
            found: dict[Value, list[int]] = defaultdict(list)
            for index in self._atlas.ranges[comparison.kind]:
                if values := walk(self._atlas, index, comparison.path):
                    found[values[-1]].append(index)
            self._ends[comparison] = found
        return self._ends[comparison]


def _used_up(sort: int, made: int, config: WorldConfig) -> Problem:
    what = f"{sort}-hop" if sort else "comparison"
    rule = f"a world of {config.entities} entities has no more {what} questions after {made} questions"
    return Problem("questions", rule, config.questions, f"Ask for at most {made}, or raise `entities`.")
