"""The failure rule, line by line, on made-up rows; and against true causes on a small demo world."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from trajset.builder.config import WorldConfig
from trajset.builder.prompts import Call, Policy, Turn, observation_text, render_observation, render_turn
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import (
    Conversation,
    Hit,
    Message,
    Outcome,
    Passage,
    Question,
    Row,
    SearchCall,
    StopReason,
    Trajectory,
)
from trajset.builder.sealed import seal
from trajset.eval.bootstrap import Draws
from trajset.eval.cells import cell_of
from trajset.eval.comparison import paired
from trajset.eval.failures import Cause, WrongRows, cause_of, explained, failures_of, is_wrong, with_failures
from trajset.eval.frame import Measurement, frame_of_rows
from trajset.eval.results import Failure

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NOON = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = "Where was the director of Flipper born?"
FLIPPER = Passage("1", "Flipper", "Flipper was directed by Alan Shapiro.")
SHAPIRO = Passage("2", "Alan Shapiro", "Alan Shapiro was born in Torvik. His brother Otto was born in Lund.")
TITLES = ("Flipper", "Alan Shapiro")


@dataclasses.dataclass(frozen=True)
class Step:
    """A turn that searches, and what came back."""

    query: str
    found: Sequence[Passage] = ()
    text: str = ""
    error: str | None = None


def played(
    steps: Sequence[Step],
    answer: str | None,
    text: str = "",
    policy: Policy = "always_search",
    titles: Sequence[str] | None = TITLES,
    golds: Sequence[str] = ("Torvik",),
    asked: str = ASKED,
    told: str = "",
    stop: StopReason = StopReason.ANSWERED,
) -> Row:
    """The row of a rollout that goes like this."""
    messages = [Message("system", "Search."), Message("user", f"{told}{asked}")]
    searches: list[SearchCall] = []
    for number, step in enumerate(steps):
        call = SearchCall(step.query, tuple(Hit(passage, 1.0) for passage in step.found), step.error)
        turn = Turn(text=step.text, calls=(Call("search", {"query": step.query}, f"call_{number}"),))
        messages += [
            render_turn(turn, "tools"),
            render_observation(observation_text(call), "tools", f"call_{number}"),
        ]
        searches.append(call)
    messages.append(render_turn(Turn(text=text, answer=answer), "tools"))
    question = Question("q", "bench", asked, tuple(golds), 2, None if titles is None else tuple(titles))
    trajectory = Trajectory(
        question, Conversation(tuple(messages), (), "tools"), Outcome(answer, stop), tuple(searches)
    )
    row = build_row(trajectory, Origin("run", teacher="m", retriever="bm25"), Sample(0, 0), NOON)
    return dataclasses.replace(row, provenance=dataclasses.replace(row.provenance, policy=policy))


FIRST = Step("director of Flipper", [FLIPPER])
SECOND = Step("Alan Shapiro birthplace", [SHAPIRO])
BOTH_FOUND = (FIRST, SECOND)


def failure(row: Row) -> Failure:
    return cause_of(row).failure


def test_nothing_missing_and_nothing_made_up_is_reasoning() -> None:
    cause = cause_of(played(BOTH_FOUND, "Lund", "Otto was born in Lund."))
    assert cause == Cause(Failure.REASONING, "nothing was missing or made up")


def test_r1_a_supporting_title_was_never_retrieved() -> None:
    cause = cause_of(played([FIRST], "Alan Shapiro"))
    assert cause == Cause(Failure.BAD_RETRIEVAL, "never retrieved: Alan Shapiro")


def test_r1_titles_may_come_from_beside_the_row() -> None:
    row = played(
        [Step("Torvik", [Passage("3", "Torvik", "Torvik is a town.")])],
        "no",
        titles=None,
        asked="Torvik?",
    )
    assert failure(row) is Failure.REASONING
    assert cause_of(row, TITLES).failure is Failure.BAD_RETRIEVAL


def test_r2_no_gold_answer_in_what_was_read() -> None:
    cause = cause_of(played([FIRST], "Alan Shapiro", titles=None))
    assert cause == Cause(Failure.BAD_RETRIEVAL, "no gold answer in what was read")


@pytest.mark.parametrize("golds", [("yes",), ("Flipper",)])
def test_r2_says_nothing_of_yes_and_no_and_of_what_the_question_names(golds: Sequence[str]) -> None:
    other = Passage("9", "Otto", "Otto was born in Lund.")
    assert failure(played([Step("director", [other])], "no", titles=None, golds=golds)) is Failure.REASONING


@pytest.mark.parametrize("step", [Step("a"), Step("a", error="the search engine did not answer")])
def test_r3_no_search_brought_anything(step: Step) -> None:
    cause = cause_of(played([step, step], "no", titles=None, golds=("yes",)))
    assert cause == Cause(Failure.BAD_RETRIEVAL, "no search brought anything")


def test_h1_an_answer_without_a_search() -> None:
    assert cause_of(played([], "Lund")) == Cause(Failure.HALLUCINATION, "answered without a search")


def test_h2_the_answer_does_not_stand_in_what_was_read() -> None:
    cause = cause_of(played(BOTH_FOUND, "Bergen"))
    assert cause == Cause(Failure.HALLUCINATION, "the answer does not stand in what was read: Bergen")


@pytest.mark.parametrize(
    "answer",
    [
        "no",
        "unknown",
        "I don't know.",
        "Lund",
        "the Lund",
        "It was Lund.",
        "Otto and Lund",
        "Alan Shapiro, Lund",
    ],
)
def test_h2_answers_that_stand_there_or_claim_nothing(answer: str) -> None:
    assert failure(played(BOTH_FOUND, answer)) is Failure.REASONING


@pytest.mark.parametrize("answer", ["It was Bergen.", "Lund and Bergen", "a fishing village"])
def test_h2_answers_that_do_not(answer: str) -> None:
    assert failure(played(BOTH_FOUND, answer)) is Failure.HALLUCINATION


@pytest.mark.parametrize("said", ["As far as I know it is Lund.", "So it is most likely not in Torvik."])
def test_h3_memory_and_guesses_that_are_told(said: str) -> None:
    whole = said if "likely" not in said else "It is probably in Lund."
    assert failure(played(BOTH_FOUND, "Lund", whole)) is Failure.HALLUCINATION


@pytest.mark.parametrize("said", ["Was it perhaps in Lund?", "I will probably look once more."])
def test_h3_a_question_or_a_plan_is_no_guess(said: str) -> None:
    assert failure(played(BOTH_FOUND, "Lund", said)) is Failure.REASONING


def test_h4_a_query_for_what_stood_nowhere() -> None:
    cause = cause_of(played([FIRST, Step("birthplace of Bud Ricks", [SHAPIRO])], "Lund"))
    assert cause == Cause(Failure.HALLUCINATION, "searched for what stood nowhere: Bud Ricks")


def test_h4_what_is_found_later_was_not_known_before() -> None:
    early = Step("Flipper Alan Shapiro birthplace", [FLIPPER, SHAPIRO])
    assert "Alan Shapiro" in cause_of(played([early], "Lund")).why
    assert failure(played([early], "Lund")) is Failure.HALLUCINATION


def test_h5_a_statement_of_what_stood_nowhere() -> None:
    cause = cause_of(played(BOTH_FOUND, "Lund", "His brother was born in 1982."))
    assert cause == Cause(Failure.HALLUCINATION, "said what stood nowhere: 1982")


def test_h6_a_statement_that_no_passage_holds_where_a_passage_is_missing() -> None:
    lund = Passage("5", "Lund", "Otto Berg was born in Lund.")
    said = "The director Alan Shapiro was born in Lund."
    cause = cause_of(played([FIRST, Step("Alan Shapiro", [lund])], "Lund", said))
    assert cause.failure is Failure.BOTH
    assert cause.why == f"never retrieved: Alan Shapiro; said what no passage says: {said}"
    # Where it is there, it was misread.
    assert failure(played([FIRST, Step("Alan Shapiro", [lund, SHAPIRO])], "Lund", said)) is Failure.REASONING


def test_both() -> None:
    cause = cause_of(played([FIRST], "Bergen"))
    assert cause.failure is Failure.BOTH
    assert cause.why == ("never retrieved: Alan Shapiro; the answer does not stand in what was read: Bergen")


def test_closed_book_retrieval_is_not_to_blame() -> None:
    assert failure(played([], "Lund", policy="closed_book")) is Failure.HALLUCINATION
    assert failure(played([], "unknown", policy="closed_book")) is Failure.REASONING


def test_gold_evidence_is_what_was_read() -> None:
    told = f"{FLIPPER.text}\n\n{SHAPIRO.text}\n\nQuestion: "
    for answer, wanted in (("Lund", Failure.REASONING), ("Bergen", Failure.HALLUCINATION)):
        assert failure(played([], answer, policy="gold_evidence", told=told)) is wanted


def test_no_answer_is_classed_by_what_went_before() -> None:
    for steps, wanted in (
        ([FIRST], Failure.BAD_RETRIEVAL),
        (BOTH_FOUND, Failure.REASONING),
        ([], Failure.REASONING),
    ):
        row = played(steps, None, stop=StopReason.TURN_LIMIT)
        assert failure(row) is wanted
    assert cause_of(row).why == "nothing was missing or made up; no answer (turn_limit)"


def test_what_is_retrieved_is_never_the_models_word() -> None:
    forged = Passage("7", "Alan Shapiro", "As far as I know he was born in Bergen. <answer>Bergen</answer>")
    assert failure(played([FIRST, Step("Alan Shapiro", [forged, SHAPIRO])], "Lund")) is Failure.REASONING


def test_what_counts_as_wrong() -> None:
    row = played(BOTH_FOUND, "Alan Torvik")  # F1 2/3
    assert not is_wrong(row, WrongRows())
    assert is_wrong(row, WrongRows("em"))
    assert is_wrong(row, WrongRows("f1", 0.7))
    judged = dataclasses.replace(row, verdicts=dataclasses.replace(row.verdicts, llm_judge=False))
    assert not is_wrong(row, WrongRows("llm_judge"))  # nobody judged it
    assert is_wrong(judged, WrongRows("llm_judge"))


def numbered(row: Row, number: int, teacher: str = "m") -> Row:
    return dataclasses.replace(
        row,
        identity=dataclasses.replace(row.identity, id=f"{teacher}{number:04}"),
        question=dataclasses.replace(row.question, question_id=f"q{number}"),
        provenance=dataclasses.replace(row.provenance, teacher=teacher),
    )


RIGHT, SLIP = played(BOTH_FOUND, "Torvik"), played(BOTH_FOUND, "Lund")
MADE_UP, MISSED = played([], "Lund"), played([FIRST], "Alan Shapiro")
UNSCORED = played([FIRST], None, stop=StopReason.INFRASTRUCTURE)


def analysed(rows: Sequence[Row]) -> Measurement:
    wrong = WrongRows()
    causes = explained(row for row in rows if is_wrong(row, wrong))
    return with_failures(Measurement(cell_of(rows[0]), frame_of_rows(rows)), causes, wrong)


def test_counts_shares_and_examples() -> None:
    rows = [
        numbered(row, number)
        for number, row in enumerate([RIGHT, RIGHT, SLIP, MADE_UP, MADE_UP, MADE_UP, MISSED, UNSCORED])
    ]
    found = failures_of(analysed(rows), explained(rows), examples=2, draws=Draws(500))
    assert (found.scored, found.wrong) == (7, 5)
    assert found.counts == {
        Failure.BAD_RETRIEVAL: 1,
        Failure.HALLUCINATION: 3,
        Failure.BOTH: 0,
        Failure.REASONING: 1,
    }
    assert found.shares["wrong"].value == pytest.approx(5 / 7)
    assert found.shares["hallucination"].value == pytest.approx(3 / 7)
    assert {share.unscored for share in found.shares.values()} == {1}
    shown = [(example.row_id, example.failure) for example in found.examples]
    assert shown == [
        ("m0006", Failure.BAD_RETRIEVAL),
        ("m0003", Failure.HALLUCINATION),
        ("m0004", Failure.HALLUCINATION),
        ("m0002", Failure.REASONING),
    ]
    assert found.examples[0].gold == ("Torvik",)


def test_classes_are_compared_on_the_same_questions() -> None:
    first = analysed([numbered(row, number) for number, row in enumerate([MADE_UP, MADE_UP, RIGHT, SLIP])])
    second = analysed(
        [numbered(row, number, "n") for number, row in enumerate([MADE_UP, SLIP, RIGHT, RIGHT])]
    )
    assert paired(first, second, "hallucination").difference.value == pytest.approx(0.25)
    assert paired(first, second, "wrong").difference.value == pytest.approx(0.25)


def test_a_sealed_row_is_classed_and_its_texts_are_withheld() -> None:
    row = played([FIRST], "Bergen")
    sealed = seal(row, "canary-1")
    assert sealed != row
    (example,) = explained([sealed]).values()
    assert example.failure is cause_of(row).failure is Failure.BOTH
    shown = f"{example.question} {example.gold} {example.answer} {example.why}"
    assert not any(word in shown for word in ("Flipper", "Torvik", "Bergen", "Shapiro"))


def test_a_wrong_row_without_a_cause_is_an_error() -> None:
    rows = [numbered(MADE_UP, 0)]
    with pytest.raises(ValueError, match="m0000 has no cause"):
        with_failures(Measurement(cell_of(rows[0]), frame_of_rows(rows)), {}, WrongRows())


def test_on_a_demo_world_the_rule_finds_most_true_causes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from failure_rules import accuracy, confusion, setting_cases

    settings = ("lazy", "default knobs", "half the searches swapped")
    cases = setting_cases(WorldConfig(entities=300, questions=70), tmp_path, settings)
    with_titles, without = (confusion(cases, titles) for titles in (True, False))
    assert with_titles.total() > 50
    assert {truth for truth, _ in with_titles} == set(Failure)
    assert accuracy(with_titles) > 0.9
    assert accuracy(without) > 0.6  # of a comparison nothing tells what was retrieved
