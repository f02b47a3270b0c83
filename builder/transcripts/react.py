"""ReAct transcripts: `Thought:`, `Action: name[argument]`, `Observation:`, as a chat or as one text.

FireAct leaves chats (a list of messages) and texts under an Alpaca header. KnowAgent leaves texts that begin
with instructions and few-shot examples; steps are numbered, with an `ActionPath n:` line before a thought.

- The executed action is what counts, and it is read as the harness read it: from `Action:` to the next line
  that begins with `Action:`, the argument reaching to the closing bracket at its very end. A model that wrote
  `Action: search[a]` and went on thinking therefore searched for all of that text; so FireAct's harness did,
  and its recorded predictions agree (test_real_data). Further actions of the turn were not executed: they are
  kept as the turn's text and are no searches.
- Thoughts and ActionPath lines are reasoning.
- In a chat, roles tell model from result, so nothing in a result is ever an action. In a numbered text an
  observation ends only at the next number, so a forged `Action 9:` is text. In an unnumbered text an
  observation that holds a line beginning with `Thought:` or `Action:` cannot be told from the next step.
- A result that answers no action (`Invalid Action`) is the harness speaking: a user message, no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from ..prompts import Call, Turn
from ..schema import JsonObject
from .fields import QUESTION, outcome_of, text_field
from .reading import Reading, UnreadableError
from .turns import Event, Observed, Said, Tools, assemble, question_of

TRANSCRIPT = ("traj", "trajectory", "messages", "prompt", "scratchpad", "text")
"""Fields that hold a ReAct transcript (a text or a list of messages), first one wins."""

STEP = re.compile(r"^(?:ActionPath|Thought|Action)(?P<number> \d+)?:", re.MULTILINE)
_ACTION = re.compile(r"^Action(?: \d+)?:", re.MULTILINE)
_CLOSED = re.compile(r"(\w+)\s*\[(.*)\][.\s]*", re.DOTALL)
_OPEN = re.compile(r"(\w+)\s*\[(.*)", re.DOTALL)
_OBSERVATION = re.compile(r"\s*Observation(?: \d+)?: ?")
_ALPACA = re.compile(r"(?P<preamble>.*?)### Instruction:\n(?P<question>.*?)\n+### Response:\n", re.DOTALL)
_ASKED = re.compile(r"^Question: ?(?P<question>.*)\n(?=(?:ActionPath|Thought|Action)(?: 1)?:)", re.MULTILINE)
_SEARCHING = ("search", "retrieve", "lookup")


def parse_react(data: JsonObject, tools: Tools) -> Reading:
    """A record with a ReAct transcript -> a reading in the `tools` grammar.

    Raises:
        UnreadableError: no transcript, no question, no step, a chat whose messages are no messages.
    """
    found = next((value for name in TRANSCRIPT if _is_transcript(value := data.get(name))), None)
    if found is None:
        raise UnreadableError(f"no ReAct steps in the fields {', '.join(TRANSCRIPT)}")
    prompt, asked, events = _chat(found) if isinstance(found, list) else _text(found, data)
    question = text_field(data, QUESTION) or asked
    if not question:
        raise UnreadableError(f"no question, neither in the transcript nor in {', '.join(QUESTION)}")
    if isinstance(found, str):
        events = [Said("user", question), *events]
    made = assemble(events, tools)
    return Reading(question, made.conversation, outcome_of(made.answer, data), made.searches, prompt)


def _is_transcript(value: Any) -> bool:
    if isinstance(value, str):
        return bool(STEP.search(value))
    return isinstance(value, list) and bool(cast("list[Any]", value))


def _chat(messages: list[Any]) -> tuple[str | None, str | None, list[Event]]:
    events: list[Event] = []
    for message in messages:
        role, content = _role_and_content(message)
        if role == "assistant":
            events.append(react_turn(content))
        elif role == "user" and (label := _OBSERVATION.match(content)):
            events.append(_result(content[label.end() :], events))
        else:
            events.append(Said("system" if role == "system" else "user", content))
    return None, question_of(events), events


def _role_and_content(message: Any) -> tuple[str, str]:
    fields = cast("JsonObject", message) if isinstance(message, dict) else {}
    role, content = fields.get("role"), fields.get("content")
    if role not in ("system", "user", "assistant") or not isinstance(content, str):
        raise UnreadableError("a message of the chat has no role of system, user, assistant or no text")
    return role, content


def _text(text: str, data: JsonObject) -> tuple[str | None, str | None, list[Event]]:
    prompt, asked, steps = _without_prompt(text, text_field(data, QUESTION))
    events: list[Event] = []
    for turn, result in _steps(steps):
        if turn.strip():
            events.append(react_turn(turn))
        if result is not None:
            events.append(_result(result, events))
    return prompt, asked, events


def _result(text: str, events: list[Event]) -> Event:
    """What follows `Observation:`, a tool's result only where the turn before called a tool."""
    turn = next((event for event in reversed(events) if isinstance(event, Turn)), None)
    return Observed(text.strip()) if turn is not None and turn.calls else Said("user", text.strip())


