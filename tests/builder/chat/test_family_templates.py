"""What docs/models.md says of chat templates, measured on their texts.

The families' real templates come with trl; those of Mistral are test data of our own, made after its format.
"""

from importlib.resources import files
from pathlib import Path

import jinja2
import pytest
from trajset.builder.chat.families import FAMILIES, Family, call_format_of, family_named, family_of_files
from trajset.builder.chat.fitting import fit, template_record
from trajset.builder.prompts import SEARCH_TOOL, Call, Turn, render_observation, render_reminder, render_turn
from trajset.builder.schema import Grammar, Message

pytest.importorskip("trl", reason="needs the extra [train]")
transformers = pytest.importorskip("transformers")

HERE = Path(__file__).resolve().parents[2] / "chat_templates"
TEMPLATES = {  # file: (family, model_type in config.json)
    "qwen3": ("qwen3", "qwen3"),
    "qwen3_instruct_2507": ("qwen3-instruct-2507", "qwen3"),
    "qwen2_5": ("qwen2.5", "qwen2"),
    "llama3_1": ("llama-3.1", "llama"),
    "llama3_2": ("llama-3.1", "llama"),
    "llama3": ("llama-3", "llama"),
    "phi3": ("phi-3", "phi3"),
    "phi3_5": ("phi-3", "phi3"),
    "gemma": ("gemma-2", "gemma2"),
    "gemma3": ("gemma-3", "gemma3_text"),
    "mistral": ("mistral", "mistral"),
    "mistral_v0.2": ("mistral-v0.2", "mistral"),
    "gptoss": ("gpt-oss", "gpt_oss"),
}
UNTESTED = {"qwen3-thinking-2507"}  # no template at hand; it differs from Qwen3's in the generation prompt

SYSTEM, QUESTION = "Search before you answer.", "Where was the director born?"
PIECES = {
    "system": "Search before you answer.",
    "question": "Where was the director born?",
    "first call": "first query",
    "first result": "first passage",
    "second call": "second query",
    "second result": "second passage",
    "answer": "<answer>Oslo</answer>",
}


@pytest.fixture(scope="module")
def tokenizer():
    """Any tokenizer: only its template machinery is used."""
    from tokenizers import Tokenizer, models

    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")),
        bos_token="<s>",
        eos_token="</s>",
    )


def template(name: str) -> str:
    own = HERE / f"{name}.jinja"
    file = own if own.is_file() else files("trl").joinpath(f"chat_templates/{name}.jinja")
    return file.read_text("utf-8")


def rendered(tokenizer, name: str, messages, grammar: Grammar = "tools", *, prompt: bool = False) -> str:
    return tokenizer.apply_chat_template(
        [template_record(message) for message in messages],
        tools=[SEARCH_TOOL] if grammar == "tools" else None,
        chat_template=template(name),
        tokenize=False,
        add_generation_prompt=prompt,
    )


def conversation(grammar: Grammar, *, said: str = "") -> list[Message]:
    """A system prompt, a question, two searches with their results, an answer; every turn thinks."""
    first = Turn("thought one", said, (Call("search", {"query": "first query"}, "call_1_0"),))
    second = Turn("thought two", said, (Call("search", {"query": "second query"}, "call_2_0"),))
    return [
        Message("system", SYSTEM),
        Message("user", QUESTION),
        render_turn(first, grammar),
        render_observation("first passage", grammar, "call_1_0"),
        render_turn(second, grammar),
        render_observation("second passage", grammar, "call_2_0"),
        render_turn(Turn("thought three", "", answer="Oslo"), grammar),
    ]


def family(name: str) -> Family:
    found = family_named(TEMPLATES[name][0])
    assert found is not None
    return found


def counts(text: str) -> dict[str, int]:
    return {piece: text.count(words) for piece, words in PIECES.items()}


