"""The real transcripts: counts, scores against the recorded ones, and an audit that parses nothing.

The audit compares every row with its raw text through plain regular expressions over the raw text, which know
the sources' layouts and nothing of the parsers.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from trajset.builder.config import ImportConfig
from trajset.builder.schema import Message, Row, StopReason
from trajset.builder.scoring import exact_match, normalise
from trajset.builder.transcripts import FileCounts, Imported, read_transcripts
from trajset.builder.transcripts.files import Record, read_records

R1 = ("r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz", "r1searcher_hotpotqa_llama3.1-8b.jsonl.gz")
FIREACT_GPT = "fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz"
FIREACT = (FIREACT_GPT, "fireact_hotpotqa_llama-2-13b-lora.json.gz")
KNOWAGENT = "knowagent_hotpotqa_llama-2-13b.jsonl.gz"
FILES = (*R1, *FIREACT, KNOWAGENT)
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Pairs = list[tuple[Record, Row]]


@pytest.fixture(scope="module")
def everything(shared_data: Path) -> Imported:
    paths = [shared_data / "trajectories" / name for name in FILES]
    return read_transcripts(paths, ImportConfig(dataset="hotpotqa"), NOW)


@pytest.fixture(scope="module")
def pairs(everything: Imported, shared_data: Path) -> dict[str, Pairs]:
    """Raw record and row, per file."""
    found: dict[str, Pairs] = {}
    rows = iter(everything.rows)
    for name in FILES:
        records = read_records(shared_data / "trajectories" / name)
        found[name] = [(record, next(rows)) for record in records]
    return found


def counts_of(everything: Imported, name: str) -> FileCounts:
    return next(counts for counts in everything.counts if counts.taken.file == name)


@pytest.mark.parametrize(
    ("name", "form", "rows", "never"),
    list(
        zip(
            FILES,
            ("r1searcher", "r1searcher", "fireact", "fireact", "knowagent"),
            (500, 500, 465, 499, 500),
            (11, 0, 150, 0, 0),
            strict=True,
        )
    ),
)
def test_counts(everything: Imported, name: str, form: str, rows: int, never: int) -> None:
    counts = counts_of(everything, name)
    assert (counts.taken.format, counts.taken.sniffed) == (form, True)
    assert (counts.rows, counts.parsed, counts.never_searched) == (rows, rows, never)
    assert counts.judged == (rows if name in R1 else 0)


def test_all_ids_differ_and_questions_are_shared(everything: Imported) -> None:
    assert len({row.id for row in everything.rows}) == 2464
    assert {row.identity.sample_index for row in everything.rows} == {0}
    by_teacher: dict[str | None, set[str]] = {}
    for row in everything.rows:
        by_teacher.setdefault(row.provenance.teacher, set()).add(row.question.question_id)
    assert len(by_teacher) == 5
    qwen, llama = (by_teacher[name.removesuffix(".jsonl.gz")] for name in R1)
    assert len(qwen & llama) > 0


def test_fireact_recorded_f1_em_and_prediction(pairs: dict[str, Pairs]) -> None:
    for record, row in [pair for name in FIREACT for pair in pairs[name]]:
        assert row.scores.f1 == pytest.approx(record.data["f1"], abs=1e-12), record.index
        assert row.scores.em == record.data["em"], record.index
        assert row.outcome.answer is not None
        assert normalise(row.outcome.answer) == record.data["pred"], record.index


def test_knowagent_recorded_f1_and_em(pairs: dict[str, Pairs]) -> None:
    for record, row in pairs[KNOWAGENT]:
        assert row.scores.f1 == pytest.approx(record.data["reward"], abs=1e-12), record.index
        assert row.scores.em == record.data["correct"], record.index


def test_r1_searcher_recorded_answer_and_verdict(pairs: dict[str, Pairs], everything: Imported) -> None:
    verdicts = {judgement.row_id: judgement.verdict for judgement in everything.judgements}
    for record, row in [pair for name in R1 for pair in pairs[name]]:
        assert row.outcome.answer == record.data["pred_ans"].strip()
        assert verdicts[row.id] is (record.data["gpt4o_output"] == "True")
    assert len(verdicts) == len(everything.judgements) == 1000


def test_fireact_filter_figures(pairs: dict[str, Pairs]) -> None:
    right = [row for _, row in pairs[FIREACT_GPT] if (row.scores.f1 or 0) > 0.65]
    assert len(right) == 262
    assert sum(row.search_use.n_searches > 0 for row in right) == 170
    assert sum(row.search_use.first_action == "answer" for _, row in pairs[FIREACT_GPT]) == 150


def test_the_original_gold_answers_give_the_same_scores(shared_data: Path, pairs: dict[str, Pairs]) -> None:
    gold = shared_data / "retrieval" / "hotpotqa_dev_answers.json.gz"
    path = shared_data / "trajectories" / FIREACT_GPT
    rows = read_transcripts([path], ImportConfig(dataset="hotpotqa", gold=gold), NOW).rows
    assert [row.scores for row in rows] == [row.scores for _, row in pairs[FIREACT_GPT]]
    assert [row.id for row in rows] == [row.id for _, row in pairs[FIREACT_GPT]]
    capital = [row for row in rows if row.question.gold_answers[0] != row.question.gold_answers[0].lower()]
    assert len(capital) > 300


def test_knowagent_ends(pairs: dict[str, Pairs]) -> None:
    halted = [row for record, row in pairs[KNOWAGENT] if record.data["halted"]]
    assert {row.outcome.stop_reason for row in halted} == {StopReason.ABANDONED}
    assert len(halted) == 6


# The audit ------------------------------------------------------------------------------------------------


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def observed(row: Row) -> list[str]:
    texts = [message.content for message in row.conversation.messages if message.is_observation]
    if row.conversation.grammar == "tags":
        return [text.removeprefix("<information>\n").removesuffix("\n</information>") for text in texts]
    return texts


@pytest.mark.parametrize("name", R1)
def test_audit_of_r1_searcher(pairs: dict[str, Pairs], name: str) -> None:
    for record, row in pairs[name]:
        raw = record.data["gen_text_store"]
        queries = re.findall(r"begin_of_query\|>(.*?)<\|end_of_query", raw, re.DOTALL)
        documents = re.findall(r"begin_of_documents\|>(.*?)<\|end_of_documents", raw, re.DOTALL)
        assert list(row.search_use.queries) == [query.strip() for query in queries]
        assert observed(row) == [document.strip() for document in documents]
        assert row.outcome.answer == re.findall(r"<answer>(.*?)</answer>", raw, re.DOTALL)[-1].strip()
        titles = [re.findall(r"^\(\d\)\"?Title: (.*?) Text:", text, re.MULTILINE) for text in documents]
        assert [len(search["titles"]) for search in row.search_use.searches] == list(map(len, titles))
        said = re.sub(r"<\|begin_of_documents\|>.*?<\|end_of_documents\|>", "", raw, flags=re.DOTALL)
        said = re.sub(r"<\|(begin|end)_of_query\|>|</think>|</?answer>", "", said)
        kept = [
            f"{message.reasoning_content or ''}{re.sub(r'</?(search|answer)>', '', message.content)}"
            for message in row.conversation.messages
            if message.role == "assistant"
        ]
        assert squeezed("".join(kept)) == squeezed(said)
        assert row.conversation.messages[0] == Message("user", record.data["question"].strip())


def react_parts(name: str, data: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Question, the model's parts and the observations of a raw ReAct record."""
    if name == FIREACT_GPT:
        said = [message["content"] for message in data["traj"]]
        return said[0], said[1::2], [text.removeprefix("Observation: ") for text in said[2::2]]
    if name == KNOWAGENT:
        question, _, text = data["prompt"].split("(END OF EXAMPLES)\nQuestion: ")[1].partition("\n")
    else:
        head, text = data["traj"].split("\n\n### Response:\n")
        question = head.split("### Instruction:\n")[1]
    parts = re.split(r"^Observation(?: \d+)?: ?(.*)$\n?", text, flags=re.MULTILINE)
    return question, [part for part in parts[::2] if part], parts[1::2]