def _without_prompt(text: str, question: str | None) -> tuple[str | None, str | None, str]:
    """Prompt, question and steps. Few-shot examples have questions too: the record's own one is looked for
    first, else the last one counts."""
    alpaca = _ALPACA.match(text)
    if alpaca:
        return alpaca["preamble"].strip() or None, alpaca["question"].strip(), text[alpaca.end() :]
    asked = list(_ASKED.finditer(text))
    if not asked:
        return None, None, text
    own = [match for match in asked if match["question"].strip() == question]
    match = own[0] if own else asked[-1]
    return text[: match.start()].strip() or None, match["question"].strip(), text[match.end() :]


def _steps(text: str) -> Iterator[tuple[str, str | None]]:
    """The model's part and the observation of each step; the last step may lack its observation."""
    first = STEP.match(text.lstrip())
    number = int(first["number"]) if first and first["number"] else None
    while text.strip():
        label, following = _labels(number)
        turn, result, text = _cut(text, label, following)
        yield turn, result
        number = None if number is None else number + 1


def _labels(number: int | None) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The label of a step's observation, and what the next step begins with."""
    here, following = ("", "") if number is None else (f" {number}", f" {number + 1}")
    steps = "ActionPath|Thought|Action" if number is not None else "Thought|Action"
    return (
        re.compile(rf"^Observation{here}: ?", re.MULTILINE),
        re.compile(rf"^(?:{steps}){following}:", re.MULTILINE),
    )


def _cut(text: str, label: re.Pattern[str], following: re.Pattern[str]) -> tuple[str, str | None, str]:
    observed = label.search(text)
    if observed is None:
        return text, None, ""
    step = following.search(text, observed.end())
    end = step.start() if step else len(text)
    return text[: observed.start()], text[observed.end() : end], text[end:]


def react_turn(text: str) -> Turn:
    """A model turn: its thought, the action that the harness executes, and whatever else it wrote."""
    text = text.strip()
    actions = list(_ACTION.finditer(text))
    if not actions:
        return Turn(reasoning=_thought(text)) if STEP.match(text) else Turn(text=text)
    thought = _thought(text[: actions[0].start()]) or None
    end = actions[1].start() if len(actions) > 1 else len(text)
    executed, rest = text[actions[0].end() : end].strip(), text[end:]
    match = _CLOSED.fullmatch(executed) or _OPEN.match(executed)
    if match is None:
        return Turn(thought, "\n".join(filter(None, (executed, rest))))
    name, argument = match[1].lower(), match[2].strip()
    key = "query" if name in _SEARCHING else "input"
    return Turn(thought, rest, (Call(name, {key: argument}),))


def _thought(text: str) -> str:
    """Reasoning without the labels that the harness wrote; an ActionPath keeps its name, not its number."""
    text = re.sub(r"^Thought(?: \d+)?:[ \t]*", "", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"^ActionPath(?: \d+)?:[ \t]*$\n?", "", text, flags=re.MULTILINE)
    return re.sub(r"^ActionPath(?: \d+)?:[ \t]*", "ActionPath: ", text, flags=re.MULTILINE).strip()
