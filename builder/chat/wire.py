"""The OpenAI chat format: our request as its JSON, its reply as our message. Pure functions.

What a server sends is cleaned here, once: lone surrogates are replaced, tool-call arguments become objects
that can be written as JSON again, so nothing behind this module meets text that Arrow or UTF-8 refuses.
"""

from __future__ import annotations

import json
from typing import Any, cast

import orjson
from pydantic import BaseModel, Field, ValidationError

from ..prompts import MALFORMED_ARGUMENTS
from ..schema import JsonObject, Message
from ..storable import storable
from .model import ChatRequest, Completion, FinishReason


class _Function(BaseModel):
    name: str | None = None
    arguments: Any = None


class _ToolCall(BaseModel):
    id: str | None = None
    function: _Function


class _Message(BaseModel):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    token_ids: tuple[int, ...] | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    prompt_token_ids: tuple[int, ...] | None = None


class _Metered(BaseModel):
    usage: _Usage | None = None


def write_request(model: str, request: ChatRequest) -> bytes:
    """The JSON body of a request. `top_k` (an extension of vLLM and others) is there only when set.

    `Message.name` stays at home: it marks retrieved text for us, and some servers refuse it.
    """
    body: JsonObject = {
        "model": model,
        "messages": [_write_message(message) for message in request.messages],
    }
    body |= _write_sampling(request)
    optional = {
        "tools": request.tools,
        "tool_choice": "none" if request.tools and not request.may_call else None,
        "stop": request.stop,
        "response_format": _write_format(request.response_schema),
        "reasoning_effort": request.reasoning_effort,
        "chat_template_kwargs": _write_template(request.sampling.thinking),
        "return_token_ids": request.token_ids,
    }
    body |= {key: value for key, value in optional.items() if value}
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate in a question or a passage
        return orjson.dumps(storable(body))


def _write_sampling(request: ChatRequest) -> JsonObject:
    sampling = request.sampling
    if request.dialect == "reasoning":
        return {"max_completion_tokens": sampling.max_tokens}
    fields: JsonObject = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed,
    }
    return fields | ({"top_k": sampling.top_k} if sampling.top_k else {})


def _write_template(thinking: bool | None) -> JsonObject | None:
    """The switch of chat templates that have it, as vLLM and SGLang take it."""
    return None if thinking is None else {"enable_thinking": thinking}


def _write_format(schema: JsonObject | None) -> JsonObject | None:
    """Structured output in the form that OpenAI and vLLM share."""
    if schema is None:
        return None
    named = {"name": schema.get("title", "reply"), "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": named}


def _write_message(message: Message) -> JsonObject:
    record: JsonObject = {"role": message.role, "content": message.content}
    if message.reasoning_content is not None:
        record["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        record["tool_calls"] = [_write_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        record["tool_call_id"] = message.tool_call_id
    return record


def _write_call(call: JsonObject) -> JsonObject:
    function = call["function"]
    return call | {"function": function | {"arguments": orjson.dumps(function["arguments"]).decode()}}


def read_reply(body: bytes) -> Completion:
    """The completion in a reply's body; its latency is for the caller to measure.

    Raises:
        ValueError: no JSON, no choice in it, or a choice of another shape.
    """
    try:
        reply = _Reply.model_validate(read_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "reply"
        raise ValueError(f"{place}: {first['msg']}") from None
    choice, usage = reply.choices[0], reply.usage or _Usage()
    message = _read_message(choice.message)
    return Completion(
        message,
        _finish(choice.finish_reason, message),
        usage.prompt_tokens,
        usage.completion_tokens,
        prompt_token_ids=reply.prompt_token_ids,
        token_ids=choice.token_ids,
    )


def read_usage(body: bytes) -> tuple[int | None, int | None]:
    """Prompt and completion tokens of a reply that cannot be read otherwise; None where it does not say."""
    try:
        usage = _Metered.model_validate(read_json(body)).usage or _Usage()
    except ValueError:  # pydantic's own among them
        return None, None
    return usage.prompt_tokens, usage.completion_tokens


def _read_message(message: _Message) -> Message:
    calls = tuple(_read_call(call) for call in message.tool_calls or ())
    return Message(
        "assistant",
        _read_content(message.content),
        reasoning_content=message.reasoning_content or message.reasoning or None,
        tool_calls=calls or None,
    )


def _read_content(content: str | list[Any] | None) -> str:
    """Some servers send the text in parts: `[{"type": "text", "text": ...}]`."""
    if isinstance(content, list):
        parts = (cast("JsonObject", part).get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content or ""


def _read_call(call: _ToolCall) -> JsonObject:
    function = {"name": call.function.name or "", "arguments": read_arguments(call.function.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _finish(reason: str | None, message: Message) -> FinishReason:
    if reason == "length":
        return "length"
    return "tool_calls" if message.tool_calls else "stop"


def read_arguments(raw: Any) -> JsonObject:
    """Tool-call arguments as an object; anything else goes under `MALFORMED_ARGUMENTS` as text."""
    parsed = raw
    if isinstance(raw, str):
        try:
            parsed = read_json(raw)
        except ValueError:
            parsed = None
    if isinstance(parsed, dict) and _writable(cast("JsonObject", parsed)):
        return cast("JsonObject", parsed)
    return {MALFORMED_ARGUMENTS: raw if isinstance(raw, str) else json.dumps(raw)}


def _writable(value: JsonObject) -> bool:
    """Whether it can be written as JSON again: orjson reads deeper nesting than it writes."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def read_json(data: bytes | str) -> Any:
    """JSON as orjson reads it, but with lone surrogates (legal JSON, no legal text) turned into U+FFFD.

    Raises:
        ValueError: no JSON, or nested too deeply.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
