"""Tag transcripts: one text in which a model's search requests and the results that came back alternate.

One parser reads three dialects (`DIALECTS`). What it can decide and what not:

- A result is a result only where the harness puts it: directly after a query. Result tags anywhere else were
  written by the model; they stay model text and are never evidence.
- Inside a result nothing is parsed, so a document that holds `<answer>` or a query tag stays a document. A
  document that holds the dialect's own *closing* result tag ends the result there: from the text alone that
  cannot be told from the real end.
- A model that writes query and result in one go, in a transcript made without a harness, looks like a search.
- The last answer counts, as in the sources' own scripts; earlier ones stay text. An answer tag that is never
  closed (the server dropped the stop string, or the text was cut) counts when the source reports that answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from ..prompts import Call, Turn, neutralise, render_observation
from ..schema import OBSERVATION_NAME, Conversation, JsonObject, Message, SearchCall
from ..scoring import normalise
from .fields import PREDICTION, QUESTION, outcome_of, text_field
from .observations import search_call
from .reading import (
    Reading,
    UnreadableError,
    begins_in_thought,
    model_message,
    split_boxed,
    split_thinking,
    without_end_tokens,
)

TRANSCRIPT = (
    "gen_text_store",
    "Output",
    "output",
    "response",
    "sequences_str",
    "trajectory",
    "generation",
    "text",
)
"""Fields that hold the text of a tag transcript, first one wins."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The tags of a system. `answer` is None where the answer is the last `\\boxed{}` of the text.

    `opens_thinking`: the prompt opens the think block, so text before the first `</think>` is reasoning.
    `notice`: text that the harness writes into the transcript outside of results.
    """

    name: str
    query: tuple[str, str]
    result: tuple[str, str]
    answer: tuple[str, str] | None = ("<answer>", "</answer>")
    opens_thinking: bool = False
    notice: str | None = None


R1_SEARCHER = Dialect(
    "r1searcher",
    ("<|begin_of_query|>", "<|end_of_query|>"),
    ("<|begin_of_documents|>", "<|end_of_documents|>"),
    opens_thinking=True,
)
SEARCH_R1 = Dialect(
    "search-r1",
    ("<search>", "</search>"),
    ("<information>", "</information>"),
    notice=r"My (?:previous )?action is (?:invalid|not correct)\. .{0,400}?Let me try again\.",
)
SEARCH_O1 = Dialect(
    "search-o1",
    ("<|begin_search_query|>", "<|end_search_query|>"),
    ("<|begin_search_result|>", "<|end_search_result|>"),
    answer=None,
)
DIALECTS = {dialect.name: dialect for dialect in (R1_SEARCHER, SEARCH_R1, SEARCH_O1)}


@cache
def _events(dialect: Dialect) -> re.Pattern[str]:
    """Queries with the result directly after them, answers, notices. A cut-off last result counts as one."""
    query_open, query_close, result_open, result_close = map(re.escape, (*dialect.query, *dialect.result))
    kinds = [
        rf"{query_open}(?P<query>(?:(?!{query_open}|{result_open}).)*?){query_close}"
        rf"(?:\s*{result_open}(?P<result>.*?)(?:{result_close}|\Z))?"
    ]
    if dialect.answer:
        answer_open, answer_close = map(re.escape, dialect.answer)
        kinds.append(
            rf"{answer_open}(?P<answer>(?:(?!{answer_open}|{query_open}|{result_open}).)*?){answer_close}"
        )
    if dialect.notice:
        kinds.append(f"(?P<notice>{dialect.notice})")
    return re.compile("|".join(kinds), re.DOTALL)


@dataclass(slots=True)
class _Transcript:
    """What has been read so far."""

    dialect: Dialect
    thinking: bool
    messages: list[Message] = field(default_factory=list)
    searches: list[SearchCall] = field(default_factory=list)
    answer: str | None = None

    def say(self, text: str, calls: tuple[Call, ...] = (), answer: str | None = None) -> None:
        """Add a model turn: the text before an action, and the action."""
        if any(other.result[0] in text for other in DIALECTS.values() if other is not self.dialect):
            raise UnreadableError(f"the transcript is not in the {self.dialect.name} dialect")
        reasoning, rest, self.thinking = split_thinking(text, self.thinking)
        if reasoning or rest or calls or answer is not None:
            self.messages.append(model_message(Turn(reasoning, rest, calls, answer), "tags"))
        self.answer = self.answer if answer is None else answer

    def search(self, text: str, query: str, result: str | None) -> None:
        """Add a turn that searches, and what came back."""
        self.say(text, (Call(OBSERVATION_NAME, {"query": query}),))
        self.searches.append(search_call(query, result))
        if result is not None:
            self.messages.append(render_observation(neutralise(result.strip()), "tags"))

    def finish(self, text: str, said: str | None) -> None:
        """Add what follows the last action; `said` is the answer that the source reports."""
        text = without_end_tokens(text)
        before, answer = text, None
        if self.dialect.answer is None:
            before, answer = split_boxed(text) or (text, None)
        elif self.answer is None and said is not None:
            head, tag, tail = text.partition(self.dialect.answer[0])
            if tag and normalise(tail) == normalise(said):
                before, answer = head, tail.strip()
        self.say(before, answer=answer)


def parse_tags(data: JsonObject, dialect: Dialect) -> Reading:
    """A record with a tag transcript -> a reading in the `tags` grammar.

    Raises:
        UnreadableError: no text, no question, no model turn, another dialect, a prompt without an end.
    """
    text, question = text_field(data, TRANSCRIPT), text_field(data, QUESTION)
    if text is None:
        raise UnreadableError(f"no transcript text in the fields {', '.join(TRANSCRIPT)}")
    if question is None:
        raise UnreadableError(f"no question in the fields {', '.join(QUESTION)}")
    prompt, text = _without_prompt(text, question)
    read = _read(text, dialect, text_field(data, PREDICTION))
    if not any(message.is_model for message in read.messages):
        raise UnreadableError("no model turn")
    messages = (Message("user", question), *read.messages)
    return Reading(
        question,
        Conversation(messages, (), "tags"),
        outcome_of(read.answer, data),
        tuple(read.searches),
        prompt,
    )


def _read(text: str, dialect: Dialect, said: str | None) -> _Transcript:
    events = list(_events(dialect).finditer(text))
    answers = [event for event in events if event.groupdict().get("answer") is not None]
    events = [event for event in events if event not in answers[:-1]]
    starts = [0, *(event.end() for event in events)]
    ends = [*(event.start() for event in events), len(text)]
    written = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    read = _Transcript(dialect, dialect.opens_thinking or begins_in_thought("".join(written)))
    for before, event in zip(written, events, strict=False):
        _take(read, before, event.groupdict())
    read.finish(written[-1], said)
    return read


def _take(read: _Transcript, before: str, groups: dict[str, str | None]) -> None:
    query, answer, notice = groups["query"], groups.get("answer"), groups.get("notice")
    if query is not None:
        read.search(before, query.strip(), groups["result"])
    elif answer is not None:
        read.say(before, answer=answer.strip())
    elif notice is not None:
        read.say(before)
        read.messages.append(Message("user", notice))


_PROMPT = re.compile(
    r"\s*(?:<\|im_start\|>|<\|begin_of_text\|>|<\|start_header_id\|>|Answer the given question\b)"
)
_REPLY_HEADER = re.compile(
    r"(?:\s*(?:<\|im_end\|>|<\|eot_id\|>))?"
    r"\s*(?:<\|im_start\|>assistant|<\|start_header_id\|>assistant<\|end_header_id\|>)\n*"
)


def _without_prompt(text: str, question: str) -> tuple[str | None, str]:
    """Some dumps begin with the prompt, whose instructions show every tag: it ends at the reply's header, or
    after the question."""
    if not _PROMPT.match(text):
        return None, text
    header = _REPLY_HEADER.search(text)
    end = header.end() if header else text.find(question) + len(question)
    if header is None and question not in text:
        raise UnreadableError("a prompt stands before the transcript and its end is not to be found")
    return text[:end], text[end:]
