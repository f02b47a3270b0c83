"""The plain style: the same world, questions and facts in few, regular words."""

import pytest
from trajset.builder.config import TeacherKnobs, WorldConfig
from trajset.builder.errors import DataError
from trajset.builder.identity import content_hash
from trajset.builder.prompts import parse_turn
from trajset.builder.world import generate, load_world, write_world
from trajset.builder.world.oracle import oracle_labels

CONFIG = WorldConfig(entities=80, questions=40, seed=2, one_hop=0.3)
STUDIOUS = TeacherKnobs(known=0.0, misreading=0.0)


@pytest.fixture(scope="module")
def plain():
    return generate(CONFIG, "plain")


def test_questions_and_facts_are_those_of_the_usual_style(plain):
    varied = generate(CONFIG)
    assert plain.questions == varied.questions
    assert plain.atlas.links == varied.atlas.links
    assert plain.id != varied.id
    assert varied.id == generate(CONFIG, "varied").id


def test_the_usual_style_says_what_it_said_before_there_was_another(play_in):
    """Ids of rows that exist hang on it: a change of the draws' order shows here."""
    varied = generate(CONFIG)
    rows = play_in(varied).rows(TeacherKnobs(), 40)
    assert (varied.id, content_hash([row.conversation for row in rows])) == (
        "db56b70c53fcbb8b",
        "b9a13e1c9ba7e931",
    )


def test_every_passage_is_one_fact_with_its_value_last(plain):
    for entity in plain.atlas.entities:
        page = plain.page(entity.index)
        assert [passage.text for passage in page.passages] == [fact.sentence for fact in page.facts.values()]
        assert all(fact.sentence.rstrip(".").endswith(fact.value.rstrip(".")) for fact in page.facts.values())


def test_the_teacher_asks_in_the_words_of_the_fact_and_repeats_it(plain, play_in):
    rows = [play_in(plain).row(question, STUDIOUS) for question in plain.questions if question.hops == 1]
    assert rows
    for row in rows:
        (fact,) = plain.facts_of(row.question.question_id)
        search, answer = (
            parse_turn(message, "tools") for message in row.conversation.messages if message.is_model
        )
        assert search.text == ""
        assert fact.sentence.casefold().startswith(search.calls[0].query.casefold())
        assert (answer.text, answer.answer) == (fact.sentence, fact.value)


def test_the_oracle_finds_chains_right_and_grounded(plain, play_in):
    rows = [play_in(plain).row(question, STUDIOUS) for question in plain.questions]
    labels = list(oracle_labels(plain, rows))
    assert sum(label.correct and label.grounded for label in labels) > 0.9 * len(labels)


def test_it_is_kept_on_disk(plain, tmp_path):
    write_world(plain, tmp_path)
    loaded = load_world(tmp_path)
    assert (loaded.style, loaded.id) == ("plain", plain.id)
    assert list(loaded.passages()) == list(plain.passages())
    settings = (tmp_path / "world.json").read_text()
    (tmp_path / "world.json").write_text(settings.replace('"plain"', '"baroque"'))
    with pytest.raises(DataError, match="no such style"):
        load_world(tmp_path)