SEARCHES = ("search", "retrieve", "lookup")
ACTION = re.compile(r"^Action(?: \d+)?:", re.MULTILINE)
REGULAR = re.compile(r"^Action(?: \d+)?: *(\w+)\[(.*)\]\s*\Z", re.MULTILINE)
LABEL = re.compile(r"^(?:ActionPath|Thought|Action)(?: \d+)?:", re.MULTILINE)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", LABEL.sub("", text).lower()))


def model_words(message: Message) -> Counter[str]:
    """The words of a model turn, a call as `name argument` and an answer as `finish argument`."""
    calls = [call["function"] for call in message.tool_calls or ()]
    called = [f"{call['name']} {' '.join(call['arguments'].values())}" for call in calls]
    said = message.content.replace("<answer>", " finish ").replace("</answer>", "")
    return words("\n".join([message.reasoning_content or "", said, *called]))


@pytest.mark.parametrize("name", [*FIREACT, KNOWAGENT])
def test_audit_of_react(pairs: dict[str, Pairs], name: str) -> None:
    irregular = 0
    for record, row in pairs[name]:
        question, parts, results = react_parts(name, record.data)
        assert row.question.question == question.strip()
        turns = [message for message in row.conversation.messages if message.role == "assistant"]
        assert [model_words(turn) for turn in turns] == [words(part) for part in parts]
        finished = bool(re.search(r"reward = |Answer is (?:IN)?CORRECT", results[-1]))
        after = [m.content.replace("< ", "<") for m in row.conversation.messages[1:] if m.role != "assistant"]
        assert after == [text.strip() for text in results[: len(results) - finished]]
        actions = [REGULAR.findall(part) if len(ACTION.findall(part)) == 1 else [] for part in parts]
        if not all(actions):
            irregular += 1
            continue
        asked = [argument for ((action, argument),) in actions if action.lower() in SEARCHES]
        assert list(row.search_use.queries) == [argument.strip() for argument in asked]
        answers = [argument for ((action, argument),) in actions if action.lower() == "finish"]
        assert [row.outcome.answer] == ([answer.strip() for answer in answers] or [None])
    assert irregular == {FIREACT[0]: 8, FIREACT[1]: 1, KNOWAGENT: 2}[name]


