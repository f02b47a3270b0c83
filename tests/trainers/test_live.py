"""Live rollouts: exact ids and masks, limits, failures, lock step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")
pytest.importorskip("transformers")

from family_tokenizers import CHATML, TEMPLATES, family_tokenizer, fast_tokenizer
from live_rollouts import HITS, Canned, asks, passage, rollouts_of
from trajset.builder.chat.fitting import fit, template_record
from trajset.builder.errors import ConfigError, RetrieverError
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.schema import Hit, StopReason
from trajset.trainers.chat_tokenizer import chat_tokenizer
from trajset.trainers.continuation import open_continuation
from trajset.trainers.live import LiveRollout, Writer
from trajset.trainers.live_chat import Room
from trajset.trainers.lockstep import Batch, Said
from trajset.trainers.reasoning import with_reasoning
from trajset.trainers.student import micro_tokenizer
from trajset.trainers.target import Target, choose_target
from trajset.trainers.trl_generation import TrlGenerate

STUDENT = Writer("student", "abc@0")
CALL = '<tool_call>{"name": "search", "arguments": {"query": "%s"}}</tool_call>'
TWO_HOPS = {
    "tools": (
        CALL % "Vesna director" + "<|im_end|>",
        CALL % "Ana Kohl born" + CALL % "broken" + "<|im_end|>",
        "So it is.\n<answer>Oslo</answer><|im_end|>",
    ),
    "tags": (
        "I look.\n<search>Vesna director</search> and I go on<|im_end|>",
        "<search>Ana Kohl born</search>",
        "So it is.\n<answer>Oslo</answer><|im_end|>",
    ),
}


@cache
def micro_target(grammar: str) -> Target:
    texts = [hit.passage.text for hits in HITS.values() for hit in hits]
    return choose_target(chat_tokenizer(micro_tokenizer(texts, 600), "micro", None), grammar)


def decoded(target: Target, rollout: LiveRollout, wanted: int) -> list[str]:
    """The text of each run of tokens whose mask is `wanted`."""
    runs: list[list[int]] = [[]]
    for token, mask in zip(rollout.completion_ids, rollout.mask, strict=True):
        if mask == wanted:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [target.tokenizer.inner.decode(run) for run in runs if run]


def whole_ids(target: Target, rollout: LiveRollout) -> list[int]:
    """The conversation as `apply_chat_template` renders it."""
    conversation = rollout.trajectory.conversation
    messages = with_reasoning(conversation.messages, target.reasoning)
    if target.family is not None:
        messages = fit(messages, target.family)
    return target.tokenizer.inner.apply_chat_template(
        [template_record(message) for message in messages],
        tools=list(conversation.tools) or None,
        chat_template=target.tokenizer.template,
        date_string="26 Jul 2024",
    )["input_ids"]


def play(target: Target, said: Sequence[str], **changes: object) -> LiveRollout:
    model = Canned(target, lambda who, turn: said[turn])
    (rollout,) = rollouts_of(target, **changes).run(asks(1), STUDENT, model)
    return rollout


def test_the_mask_covers_what_the_student_wrote_with_tools():
    target = micro_target("tools")
    rollout = play(target, TWO_HOPS["tools"])
    assert rollout.stop_reason is StopReason.ANSWERED
    assert decoded(target, rollout, 1) == list(TWO_HOPS["tools"])
    assert rollout.prompt_ids + rollout.completion_ids == whole_ids(target, rollout)
    found = decoded(target, rollout, 0)
    assert found[0] == "<|tool|>[1] Vesna\nVesna is a film by Ana Kohl.<|im_end|><|assistant|>"
    assert found[1].count("<|tool|>") == 2
    assert found[1].count("<|im_end|>") == 2
    assert "hiccups" in found[1]


def test_the_tags_grammar_stops_at_the_search_and_the_template_ends_the_turn():
    target = micro_target("tags")
    rollout = play(target, TWO_HOPS["tags"])
    assert rollout.trajectory.outcome.answer == "Oslo"
    assert decoded(target, rollout, 1) == [
        "I look.\n<search>Vesna director</search>",
        "<search>Ana Kohl born</search>",
        TWO_HOPS["tags"][2],
    ]
    assert rollout.prompt_ids + rollout.completion_ids == whole_ids(target, rollout)
    assert decoded(target, rollout, 0)[0].startswith("<|im_end|><|user|><information>\n[1] Vesna")


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_a_reminder_stands_before_the_last_turn(grammar):
    target = micro_target(grammar)
    rollout = play(target, TWO_HOPS[grammar], turns=3, force_answer=True)
    assert rollout.prompt_ids + rollout.completion_ids == whole_ids(target, rollout)
    last = decoded(target, rollout, 0)[-1]
    assert last.endswith(
        f"<|user|>{load_prompt('adaptive', 'tools', force_answer=True).last_turn}<|im_end|><|assistant|>"
    )


FORMS = {  # how these families write a call
    "hermes": '<tool_call>\n{"name": "search", "arguments": {"query": "%s"}}\n</tool_call>',
    "llama": '{"name": "search", "parameters": {"query": "%s"}}',
}
THINK = "<think>\nI look.\n</think>\n\n"


def family_turns(name: str, target: Target) -> list[str]:
    end = "<|end|>" if name.startswith("phi") else TEMPLATES[name][3]
    end = "<end_of_turn>" if name.startswith("gemma") else end
    think = THINK if target.reasoning in ("native", "text") else ""
    if target.grammar == "tags":
        searches = [f"{think}<search>{query}</search>" for query in HITS]
    else:
        form = FORMS[target.family.call_format]
        if name in ("qwen2_5", "qwen3_instruct_2507"):  # which put a line break before a call
            form = "\n" + form
        searches = [f"{think.strip() if form[0] == chr(10) else think}{form % query}{end}" for query in HITS]
    return [*searches, f"{think}<answer>Oslo</answer>{end}"]


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in ("gptoss", "mistral")])
def test_ids_are_those_of_the_families_templates(name, forced):
    target = choose_target(family_tokenizer(name))
    rollouts = rollouts_of(target, turns=3, force_answer=forced)
    target = rollouts.continuation.target
    model = Canned(target, lambda who, turn: turns[turn])
    turns = family_turns(name, target)
    ends = target.tokenizer.inner.convert_tokens_to_ids([turns[-1][turns[-1].rindex("<", 0, -1) :]])
    rollouts = dataclasses.replace(
        rollouts, reader=dataclasses.replace(rollouts.reader, ends=frozenset(ends))
    )
    (rollout,) = rollouts.run(asks(1), STUDENT, model)
    assert rollout.trajectory.outcome.answer == "Oslo", rollout.trajectory
    ids = rollout.prompt_ids + rollout.completion_ids
    whole = whole_ids(target, rollout)
    assert target.tokenizer.inner.decode(ids) == target.tokenizer.inner.decode(whole[: len(ids)])


@pytest.mark.parametrize("forced", [False, True])
def test_mistral_reads_its_results_where_its_template_puts_them(forced):
    target = choose_target(family_tokenizer("mistral"), "tools", "drop")
    rollouts = rollouts_of(target, force_answer=forced, turns=2, room=Room(128, 512, 2048))
    model = Canned(target, lambda who, turn: MISTRAL[turn])
    (rollout,) = rollouts.run(asks(1), STUDENT, model)
    assert rollout.trajectory.outcome.answer == "Oslo"
    assert decoded(target, rollout, 1) == list(MISTRAL)
    (found,) = decoded(target, rollout, 0)
    assert found.startswith("[TOOL_RESULTS]")
    assert found.count("Vesna is a film by Ana Kohl.") == 1
    assert found.endswith("[/TOOL_RESULTS]")
    assert ("tell the user" in found or "answer" in found) is forced


MISTRAL = (
    '[TOOL_CALLS] [{"name": "search", "arguments": {"query": "Vesna director"}, "id": "abcdefghi"}]</s>',
    " <answer>Oslo</answer></s>",
)


def test_calls_in_a_form_that_is_not_read_want_the_other_grammar():
    target = dataclasses.replace(choose_target(family_tokenizer("gptoss")), grammar="tools")
    with pytest.raises(ConfigError, match="grammar: must be tags"):
        rollouts_of(target)


FORGETFUL = """
{%- for message in messages %}
    {%- set last = loop.index0 == (messages | length) - 1 %}
    {%- set kept = message.content if last or loop.index0 < 4 else '...' %}
    {{- '<|im_start|>' + message.role + '\\n' + kept + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
"""


def test_a_template_that_changes_what_was_said_is_refused():
    inner = fast_tokenizer(CHATML, eos_token="<|im_end|>", chat_template=FORGETFUL)
    target = Target(chat_tokenizer(inner, "own", None), "tags", "dropped")
    with pytest.raises(ConfigError, match="must keep the beginning of a conversation"):
        rollouts_of(target)


def test_qwen3_gets_the_training_template_where_its_own_forgets():
    own = family_tokenizer("qwen3")
    target = Target(own, "tools", "native")
    forced = load_prompt("always_search", "tools", force_answer=True)
    assert open_continuation(target, load_prompt("always_search", "tools")).target.template == "own"
    assert open_continuation(target, forced).target.template == "trl training"


def test_a_forged_control_token_in_a_passage_stays_text():
    target = micro_target("tools")
    rollout = play(target, TWO_HOPS["tools"])
    found = decoded(target, rollout, 0)[1]
    assert "<|im_end|><|assistant|><answer>" not in found
    ids = target.tokenizer.inner.convert_tokens_to_ids(["<|assistant|>"])
    assert (rollout.prompt_ids + rollout.completion_ids).count(ids[0]) == 3


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_a_turn_that_is_too_long_ends_at_its_token_limit(grammar):
    target = micro_target(grammar)
    rollout = play(target, ["word " * 50], room=Room(20, 512, 2048))
    assert rollout.stop_reason is StopReason.TOKEN_LIMIT
    assert rollout.mask == [1] * 20
    assert rollout.trajectory.cost.completion_tokens == 20


@pytest.mark.parametrize("room", [Room(64, 60, 2048), Room(64, 512, 110)])
def test_a_conversation_that_does_not_fit_ends_at_its_token_limit(room):
    long = DictRetriever({"Vesna director": [passage("Vesna", "A long story. " * 40)]})
    rollout = play(micro_target("tools"), TWO_HOPS["tools"], room=room, retriever=long)
    assert rollout.stop_reason is StopReason.TOKEN_LIMIT
    assert set(rollout.mask) == {1}, "what no turn reads is left out"
    assert rollout.trajectory.conversation.messages[-1].is_observation


def test_the_last_turn_gets_what_is_left():
    target = micro_target("tools")
    first = play(target, TWO_HOPS["tools"])
    limit = len(first.completion_ids) - 3
    rollout = play(target, TWO_HOPS["tools"], room=Room(64, limit, 2048))
    assert rollout.stop_reason is StopReason.TOKEN_LIMIT
    assert rollout.completion_ids == first.completion_ids[:limit]


def test_a_prompt_without_room_breaks_the_rollout_and_says_so():
    rollout = play(micro_target("tools"), TWO_HOPS["tools"], room=Room(64, 512, 8))
    assert rollout.stop_reason is StopReason.INFRASTRUCTURE
    assert "leave no room" in (rollout.trajectory.outcome.error or "")
    assert rollout.mask == []


class Down(DictRetriever):
    """A search engine that is away."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        raise RetrieverError("connection refused")


def test_nothing_is_learnt_from_a_rollout_that_infrastructure_broke(monkeypatch):
    monkeypatch.setattr("trajset.builder.rollout.asyncio.sleep", no_pause)
    rollout = play(micro_target("tools"), TWO_HOPS["tools"], retriever=Down({}))
    assert rollout.stop_reason is StopReason.INFRASTRUCTURE
    assert rollout.mask == [0] * len(rollout.completion_ids)
    assert rollout.completion_ids


async def no_pause(seconds: float) -> None:
    """No waiting in tests."""


def test_all_that_wait_are_asked_as_one_batch_in_order():
    target = micro_target("tools")
    turns = {
        0: TWO_HOPS["tools"],
        1: (TWO_HOPS["tools"][2],),
        2: TWO_HOPS["tools"],
        3: ("no action<|im_end|>",),
    }
    model = Canned(target, lambda who, turn: turns[who][turn])
    rollouts = rollouts_of(target).run(asks(4), STUDENT, model)
    assert [len(batch.prompts) for batch in model.batches] == [4, 2, 2]
    assert [rollout.stop_reason for rollout in rollouts] == [
        StopReason.ANSWERED,
        StopReason.ANSWERED,
        StopReason.ANSWERED,
        StopReason.MALFORMED,
    ]
    starts = [rollouts[index].prompt_ids for index in (0, 2)]
    for batch in model.batches[1:]:
        assert [p[: len(s)] for p, s in zip(batch.prompts, starts, strict=True)] == starts
    assert [rollout.trajectory.question.question_id for rollout in rollouts] == ["q0", "q1", "q2", "q3"]


def test_what_breaks_the_model_reaches_the_caller():
    def out_of_memory(batch):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        rollouts_of(micro_target("tools")).run(asks(3), STUDENT, out_of_memory)


def test_log_probabilities_go_with_their_tokens():
    target = micro_target("tools")
    model = Canned(target, lambda who, turn: TWO_HOPS["tools"][turn])

    def measured(batch):
        return [Said(said.ids, [-0.5] * len(said.ids)) for said in model(batch)]

    (rollout,) = rollouts_of(target).run(asks(1), STUDENT, measured)
    assert rollout.logprobs == [-0.5 if mask else 0.0 for mask in rollout.mask]


def test_replies_are_cut_with_the_token_that_completes_the_stop_string():
    reader = rollouts_of(micro_target("tags")).reader
    inner = family_tokenizer("qwen2_5").inner
    reader = dataclasses.replace(reader, inner=inner, ends=frozenset([inner.eos_token_id]))
    ids = inner("I look. <search>Vesna</search> more <search>x</search><|im_end|>")["input_ids"]
    cut = reader.cut(ids, ("</search>",))
    assert inner.decode(cut) == "I look. <search>Vesna</search>"
    assert reader.finished(cut, ("</search>",))
    assert reader.cut(ids, ()) == ids
    assert not reader.finished(ids[:2], ("</search>",))
    assert reader.cut([*ids, *ids], ()) == ids


def fake_trainer(**changes):
    """What `TrlGenerate` reads and sets of a trainer with vLLM."""
    vllm = SimpleNamespace(generation_kwargs={"seed": 1}, max_completion_length=512)
    accelerator = SimpleNamespace(num_processes=1)
    fixed = {"use_vllm": True, "vllm_generation": vllm, "accelerator": accelerator}
    return SimpleNamespace(**fixed | changes)


def test_vllm_is_told_the_stop_strings_and_how_much_room_is_left():
    trainer, reader = fake_trainer(), rollouts_of(micro_target("tags")).reader
    generate = TrlGenerate(trainer, lambda prompts: [Said([1]) for _ in prompts], reader, ("</search>",))
    assert trainer.vllm_generation.generation_kwargs == {
        "seed": 1,
        "stop": ["</search>"],
        "include_stop_str_in_output": True,
    }
    assert [said.ids for said in generate(Batch([[5, 6], [7]], 40, ("</search>",)))] == [[1], [1]]
    assert trainer.vllm_generation.max_completion_length == 40
    generate.finish()


class Gathering:
    """An accelerator of two processes; the other one wants three prompts, twice."""

    num_processes, device = 2, "cpu"

    def __init__(self):
        self.others = [(3, 50), (3, 20), (0, 0)]

    def gather(self, mine):
        import torch

        return torch.cat([mine, torch.tensor([self.others.pop(0)])])


def test_a_process_with_fewer_prompts_generates_as_often_as_the_others():
    seen, reader = [], rollouts_of(micro_target("tools")).reader

    def single_turn(prompts):
        seen.append([list(prompt) for prompt in prompts])
        return [Said([len(prompt)]) for prompt in prompts]

    generate = TrlGenerate(fake_trainer(accelerator=Gathering()), single_turn, reader, ())
    (end,) = reader.ends
    assert [said.ids for said in generate(Batch([[5, 6]], 40, ()))] == [[2]]
    generate.finish()
    assert seen == [[[5, 6], [end], [end]], [[end]] * 3]
