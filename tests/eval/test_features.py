"""Features equal a direct forward pass, alone and in a batch, at the token that ends the question."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.prompts import load_prompt
from trajset.builder.schema import Question
from trajset.builder.world.world import generate
from trajset.builder.world_config import WorldConfig

if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
    pytest.skip("needs the extra [local]: pip install 'trajset[local]'", allow_module_level=True)

import torch
from family_tokenizers import TEMPLATES, family_tokenizer
from trajset.builder.chat.families import family_named
from trajset.eval.features import FeatureSource, features_of
from trajset.eval.probe_options import FeatureOptions
from trajset.eval.queries import QueryReader
from trajset.trainers.student import make_student, world_texts
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

TEXTS = (
    "Who?",
    "Which of two rivers is longer, the Éa or the 東川?",
    " When was it founded? ",
    "Where is it",
)
QUESTIONS = [Question(f"q{number}", "demo", text, ("x",)) for number, text in enumerate(TEXTS)]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("features") / "student"
    make_student(folder, world_texts(generate(WorldConfig(entities=60, questions=10), "plain")))
    return str(folder)


@pytest.fixture
def base(student: str, tmp_path: Path) -> str:
    """The same without a chat template."""
    tokenizer = AutoTokenizer.from_pretrained(student)
    AutoModelForCausalLM.from_pretrained(student).save_pretrained(tmp_path / "base")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink(missing_ok=True)
    return str(tmp_path / "base")


def direct(student: str, text: str, token: int, layer: int) -> np.ndarray:
    """The hidden state at a token of a text that the model reads whole, by itself."""
    tokenizer, model = AutoTokenizer.from_pretrained(student), AutoModelForCausalLM.from_pretrained(student)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(ids, output_hidden_states=True).hidden_states[layer][0, token].numpy()


def rendered(student: str, question: str) -> str:
    tokenizer = AutoTokenizer.from_pretrained(student)
    system = load_prompt("closed_book", "tools").text
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


@pytest.mark.parametrize("layer", [None, 0, 1, 3])
def test_they_are_those_of_a_direct_pass(student: str, layer: int | None) -> None:
    found = features_of(FeatureSource(student, options=FeatureOptions(layer=layer)), QUESTIONS)
    assert (found.layer, found.layers) == (1 if layer is None else layer, 3)
    assert found.values.dtype == np.float32
    tokenizer = AutoTokenizer.from_pretrained(student)
    for row, question in zip(found.values, TEXTS, strict=True):
        text = rendered(student, question)
        head = text[: text.index(question) + len(question.rstrip())]
        token = len(tokenizer(head, add_special_tokens=False)["input_ids"]) - 1
        assert row == pytest.approx(direct(student, text, token, found.layer), abs=1e-5)


def test_at_the_prompt_it_is_the_last_token(student: str) -> None:
    found = features_of(FeatureSource(student, options=FeatureOptions(at="prompt")), QUESTIONS)
    expected = [direct(student, rendered(student, text), -1, 1) for text in TEXTS]
    assert found.values == pytest.approx(np.stack(expected), abs=1e-5)
    at_question = features_of(FeatureSource(student), QUESTIONS).values
    assert np.abs(found.values - at_question).max() > 0.01


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_says_what_each_says_alone(student: str, side: str, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(student)
    tokenizer.padding_side = side
    AutoModelForCausalLM.from_pretrained(student).save_pretrained(tmp_path / side)
    tokenizer.save_pretrained(tmp_path / side)
    together = features_of(FeatureSource(str(tmp_path / side)), QUESTIONS)
    alone = features_of(FeatureSource(student, options=FeatureOptions(batch_size=1)), QUESTIONS)
    assert together.question_ids == tuple(question.question_id for question in QUESTIONS)
    assert together.values == pytest.approx(alone.values, abs=1e-5)


def test_a_base_model_reads_plain_text(student: str, base: str) -> None:
    found = features_of(FeatureSource(base), QUESTIONS[:1])
    head = f"{load_prompt('closed_book', 'tools').text}\n\nQuestion: Who?"
    assert found.values[0] == pytest.approx(direct(student, head, -1, 1), abs=1e-5)


SMALL = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "vocab_size": 768}
ARCHITECTURES = {
    "bloom": {
        "hidden_size": 16,
        "n_layer": 4,
        "n_head": 2,
        "vocab_size": 768,
    },  # positions come from the mask
    "gpt_neox": SMALL | {"intermediate_size": 16},
    "gpt2": {"n_embd": 16, "n_layer": 4, "n_head": 2, "vocab_size": 768},
    "llama": SMALL | {"intermediate_size": 16},
    "mamba": {"hidden_size": 16, "num_hidden_layers": 4, "vocab_size": 768},
    "mixtral": SMALL | {"intermediate_size": 16, "num_key_value_heads": 1, "num_local_experts": 2},
    "opt": SMALL | {"ffn_dim": 16, "word_embed_proj_dim": 16},
}


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_any_architecture_is_read(name: str, student: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **ARCHITECTURES[name]))
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(student).save_pretrained(tmp_path)
    found = features_of(FeatureSource(str(tmp_path)), QUESTIONS[:2])
    assert (found.layer, found.layers) == (2, 4)
    for row, question in zip(found.values, TEXTS, strict=False):
        text = rendered(str(tmp_path), question)
        head = text[: text.index(question) + len(question)]
        assert row == pytest.approx(direct(str(tmp_path), head, -1, 2), abs=1e-4)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("question", TEXTS)
def test_the_end_of_a_question_is_found_in_every_family(name: str, question: str) -> None:
    tokenizer = family_tokenizer(name)
    prompt, family = load_prompt("closed_book", "tags"), family_named(TEMPLATES[name][0])
    reader = QueryReader(tokenizer.inner, prompt, family)
    said = tokenizer.inner.decode(reader.ids(question))
    assert said.endswith(question.strip())
    assert prompt.text in said
    whole = tokenizer.inner.decode(QueryReader(tokenizer.inner, prompt, family, "prompt").ids(question))
    assert whole.startswith(said)
    assert len(whole) > len(said)


def test_a_question_that_stands_elsewhere_in_the_template_is_not_mixed_up() -> None:
    reader = QueryReader(family_tokenizer("qwen3").inner, load_prompt("closed_book", "tags"))
    assert reader.tokenizer.decode(reader.ids("assistant")).endswith("user\nassistant")


def test_a_second_time_they_come_from_the_cache(student: str, tmp_path: Path) -> None:
    cache = tmp_path / "out" / "features.npz"
    first = features_of(FeatureSource(student, cache=cache), QUESTIONS)
    with np.load(cache) as kept:
        marked = dict(kept) | {"values": kept["values"] + 1}
    np.savez(cache, **marked)
    again = features_of(FeatureSource(student, cache=cache), QUESTIONS)
    assert again.values == pytest.approx(first.values + 1)
    assert (again.question_ids, again.layer, again.layers) == (first.question_ids, 1, 3)
    assert again.revision == first.revision
    options = FeatureOptions(layer=2)
    for other, asked in (
        (FeatureSource(student, cache=cache, options=options), QUESTIONS),
        (FeatureSource(student, cache=cache), QUESTIONS[1:]),
    ):
        assert features_of(other, asked).values.shape[0] == len(asked)
        assert features_of(FeatureSource(student, cache=cache), QUESTIONS).values == pytest.approx(
            first.values
        )
    cache.write_bytes(b"PK\x03\x04 torn")
    assert features_of(FeatureSource(student, cache=cache), QUESTIONS).values == pytest.approx(first.values)


def test_what_cannot_be_read_is_said(student: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer: must be from 0 .* to 3"):
        features_of(FeatureSource(student, options=FeatureOptions(layer=4)), QUESTIONS)
    with pytest.raises(ConfigError, match="must be a folder with a model"):
        features_of(FeatureSource(str(tmp_path)), QUESTIONS)
    with pytest.raises(DataError, match="context of 2048"):
        features_of(FeatureSource(student), [Question("q", "demo", "why " * 2048, ("x",))])
    with pytest.raises(DataError, match="must not be empty"):
        features_of(FeatureSource(student), [Question("q", "demo", "  ", ("x",))])
