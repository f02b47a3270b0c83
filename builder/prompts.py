"""System prompts and the two grammars in which a model searches and answers.

`tools`: a search is a native tool call, its result a `tool` message.
`tags`:  a search is `<search>query</search>` in the text, its result a `user` message holding
         `<information>...</information>` and named "search".
In both, the answer stands in `<answer>...</answer>`.

`render_turn` and `parse_turn` are inverses. Only messages that the model wrote are ever parsed, so nothing
retrieved can be taken for a call or an answer; `neutralise` also keeps retrieved text from turning into
chat-template control tokens further down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from .errors import ConfigError, unknown
from .identity import content_hash
from .schema import OBSERVATION_NAME, REMINDER_NAME, Grammar, JsonObject, Message, Passage, SearchCall

Policy = Literal["always_search", "adaptive", "closed_book", "gold_evidence"]
POLICIES: tuple[Policy, ...] = ("always_search", "adaptive")
"""The policies of a model that may search."""
WITHOUT_SEARCH: tuple[Policy, ...] = ("closed_book", "gold_evidence")
"""The policies of a model that has no tool: from memory alone, or from passages that are handed over."""

MALFORMED_ARGUMENTS = "_malformed"
"""Key under which the raw text of unreadable call arguments is kept."""

SEARCH_TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": OBSERVATION_NAME,
        "description": "Search the corpus and get the best matching passages.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look for."}},
            "required": ["query"],
        },
    },
}

NO_RESULTS = "No results."


NOTHING_HELPFUL = "Nothing helpful was found."
"""What the model reads where the summariser found nothing in the passages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system prompt in a grammar. `id` is `policy/grammar@hash` over text and tool schema.

    `last_turn` is what the model is told before its last turn, None where it is told nothing; with it the id
    is `policy/grammar/forced@hash`, over that text too.
    """

    policy: Policy
    grammar: Grammar
    text: str
    tools: tuple[JsonObject, ...]
    last_turn: str | None = None

    @property
    def id(self) -> str:
        """Stable name of this prompt; changes with any change of its texts or tools."""
        if self.last_turn is None:
            return f"{self.policy}/{self.grammar}@{content_hash([self.text, self.tools], 8)}"
        hashed = content_hash([self.text, self.tools, self.last_turn], 8)
        return f"{self.policy}/{self.grammar}/forced@{hashed}"

    @property
    def searches(self) -> bool:
        """Whether the model may search."""
        return self.policy in POLICIES

    @property
    def published(self) -> str:
        """All that the model is told, as the manifest keeps it under the prompt's id."""
        return self.text if self.last_turn is None else f"{self.text}\n\n[last turn]\n\n{self.last_turn}"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the model. Arguments that were no JSON object stand under `MALFORMED_ARGUMENTS`."""

    name: str
    arguments: JsonObject
    id: str | None = None

    @property
    def query(self) -> str | None:
        """The search text, or None when the call has none that could be searched for."""
        query = self.arguments.get("query")
        return query.strip() if isinstance(query, str) and query.strip() else None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model turn says: its reasoning, its free text, its calls, its answer."""

    reasoning: str | None = None
    text: str = ""
    calls: tuple[Call, ...] = ()
    answer: str | None = None


def load_prompt(policy: str, grammar: str, *, force_answer: bool = False) -> Prompt:
    """The shipped prompt of a policy in a grammar, with the demand for an answer on the last turn or without.

    Raises:
        ConfigError: no such policy or grammar.
    """
    if policy not in (*POLICIES, *WITHOUT_SEARCH):
        raise ConfigError(str(unknown("policy", policy, (*POLICIES, *WITHOUT_SEARCH))))
    if grammar not in ("tools", "tags"):
        raise ConfigError(str(unknown("grammar", grammar, ("tools", "tags"))))
    searches = policy in POLICIES
    tools = (SEARCH_TOOL,) if grammar == "tools" and searches else ()
    text = f"{read_text(policy)}\n\n{read_text(f'grammar_{grammar}' if searches else 'grammar_none')}"
    return Prompt(policy, grammar, text, tools, read_text("last_turn") if force_answer else None)


@cache
def read_text(name: str) -> str:
    """A text of `builder/prompts`, without the white space around it."""
    return files("trajset.builder").joinpath(f"prompts/{name}.txt").read_text("utf-8").strip()


