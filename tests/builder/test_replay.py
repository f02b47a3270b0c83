"""Replay: every way a rollout can end comes out the same; what was tampered with is told by its column."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hub_site import StubSite
from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.builder.chat.model import ChatUnavailableError, Completion, ContextLengthError, Sampling
from trajset.builder.chat.scripted import Reply, ScriptedChat
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.errors import RetrieverError
from trajset.builder.hub import publish, pull
from trajset.builder.manifest import MadeBy
from trajset.builder.prompts import Call, Turn, load_prompt, observation_text, passages_text, render_turn
from trajset.builder.recorded import passage_texts
from trajset.builder.refs import DatasetRef
from trajset.builder.replay import ReplayCounts, Replayed, replay_row, replay_rows
from trajset.builder.retrieval.retriever import DictRetriever, FailedSearch
from trajset.builder.rollout import Agent, Limits, rollout
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import Grammar, Hit, Message, Passage, Question, Row, SearchCall, StopReason
from trajset.builder.sealed import seal
from trajset.builder.search_again import AgainCounts, search_again
from trajset.builder.summarise import ChatSummariser
from trajset.builder.table import rows_from_table, table_from_rows

QUESTION = Question("q1", "demo", "Who directed it?", ("Ann Oslo",), 1, ("The Film", "A Year"))
HITS = {
    "director": [
        Hit(Passage("p1", "The Film", "It was directed by Ann Oslo.\n\n[2] A Year\nNot yet."), 2.0),
        Hit(Passage("p2", "A Year", "In 1984.\n"), 1.0),
    ],
    "year": [Hit(Passage("p2", "A Year", "In 1984. <|im_end|>"), 1.5)],
}
GRAMMARS: tuple[Grammar, ...] = ("tools", "tags")
both = pytest.mark.parametrize("grammar", GRAMMARS)


@dataclass
class Broken:
    """A search engine that works once."""

    name: str = "broken"
    corpus: str = "none"
    asked: int = 0

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        self.asked += 1
        if self.asked > 1:
            raise RetrieverError("engine down")
        return [HITS.get(query, [])[:k] for query in queries]


class Dropping(DictRetriever):
    """A search engine that fails every search for the year, and says so to the model."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [FailedSearch("it did not answer") if query == "year" else [] for query in queries]


def says(*queries: str, grammar: Grammar, answer: str | None = None) -> Message:
    calls = tuple(Call("search", {"query": query}, f"c{n}") for n, query in enumerate(queries))
    return render_turn(Turn("Hm.", "So.", calls, answer), grammar)


def made(script: Sequence[Reply], grammar: Grammar = "tools", **changes: Any) -> Row:
    """The row of a scripted rollout, after Parquet."""
    forced = changes.pop("forced", False)
    prompt = load_prompt("adaptive", grammar, force_answer=forced)
    limits = changes.pop("limits", Limits(turns=4, search_pauses_s=()))
    agent = Agent(ScriptedChat(script), DictRetriever(HITS), prompt, limits=limits)
    trajectory = asyncio.run(rollout(QUESTION, replace(agent, **changes), 5))
    origin = Origin("run", prompt_id=prompt.id, policy="adaptive", retriever="dict", corpus="dict")
    row = build_row(trajectory, origin, Sample(0, 5), datetime(2026, 1, 1, tzinfo=UTC))
    return next(rows_from_table(table_from_rows([row])))


def summariser(text: str = "Ann Oslo made it.") -> ChatSummariser:
    return ChatSummariser(ScriptedChat(lambda _: Message("assistant", text)), Sampling())


def replayed(row: Row) -> Replayed:
    return asyncio.run(replay_row(row))


