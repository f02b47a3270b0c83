"""Questions of the demo world: open, unambiguous, supported, and drawn so that they can be counted on."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from trajset.builder.config import WorldConfig
from trajset.builder.errors import ConfigError
from trajset.builder.scoring import normalise
from trajset.builder.world import World, generate
from trajset.builder.world.chains import quantity, verdict, walk


def test_texts_and_ids_are_unique(world: World):
    assert len({question.question for question in world.questions}) == len(world.questions)
    assert len({question.question_id for question in world.questions}) == len(world.questions)
    assert {question.dataset for question in world.questions} == {"demo-world"}


def test_hops_and_supporting_titles_come_from_the_chain(world: World):
    for question in world.questions:
        facts = world.facts_of(question.question_id)
        assert question.hops == len(facts)
        assert question.supporting_titles == tuple(dict.fromkeys(fact.subject for fact in facts))


def test_every_chain_is_supported_by_passages_and_ends_in_the_gold_answer(world: World):
    texts = {passage.id: passage.text for passage in world.passages()}
    for question in world.questions:
        for fact in world.facts_of(question.question_id):
            assert fact.sentence in texts[fact.passage_id]
        chain = world.chains[question.question_id]
        for branch in world.branches(chain):
            for fact, following in pairwise(branch):
                assert fact.target == following.subject
        if chain.rule == "bridge":
            last = world.facts_of(question.question_id)[-1]
            assert question.gold_answers == world.names_of_value(last)
            assert last.value in question.gold_answers


def test_no_value_to_be_found_stands_in_the_question(world: World):
    for question in world.questions:
        text = f" {normalise(question.question)} "
        for fact in world.facts_of(question.question_id):
            assert not any(f" {normalise(name)} " in text for name in world.names_of_value(fact))


def test_the_subject_is_named_so_that_it_means_one_entity(world: World):
    for question in world.questions:
        for start in world.chains[question.question_id].starts:
            entity = world.atlas.entities[start]
            assert entity.name in question.question
            if entity.title != entity.name and entity.kind != "person":
                assert entity.kind in question.question.lower()


def test_comparisons_have_a_winner_and_yes_is_as_frequent_as_no(world: World):
    answers = Counter(question.gold_answers[0] for question in world.questions)
    assert answers["yes"] >= 5
    assert answers["no"] >= 5
    for question in world.questions:
        chain = world.chains[question.question_id]
        if chain.rule in ("earlier", "later", "more"):
            names = {name for start in chain.starts for name in world.atlas.entities[start].names}
            assert set(question.gold_answers) <= names


def test_shares_of_sorts_follow_the_config():
    made = generate(WorldConfig(entities=2000, questions=1000, one_hop=0.3, comparison=0.0, max_hops=2))
    hops = Counter(question.hops for question in made.questions)
    assert set(hops) == {1, 2}
    assert hops[1] == pytest.approx(300, abs=60)


def test_more_questions_begin_with_the_same_ones(world: World):
    fewer = generate(replace(world.config, questions=100))
    assert fewer.questions == world.questions[:100]


def test_asking_for_more_than_exist_is_one_clear_error():
    with pytest.raises(ConfigError, match=r"questions: a world of 50 entities has no more .* got 100000"):
        generate(WorldConfig(entities=50, questions=100_000))


def test_shares_above_one_are_an_error():
    with pytest.raises(ConfigError, match="must not exceed 1 together"):
        generate(WorldConfig(entities=50, questions=10, one_hop=0.7, comparison=0.5))


def test_walks_stop_at_gaps_and_circles(world: World):
    town = world.atlas.ranges["town"][0]
    assert walk(world.atlas, town, ("director",)) is None
    country = world.atlas.value(town, "country")
    assert isinstance(country, int)
    capital = world.atlas.value(country, "capital")
    assert isinstance(capital, int)
    assert walk(world.atlas, capital, ("country", "capital")) is None


def test_verdicts():
    assert verdict("earlier", "4 March 1893", "5 March 1893") == 0
    assert verdict("later", "1893", "1901") == 1
    assert verdict("more", "853 kilometres", "97 kilometres") == 0
    assert verdict("earlier", "1893", "1893") is None
    assert verdict("same", "Orvel", "Orvel") == "yes"
    assert verdict("earlier", "Orvel", "1893") is None
    assert quantity("4 March 1893") == (1893, 2, 4)
