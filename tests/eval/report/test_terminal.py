"""The report in a terminal of 80 columns."""

import io

import evaluation_samples as samples
import pytest
from rich.cells import cell_len
from rich.console import Console
from trajset.eval.report.terminal import terminal_report


def shown(name: str, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(terminal_report(samples.made(name)[1]))
    return out.getvalue()


@pytest.mark.parametrize("name", samples.ALL)
def test_no_line_is_too_long(name: str) -> None:
    assert all(cell_len(line) <= 80 for line in shown(name).splitlines())


def test_headings_tables_and_examples_are_there() -> None:
    text = shown("full")
    for heading in (
        "Leaderboard",
        "Paired differences",
        "Failures",
        "Noise",
        "Adaptive search",
        "Stop reasons",
    ):
        assert f"\n{heading}\n" in text, heading
    assert "Question: In which year was the founder of company 0 born?" in text
    assert "Not measured" not in text
    assert "Not measured: Noise" in shown("sparse")


def test_intervals_are_whole() -> None:
    text = shown("demo")
    for one in samples.made("demo")[0].summaries:
        f1 = one.quality["f1"]
        assert f1.low is not None
        assert f1.high is not None
        assert f"{f1.low * 100:.1f}–{f1.high * 100:.1f}" in text


def test_a_long_table_of_bins_is_left_to_the_report() -> None:
    assert "Reliability by bin: in the report" in shown("full")


def test_hostile_text_cannot_steer_the_terminal() -> None:
    text = shown("hostile", width=500)
    assert not set(text) & {"\x1b", "\x00", "\u202e"}
    assert "[bold]x[/bold]" in text
