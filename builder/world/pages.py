"""The encyclopedia's text: the passages of one entity, with the sentence and passage that state each fact.

A page is a pure function of the atlas and an entity's number, so that a world of 100,000 entities never has
to hold its text in memory. Each fact stands in exactly one sentence of exactly one passage of its subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ..identity import derived_seed
from ..schema import Passage
from .atlas import Atlas, Value
from .entities import Entity
from .mistakes import mistaken_value
from .wording import Kind, Relation, kinds, relations, relations_in, sentence, slots, with_article

_ALONE_SHARE = 0.7
_NEAR_SHARE = 0.4
_ALIAS_VALUE_SHARE = 0.12


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as the encyclopedia states it. `subject` and `target` are titles; `target` is None for literals.

    `value` is the wording of the value in `sentence`, which stands verbatim in the passage `passage_id`.
    """

    subject: str
    relation: str
    value: str
    passage_id: str
    sentence: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One entity's passages (all under its title), its facts, and for some relations a misleading value."""

    passages: tuple[Passage, ...]
    facts: Mapping[str, Fact]
    decoys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mention:
    """The three cases of a way to speak of the subject: nominative, possessive, object."""

    s: str
    p: str
    o: str


def render_page(atlas: Atlas, index: int) -> Page:
    """The page of an entity."""
    return _Writer(atlas, atlas.entities[index]).page()


def plain_page(atlas: Atlas, index: int) -> Page:
    """The page of an entity in plain style: every fact is a passage of its own, without filler or decoys."""
    entity = atlas.entities[index]
    facts: dict[str, Fact] = {}
    for number, (name, value) in enumerate(atlas.links[index].items()):
        wording, target = (
            (value, None)
            if isinstance(value, str)
            else (atlas.entities[value].name, atlas.entities[value].title)
        )
        text = plain_fact(relations_in("plain")[name], entity.name, wording)
        facts[name] = Fact(entity.title, name, wording, f"{index:06d}-{number}", text, target)
    passages = tuple(Passage(fact.passage_id, fact.subject, fact.sentence) for fact in facts.values())
    return Page(passages, facts, {})


def plain_fact(relation: Relation, subject: str, value: str) -> str:
    """A fact as a bare sentence."""
    name = called(relation.kind, subject)
    return sentence(f"{relation.plain}.", {"s": name, "p": possessive(name), "v": value})


def called(kind: Kind, name: str) -> str:
    """A name as it stands in a sentence: rivers take the article."""
    return f"the {name}" if kind == "river" else name