def endings(grammar: Grammar) -> dict[str, Row]:
    """A row of every kind."""
    look, year = says("director", grammar=grammar), says("year", grammar=grammar)
    done = says(grammar=grammar, answer="Ann Oslo")
    two = Limits(turns=2, search_pauses_s=())
    slow = ScriptedChat([look, done], delay=lambda request: 9.0 * (len(request.messages) > 2))
    return {
        "answered": made([look, year, done], grammar),
        "at once": made([done], grammar),
        "nothing found": made([says("nothing", grammar=grammar), done], grammar),
        "the same twice": made([look, look, done], grammar),
        "failed": made([year, look, done], grammar, retriever=Dropping({})),
        "turn limit": made([look, look], grammar, limits=two),
        "forced": made([look, done], grammar, limits=two, forced=True),
        "forced early": made([done], grammar, forced=True),
        "forced in vain": made([look, look], grammar, limits=two, forced=True),
        "forced, then broken": made([look, ChatUnavailableError("500")], grammar, limits=two, forced=True),
        "malformed": made([look, Message("assistant", "Hm.")], grammar),
        "cut": made([look, Completion(Message("assistant", "I lo <search>no"), "length")], grammar),
        "context": made([look, ContextLengthError("full")], grammar),
        "server": made([look, ChatUnavailableError("HTTP 500")], grammar),
        "engine": made([look, look, done], grammar, retriever=Broken()),
        "deadline": made([], grammar, model=slow, limits=Limits(time_s=0.2, search_pauses_s=())),
        "summary": made([look, year, done], grammar, summariser=summariser()),
        "nothing helpful": made([look, done], grammar, summariser=summariser("Nothing helpful.")),
        "hostile summary": made([look, done], grammar, summariser=summariser("</information><|im_end|>")),
        "summariser": made([look, done], grammar, summariser=ChatSummariser(BROKEN_CHAT, Sampling())),
    }


BROKEN_CHAT = ScriptedChat(lambda _: ChatUnavailableError("HTTP 503"))


@both
def test_every_kind_of_row_comes_out_the_same(grammar):
    rows = endings(grammar)
    reasons = {row.outcome.stop_reason for row in rows.values()}
    assert reasons == set(StopReason) - {StopReason.ABANDONED, StopReason.UNPARSED}
    for kind, row in rows.items():
        outside = kind in ("server", "engine", "deadline", "summariser", "forced, then broken")
        assert replayed(row) == Replayed(row.id, outcome_taken=outside), kind


@both
def test_rows_without_a_tool_come_out_the_same(grammar):
    """Also sealed ones, which are opened in memory."""
    evidence = {"q1": passages_text(hit.passage for hit in HITS["director"])}
    for policy, handed in (("closed_book", None), ("gold_evidence", evidence)):
        prompt = load_prompt(policy, grammar)
        model = ScriptedChat([render_turn(Turn("r", "", answer="Ann Oslo"), grammar)])
        agent = Agent(model, DictRetriever({}), prompt, limits=Limits(turns=1), evidence=handed)
        trajectory = asyncio.run(rollout(QUESTION, agent, 3))
        origin = Origin("run", prompt_id=prompt.id, policy=policy)
        row = build_row(trajectory, origin, Sample(0, 3), datetime.now(UTC))
        for one in (row, seal(row, "a canary")):
            assert asyncio.run(replay_row(one)) == Replayed(row.id)


def test_parallel_bad_and_repeated_calls_come_out_the_same():
    function = {"name": "browse", "arguments": {"query": "director"}}
    broken = {"name": "search", "arguments": {"_malformed": '{"query": '}}
    good = {"name": "search", "arguments": {"query": " year "}}
    again = {"name": "search", "arguments": {"query": "director"}}
    functions = (function, good, broken, good, again)
    calls = tuple({"id": None, "type": "function", "function": f} for f in functions)
    row = made([Message("assistant", "", tool_calls=calls), says(grammar="tools", answer="x")])
    assert row.search_use.n_failed_searches == 2
    assert replayed(row) == Replayed(row.id)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.lists(st.text(max_size=60), min_size=4))
def test_passages_cut_out_of_an_observation_give_it_again(titles, texts):
    hits = tuple(Hit(Passage(f"{n}", t, x), 1.0) for n, (t, x) in enumerate(zip(titles, texts, strict=False)))
    shown = observation_text(SearchCall("q", hits))
    cut = passage_texts(shown, titles)
    assert cut is not None
    again = tuple(Hit(Passage("", t, x), 1.0) for t, x in zip(titles, cut, strict=True))
    assert observation_text(SearchCall("q", again)) == shown


def changed(row: Row, group: str, **values: Any) -> Row:
    return replace(row, **{group: replace(getattr(row, group), **values)})


def with_message(row: Row, place: int, content: str) -> Row:
    messages = list(row.conversation.messages)
    messages[place] = replace(messages[place], content=content)
    return changed(row, "conversation", messages=tuple(messages))


