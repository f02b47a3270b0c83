"""When a request is sent again and after which pause; what an error's body says."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from trajset.builder.chat.transport import RefusedError, Transport, pause_before


def refused(status: int = 503, body: bytes = b"{}", **headers: str) -> RefusedError:
    return RefusedError(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status):
    assert refused(status).again


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
def test_what_stays_is_not(status):
    assert not refused(status).again


def test_a_server_may_say_so_itself():
    assert refused(400, x_should_retry="true").again
    assert not refused(500, x_should_retry="false").again


def test_hours_are_not_waited_for():
    assert not refused(429, retry_after="3600").again


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_a_server_asks_for(headers, pause_s):
    assert refused(429, **headers).pause_s == pause_s


def test_a_date_is_a_pause_too():
    moment = datetime.now(UTC) + timedelta(seconds=30)
    assert refused(429, retry_after=format_datetime(moment)).pause_s == pytest.approx(30, abs=2)


def test_pauses_double_up_to_a_limit_and_differ():
    for attempt, most in ((1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (5000, 8.0)):
        pauses = {pause_before(attempt, None) for _ in range(20)}
        assert len(pauses) > 1
        assert all(0.75 * most <= pause <= most for pause in pauses)
    assert pause_before(1, 3.0) == 3.0
    assert pause_before(1, 0.0) > 0


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": {"message": "too long", "code": "context_full"}}', "too long", "context_full"),
        (b'{"error": {"message": "bad", "code": 400}}', "bad", None),
        (b'{"error": "overloaded"}', "overloaded", None),
        (b'{"message": "no such model"}', "no such model", None),
        (b'{"detail": "Not Found"}', "Not Found", None),
        (b"<html>bad gateway</html>", "bad gateway", None),
        (b"[1]", "[1]", None),
        (b"\xff", "\ufffd", None),
        (b"", "", None),
    ],
)
def test_what_an_error_says(body, message, code):
    error = refused(400, body)
    assert error.reason.startswith("HTTP 400: ")
    assert message in error.reason
    assert error.code == code


def test_a_key_that_no_header_can_hold_is_refused_when_it_is_opened():
    with pytest.raises(ValueError, match="nvalid header"):
        Transport.open("http://127.0.0.1:1/v1", "two\nlines", 1.0)