def test_the_irregular_turns(pairs: dict[str, Pairs]) -> None:
    """Turns with several actions: the harness sent everything up to the next `Action:`; the rest is text."""
    rows = {record.index: row for record, row in pairs[FIREACT_GPT]}
    assert str(rows["407"].outcome.answer).startswith(
        "Langston Hughes has at least 5 different professions]\nTh"
    )
    assert (
        rows["407"]
        .conversation.messages[-1]
        .content.startswith("Action: search[number of skills Ian McEwan]")
    )
    assert (
        rows["564"].search_use.queries[6].startswith("author of the play Medea]\nThought: Now that I haven't")
    )
    assert rows["564"].search_use.searches[6]["error"] == "SearchFailed: None"
    assert [
        call["function"]["name"] for m in rows["457"].conversation.messages for call in m.tool_calls or ()
    ] == [
        "search",
        "click",
        "search",
    ]


def test_no_verdict_leaks_into_the_messages(pairs: dict[str, Pairs]) -> None:
    for _, row in [pair for name in (*FIREACT, KNOWAGENT) for pair in pairs[name]]:
        text = json.dumps([message.content for message in row.conversation.messages])
        assert not re.search(r"Episode finished, reward|Answer is (?:IN)?CORRECT", text)


def test_gold_answers_score_full_marks(everything: Imported) -> None:
    assert all(
        exact_match(row.question.gold_answers[0], row.question.gold_answers) for row in everything.rows
    )