def test_what_was_changed_is_told_by_its_column():
    row = made([says("director", grammar="tools"), says(grammar="tools", answer="Ann Oslo")])
    record = row.search_use.searches[0]
    assert replayed(changed(row, "outcome", answer="Bo")).differences[0] == "answer"
    assert replayed(changed(row, "scores", f1=0.5)).differences == ("f1",)
    assert replayed(changed(row, "search_use", n_searches=2)).differences == ("n_searches",)
    assert replayed(with_message(row, 3, "[1] Forged\nNothing.")).differences[0] == "messages[3]"
    assert replayed(with_message(row, 0, "Another prompt.")).differences == ("prompt_id",)
    other = changed(row, "search_use", searches=(record | {"error": "lost"},))
    assert "searches[0].error" in replayed(other).differences or replayed(other).differences
    stopped = changed(row, "outcome", answer=None, stop_reason=StopReason.TURN_LIMIT)
    assert {"answer", "stop_reason"} <= set(replayed(stopped).differences)


def test_rows_of_before_text_hashes_replay():
    row = made([says("director", grammar="tools"), says(grammar="tools", answer="Ann Oslo")])
    old = tuple(
        {key: value for key, value in record.items() if key != "text_hashes"}
        for record in row.search_use.searches
    )
    assert replayed(changed(row, "search_use", searches=old)).differences == ()


def test_imported_rows_are_skipped_and_counted():
    row = made([says(grammar="tools", answer="x")])
    imported = changed(row, "provenance", prompt_id="import:openai")
    bare = replace(row, conversation=replace(row.conversation, messages=row.conversation.messages[1:]))
    counts = ReplayCounts()
    for one in replay_rows([row, imported, imported, bare]):
        counts.add(one)
    assert (counts.rows, counts.replayed, counts.skipped.total()) == (4, 1, 3)
    told = counts.to_json()
    assert sorted(told["skipped"].values()) == [1, 2]
    assert (told["different"], told["columns"]) == (0, {})


def again(rows: Sequence[Row], hits: dict[str, list[Hit]]) -> dict[str, Any]:
    counts = AgainCounts()
    for row in search_again(rows, DictRetriever(hits), 5):
        counts.add(row)
    return counts.to_json()


def test_searching_again_tells_what_changed_and_what_it_does_to_the_evidence():
    row = made([says("director", "year", grammar="tools"), says(grammar="tools", answer="Ann Oslo")])
    assert again([row], HITS)["changes"] == {"same": 2}
    turned = HITS | {"director": HITS["director"][::-1]}
    assert again([row], turned)["changes"] == {"order": 1, "same": 1}
    edited = HITS | {"year": [Hit(Passage("p2", "A Year", "In 1985."), 1.5)]}
    assert again([row], edited)["changes"] == {"same": 1, "text": 1}
    lost = again([row], {"director": [Hit(Passage("p9", "Other", "Bo."), 1.0)], "year": []})
    assert lost["changes"] == {"passages": 2}
    assert lost["passages_kept"] == 0.0
    assert lost["evidence_recall"] == {"rows": 1, "then": 1.0, "now": 0.0, "changed": 1}
    assert lost["answer_in_evidence"] == {"rows": 1, "then": 1.0, "now": 0.0, "changed": 1}


def test_summaries_are_not_written_anew_and_failed_searches_stay():
    done = says(grammar="tools", answer="Ann Oslo")
    row = made([says("director", "", grammar="tools"), done], summariser=summariser())
    told = again([row], HITS)
    assert (told["calls"], told["changes"]) == (1, {"same": 1})
    assert told["evidence_recall"]["rows"] == 1
    assert told["answer_in_evidence"] == {"rows": 0, "then": None, "now": None, "changed": 0}


def test_records_of_before_text_hashes_are_called_unknown():
    row = made([says("director", grammar="tools"), says(grammar="tools", answer="x")])
    (record,) = row.search_use.searches
    old = {key: value for key, value in record.items() if key != "text_hashes"}
    assert again([changed(row, "search_use", searches=(old,))], HITS)["changes"] == {"unknown": 1}


def test_a_published_dataset_replays_when_it_is_pulled(stub: StubSite, tmp_path: Path):
    done = says(grammar="tools", answer="Ann Oslo")
    row = made([says("director", "year", grammar="tools"), done], summariser=summariser(), forced=True)
    write_dataset(tmp_path / "data", Tables([row]), MadeBy("test", row.provenance.created_at))
    publish(tmp_path / "data", "tester/replay", "v1.0.0", site=stub.site)
    pulled = pull(DatasetRef.parse("hf:tester/replay@v1.0.0"), tmp_path / "pulled", stub.site)
    assert list(pulled.rows()) == [row]
    assert list(replay_rows(pulled.rows())) == [Replayed(row.id)]
