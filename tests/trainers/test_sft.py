"""SFT for real on a micro student: what is learnt, what is written, stopped and resumed, packed, adapted."""

import dataclasses
import importlib.util
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from trajset.builder.errors import ConfigError, DataError, MissingExtraError
from trajset.trainers.lineage import read_lineage
from trajset.trainers.options import LoraOptions, RenderingOptions, SftConfig, SftFitting
from trajset.trainers.sft import RecordedSft, counts, train_sft
from trajset.trainers.training_run import Audience
from trajset.trainers.watch import StopOnSignal

from .conftest import Lab

FITTING = SftFitting(
    learning_rate=3e-3, max_steps=6, per_device_train_batch_size=8, logging_steps=1, save_steps=2
)


def config(lab: Lab, out: Path, **changes: Any) -> SftConfig:
    fitting = dataclasses.replace(FITTING, **changes)
    return SftConfig(data=lab.data, model=lab.student, out=out, fitting=fitting)


@pytest.fixture(scope="module")
def whole(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    from rich.console import Console

    out = tmp_path_factory.mktemp("sft") / "run"
    train_sft(config(lab, out), Audience(Console(quiet=True), lambda text: None))
    return out


def test_the_loss_falls_and_lineage_says_what_was_seen(lab: Lab, whole: Path) -> None:
    lineage = read_lineage(whole)
    history = [line for line in (whole / "history.jsonl").read_text().splitlines() if '"loss"' in line]
    assert len(history) == 6
    assert lineage.state == "complete"
    assert lineage.dataset["split"] == "f1_search"
    assert lineage.dataset["rows"] == lab.rows == lineage.audit["rows"]
    assert lineage.dataset["recipe_hash"]
    assert lineage.dataset["simulated"] is True
    assert lineage.progress.step == lineage.progress.steps == 6
    assert lineage.progress.rows_seen == 48
    assert 0 < lineage.progress.loss_tokens_seen < lineage.progress.tokens_seen
    assert lineage.result["loss"] < 6.6
    assert lineage.target["template_hash"]
    assert {"torch", "trl", "transformers", "trajset"} <= lineage.versions.keys()


def test_nothing_that_is_published_names_a_place_of_this_machine(lab: Lab, whole: Path) -> None:
    for folder in (whole, whole / "checkpoint-6"):
        for name in ("README.md", "training.json", "config.json", "generation_config.json"):
            text = (folder / name).read_text()
            assert str(lab.folder) not in text, name
            assert str(whole.parent) not in text, name


def test_every_checkpoint_says_how_far_it_is(whole: Path) -> None:
    first, last = read_lineage(whole / "checkpoint-4"), read_lineage(whole / "checkpoint-6")
    assert (first.progress.step, last.progress.step) == (4, 6)
    assert first.progress.rows_seen == 32
    assert "| steps | 4 of 6 |" in (whole / "checkpoint-4" / "README.md").read_text()
    assert not (whole / "checkpoint-2").exists()  # save_total_limit


def test_what_is_left_is_a_model_that_loads_with_the_template_it_saw(whole: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(whole)
    model: Any = AutoModelForCausalLM.from_pretrained(whole)
    assert model.config.use_cache
    assert tokenizer.chat_template.startswith("{#- The chat template of micro students")
    assert (whole / "curves.png").stat().st_size > 1000
    assert not (whole / ".work").exists()


def test_a_stopped_run_goes_on_to_the_same_weights(
    lab: Lab, whole: Path, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = StopOnSignal.on_step_end

    def asked(self: StopOnSignal, args: Any, state: Any, control: Any, **others: Any) -> Any:
        self.asked = state.global_step == 3
        return step(self, args, state, control, **others)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "on_step_end", asked)
        ended = train_sft(config(lab, out), audience)
    assert ended.interrupted
    assert read_lineage(out).state == "stopped"
    assert ended.lineage.progress.step == 3
    with pytest.raises(ConfigError, match="--resume"):
        train_sft(config(lab, out), audience)
    shutil.copytree(out / "checkpoint-3", out / "checkpoint-5")  # as a kill leaves one: not whole
    (out / "checkpoint-5" / "trainer_state.json").unlink()
    ended = train_sft(dataclasses.replace(config(lab, out), resume=True), audience)
    assert ended.lineage.result["weights"] == read_lineage(whole).result["weights"]
    before, after = read_lineage(whole).progress, ended.lineage.progress
    assert dataclasses.replace(before, seconds=0.0) == dataclasses.replace(after, seconds=0.0)


def test_a_run_is_resumed_with_its_own_settings_only(
    lab: Lab, whole: Path, audience: Audience, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"options\.seed: 0 -> 1"):
        train_sft(dataclasses.replace(config(lab, whole, seed=1), resume=True), audience)
    with pytest.raises(ConfigError, match="finished run"):
        train_sft(config(lab, whole), audience)
    again = train_sft(dataclasses.replace(config(lab, whole, save_steps=3), resume=True), audience)
    assert again.nothing_to_do
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="empty or hold a training run"):
        train_sft(config(lab, tmp_path / "other"), audience)


def test_held_out_questions_are_measured(lab: Lab, tmp_path: Path, audience: Audience) -> None:
    ended = train_sft(config(lab, tmp_path, eval_fraction=0.2, max_steps=2), audience)
    assert 0 < ended.lineage.result["eval_loss"] < 7


def first_batch(trainer: RecordedSft) -> Any:
    return next(iter(trainer.get_train_dataloader()))


def captured(config: SftConfig, audience: Audience, monkeypatch: pytest.MonkeyPatch) -> RecordedSft:
    """The trainer of a run, not trained."""
    caught: list[RecordedSft] = []

    class Stop(Exception):
        pass

    def fit(trainer: RecordedSft, *others: object) -> None:
        caught.append(trainer)
        raise Stop

    monkeypatch.setattr("trajset.trainers.sft.fit", fit)
    with pytest.raises(Stop):
        train_sft(config, audience)
    return caught[0]


def test_packed_rows_see_only_themselves(
    lab: Lab, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    packed = captured(
        dataclasses.replace(
            config(lab, tmp_path / "p", packing=True, per_device_train_batch_size=1),
            rendering=RenderingOptions(max_length=400),
        ),
        audience,
        monkeypatch,
    )
    batch = first_batch(packed)
    rows, tokens, loss = counts(batch)
    assert rows > 1
    assert tokens == batch["input_ids"].numel() <= 400
    model: Any = packed.model
    model.eval()
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits[0]
    starts = [*torch.nonzero(batch["position_ids"][0] == 0).flatten().tolist(), tokens]
    for start, stop in pairwise(starts):
        with torch.no_grad():
            alone = model(input_ids=batch["input_ids"][:, start:stop]).logits[0]
        assert torch.allclose(together[start:stop], alone, atol=1e-4)
    assert loss == int((batch["labels"] != -100).sum()) > 0


@pytest.mark.parametrize("kind", ["qwen3_next", "mamba2"])
def test_packing_is_refused_where_layers_carry_a_state(
    lab: Lab, tmp_path: Path, audience: Audience, kind: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(lab.student, model)
    (model / "config.json").write_text(f'{{"model_type": "{kind}"}}')
    packed = dataclasses.replace(config(lab, tmp_path / "run", packing=True), model=str(model))
    with pytest.raises(ConfigError, match="packing: must be off"):
        train_sft(packed, audience)


def test_adapters_are_trained_and_merged(lab: Lab, tmp_path: Path, audience: Audience) -> None:
    from transformers import AutoModelForCausalLM

    lora = LoraOptions(use_peft=True, lora_r=4)
    plain = dataclasses.replace(config(lab, tmp_path / "a", max_steps=2), lora=lora)
    train_sft(plain, audience)
    assert (tmp_path / "a" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "a" / "model.safetensors").exists()
    merged = dataclasses.replace(plain, out=tmp_path / "b", lora=dataclasses.replace(lora, lora_merge=True))
    train_sft(merged, audience)
    before: Any = AutoModelForCausalLM.from_pretrained(lab.student)
    after: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "b")
    changed = [
        name
        for (name, old), (_, new) in zip(before.named_parameters(), after.named_parameters(), strict=True)
        if not old.equal(new)
    ]
    assert changed
    assert all("proj" in name for name in changed)


def test_too_little_memory_says_what_to_lower(
    lab: Lab, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*arguments: Any) -> None:
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    monkeypatch.setattr(RecordedSft, "training_step", full)
    with pytest.raises(ConfigError, match="--per-device-train-batch-size 4 --gradient-accumulation-steps 2"):
        train_sft(config(lab, tmp_path), audience)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("optim", "NAME=VALUE"),
        ("optimm='x'", "must be one that exists"),
        ("optim=adafactor", "TOML value"),
        ("learning_rate=1.0", "must not be set by another option"),
        ("output_dir='x'", "must not be set by another option"),
        ("optim='nonsense'", "must be what SFTConfig takes"),
    ],
)
def test_other_arguments_are_checked(
    lab: Lab, tmp_path: Path, audience: Audience, given: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_sft(config(lab, tmp_path, trainer_arg=(given,)), audience)


def test_a_tracker_that_is_not_installed_is_named_with_its_extra(
    lab: Lab, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    with pytest.raises(MissingExtraError, match=r"--report-to wandb.*\[track\]"):
        train_sft(config(lab, tmp_path, report_to=("wandb",)), audience)


def test_presets_name_the_split(lab: Lab, tmp_path: Path, audience: Audience) -> None:
    whole, split = lab.data.rsplit(":", 1)
    one = dataclasses.replace(config(lab, tmp_path / "a", max_steps=1), data=whole, preset="asp")
    assert train_sft(one, audience).lineage.dataset["split"] == split
    with pytest.raises(DataError, match="f1_only"):
        train_sft(dataclasses.replace(one, out=tmp_path / "b", preset="standard"), audience)
    with pytest.raises(DataError, match="must agree with the split"):
        train_sft(dataclasses.replace(one, data=lab.data, preset="standard"), audience)
    with pytest.raises(DataError, match="Add :SPLIT; there are: raw, f1_search"):
        train_sft(dataclasses.replace(one, preset=None), audience)


def test_a_run_leaves_the_arithmetic_of_the_process_as_it_was(
    lab: Lab, tmp_path: Path, audience: Audience
) -> None:
    import torch

    train_sft(config(lab, tmp_path, max_steps=1), audience)
    assert float(torch.tensor([1e-310], dtype=torch.float64) * 1) != 0.0