_ACTION = re.compile(r"<(search|answer)>(.*?)</\1>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_THINK = re.compile(r"\A\s*<think>(.*?)</think>", re.DOTALL)


def stop_strings(grammar: Grammar) -> tuple[str, ...]:
    """Where generation has to stop so that a model cannot write its own search result."""
    return ("</search>",) if grammar == "tags" else ()


def close_stopped(content: str, grammar: Grammar) -> str:
    """Model text as it goes into the row: the stop string put back, and in `tags` nothing after the action.

    Servers drop the stop string from the text, and some ignore it and let the model write on.
    """
    if grammar != "tags":
        return content
    if content.rfind("<search>") > content.rfind("</search>"):
        content += "</search>"
    action = _ACTION.search(content, _after_thinking(content))
    return content[: action.end()] if action else content


def _after_thinking(content: str) -> int:
    thinking = _THINK.match(content)
    return thinking.end() if thinking else 0


def render_turn(turn: Turn, grammar: Grammar) -> Message:
    """A turn as the assistant message a model of that grammar would have written."""
    text = turn.text
    if turn.answer is not None:
        text = _joined(text, f"<answer>{turn.answer}</answer>")
    if grammar == "tags":
        for call in turn.calls[:1]:
            text = _joined(text, f"<search>{call.query or ''}</search>")
        return Message("assistant", text, reasoning_content=turn.reasoning)
    calls = tuple(_call_json(call, index) for index, call in enumerate(turn.calls)) or None
    return Message("assistant", text, reasoning_content=turn.reasoning, tool_calls=calls)


def parse_turn(message: Message, grammar: Grammar) -> Turn:
    """What an assistant message says. The first action counts; a call goes before an answer in `tools`.

    Raises:
        ValueError: the message is not the model's.
    """
    if not message.is_model:
        raise ValueError(f"only assistant messages are parsed, got role {message.role!r}")
    start = _after_thinking(message.content)
    thinking = _THINK.match(message.content)
    reasoning = message.reasoning_content
    if reasoning is None and thinking:
        reasoning = thinking[1].strip()
    body = message.content[start:]
    if grammar == "tags":
        return _parse_tags(body, reasoning)
    answer = _ANSWER.search(body)
    text = (body[: answer.start()] if answer else body).strip()
    calls = tuple(_parse_call(call) for call in message.tool_calls or ())
    return Turn(reasoning, text, calls, answer[1].strip() if answer else None)


def _parse_tags(body: str, reasoning: str | None) -> Turn:
    action = _ACTION.search(body)
    if action is None:
        return Turn(reasoning, body.strip())
    text, payload = body[: action.start()].strip(), action[2].strip()
    if action[1] == "answer":
        return Turn(reasoning, text, answer=payload)
    return Turn(reasoning, text, calls=(Call(OBSERVATION_NAME, {"query": payload}),))


def _call_json(call: Call, index: int) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{index}", "type": "function", "function": function}


def _parse_call(call: JsonObject) -> Call:
    function: dict[str, Any] = call.get("function") or {}
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        arguments = {MALFORMED_ARGUMENTS: str(arguments)}
    return Call(str(function.get("name")), cast("JsonObject", arguments), call.get("id"))


def _joined(text: str, action: str) -> str:
    return f"{text}\n{action}" if text else action


def render_observation(text: str, grammar: Grammar, call_id: str | None = None) -> Message:
    """The message that hands retrieved text (or a search error) to the model."""
    if grammar == "tags":
        return Message("user", f"<information>\n{text}\n</information>", name=OBSERVATION_NAME)
    return Message("tool", text, tool_call_id=call_id, name=OBSERVATION_NAME)


def render_reminder(text: str) -> Message:
    """The message by which the agent itself speaks to the model: neither retrieved nor the model's."""
    return Message("user", text, name=REMINDER_NAME)


def observation_text(call: SearchCall) -> str:
    """What the model reads of a search: the summary where there is one, else the passages, numbered, each as
    `[1] Title`, a line break, the text."""
    if call.error is not None:
        return f"Search failed: {neutralise(call.error)}"
    if call.summary is not None:
        return neutralise(call.summary.text)
    return passages_text(hit.passage for hit in call.hits) or NO_RESULTS


def passages_text(passages: Iterable[Passage]) -> str:
    """Passages as a model reads them, numbered from 1, neutralised."""
    return "\n\n".join(
        f"[{rank}] {neutralise(passage.title)}\n{neutralise(passage.text)}"
        for rank, passage in enumerate(passages, start=1)
    )


_OPENING = r"[<\uff1c\ufe64]"
_CLOSING = r"[>\uff1e\ufe65]"
_BAR = r"[|\uff5c]"
_SLASH = r"[/\uff0f]?"
_UNSEEN = r"[\x00-\x08\x0b-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*"
"""Control and format characters, which some tokenizers drop before they look for their tokens."""

_NAMES = (
    r"search|information|answer|think(?:ing)?|tool_calls?|tool_responses?|tool_results?|tools?"  # grammars
    r"|function(?:_calls?)?|parameter|invoke|arg_key|arg_value"  # how calls are written
    r"|start_of_turn|end_of_turn|start_of_image|end_of_image|image_soft_token|unused\d+"  # Gemma
    r"|bos|eos|pad|s|unk|mask|sep|cls|[be]o[sp]_token|[se]op|special_\d+"  # Mistral, Llama 2, GLM, Cohere
)
_BRACKETED = (
    r"INST|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|SYSTEM_PROMPT|MODEL_SETTINGS|CALL_ID|ARGS"
    r"|THINK|PREFIX|MIDDLE|SUFFIX|IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|g?MASK"
)
_WIDE = ("\uff1c", "\ufe64", "\uff3b")
"""What compatibility normalisation turns into `<` and `[`."""
_CONTROL = re.compile(
    rf"{_OPENING}(?={_UNSEEN}(?:"
    rf"{_BAR}"  # <|im_end|>
    rf"|(?!\s)[^<>\n|]{{0,40}}{_BAR}{_CLOSING}"  # <turn|>
    rf"|{_SLASH}(?:{_NAMES})\b[^<>\n]{{0,40}}{_CLOSING}"  # <answer>, </s>
    rf"|{_SLASH}[\uff01-\uff5e]"  # full-width letters, which compatibility normalisation folds to ASCII
    rf"|<{_SLASH}SYS>>))"  # Llama 2
    rf"|[\[\uff3b](?={_UNSEEN}{_SLASH}(?:{_BRACKETED})[\]\uff3d])",  # Mistral
    re.IGNORECASE,
)


def neutralise(text: str) -> str:
    """Retrieved text with a space put into whatever a template or a grammar would read as markup.

    Covers the tags of both grammars and the control tokens of Qwen, Llama, Phi, Gemma and Mistral templates,
    in any case, also with full-width brackets or unseen characters after the bracket. Doing it twice changes
    nothing more.
    """
    if "<" not in text and "[" not in text and (text.isascii() or not any(map(text.__contains__, _WIDE))):
        return text  # most passages; looking for the pattern takes a hundred times as long
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
