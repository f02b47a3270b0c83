"""The generated encyclopedia: the same for a seed, unique where it must be, and true to its facts."""

import time
from collections import Counter

import pytest
from trajset.builder.config import WorldConfig
from trajset.builder.identity import content_hash
from trajset.builder.scoring import normalise, string_f1
from trajset.builder.world import World, generate
from trajset.builder.world.pages import render_page
from trajset.builder.world.wording import comparisons, kinds, relations, relations_of, slots


def _fingerprint(config: WorldConfig) -> str:
    made = generate(config)
    return content_hash([list(made.passages()), made.questions])


def test_the_same_seed_gives_the_same_world_and_another_one_another():
    config = WorldConfig(entities=120, questions=50, seed=5)
    assert _fingerprint(config) == _fingerprint(config)
    assert _fingerprint(config) != _fingerprint(WorldConfig(entities=120, questions=50, seed=6))


def test_this_version_makes_the_world_it_always_made():
    """Datasets name a world by its settings: a change of wording or drawing is a change of the world."""
    assert _fingerprint(WorldConfig(entities=60, questions=40)) == "8d447f49a1256671"


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_world_works(seed):
    made = generate(WorldConfig(entities=50, questions=100, seed=seed))
    assert len(made.atlas.entities) == 50
    assert {entity.kind for entity in made.atlas.entities} == set(kinds())
    assert len(made.questions) == 100


def test_a_large_world_takes_seconds():
    started = time.perf_counter()
    made = generate(WorldConfig(entities=20_000, questions=500))
    assert len({entity.title for entity in made.atlas.entities}) == 20_000
    assert time.perf_counter() - started < 20


def test_titles_and_passage_ids_are_unique_and_no_passage_is_empty(world: World):
    passages = list(world.passages())
    assert len({passage.id for passage in passages}) == len(passages)
    assert all(passage.text and "{" not in passage.text for passage in passages)
    per_title = Counter(passage.title for passage in passages)
    assert set(per_title) == {entity.title for entity in world.atlas.entities}
    assert min(per_title.values()) >= 2


def test_a_name_means_one_entity_of_its_kind(world: World):
    names = Counter((entity.kind, normalise(n)) for entity in world.atlas.entities for n in entity.names)
    assert max(names.values()) == 1


def test_names_look_alike_on_purpose(world: World):
    entities = world.atlas.entities
    alike = [(entity, entities[entity.like]) for entity in entities if entity.like is not None]
    assert len(alike) > len(entities) / 10
    fooled = [string_f1(entity.name, [other.name]) > 0.65 for entity, other in alike]
    assert sum(fooled) > len(fooled) / 4
    assert any(entity.name.endswith("Jr.") for entity in entities)
    assert any(entity.title == f"{entity.name} ({entity.kind})" for entity in entities)
    families = Counter(entity.family for entity in entities if entity.kind == "person")
    assert families.most_common(1)[0][1] >= 4


def test_every_fact_stands_verbatim_in_its_passage_and_nowhere_else(world: World):
    for index, entity in enumerate(world.atlas.entities):
        page = world.page(index)
        assert set(page.facts) == set(world.atlas.links[index])
        for fact in page.facts.values():
            holders = [passage.id for passage in page.passages if fact.sentence in passage.text]
            assert holders == [fact.passage_id]
            assert fact.value in fact.sentence
            assert fact.subject == entity.title


def test_a_page_depends_on_its_entity_alone(world: World):
    assert render_page(world.atlas, 7) == world.page(7)


def test_without_filler_only_facts_are_told():
    made = generate(WorldConfig(entities=60, questions=20, filler=0))
    page = made.page(30)
    assert not page.decoys
    sentences = " ".join(passage.text for passage in page.passages)
    for fact in page.facts.values():
        sentences = sentences.replace(fact.sentence, "")
    assert sentences.count(".") <= 2


def test_a_father_has_the_family_name_and_a_capital_lies_in_its_country(world: World):
    atlas = world.atlas
    for index, links in enumerate(atlas.links):
        if isinstance(father := links.get("father"), int):
            assert atlas.entities[father].family == atlas.entities[index].family
            assert 20 <= atlas.entities[index].year - atlas.entities[father].year <= 45
        if isinstance(capital := links.get("capital"), int):
            assert atlas.links[capital]["country"] == index


def test_the_wording_fits_the_code():
    for relation in relations().values():
        assert relation.plain.endswith("{v}")
        assert len(relation.query) >= 4
        assert len(relation.state) >= 4
        assert all("{v}" in template for template in (*relation.state, *relation.near))
        assert all(slots(template) == ("x",) for template in (*relation.ask, *relation.noun, *relation.query))
    for comparison in comparisons():
        assert comparison.path[0] in {relation.name for relation in relations_of(comparison.kind)}
        assert all(set(slots(template)) == {"a", "b"} for template in comparison.ask)
