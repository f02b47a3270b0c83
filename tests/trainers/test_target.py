"""How the way of rendering is chosen, and what is said where there is none."""

import sys

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")
pytest.importorskip("transformers")

from family_tokenizers import TEMPLATES, chat_tokenizer_of, family_tokenizer, fast_tokenizer
from trajset.builder.errors import ConfigError, MissingExtraError
from trajset.trainers.chat_tokenizer import chat_tokenizer, open_tokenizer
from trajset.trainers.target import choose_target

KEEPING = {  # grammar, reasoning, template
    "qwen3": ("tools", "native", "trl training"),
    "qwen3_instruct_2507": ("tools", "text", "own"),
    "qwen2_5": ("tools", "text", "own"),
} | dict.fromkeys(
    (name for name in TEMPLATES if not name.startswith("qwen")),
    ("tags", "text", "own"),
)
DROPPING = dict.fromkeys(
    ("qwen3", "qwen3_instruct_2507", "qwen2_5", "llama3_1", "llama3_2", "mistral", "gptoss"),
    ("tools", "dropped", "own"),
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_chosen_for_the_families(name):
    target = choose_target(family_tokenizer(name))
    assert (target.grammar, target.reasoning, target.template) == KEEPING[name]
    assert target.to_json()["family"] == TEMPLATES[name][0]


@pytest.mark.parametrize("name", TEMPLATES)
def test_without_reasoning_native_calls_are_kept_in_more_families(name):
    target = choose_target(family_tokenizer(name), reasoning="drop")
    wanted = DROPPING.get(name, ("tags", "dropped", "own"))
    assert (target.grammar, target.reasoning, target.template) == wanted


def test_native_calls_that_lose_the_reasoning_are_refused_with_what_works():
    with pytest.raises(ConfigError, match=r"reasoning.*got 'tools'. Use --grammar tags\."):
        choose_target(family_tokenizer("llama3_1"), "tools")
    with pytest.raises(ConfigError, match=r"Use --grammar tags\."):
        choose_target(family_tokenizer("gemma"), "tools")


def test_a_template_that_loses_everything_is_refused():
    with pytest.raises(ConfigError, match=r"Give the tokenizer another chat_template\."):
        choose_target(chat_tokenizer_of("{{ messages[0].content }}", ("<e>",)))


def test_a_template_that_tells_no_reasoning_is_refused_with_what_works():
    text = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}<e>{% endfor %}"
    with pytest.raises(ConfigError, match=r"Use --grammar tags with --reasoning drop\."):
        choose_target(chat_tokenizer_of(text, ("<e>",)))


def test_a_changed_qwen3_template_is_used_as_it_is():
    tokenizer = family_tokenizer("qwen3")
    target = choose_target(tokenizer.with_template(tokenizer.template + "{# mine #}"))
    assert (target.grammar, target.reasoning, target.template) == ("tools", "native", "own")


def test_a_tokenizer_without_a_template_is_refused_with_the_grammar():
    with pytest.raises(ConfigError, match=r"must have a chat template.*--grammar tags"):
        chat_tokenizer(fast_tokenizer(("<e>",), eos_token="<e>"), "gpt2", None)


def test_opening_a_folder(tmp_path):
    family_tokenizer("qwen3").inner.save_pretrained(tmp_path / "Qwen3-0.6B")
    opened = open_tokenizer(str(tmp_path / "Qwen3-0.6B"))
    assert opened.family is not None
    assert opened.family.name == "qwen3"
    assert open_tokenizer(str(tmp_path / "Qwen3-0.6B"), family="none").family is None
    assert opened.template == family_tokenizer("qwen3").template
    with pytest.raises(ConfigError, match="model: must be a model whose tokenizer"):
        open_tokenizer(str(tmp_path))


@pytest.mark.parametrize("absent", ["transformers", "trl"])
def test_what_is_not_installed_is_said_with_its_install_line(absent, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trajset\[train\]'"):
        open_tokenizer("any/model")
