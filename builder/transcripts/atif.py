"""ATIF, the Agent Trajectory Interchange Format of Harbor and Terminal-Bench (versions 1.0 to 1.7).

A trajectory has `steps` with a source (system, user, agent). An agent step carries message, reasoning, tool
calls, and the observation with the results of these calls; `results[].source_call_id` names the call. Tokens
are taken from `final_metrics`, else summed over the steps' metrics. Results of sub-agents are kept as far as
they stand in the parent; other files are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from ..prompts import Call
from ..schema import Cost, JsonObject
from .chats import ChatMessage, read_chat, text_turn, validated
from .reading import Reading
from .turns import Event, Observed, Said, Tools

_Content = Any
"""A text, a list of content parts, or nothing; checked as the content of a chat message."""


class _Call(BaseModel):
    tool_call_id: str | None = None
    function_name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class _Result(BaseModel):
    source_call_id: str | None = None
    content: _Content = None


class _Observation(BaseModel):
    results: list[_Result] = Field(default_factory=list[_Result])


class _Metrics(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Step(BaseModel):
    source: Literal["system", "user", "agent"]
    message: _Content = None
    reasoning_content: str | None = None
    model_name: str | None = None
    tool_calls: list[_Call] | None = None
    observation: _Observation | None = None
    metrics: _Metrics | None = None


class _Totals(BaseModel):
    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None


class _Agent(BaseModel):
    model_name: str | None = None
    tool_definitions: list[Any] | None = None


class _Trajectory(BaseModel):
    agent: _Agent = Field(default_factory=_Agent)
    steps: Annotated[list[_Step], Field(min_length=1)]
    final_metrics: _Totals | None = None


_TRAJECTORY: TypeAdapter[_Trajectory] = TypeAdapter(_Trajectory)


def parse_atif(data: JsonObject, tools: Tools) -> Reading:
    """A trajectory object -> a reading in the `tools` grammar.

    Raises:
        UnreadableError: no steps, a step that is none, no user step before the first agent step.
    """
    trajectory: _Trajectory = validated(_TRAJECTORY, data, "trajectory")
    events = [event for step in trajectory.steps for event in _events(step)]
    beside = {**data, "tools": trajectory.agent.tool_definitions, "usage": None}
    reading = read_chat(beside, events, tools)
    models = [trajectory.agent.model_name, *(step.model_name for step in trajectory.steps)]
    teacher = next(filter(None, models), reading.teacher)
    return replace(reading, teacher=teacher, cost=_cost(trajectory))


def _text(content: _Content) -> str:
    message: ChatMessage = validated(
        TypeAdapter(ChatMessage), {"role": "user", "content": content}, "steps.message"
    )
    return message.text


def _events(step: _Step) -> Iterator[Event]:
    results = step.observation.results if step.observation else []
    if step.source != "agent":
        yield Said(step.source, _text(step.message))
        yield from (Said("user", _text(result.content)) for result in results)
        return
    calls = [Call(call.function_name, call.arguments, call.tool_call_id) for call in step.tool_calls or ()]
    turn = text_turn(_text(step.message), step.reasoning_content)
    yield replace(turn, calls=(*calls, *turn.calls))
    yield from (Observed(_text(result.content), result.source_call_id) for result in results)


def _cost(trajectory: _Trajectory) -> Cost:
    totals = trajectory.final_metrics or _Totals()
    metrics = [step.metrics for step in trajectory.steps if step.metrics is not None]
    prompt = totals.total_prompt_tokens
    completion = totals.total_completion_tokens
    return Cost(
        _total([each.prompt_tokens for each in metrics]) if prompt is None else prompt,
        _total([each.completion_tokens for each in metrics]) if completion is None else completion,
    )


def _total(counts: list[int | None]) -> int | None:
    """The sum, or None where a step does not say: half a sum would pass for a whole one."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
