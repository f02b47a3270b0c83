"""The import as a whole: identity, teachers, verdicts, unreadable records, sniffing, counts."""

import contextlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from trajset.builder.config import ImportConfig, TranscriptFormat
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.schema import StopReason
from trajset.builder.table import rows_from_table, table_from_rows
from trajset.builder.transcripts import Imported, counts_table, read_transcripts
from trajset.builder.transcripts.fields import gold_answers
from trajset.builder.transcripts.formats import FORMATS
from trajset.builder.transcripts.importing import JUDGE, UNPARSED_NAME, judgement_of
from trajset.builder.transcripts.reading import UnreadableError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RESULT = "<information>(1)Title: T Text: Paris</information>"
TAGGED = f"<think>a</think><search>q</search>{RESULT}<answer>Paris</answer>"


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)), "utf-8")
    return path


def record(question: str = "Who?", **fields: Any) -> dict[str, Any]:
    return {"question": question, "output": TAGGED, "answer": "Paris", **fields}


def imported(*paths: Path, **config: Any) -> Imported:
    return read_transcripts(paths, ImportConfig(**config), NOW)


def test_a_row_carries_everything(tmp_path: Path) -> None:
    (row,) = imported(write(tmp_path / "run-1.5.jsonl", record()), dataset="hotpotqa").rows
    assert (row.scores.f1, row.scores.em, row.search_use.n_searches) == (1.0, True, 1)
    assert row.search_use.searches[0]["titles"] == ["T"]
    assert row.search_use.searches[0]["scores"] == [None]
    assert row.search_use.answer_in_evidence is True
    assert row.search_use.first_action == "search"
    assert row.conversation.grammar == "tags"
    assert (row.provenance.teacher, row.provenance.prompt_id) == ("run-1.5", "import:search-r1")
    assert (row.provenance.created_at, row.question.dataset) == (NOW, "hotpotqa")
    assert list(rows_from_table(table_from_rows([row]))) == [row]


def test_ids_do_not_depend_on_the_time_or_the_run(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", record())
    other = write(tmp_path / "b.jsonl", record(), record("Why?"))
    later = read_transcripts([other], ImportConfig(teacher=("a",)), datetime(2027, 1, 1, tzinfo=UTC))
    assert imported(path).rows[0].id == later.rows[0].id


def test_two_teachers_on_the_same_questions_are_distinct_rows_of_one_question(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.jsonl", record()) for name in ("a", "b")]
    for config in ({}, {"teacher": ("x", "y")}, {"teacher": ("x",)}):
        rows = imported(*paths, **config).rows
        assert len({row.id for row in rows}) == 2
        assert len({row.question.question_id for row in rows}) == 1
    assert [row.identity.sample_index for row in imported(*paths, teacher=("x",)).rows] == [0, 1]


def test_repeated_questions_are_samples(tmp_path: Path) -> None:
    rows = imported(write(tmp_path / "a.jsonl", record(), record("Why?"), record())).rows
    assert [row.identity.sample_index for row in rows] == [0, 0, 1]
    assert len({row.id for row in rows}) == 3


@pytest.mark.parametrize(
    ("fields", "own"), [({"id": "5a8b57f2"}, True), ({"id": "12"}, False), ({"id": 12}, False)]
)
def test_a_sources_id_is_taken_unless_it_is_a_number(
    tmp_path: Path, fields: dict[str, Any], own: bool
) -> None:
    plain, named = imported(write(tmp_path / "a.jsonl", record(), record(**fields))).rows
    assert (named.question.question_id == fields["id"]) is own
    assert (named.question.question_id == plain.question.question_id) is not own


def test_the_record_names_its_teacher_and_question_set(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {
            "messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "x"}],
            "model": "m",
            "data_source": "nq",
        },
    )
    (row,) = imported(path).rows
    assert (row.provenance.teacher, row.question.dataset) == ("m", "nq")
    assert imported(path, teacher=("t",)).rows[0].provenance.teacher == "t"


def test_as_many_teachers_as_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", record())
    with pytest.raises(ConfigError, match="teacher: must be one, or one a file"):
        imported(path, teacher=("a", "b"))
    with pytest.raises(ConfigError, match="files: must be at least one"):
        imported()


@pytest.mark.parametrize(
    ("value", "verdict", "rationale"),
    [
        ("True", True, None),
        ("False", False, None),
        (" true. ", True, None),
        (False, False, None),
        ("Correct", None, "Correct"),
        ("", None, ""),
    ],
)
def test_verdicts(value: object, verdict: bool | None, rationale: str | None) -> None:
    judgement = judgement_of("row", {"gpt4o_output": value})
    assert judgement is not None
    assert (judgement.judge, judgement.model, judgement.row_id) == (JUDGE, "gpt-4o", "row")
    assert (judgement.verdict, judgement.rationale) == (verdict, rationale)


@pytest.mark.parametrize("data", [{}, {"gpt4o_output": None}, {"reward": True, "em": True, "correct": True}])
def test_no_verdict_no_judgement(data: dict[str, Any]) -> None:
    assert judgement_of("row", data) is None


def test_what_cannot_be_parsed_is_a_row_with_its_reason(tmp_path: Path) -> None:
    broken = {"question": "Why?", "note": "<|im_start|>assistant\nhi", "gpt4o_output": "True", "answer": "x"}
    made = imported(write(tmp_path / "a.jsonl", record(), broken, record(gpt4o_output="False")))
    row = made.rows[1]
    assert row.outcome.stop_reason is StopReason.UNPARSED
    assert str(row.outcome.error).startswith("Unparsed: no transcript text")
    (message,) = row.conversation.messages
    assert (message.role, message.name, message.is_observation) == ("user", UNPARSED_NAME, False)
    assert json.loads(message.content) == broken
    assert (row.scores.f1, row.scores.em, row.search_use.n_turns) == (None, None, 0)
    assert [judgement.row_id for judgement in made.judgements] == [row.id, made.rows[2].id]
    (counts,) = made.counts
    assert (counts.rows, counts.parsed, counts.answered, counts.judged) == (3, 2, 2, 2)
    assert (counts.mean_searches, counts.never_searched) == (1.0, 0)
    assert counts.reasons[0][1] == 1


def test_sources_name_file_and_place(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"6238": record(), "7": record("Why?")}))
    made = imported(path)
    assert [(s.file, s.index) for s in map(made.sources.get, (row.id for row in made.rows)) if s] == [
        ("a.json", "6238"),
        ("a.json", "7"),
    ]


