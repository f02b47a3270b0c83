"""What the progress display says."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from trajset.builder.collect import Tally
from trajset.builder.collect_progress import details, shown_progress
from trajset.builder.outage import Outage
from trajset.builder.schema import StopReason

TALLY = Tally(
    total=100,
    finished=60,
    made=40,
    searches=90,
    reasons={StopReason.ANSWERED: 30, StopReason.MALFORMED: 3, StopReason.INFRASTRUCTURE: 7},
    under_way=8,
    draining=False,
)


def test_details_name_mean_searches_and_failures_by_kind():
    assert details(TALLY) == "2.2 searches each, infrastructure 7, malformed 3"


def test_nothing_made_says_nothing():
    assert details(Tally(100, 0, 0, 0, {}, 0, draining=False)) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_the_display_runs_in_a_terminal_and_elsewhere(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with shown_progress(console) as (report, _):
        report(TALLY)
    shown = console.file.getvalue()
    assert ("60/100" in shown) is terminal


def test_an_outage_is_shown_with_its_limit_and_what_broke():
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    with shown_progress(console) as (report, _):
        report(replace(TALLY, outage=Outage(35.2, 600.0, "ChatUnavailableError: Connection refused")))
    assert "nothing works for 35 of at most 600 s" in console.file.getvalue()
    assert "Connection refused" in console.file.getvalue()
