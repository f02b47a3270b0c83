"""One row as an annotator sees it: question, gold, answer, then every turn: thought, searched, found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ..builder.prompts import parse_turn
from ..builder.schema import Message, Row
from .label_text import ANSWER, GOLD, SUPPORT, marked, on_one_line, visible

_SHORT = 200
"""Characters of reasoning that are shown unless more is asked for."""
_OPENING, _CLOSING = "<information>", "</information>"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown beyond the transcript: all of the reasoning; scores, verdicts, stratum and teacher."""

    reasoning: bool = False
    scores: bool = False


def row_view(row: Row, shown: Shown, stratum: str | None = None) -> RenderableType:
    """Everything that there is to see of a row."""
    parts: list[RenderableType] = [_head(row), Rule(style="dim")]
    if shown.scores:
        parts = [_scores(row, stratum), *parts]
    return Group(*parts, _transcript(row, shown))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True, min_width=8)
    grid.add_column(overflow="fold")
    return grid


def _head(row: Row) -> Table:
    grid, question = _grid(), row.question
    grid.add_row("question", Text(visible(question.question), style="bold"))
    grid.add_row("gold", _golds(row))
    grid.add_row("answer", _answer(row))
    if question.supporting_titles:
        grid.add_row("sources", _sources(row))
    return grid


def _golds(row: Row) -> Text:
    golds = [Text(visible(gold), style=GOLD) for gold in row.question.gold_answers]
    return Text(" or ").join(golds) if golds else Text("none is known", style="dim")


def _answer(row: Row) -> Text:
    if row.outcome.answer is None:
        why = row.outcome.error or row.outcome.stop_reason.value
        return Text(f"none ({visible(why)})", style="dim")
    return Text(visible(row.outcome.answer), style=ANSWER)


def _sources(row: Row) -> Text:
    """The titles that hold the facts, each with whether it was ever retrieved."""
    found = {title for search in row.search_use.searches for title in search.get("titles") or ()}
    parts = [
        Text(f"★ {visible(title)}", style=SUPPORT)
        if title in found
        else Text(f"{visible(title)} (not found)", style="dim")
        for title in row.question.supporting_titles or ()
    ]
    return Text(", ").join(parts)


def _scores(row: Row, stratum: str | None) -> Table:
    grid, scores, verdicts = _grid(), row.scores, row.verdicts
    f1 = "unknown" if scores.f1 is None else f"{scores.f1:.2f}"
    grid.add_row("F1", Text(f"{f1}, exact match {_word(scores.em)}"))
    judged = f"{_word(verdicts.llm_judge)}, after reflection {_word(verdicts.llm_judge_reflect)}"
    grid.add_row("judge", Text(judged))
    grid.add_row("teacher", Text(visible(row.provenance.teacher or "unknown")))
    if stratum is not None:
        grid.add_row("stratum", Text(visible(stratum)))
    return grid


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[value]


def _transcript(row: Row, shown: Shown) -> Table:
    grid = _grid()
    for label, text in _turns(row, shown):
        grid.add_row(label, text)
    return grid


def _turns(row: Row, shown: Shown) -> Iterator[tuple[str, Text]]:
    """What was thought, said, searched and found, in order. The question itself is not said again."""
    for message in row.conversation.messages:
        if message.is_model:
            yield from _model_turn(row, message, shown)
        elif message.is_observation:
            yield "found", _found(row, message)
        elif message.role == "user" and message.content.strip() != row.question.question.strip():
            yield "user", _shortened(message.content, shown)


def _model_turn(row: Row, message: Message, shown: Shown) -> Iterator[tuple[str, Text]]:
    turn = parse_turn(message, row.conversation.grammar)
    if turn.reasoning:
        yield "thinks", _shortened(turn.reasoning, shown)
    if turn.text:
        yield "says", _shortened(turn.text, shown)
    for call in turn.calls:
        query = call.query if call.query is not None else f"{call.name} {call.arguments}"
        yield "search", Text(f"▸ {on_one_line(query)}", style="bold cyan")
    if turn.answer is not None:
        yield "answer", Text(visible(turn.answer), style=ANSWER)


def _shortened(text: str, shown: Shown) -> Text:
    if shown.reasoning:
        return Text(visible(text.strip()), style="italic")
    folded = on_one_line(text)
    if len(folded) <= _SHORT:
        return Text(folded, style="italic")
    return Text.assemble((f"{folded[:_SHORT]}…", "italic"), (f" {len(folded) - _SHORT:,} more: r", "dim"))


def _found(row: Row, message: Message) -> Text:
    """Retrieved text. A passage with a supporting title gets a star; such titles are marked throughout."""
    content = message.content.strip().removeprefix(_OPENING).removesuffix(_CLOSING).strip("\n")
    titles = row.question.supporting_titles or ()
    lines = [f"★ {line}" if line.partition("] ")[2] in titles else line for line in content.split("\n")]
    text = marked("\n".join(lines), row.question.gold_answers, row.outcome.answer)
    text.highlight_words([visible(title) for title in titles if title], SUPPORT)
    return text


def help_view() -> RenderableType:
    """What the questions mean, and the keys."""
    questions, keys = _grid(), _grid()
    for name, meaning in GUIDE.items():
        questions.add_row(name, meaning)
    for key, meaning in KEYS.items():
        keys.add_row(key, meaning)
    return Group(questions, Rule(style="dim"), keys)


GUIDE = {
    "correct": "The answer means the same as a gold answer. Another spelling, a longer or a shorter form of "
    "the same thing is correct. Another thing is not, however near; nor is no answer.",
    "grounded": "Every fact that the answer rests on stood in retrieved text before the model used it, in a "
    "query or in the answer. A fact that the model brought along from memory makes it ungrounded, even where "
    "a later search confirms it. A bare value that came back for that very query counts as found. Judge "
    "wrong answers too, by the facts that led there; without an answer nothing is grounded.",
    "unsure": "Better no label than a guess: the row comes back at the end. At `grounded`, unsure keeps the "
    "word on `correct` and leaves the other open.",
}
"""What is asked, for annotators."""

KEYS = {
    "y n u": "yes, no, unsure",
    "b": "back: to the question before, or the row before",
    "Enter": "go on from a row that is labelled already; end the note",
    "↓ ↑": "scroll by a line (also j k); Space and PgUp by a page; Home and End",
    "Tab": "the next place where a gold answer stands",
    "r": "the model's reasoning in full, or short",
    "?": "this page",
    "q": "quit; every answer given is kept",
}
