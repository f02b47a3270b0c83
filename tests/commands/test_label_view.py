"""What an annotator sees of a row, and what not."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Message, Outcome, Row, StopReason, Verdicts
from trajset.commands.label_desk import Desk
from trajset.commands.label_rows import SampleRows
from trajset.commands.label_session import Session
from trajset.commands.label_view import Shown, help_view, row_view
from trajset.filters.audit_sample import SampledRow
from trajset.filters.label_journal import LabelJournal

BLIND = Shown()


def seen(row: Row, shown: Shown = BLIND, width: int = 80, colour: bool = False) -> str:
    file = io.StringIO()
    system = "standard" if colour else None
    console = Console(file=file, width=width, markup=False, force_terminal=colour, color_system=system)
    console.print(row_view(row, shown, "f1_only+ f1_search-"))
    return file.getvalue()


def with_observation(text: str, reasoning: str = "I look it up.") -> Row:
    row = sample_row(1)
    system, user, call, found, answer = row.conversation.messages
    call = dataclasses.replace(call, reasoning_content=reasoning)
    found = dataclasses.replace(found, content=text)
    messages = (system, user, call, found, answer)
    return dataclasses.replace(row, conversation=dataclasses.replace(row.conversation, messages=messages))


def test_everything_that_the_label_depends_on_is_shown() -> None:
    text = seen(sample_row(1, answer="Roma"))
    for part in (
        "What is capital 1?",
        "gold     Rome",
        "answer   Roma",
        "▸ capital 1",
        "★ Rome",
        "★ [1] Rome",
    ):
        assert part in text
    assert "Search before you answer" not in text


def test_what_could_sway_the_annotator_is_not() -> None:
    row = dataclasses.replace(sample_row(1), verdicts=Verdicts(llm_judge=True))
    assert not [word for word in ("1.00", "judge", "teacher", "f1_only") if word in seen(row)]
    told = seen(row, Shown(scores=True))
    for part in (
        "1.00, exact match yes",
        "judge    yes, after reflection unknown",
        "teacher",
        "f1_only+ f1_search-",
    ):
        assert part in told


def test_reasoning_is_short_until_asked_for() -> None:
    row = with_observation("x", reasoning="word " * 300 + "end")
    assert "1,303 more: r" in " ".join(seen(row).split())
    assert "end" not in seen(row).split("search")[0]
    assert "end" in seen(row, Shown(reasoning=True)).split("search")[0]


def test_retrieved_text_cannot_take_over_the_terminal() -> None:
    plain = seen(with_observation("\x1b[2J\x1b]0;pwned\x07[red]Rome[/] \u202eevil"), colour=True)
    assert "␛[2J␛]0;pwned␇[red]" in plain
    assert "\x1b[2J" not in plain
    assert "\x1b]0" not in plain
    assert "\u202e" not in plain


def test_missing_sources_answers_and_gold_are_said() -> None:
    row = sample_row(1)
    question = dataclasses.replace(row.question, supporting_titles=("Rome", "Paris"), gold_answers=())
    broken = Outcome(None, StopReason.TURN_LIMIT)
    text = seen(dataclasses.replace(row, question=question, outcome=broken))
    for part in ("★ Rome, Paris (not found)", "none (turn_limit)", "none is known"):
        assert part in text


def test_an_unread_transcript_is_shown_as_it_is() -> None:
    row = sample_row(1)
    raw = (Message("user", '{"raw": "record"}', name="unparsed"),)
    conversation = dataclasses.replace(row.conversation, messages=raw)
    assert '{"raw": "record"}' in seen(dataclasses.replace(row, conversation=conversation))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = seen(with_observation("long" * 200 + " 你好" * 100), width=width)
    assert max(map(len, text.split("\n"))) <= width


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk over two rows of which the first fills several screens of 80 by 24."""
    long = with_observation(
        "\n".join(f"line {number} {'Rome' if number == 60 else ''}" for number in range(100))
    )
    rows = [long, sample_row(2)]
    write_dataset(tmp_path / "data", Tables(rows), MadeBy("test", CREATED))
    sample = [SampledRow(row.id, "all", 2, 1.0) for row in rows]
    session = Session(sample, "ada", LabelJournal.of(tmp_path / "data", "ada"), {})
    source = SampleRows(LocalDataset.open(tmp_path / "data"), [row.id for row in rows])
    console = Console(file=io.StringIO(), width=80, height=24, markup=False)
    return Desk(session, source, console, Shown())


def screen(desk: Desk) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, markup=False)
    console.print(desk.picture(), end="")
    return file.getvalue().rstrip("\n").split("\n")


def test_the_picture_fills_the_screen_and_scrolls(desk: Desk) -> None:
    lines = screen(desk)
    assert len(lines) == 24
    assert lines[0].startswith("question What is capital 1?")
    assert "1 of 2 · 0 labelled" in lines[21]
    assert lines[23].startswith("Is the answer correct?")
    for key in ("space", "down", "up", "k", "j"):
        desk.press(key)
        screen(desk)
    assert desk.top == 19
    desk.press("end")
    assert screen(desk)[20].startswith("answer   Rome")
    desk.press("down")
    assert screen(desk)[20].startswith("answer   Rome")
    desk.press("home")
    assert screen(desk) == lines


def test_tab_jumps_to_the_gold_answer(desk: Desk) -> None:
    screen(desk)
    desk.press("tab")
    assert any("line 60 Rome" in line for line in screen(desk))
    desk.press("tab")
    assert screen(desk)[0].startswith("question")


def test_a_new_row_starts_at_its_top_and_help_hides_nothing_for_good(desk: Desk) -> None:
    screen(desk)
    for key in ("end", "?"):
        desk.press(key)
    assert screen(desk)[0].startswith("correct  The answer means the same")
    for key in ("y", "y"):
        desk.press(key)
    assert screen(desk)[23].startswith("Is it grounded? (correct: yes)")
    for key in ("y", "j", "space", "enter"):
        desk.press(key)
    lines = screen(desk)
    assert lines[0].startswith("question What is capital 2?")
    assert desk.session.labels[desk.session.sample[0].row_id].note == "j"
    for key in ("n", "n", "enter"):
        desk.press(key)
    assert screen(desk)[0].startswith("Every row of the sample has been shown.")


def test_help_fits_a_small_terminal() -> None:
    console = Console(file=io.StringIO(), width=80, height=24)
    assert len(console.render_lines(help_view(), console.options.update(height=None))) <= 21
