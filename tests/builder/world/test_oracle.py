"""The oracle's labels on transcripts written by hand: found, remembered, found too late, misread, forged."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from trajset.builder.errors import DataError
from trajset.builder.prompts import Call, Turn, observation_text, render_observation, render_turn
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import (
    Conversation,
    Grammar,
    Hit,
    Label,
    Message,
    Outcome,
    Passage,
    Question,
    Row,
    SearchCall,
    StopReason,
    Trajectory,
)
from trajset.builder.world import Fact, World, oracle_labels
from trajset.builder.world.speech import ANSWER_FORMS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

Step = tuple[str, Sequence[Passage]]


def bridge(world: World, hops: int = 2) -> tuple[Question, tuple[Fact, ...]]:
    chains = world.chains
    wanted = (q for q in world.questions if q.hops == hops and chains[q.question_id].rule == "bridge")
    question = next(wanted)
    return question, world.facts_of(question.question_id)


def passage_of(world: World, fact: Fact) -> Passage:
    return next(passage for passage in world.passages() if passage.id == fact.passage_id)


def row_of(
    question: Question, steps: Sequence[Step], answer: str | None, grammar: Grammar = "tools", text: str = ""
) -> Row:
    """A row in which each step is a query and the passages that came back."""
    messages = [Message("system", "Search."), Message("user", question.question)]
    searches: list[SearchCall] = []
    for number, (query, passages) in enumerate(steps):
        call = SearchCall(query, tuple(Hit(passage, 1.0) for passage in passages))
        turn = Turn(text=text, calls=(Call("search", {"query": query}, f"call_{number}"),))
        messages += [
            render_turn(turn, grammar),
            render_observation(observation_text(call), grammar, f"call_{number}"),
        ]
        searches.append(call)
    if answer is not None:
        messages.append(render_turn(Turn(text=text, answer=answer), grammar))
    outcome = Outcome(answer, StopReason.TURN_LIMIT if answer is None else StopReason.ANSWERED)
    trajectory = Trajectory(question, Conversation(tuple(messages), (), grammar), outcome, tuple(searches))
    return build_row(trajectory, Origin("run"), Sample(), NOON)


def label(world: World, row: Row) -> Label:
    (only,) = oracle_labels(world, [row])
    return only


def verdict(world: World, row: Row) -> tuple[bool, bool]:
    """Correct, grounded."""
    found = label(world, row)
    return found.correct, found.grounded


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_each_fact_found_before_it_is_used(world, grammar):
    question, (first, second) = bridge(world)
    steps = [
        (f"{first.subject} {first.relation}", [passage_of(world, first)]),
        (f"{first.value} {second.relation}", [passage_of(world, second)]),
    ]
    row = row_of(question, steps, question.gold_answers[0], grammar)
    assert verdict(world, row) == (True, True)
    assert label(world, row).note is None
    assert label(world, row).annotator == "oracle"
    assert label(world, row).labelled_at == NOON


def test_a_silently_remembered_hop(world):
    question, (first, second) = bridge(world)
    row = row_of(question, [(f"{first.value} {second.relation}", [passage_of(world, second)])], second.value)
    assert verdict(world, row) == (True, False)
    assert first.relation in (label(world, row).note or "")


def test_a_fact_found_after_it_was_used(world):
    question, (first, second) = bridge(world)
    steps = [
        (f"{first.value} {second.relation}", [passage_of(world, second)]),
        (f"{first.subject} {first.relation}", [passage_of(world, first)]),
    ]
    assert verdict(world, row_of(question, steps, second.value)) == (True, False)


def test_a_fact_that_comes_back_with_the_query_that_uses_it_came_too_late(world):
    question, (first, second) = bridge(world)
    steps = [
        (f"{first.value} {second.relation}", [passage_of(world, first), passage_of(world, second)]),
    ]
    assert verdict(world, row_of(question, steps, second.value)) == (True, False)


def test_both_facts_in_one_search_are_found_in_time(world):
    question, (first, second) = bridge(world)
    steps = [(question.question, [passage_of(world, first), passage_of(world, second)])]
    assert verdict(world, row_of(question, steps, second.value)) == (True, True)


def test_the_last_fact_remembered(world):
    question, (first, second) = bridge(world)
    steps = [(f"{first.subject} {first.relation}", [passage_of(world, first)])]
    assert verdict(world, row_of(question, steps, second.value)) == (True, False)


def test_nothing_searched(world):
    question, facts = bridge(world)
    assert verdict(world, row_of(question, [], facts[-1].value)) == (True, False)


def test_a_misread_fact_leads_elsewhere(world):
    question, (first, second) = bridge(world)
    steps = [
        (f"{first.subject} {first.relation}", [passage_of(world, first)]),
        (f"Somebody Else {second.relation}", []),
    ]
    row = row_of(question, steps, "Somewhere Else")
    assert verdict(world, row) == (False, False)
    assert (label(world, row).note or "").startswith("answer differs from gold")


def test_a_last_fact_found_but_misread_is_grounded_and_wrong(world):
    question, (first, second) = bridge(world)
    steps = [
        (f"{first.subject} {first.relation}", [passage_of(world, first)]),
        (f"{first.value} {second.relation}", [passage_of(world, second)]),
    ]
    assert verdict(world, row_of(question, steps, "Somewhere Else")) == (False, True)


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_what_the_model_writes_is_no_evidence(world, grammar):
    question, facts = bridge(world)
    page = "\n\n".join(f"[{n}] {f.subject}\n{passage_of(world, f).text}" for n, f in enumerate(facts, 1))
    text = f"<information>\n{page}\n</information>"
    row = row_of(question, [("something", [])], facts[-1].value, grammar, text=text)
    assert verdict(world, row) == (True, False)


def test_the_right_sentence_under_another_title_is_no_evidence(world):
    question, facts = bridge(world)
    forged = [Passage(fact.passage_id, "Another Title", fact.sentence) for fact in facts]
    assert verdict(world, row_of(question, [("something", forged)], facts[-1].value)) == (True, False)


def test_a_passage_cut_before_the_sentence_is_no_evidence(world):
    question, facts = bridge(world)
    cut = []
    for fact in facts:
        passage = passage_of(world, fact)
        text = passage.text[: passage.text.index(fact.sentence) + 5]
        cut.append(Passage(passage.id, passage.title, text))
    assert verdict(world, row_of(question, [("something", cut)], facts[-1].value)) == (True, False)


def test_a_comparison_needs_both_sides(world):
    question = next(q for q in world.questions if world.chains[q.question_id].rule == "earlier")
    facts = world.facts_of(question.question_id)
    found = [(fact.subject, [passage_of(world, fact)]) for fact in facts]
    assert verdict(world, row_of(question, found, question.gold_answers[0])) == (True, True)
    assert verdict(world, row_of(question, found[:-1], question.gold_answers[0])) == (True, False)


def test_a_value_inside_a_longer_name_is_not_used(world):
    question, first, second, longer = _with_longer_name(world)
    steps = [
        (f"who is {longer}", [passage_of(world, first)]),
        (f"{first.value} {second.relation}", [passage_of(world, second)]),
    ]
    assert verdict(world, row_of(question, steps, question.gold_answers[0])) == (True, True)
    steps[0] = (f"who is {first.value}", [passage_of(world, first)])
    assert verdict(world, row_of(question, steps, question.gold_answers[0])) == (True, False)


def _with_longer_name(world: World) -> tuple[Question, Fact, Fact, str]:
    """A question whose first value's name stands in another entity's longer name."""
    chains, everybody = world.chains, [entity.name for entity in world.atlas.entities]
    for question in world.questions:
        if question.hops == 2 and chains[question.question_id].rule == "bridge":
            first, second = world.facts_of(question.question_id)
            forms = {f"{first.value} Jr.", f"North {first.value}", f"New {first.value}", f"Old {first.value}"}
            if longer := next((name for name in everybody if name in forms), None):
                return question, first, second, longer
    raise LookupError("no such question in this world")


def test_answers_count_in_any_accepted_wording_and_form_but_not_by_overlap(world):
    question, facts = bridge(world)
    for gold in question.gold_answers:
        for form in ("{v}", "the {v}", *ANSWER_FORMS):
            assert label(world, row_of(question, [], form.format(v=gold))).correct
    assert not label(world, row_of(question, [], f"{facts[-1].value} Jr.")).correct
    assert not label(world, row_of(question, [], f"{facts[-1].value} or another")).correct


def test_without_an_answer_neither(world):
    question, facts = bridge(world)
    steps = [(question.question, [passage_of(world, fact) for fact in facts])]
    assert verdict(world, row_of(question, steps, None)) == (False, False)


def test_a_question_of_another_world_is_an_error(world):
    row = row_of(Question("x", "other", "Who?", ("nobody",)), [], "nobody")
    with pytest.raises(DataError, match=r"question_id: must be a question of the demo world"):
        list(oracle_labels(world, [row]))
