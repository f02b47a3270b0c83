"""Rows for tests: ordinary ones by number, and a hypothesis strategy for any row that a table can hold."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from trajset.builder.prompts import SEARCH_TOOL
from trajset.builder.schema import (
    SCHEMA_VERSION,
    Conversation,
    Cost,
    Identity,
    Message,
    Outcome,
    Provenance,
    Question,
    Row,
    Scores,
    SearchUse,
    StopReason,
    Verdicts,
)

CREATED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def sample_row(number: int, answer: str = "Rome", f1: float | None = 1.0, text: str = "Rome is old.") -> Row:
    """A row of one search and one answer; the number is in its id, question and query."""
    query = f"capital {number}"
    call = {"id": "call_0", "type": "function", "function": {"name": "search", "arguments": {"query": query}}}
    search = {
        "query": query,
        "passage_ids": ["7"],
        "titles": ["Rome"],
        "scores": [1.1 + number],
        "error": None,
    }
    question = Question(f"q{number}", "demo", f"What is capital {number}?", ("Rome",), 1, ("Rome",))
    messages = (
        Message("system", "Search before you answer."),
        Message("user", question.question),
        Message("assistant", "", reasoning_content="I look it up.", tool_calls=(call,)),
        Message("tool", f"[1] Rome\n{text}", tool_call_id="call_0", name="search"),
        Message("assistant", f"<answer>{answer}</answer>", reasoning_content="It says so."),
    )
    return Row(
        Identity(f"{number:016x}", "run", 0, SCHEMA_VERSION),
        question,
        Conversation(messages, (SEARCH_TOOL,), "tools"),
        Outcome(answer, StopReason.ANSWERED),
        Scores(f1, None if f1 is None else f1 == 1.0, None if f1 is None else f1 == 1.0, "hotpot-1"),
        SearchUse(2, 1, 0, "search", (query,), (search,), True, 1.0, 0, ()),
        Verdicts(),
        Cost(100, 20, 1.5, 0.1),
        Provenance(
            "teacher", None, "p", "always_search", 0.6, 0.95, number, "bm25", "demo", "0.1.0", CREATED
        ),
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any text that UTF-8 can say, control characters included."""

_ints = st.integers(-(2**63), 2**63 - 1)
_floats = st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | _ints | _floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(texts, _json, max_size=4)


def _tuples(items: st.SearchStrategy[Any], max_size: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=max_size).map(tuple)


def _maybe(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | items


messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=texts | st.integers(0, 3).map(lambda size: "é\n" * 25_000 * size),
    reasoning_content=_maybe(texts),
    tool_calls=_maybe(_tuples(_objects)),
    tool_call_id=_maybe(texts),
    name=_maybe(texts),
)

_times = st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))

rows = st.builds(
    Row,
    st.builds(Identity, texts, texts, _ints, texts),
    st.builds(Question, texts, texts, texts, _tuples(texts), _maybe(_ints), _maybe(_tuples(texts))),
    st.builds(Conversation, _tuples(messages), _tuples(_objects), st.sampled_from(["tools", "tags"])),
    st.builds(Outcome, _maybe(texts), st.sampled_from(StopReason), _maybe(texts)),
    st.builds(Scores, _maybe(_floats), _maybe(st.booleans()), _maybe(st.booleans()), texts),
    st.builds(
        SearchUse,
        _ints,
        _ints,
        _ints,
        _maybe(st.sampled_from(["search", "answer"])),
        _tuples(texts),
        _tuples(_objects),
        _maybe(st.booleans()),
        _maybe(_floats),
        _ints,
        _tuples(texts),
    ),
    st.builds(Verdicts, _maybe(st.booleans()), _maybe(st.booleans())),
    st.builds(Cost, _maybe(_ints), _maybe(_ints), _maybe(_floats), _maybe(_floats)),
    st.builds(
        Provenance,
        *[_maybe(texts)] * 4,
        _maybe(_floats),
        _maybe(_floats),
        _maybe(_ints),
        *[_maybe(texts)] * 2,
        texts,
        _times,
    ),
)
