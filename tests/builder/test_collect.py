"""The collector: order, resume, kills, signals, refusing servers, a full disk."""

import asyncio
import gc
import itertools
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_collection
from scripted_collection import QUESTIONS, content, job, reply, with_delays
from trajset.builder.chat.model import ChatRequest, ChatUnavailableError, Completion
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.chat.scripted import Reply, ScriptedChat
from trajset.builder.collect import Tally, collect, collected
from trajset.builder.collect_job import CollectJob
from trajset.builder.errors import ChatServerError, ConfigError, DataError, RetrieverError
from trajset.builder.rollout import Limits
from trajset.builder.schema import JsonObject, StopReason


def rows_of(asked: CollectJob) -> list[JsonObject]:
    return [content(row) for row in asyncio.run(collect(asked)).rows()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[JsonObject]:
    return rows_of(job(tmp_path_factory.mktemp("undisturbed")))


def test_rows_come_in_question_order_whatever_was_faster(tmp_path, undisturbed):
    assert rows_of(with_delays(job(tmp_path), seed=3, longest_s=0.02)) == undisturbed
    assert [row["question_id"] for row in undisturbed] == [
        question.question_id for question in QUESTIONS[:20]
    ]


def test_samples_differ_and_follow_each_other(tmp_path):
    rows = rows_of(job(tmp_path, samples=3))
    assert [row["sample_index"] for row in rows] == [0, 1, 2] * 20
    assert len({row["id"] for row in rows}) == 60
    assert len({row["seed"] for row in rows}) == 60


def test_concurrency_is_bounded(tmp_path):
    under_way: list[int] = []
    asked = with_delays(job(tmp_path, concurrency=3), seed=0, longest_s=0.002)
    asyncio.run(collect(asked, lambda tally: under_way.append(tally.under_way)))
    assert max(under_way) <= 3
    assert len(under_way) == 20


def test_a_second_run_needs_resume_and_repeats_nothing(tmp_path, undisturbed):
    rows_of(job(tmp_path))
    with pytest.raises(ConfigError, match=r"--resume"):
        rows_of(job(tmp_path))

    def never(request: ChatRequest) -> Reply:
        raise AssertionError("nothing is left to ask")

    assert rows_of(job(tmp_path, never, resume=True)) == undisturbed


def test_resume_with_other_settings_is_refused(tmp_path):
    rows_of(job(tmp_path))
    with pytest.raises(ConfigError, match="seed=1"):
        rows_of(job(tmp_path, resume=True, seed=1))
    with pytest.raises(ConfigError, match="questions="):
        rows_of(job(tmp_path, resume=True, questions=QUESTIONS[1:21]))


def flaky(share: float) -> object:
    """Breaks that share of the requests, at random and not by seed."""
    draw = random.Random(5)
    return lambda request: ChatUnavailableError("HTTP 500") if draw.random() < share else reply(request)


def test_broken_rollouts_are_rows_and_are_tried_again_on_resume(tmp_path, undisturbed):
    first = asyncio.run(collect(job(tmp_path, flaky(0.2))))
    broken = [row for row in first.rows() if row.outcome.stop_reason is StopReason.INFRASTRUCTURE]
    assert first.complete
    assert 0 < len(broken) == first.progress.broken < 20
    assert {row.scores.f1 for row in broken} == {None}
    assert "tries them again" in (first.next_step() or "")
    assert rows_of(job(tmp_path, resume=True)) == undisturbed


def test_a_server_that_only_fails_stops_the_run_early(tmp_path):
    with pytest.raises(ChatServerError, match=r"\d+ rollouts in a row.*HTTP 500.*--resume"):
        rows_of(job(tmp_path, flaky(1.0), questions=QUESTIONS))
    assert 8 <= collected(tmp_path).progress.finished < 20


def test_a_refused_connection_names_the_url_and_the_journal_stays(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    asked = job(tmp_path)
    asked = replace(asked, agent=replace(asked.agent, model=OpenAIChat(Endpoint("scripted", url, retries=0))))
    with pytest.raises(ChatServerError, match=r"Check that the server runs.*The journal stays") as caught:
        rows_of(asked)
    assert url in str(caught.value)
    assert rows_of(job(tmp_path, resume=True))


def test_a_server_that_goes_down_later_stops_the_run_too(tmp_path):
    with pytest.raises(ChatServerError, match=r"\d+ rollouts in a row"):
        rows_of(job(tmp_path, dying(40), questions=QUESTIONS))


def dying(after: int) -> object:
    """Answers so many requests and then none."""
    asked: list[None] = []

    def script(request: ChatRequest) -> Reply:
        asked.append(None)
        return reply(request) if len(asked) < after else ChatUnavailableError("gone")

    return script


def test_a_signal_in_an_outage_ends_the_wait(tmp_path, undisturbed):
    seen: list[Tally] = []

    def interrupt(tally: Tally) -> None:
        if tally.outage and not seen:
            os.kill(os.getpid(), signal.SIGINT)
            seen.append(tally)

    result = asyncio.run(collect(job(tmp_path, dying(12), outage_s=600.0), interrupt))
    assert result.interrupted
    assert 8 <= result.progress.broken <= 12
    assert rows_of(job(tmp_path, resume=True)) == undisturbed


def test_a_wrong_key_stops_the_run_at_once(tmp_path):
    with pytest.raises(ChatServerError, match="wrong key"):
        rows_of(job(tmp_path, lambda _: ChatServerError("wrong key")))
    assert collected(tmp_path).progress.finished == 0


def test_rollouts_that_fail_while_they_are_dropped_do_not_complain_later(tmp_path, caplog):
    times = itertools.count()

    class FailsWhenDropped(ScriptedChat):
        async def complete(self, request: ChatRequest) -> Completion:
            if not next(times):
                return await super().complete(request)
            try:
                return await asyncio.Future()
            except asyncio.CancelledError as error:
                raise ChatServerError("wrong key") from error

    asked = job(tmp_path)
    model = FailsWhenDropped(lambda _: ChatServerError("wrong key"))
    with pytest.raises(ChatServerError, match="wrong key"):
        rows_of(replace(asked, agent=replace(asked.agent, model=model)))
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_a_search_engine_that_is_down_stops_the_run(tmp_path):
    class Down:
        name = corpus = "down"

        def search(self, queries, k):
            raise RetrieverError("no engine")

    asked = job(tmp_path)
    agent = replace(asked.agent, retriever=Down(), limits=Limits(search_pauses_s=()))
    with pytest.raises(RetrieverError, match="no engine"):
        rows_of(replace(asked, agent=agent))


def test_questions_need_ids_of_their_own(tmp_path):
    with pytest.raises(DataError, match="must be unique"):
        rows_of(job(tmp_path, questions=QUESTIONS[:2] + QUESTIONS[:1]))
    with pytest.raises(DataError, match="must not be empty"):
        rows_of(job(tmp_path, questions=()))


def test_a_partial_result_is_a_prefix_and_not_what_was_fast(tmp_path, undisturbed):
    def slow_third(request: ChatRequest) -> float:
        return 30.0 if "What is 3?" in request.messages[1].content else 0.0

    async def cut_short() -> None:
        asked = job(tmp_path)
        model = replace(asked.agent.model, delay=slow_third)
        running = asyncio.create_task(collect(replace(asked, agent=replace(asked.agent, model=model))))
        await asyncio.sleep(1.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(cut_short())
    result = collected(tmp_path)
    assert result.progress.finished == 19
    assert not result.complete
    assert [content(row) for row in result.rows()] == undisturbed[:3]


def test_the_tally_counts_what_an_earlier_run_left(tmp_path):
    asyncio.run(collect(job(tmp_path, flaky(0.2))))
    tallies: list[Tally] = []
    result = asyncio.run(collect(job(tmp_path, resume=True), tallies.append))
    assert tallies[-1].finished == tallies[-1].total == 20
    assert tallies[-1].made == len(tallies) < 20
    assert result.next_step() is None


def start(out: Path, questions: int, delays: int, longest_s: float, **options) -> subprocess.Popen[str]:
    arguments = [scripted_collection.__file__, out, questions, delays, longest_s]
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(out: Path, questions: int) -> list[JsonObject]:
    with start(out, questions, 0, 0.0) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return [content(row) for row in collected(out).rows()]


def kill_at_random(out: Path, moments: int) -> list[int]:
    """Start, kill at a random moment, start again; how many rollouts were finished at each kill."""
    draw, finished = random.Random(moments), []
    for moment in range(moments):
        with start(out, len(QUESTIONS), moment, 0.05) as process:
            assert process.stdout is not None
            if draw.random() < 0.8:  # else it may die while it still starts
                process.stdout.readline()
            time.sleep(draw.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        finished.append(collected(out).progress.finished if (out / "journal.sqlite").exists() else 0)
    return finished


@pytest.mark.parametrize("moments", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_killed_and_resumed_it_ends_with_the_rows_of_an_undisturbed_run(tmp_path, moments):
    finished = kill_at_random(tmp_path / "killed", moments)
    assert 0 < finished[-1] < len(QUESTIONS)
    rows = finish(tmp_path / "killed", len(QUESTIONS))
    assert rows == rows_of(job(tmp_path / "undisturbed", questions=QUESTIONS))
    assert len({row["id"] for row in rows}) == len(QUESTIONS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_drains(tmp_path, number):
    with start(tmp_path, 200, 1, 0.3) as process:
        assert process.stdout is not None
        process.stdout.readline()  # begun
        process.stdout.readline()  # a first rollout is finished
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    lines = output.splitlines()
    assert lines[-1].startswith("False True ")
    assert "--resume" in lines[-1]
    result = collected(tmp_path)
    assert result.n_rows == result.progress.finished < 200
    assert sum(line.endswith(" True") for line in lines[:-1]) >= 7


def test_a_second_signal_drops_what_is_under_way(tmp_path):
    with start(tmp_path, 200, 1, 20.0) as process:
        assert process.stdout is not None
        process.stdout.readline()  # begun
        process.send_signal(signal.SIGINT)
        process.stdout.readline()  # draining
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert output.splitlines()[-1].startswith("False True ")
    assert len(finish(tmp_path, 200)) == 200


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    with start(tmp_path / "full", 200, 0, 0.0, preexec_fn=small_files) as process:
        _, errors = process.communicate(timeout=30)
    assert "StorageError: journal: must be writable" in errors
    assert 0 < collected(tmp_path / "full").progress.finished < 200
    assert finish(tmp_path / "full", 200) == rows_of(job(tmp_path / "undisturbed", questions=QUESTIONS))
