"""From a trajectory to a row: what is told of what broke a rollout."""

from datetime import UTC, datetime

import pytest
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import Conversation, Message, Outcome, Question, StopReason, Trajectory


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "ChatUnavailableError: base_url: must be a chat server that answers (refused); got "
            "'http://gpu-7.internal:8000/v1'. Check that the server runs, and its port.",
            "ChatUnavailableError: base_url: must be a chat server that answers (refused); got "
            "'[server]'. Check that the server runs, and its port.",
        ),
        (
            "RetrieverError: es:https://db.internal:9243/wiki: must be reachable",
            "RetrieverError: [server] must be reachable",
        ),
        ("TimeoutError: no reply for 3 s", "TimeoutError: no reply for 3 s"),
        (None, None),
    ],
)
def test_a_row_does_not_tell_where_a_server_is(error, told):
    trajectory = Trajectory(
        Question("q", "demo", "Who?", ("me",)),
        Conversation((Message("user", "Who?"),), (), "tools"),
        Outcome(None, StopReason.INFRASTRUCTURE, error),
    )
    row = build_row(trajectory, Origin("run"), Sample(), datetime(2026, 1, 1, tzinfo=UTC))
    assert row.outcome.error == told