def test_every_family_is_measured_or_named_as_not():
    assert {name for name, _ in TEMPLATES.values()} | UNTESTED == {family.name for family in FAMILIES}


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_is_lost_and_nothing_said_twice(tokenizer, name):
    messages = fit(conversation(family(name).grammar), family(name))
    text = rendered(tokenizer, name, messages, family(name).grammar)
    assert counts(text) == dict.fromkeys(PIECES, 1)


@pytest.mark.parametrize("name", TEMPLATES)
def test_nor_while_the_conversation_goes_on(tokenizer, name):
    """The prompt of the last turn: what the model sees when it answers."""
    messages = fit(conversation(family(name).grammar)[:-1], family(name))
    text = rendered(tokenizer, name, messages, family(name).grammar, prompt=True)
    assert counts(text) == dict.fromkeys(PIECES, 1) | {"answer": 0}


@pytest.mark.parametrize("name", TEMPLATES)
def test_nor_when_the_last_turn_is_forced(tokenizer, name):
    """The agent's own reminder stands behind the last result; no template refuses it."""
    forced = [*conversation(family(name).grammar)[:-1], render_reminder("Answer now.")]
    text = rendered(tokenizer, name, fit(forced, family(name)), family(name).grammar, prompt=True)
    assert counts(text) == dict.fromkeys(PIECES, 1) | {"answer": 0}
    assert text.count("Answer now.") == 1
    assert text.index("second passage") < text.index("Answer now.")


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_files_tell_the_family(name):
    assert family_of_files(TEMPLATES[name][1], template(name)) == family(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_template_alone_tells_how_calls_are_written(name):
    expected = family(name).call_format if family(name).grammar == "tools" else None
    assert call_format_of(template(name)) == expected


@pytest.mark.parametrize("name", ["qwen3_5_think", "glm4moe", "gemma4", "lfm2_2_5"])
def test_calls_in_other_forms_are_not_taken_for_one_of_these(name):
    assert call_format_of(template(name)) is None


@pytest.mark.parametrize("name", [name for name in TEMPLATES if family(name).grammar == "tools"])
def test_two_calls_in_a_turn_are_both_there(tokenizer, name):
    messages = conversation("tools")
    calls = (messages[2].tool_calls or ()) + (messages[4].tool_calls or ())
    both = Message("assistant", "", reasoning_content="thought one", tool_calls=calls)
    asked = fit([*messages[:2], both, messages[3], messages[5], messages[6]], family(name))
    assert counts(rendered(tokenizer, name, asked)) == dict.fromkeys(PIECES, 1)


# What follows shows that the traps are real: each template does without fitting what the table says.


@pytest.mark.parametrize("name", ["llama3", "phi3", "phi3_5"])
def test_these_drop_native_calls(tokenizer, name):
    found = counts(rendered(tokenizer, name, conversation("tools")))
    assert (found["first call"], found["second call"]) == (0, 0)
    assert found["first result"] == (1 if name == "llama3" else 0)


@pytest.mark.parametrize("name", ["gemma", "gemma3"])
def test_gemma_refuses_tool_messages(tokenizer, name):
    with pytest.raises(jinja2.TemplateError, match=r"alternate|System role"):
        rendered(tokenizer, name, fit(conversation("tools"), family(name)))


@pytest.mark.parametrize("name", ["gemma", "mistral_v0.2"])
def test_these_refuse_system_text(tokenizer, name):
    with pytest.raises(jinja2.TemplateError):
        rendered(tokenizer, name, conversation("tags"), "tags")


@pytest.mark.parametrize("name", ["gemma", "gemma3", "mistral", "mistral_v0.2"])
def test_these_refuse_two_user_messages_in_a_row(tokenizer, name):
    forced = [*conversation("tags")[1:-1], Message("user", "Answer now.")]
    with pytest.raises(jinja2.TemplateError):
        rendered(tokenizer, name, forced, "tags")
    text = rendered(tokenizer, name, fit(forced, family(name)), "tags", prompt=True)
    assert text.count("Answer now.") == 1


def test_mistral_refuses_a_user_message_after_a_result(tokenizer):
    asked = fit(conversation("tools")[:-1], family("mistral"))
    with pytest.raises(jinja2.TemplateError, match="take turns"):
        rendered(tokenizer, "mistral", [*asked, Message("user", "Answer now.")])


@pytest.mark.parametrize("name", ["llama3_1", "llama3_2"])
def test_llama_refuses_two_calls_in_a_message(tokenizer, name):
    messages = conversation("tools")
    calls = (messages[2].tool_calls or ()) + (messages[4].tool_calls or ())
    with pytest.raises(jinja2.TemplateError, match="single tool-calls"):
        rendered(tokenizer, name, [*messages[:2], Message("assistant", "", tool_calls=calls)])


@pytest.mark.parametrize("name", ["llama3_1", "llama3_2", "qwen2_5"])
def test_these_quote_arguments_twice_that_are_text(tokenizer, name):
    messages = conversation("tools")
    function = {"name": "search", "arguments": '{"query": "first query"}'}
    text_call = ({"id": "c", "type": "function", "function": function},)
    doubled = rendered(tokenizer, name, [*messages[:2], Message("assistant", "", tool_calls=text_call)])
    assert '\\"query\\"' in doubled


def test_gpt_oss_drops_the_second_call_silently(tokenizer):
    messages = conversation("tools")
    calls = (messages[2].tool_calls or ()) + (messages[4].tool_calls or ())
    asked = [*messages[:2], Message("assistant", "", tool_calls=calls), messages[3]]
    assert "second query" not in rendered(tokenizer, "gptoss", asked)
    assert "second query" in rendered(tokenizer, "gptoss", fit(asked, family("gptoss")))


def test_mistral_loses_system_text_and_refuses_long_ids(tokenizer):
    short = [Message("system", SYSTEM), *fit(conversation("tools")[1:-1], family("mistral"))]
    assert SYSTEM not in rendered(tokenizer, "mistral", short)
    with pytest.raises(jinja2.TemplateError, match="nine"):
        rendered(tokenizer, "mistral", conversation("tools"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        *[(name, 2) for name in ("qwen3", "qwen3_instruct_2507", "qwen2_5")],
        *[(name, 0) for name in ("llama3_1", "llama3_2", "mistral")],
    ],
)
def test_what_is_said_beside_a_call(tokenizer, name, kept):
    messages = fit(conversation("tools", said="Let me look."), family(name))
    assert rendered(tokenizer, name, messages).count("Let me look.") == kept


@pytest.mark.parametrize(
    ("name", "grammar", "kept"),
    [
        ("qwen3", "tools", ["thought one", "thought two"]),
        ("qwen3", "tags", []),  # every observation is a user message, after which Qwen3 forgets its thoughts
        *[(name, "tools", []) for name in ("qwen3_instruct_2507", "qwen2_5", "llama3_1", "mistral")],
    ],
)
def test_the_reasoning_of_earlier_turns_that_the_model_sees(tokenizer, name, grammar, kept):
    messages = fit(conversation(grammar)[:-1], family(name))
    text = rendered(tokenizer, name, messages, grammar, prompt=True)
    assert [thought for thought in ("thought one", "thought two") if thought in text] == kept


def test_llama_3_2_writes_todays_date_and_3_1_a_fixed_one(tokenizer):
    assert "Today Date: 26 Jul 2024" in rendered(tokenizer, "llama3_1", conversation("tools"))
    assert "Today Date: 26 Jul 2024" not in rendered(tokenizer, "llama3_2", conversation("tools"))


def test_the_switch_of_qwen3(tokenizer):
    messages = [template_record(message) for message in conversation("tools")[:2]]
    text = tokenizer.apply_chat_template(
        messages,
        chat_template=template("qwen3"),
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    assert text.endswith("<think>\n\n</think>\n\n")
