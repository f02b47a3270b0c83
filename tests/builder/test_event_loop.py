"""The loop that collecting runs in leaves the interpreter as it was."""

import asyncio
import gc
import sys

import pytest
from trajset.builder.event_loop import run_in_loop


def settings() -> tuple[object, ...]:
    return gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count()


def test_the_result_comes_back_and_the_interpreter_is_as_before():
    async def go() -> tuple[object, ...]:
        await asyncio.sleep(0)
        return settings()

    before = settings()
    inside = run_in_loop(go())
    assert inside != before
    assert settings()[:2] == before[:2]
    assert gc.get_freeze_count() == 0


def test_an_error_does_too():
    async def go() -> None:
        raise LookupError("mine")

    before = settings()
    with pytest.raises(LookupError, match="mine"):
        run_in_loop(go())
    assert settings()[:2] == before[:2]


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not exist there")
def test_it_is_uvloop():
    async def go() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run_in_loop(go()).startswith("uvloop")