def possessive(name: str) -> str:
    """The possessive of a name."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


class _Writer:
    """Writes one page. Its random numbers depend on the world's seed and the entity alone."""

    def __init__(self, atlas: Atlas, entity: Entity) -> None:
        self._atlas = atlas
        self._entity = entity
        self._words = kinds()[entity.kind]
        self._rng = Random(derived_seed("page", atlas.config.seed, entity.index))
        self._unused = self._rng.sample(self._words.filler, len(self._words.filler))
        self._facts: dict[str, Fact] = {}
        self._decoys: dict[str, str] = {}

    def page(self) -> Page:
        """The whole page."""
        names = list(self._atlas.links[self._entity.index])
        self._rng.shuffle(names)
        passages = [self._passage(number, chunk) for number, chunk in enumerate(self._chunks(names))]
        return Page(tuple(passages), self._facts, self._decoys)

    def _chunks(self, names: Sequence[str]) -> list[Sequence[str]]:
        """The relations split over passages, most alone; with filler some passages have none."""
        chunks: list[Sequence[str]] = []
        while names:
            size = 1 if self._rng.random() < _ALONE_SHARE else 2
            chunks.append(names[:size])
            names = names[size:]
        for _ in range(self._rng.randint(1, 3) if self._atlas.config.filler else 0):
            chunks.insert(self._rng.randint(0, len(chunks)), ())
        return chunks if len(chunks) > 1 else [(), *chunks]

    def _passage(self, number: int, names: Sequence[str]) -> Passage:
        passage_id = f"{self._entity.index:06d}-{number}"
        makers = [relations()[name] for name in names]
        plan: list[Relation | str] = [*makers, *self._fillers(alone=not makers), *self._near(makers)]
        self._rng.shuffle(plan)
        texts = [self._intro()] if number == 0 else []
        for item in plan:
            mention = self._mention(first=not texts)
            if isinstance(item, Relation):
                texts.append(self._state(item, mention, passage_id))
            else:
                texts.append(self._loose(item, mention))
        return Passage(passage_id, self._entity.title, " ".join(texts))

    def _intro(self) -> str:
        subject = called(self._entity.kind, self._entity.name)
        if self._entity.alias:
            subject += f", also known as {called(self._entity.kind, self._entity.alias)},"
        adjective, role = self._rng.choice(self._words.adjectives), self._rng.choice(self._words.roles)
        articles = {"a_adj": with_article(adjective), "a_role": with_article(role)}
        values = {"s": subject, "adj": adjective, "role": role, **articles}
        return sentence(self._rng.choice(self._words.intro), values)

    def _state(self, relation: Relation, mention: Mention, passage_id: str) -> str:
        value = self._atlas.links[self._entity.index][relation.name]
        wording = self._wording(value)
        text = sentence(self._rng.choice(relation.state), {**_cases(mention), "v": wording})
        target = self._atlas.entities[value].title if isinstance(value, int) else None
        self._facts[relation.name] = Fact(
            self._entity.title, relation.name, wording, passage_id, text, target
        )
        return text

    def _wording(self, value: Value) -> str:
        """A value in a passage: a literal, or an entity's name, now and then its alias."""
        if isinstance(value, str):
            return value
        entity = self._atlas.entities[value]
        aliased = entity.alias and self._rng.random() < _ALIAS_VALUE_SHARE
        return entity.alias if aliased and entity.alias else entity.name

    def _fillers(self, alone: bool) -> list[str]:
        """Some of the sentences that this page has not used yet; at least one where nothing else stands."""
        most = self._atlas.config.filler
        number = self._rng.randint(min(1, most), most) + alone
        return [self._unused.pop() for _ in range(number) if self._unused]

    def _near(self, makers: Sequence[Relation]) -> list[str]:
        """For some of the passage's facts a sentence that names another value of the same sort."""
        found: list[str] = []
        for relation in makers:
            if self._atlas.config.filler and self._rng.random() < _NEAR_SHARE:
                truth = self._atlas.links[self._entity.index][relation.name]
                decoy = mistaken_value(self._atlas, relation, truth, self._rng)
                if decoy != self._entity.name:
                    self._decoys[relation.name] = decoy
                    found.append(self._rng.choice(relation.near).replace("{v}", decoy))
        return found

    def _loose(self, template: str, mention: Mention) -> str:
        values = _cases(mention)
        for kind in kinds():
            if kind in slots(template):
                index = self._rng.choice(self._atlas.ranges[kind])
                values[kind] = called(kind, self._atlas.entities[index].name)
        return sentence(template, values)

    def _mention(self, first: bool) -> Mention:
        """By name where a passage opens, mostly; by pronoun or noun further on, mostly."""
        entity, draw = self._entity, self._rng.random()
        if draw < (0.55 if first else 0.2):
            return _named(called(entity.kind, entity.name))
        if draw < (0.7 if first else 0.25) and entity.alias:
            return _named(called(entity.kind, entity.alias))
        if draw < (0.85 if first else 0.45):
            return _named(_short(entity))
        return _pronoun(entity)


def _short(entity: Entity) -> str:
    """The family name of a person, "the film" of a film."""
    if entity.kind != "person":
        return f"the {kinds()[entity.kind].noun}"
    return entity.family


def _named(name: str) -> Mention:
    return Mention(name, possessive(name), name)


def _pronoun(entity: Entity) -> Mention:
    if entity.kind != "person":
        return Mention("it", "its", f"the {kinds()[entity.kind].noun}")
    return Mention("she", "her", "her") if entity.feminine else Mention("he", "his", "him")


def _cases(mention: Mention) -> dict[str, str]:
    return {"s": mention.s, "p": mention.p, "o": mention.o}
