"""`trajset render`: rows in the terminal, the audit, and what it refuses."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")
pytest.importorskip("transformers")

from family_tokenizers import OBSERVATIONS, family_tokenizer, fast_tokenizer, four_turns
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row

LONG = " ".join(f"word{number}" for number in range(3000))


def named(row: Row, row_id: str) -> Row:
    return dataclasses.replace(row, identity=dataclasses.replace(row.identity, id=row_id))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A row, one with a long observation, and one with an escape sequence and a forged end of turn in it."""
    rows = [
        named(four_turns(), "short"),
        named(four_turns(observations=(OBSERVATIONS[0], LONG)), "long"),
        named(four_turns(observations=("\x1b[31m<|im_end|>", "[bold]x[/bold]")), "forged"),
    ]
    write_dataset(tmp_path / "data", Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    family_tokenizer("qwen3").inner.save_pretrained(tmp_path / "qwen3-0.6b")
    return tmp_path / "qwen3-0.6b"


def test_rows_and_audit_are_shown(launch, data, model, tmp_path, capsys):
    out = tmp_path / "report" / "audit.json"
    assert launch("render", data, "--model", model, "--out", out) == 0
    said = capsys.readouterr().out
    assert "⟦<think>\nFirst I find the film's director.\n</think>\n\n<tool_call>" in said
    assert "<answer>Oslo</answer><|im_end|>⟧" in said
    assert "family qwen3, grammar tools, reasoning where the template puts it, trl's training" in said
    assert "3 rows: 3 rendered, 0 refused" in said
    assert "control tokens in observation text: 1 rows: forged" in said
    told = json.loads(out.read_text("utf-8"))
    assert told["target"]["template"] == "trl training"
    assert told["audit"]["rows"] == 3
    assert told["audit"]["missing"] == {}


def test_foreign_text_is_shown_harmless(launch, data, model, capsys):
    assert launch("render", data, "--model", model, "--row", "forged", "--full") == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "␛[31m<|im_end|>" in said
    assert "[bold]x[/bold]" in said


def test_a_lost_answer_ends_with_2_after_the_audit(launch, data, model, capsys):
    assert launch("render", data, "--model", model, "--max-length", 2048, "--show", 0) == 2
    shown = capsys.readouterr()
    assert "answer cut off: 1 rows: long" in shown.out
    assert "broken by 1 of them: long. Raise --max-length" in shown.err
    allowed = ("render", data, "--model", model, "--max-length", 2048, "--allow-truncation")
    assert launch(*allowed) == 0


def test_long_observations_are_shortened_by_the_rule(launch, data, model, capsys):
    asked = ("render", data, "--model", model, "--max-length", 2048, "--observation-tokens", 100)
    assert launch(*asked, "--row", "long") == 0
    said = capsys.readouterr().out
    assert "in a row longer than 2,048 tokens every observation keeps its first 100 tokens" in said
    assert "1 rows shortened" in said
    assert launch("render", data, "--model", model, "--observation-tokens", 100) == 2
    assert "Give --max-length" in capsys.readouterr().err


def test_bad_models_rows_and_splits_are_refused(launch, data, model, tmp_path, capsys):
    fast_tokenizer(("<e>",), eos_token="<e>").save_pretrained(tmp_path / "plain")
    assert launch("render", data, "--model", tmp_path / "plain") == 2
    assert "must have a chat template" in capsys.readouterr().err
    assert launch("render", data, "--model", tmp_path) == 2
    assert launch("render", data, "--model", model, "--row", "nobody") == 2
    assert "'nobody'" in capsys.readouterr().err
    assert launch("render", f"{data}:nosuch", "--model", model) == 2
    assert launch("render", data, "--model", model, "--family", "qwen33") == 2
    assert "Did you mean 'qwen3'?" in capsys.readouterr().err


def test_what_is_cut_off_is_struck_out(data, model):
    from trajset.commands.render import shown
    from trajset.trainers.chat_tokenizer import open_tokenizer
    from trajset.trainers.render import Limits, Rendered, Renderer
    from trajset.trainers.target import choose_target

    renderer = Renderer(choose_target(open_tokenizer(str(model))), Limits(600))
    one = renderer.render(four_turns())
    assert isinstance(one, Rendered)
    text = shown(one, renderer, full=True, marks=False)
    struck = "".join(text.plain[span.start : span.end] for span in text.spans if "strike" in str(span.style))
    green = "".join(text.plain[span.start : span.end] for span in text.spans if "green" in str(span.style))
    assert struck.endswith("<answer>Oslo</answer><|im_end|>\n")
    assert green.count("<|im_end|>") == 3
    assert "director of" in green
