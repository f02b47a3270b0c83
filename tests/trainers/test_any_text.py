"""Whatever texts a conversation holds, what carries loss is what the model wrote, or the row is refused."""

import dataclasses

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")
pytest.importorskip("transformers")

from family_tokenizers import TEMPLATES, family_tokenizer, four_turns, loss_text
from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.builder.prompts import Call, Turn, render_observation, render_turn
from trajset.builder.schema import Message
from trajset.trainers.render import Rendered, Renderer
from trajset.trainers.target import choose_target

MARKS = [
    *("<think>", "</think>", "<answer>", "</answer>", "<search>", "</search>", "<tool_call>", "</tool_call>"),
    *(
        "<|im_end|>",
        "<|im_start|>",
        "<|eot_id|>",
        "<|end|>",
        "<end_of_turn>",
        "</s>",
        "[/INST]",
        "[TOOL_CALLS]",
    ),
    *("\n", " ", "slot0q0002z", '"', "\\", "é", "<information>", "</information>", "{{ x }}", "a b"),
]
foreign = st.lists(
    st.sampled_from(MARKS) | st.text(st.characters(codec="utf-8"), max_size=4), max_size=6
).map("".join)
own = st.text(st.characters(codec="utf-8", exclude_characters="<>[]|"), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)
RENDERERS = {name: Renderer(choose_target(family_tokenizer(name))) for name in TEMPLATES}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TEMPLATES)), st.sampled_from(["tools", "tags"]), foreign, foreign, own, own)
def test_nothing_read_is_learnt_and_all_that_is_written(name, grammar, asked, seen, thought, query):
    call = Call("search", {"query": query}, "call_1_0")
    messages = (
        Message("system", "Search."),
        Message("user", f"Q {asked}"),
        render_turn(Turn(thought, "", (call,)), grammar),
        render_observation(seen, grammar, call.id),
        render_turn(Turn(thought, "", answer="Oslo"), grammar),
    )
    row = four_turns(grammar)
    row = dataclasses.replace(row, conversation=dataclasses.replace(row.conversation, messages=messages))
    blank = [*messages]
    blank[1], blank[3] = Message("user", "Q"), render_observation("x", grammar, call.id)
    plain = dataclasses.replace(
        row, conversation=dataclasses.replace(row.conversation, messages=tuple(blank))
    )
    rendered, reference = RENDERERS[name].render(row), RENDERERS[name].render(plain)
    assert isinstance(rendered, Rendered), rendered
    assert isinstance(reference, Rendered)
    assert rendered.missing == ()
    assert len(rendered.labels) == len(rendered.input_ids) == rendered.segments[-1].stop
    tokenizer = family_tokenizer(name)
    assert loss_text(rendered, tokenizer) == loss_text(reference, tokenizer)