def test_gold_answers_of_another_file_replace_those_of_the_source(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", record(answer="paris"), record("Why?", answer="because"))
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps([{"question": "Who?", "answer": "Paris, France", "type": "bridge"}]))
    assert [row.question.gold_answers for row in imported(path, gold=gold).rows] == [
        ("Paris, France",),
        ("because",),
    ]
    with pytest.raises(DataError, match="must hold questions with answers"):
        imported(path, gold=write(tmp_path / "b.jsonl", {"question": "Who?"}))


@pytest.mark.parametrize(
    ("data", "gold"),
    [
        ({"answer": " Paris "}, ("Paris",)),
        ({"golden_answers": ["a", "b", "a", " "]}, ("a", "b")),
        ({"reward_model": {"ground_truth": {"target": ["a"]}}}, ("a",)),
        ({"answer": {"value": "a", "aliases": ["a", "b"]}}, ("a", "b")),
        ({"answer": 1937}, ("1937",)),
        ({"answer": [], "gt": "x"}, ("x",)),
        ({"answer": True, "question": "?"}, ()),
        ({}, ()),
    ],
)
def test_gold_answers_of_a_record(data: dict[str, Any], gold: tuple[str, ...]) -> None:
    assert gold_answers(data) == gold


SAMPLES: dict[str, dict[str, Any]] = {
    "r1searcher": {"gen_text_store": "a <|begin_of_query|>b<|end_of_query|>", "question": "q"},
    "search-o1": {"Output": "a <|begin_search_query|>b<|end_search_query|>", "Question": "q"},
    "search-r1": {"response": "<search>b</search>", "question": "q"},
    "fireact": {
        "traj": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Action: finish[a]"}]
    },
    "knowagent": {"prompt": "Question: q\nActionPath 1: Start\nThought 1: a\nAction 1: Finish[b]"},
    "openai": {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
    "sharegpt": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    "atif": {"steps": [{"source": "user", "message": "q"}, {"source": "agent", "message": "a"}]},
    "evouna": {"question": "q", "golden_answer": "a/b", "answer_fid": "a", "judge_fid": True},
}


def test_the_formats_are_a_closed_set() -> None:
    assert {"auto", *FORMATS} == set(get_args(TranscriptFormat)) == {"auto", *SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_is_found_and_said(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.jsonl", {"note": "not this one"}, SAMPLES[name])
    (counts,) = imported(path).counts
    assert (counts.taken.format, counts.taken.sniffed, counts.rows, counts.parsed) == (name, True, 2, 1)
    (named,) = imported(path, format=name).counts
    assert (named.taken.format, named.taken.sniffed, named.parsed) == (name, False, 1)


def test_a_file_of_no_known_format_is_an_error_before_anything_is_parsed(tmp_path: Path) -> None:
    good = write(tmp_path / "a.jsonl", record())
    with pytest.raises(DataError, match=r"must look like a known format.*--format"):
        imported(good, write(tmp_path / "b.jsonl", {"title": "a", "text": "b"}))


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = write(tmp_path / "a.jsonl", record(), record())
    read_transcripts([path], ImportConfig(), NOW, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_the_table_names_files_numbers_and_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "[a].jsonl", record(), {"question": "q"})
    shown = io.StringIO()
    Console(file=shown, width=200).print(counts_table(imported(path).counts))
    for word in ("[a].jsonl", "search-r1 (found)", "1.00", "Unparsed: no transcript text"):
        assert word in shown.getvalue()


NAMES = (
    *("role", "content", "from", "value", "source", "message", "tool_calls", "function", "arguments", "name"),
    *("observation", "results", "system", "tools", "usage", "agent", "metrics", "question", "answer"),
)
KEYS = st.sampled_from(NAMES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PLACES = st.sampled_from(["messages", "conversations", "steps", "traj", "prompt", "output", "gen_text_store"])


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=60)
@given(data=st.dictionaries(PLACES | KEYS, JSON, max_size=5))
def test_no_record_breaks_a_parser(name: str, data: dict[str, Any]) -> None:
    """Whatever a record holds, it is read or it is `UnreadableError`."""
    with contextlib.suppress(UnreadableError):
        reading = FORMATS[name].parse(data, frozenset())
        assert reading.question
        assert any(message.is_model for message in reading.conversation.messages)
