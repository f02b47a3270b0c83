"""Mixed: two stages as one run, stopped in the second and gone on with, repeated from its lineage."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import ConfigError
from trajset.trainers.lineage import read_lineage
from trajset.trainers.mixed import train_mixed
from trajset.trainers.mixed_options import MixedConfig
from trajset.trainers.opd_options import RolloutOptions, TeacherOptions
from trajset.trainers.options import OpdFitting, SftFitting
from trajset.trainers.search_options import OpdSearch
from trajset.trainers.training_run import Audience
from trajset.trainers.watch import StopOnSignal

from .conftest import Lab


@pytest.fixture(scope="module")
def teacher(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    from trajset.trainers.student import make_student, world_texts

    return str(make_student(tmp_path_factory.mktemp("teacher"), world_texts(lab.world), seed=1).folder)


def config(lab: Lab, teacher: str, out: Path) -> MixedConfig:
    return MixedConfig(
        data=lab.data,
        model=lab.student,
        out=out,
        teaching=TeacherOptions(teacher),
        search=OpdSearch((lab.index,), k=1, max_turns=2),
        rollouts=RolloutOptions(samples=1, max_tokens=8, max_completion_length=48),
        sft=SftFitting(learning_rate=1e-3, max_steps=3, per_device_train_batch_size=4, save_steps=2),
        opd=OpdFitting(
            learning_rate=1e-3,
            max_steps=4,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=1,
            save_steps=1,
        ),
    )


def train(config: MixedConfig, audience: Audience) -> Any:
    return train_mixed(config, audience, lambda folder: None)


def test_a_run_that_stopped_in_its_second_stage_goes_on_there(
    lab: Lab, teacher: str, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = StopOnSignal.on_step_end

    def asked(self: StopOnSignal, args: Any, state: Any, control: Any, **others: Any) -> Any:
        self.asked = state.max_steps == 4 and state.global_step == 2
        return step(self, args, state, control, **others)

    stopped = config(lab, teacher, tmp_path / "stopped")
    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "on_step_end", asked)
        assert train(stopped, audience).interrupted
    assert read_lineage(tmp_path / "stopped/sft").state == "complete"
    assert read_lineage(tmp_path / "stopped/opd").progress.step == 2
    with pytest.raises(ConfigError, match="--resume"):
        train(stopped, audience)
    ended = train(dataclasses.replace(stopped, resume=True), audience)
    whole = train(config(lab, teacher, tmp_path / "whole"), audience)
    assert ended.lineage.result["weights"] == whole.lineage.result["weights"]

    lineage = read_lineage(tmp_path / "whole")
    assert lineage.method == "mixed"
    assert [stage["method"] for stage in lineage.stages] == ["sft", "opd"]
    assert lineage.progress.step == 7
    assert lineage.options["sft"]["max-steps"] == 3
    assert lineage.stages[1]["model"]["name"] == "sft"
    assert lineage.stages[1]["dataset"] == lineage.stages[0]["dataset"] == lineage.dataset
    assert LocalDataset.open(tmp_path / "whole/opd/rollouts").manifest.split("raw").rows == 16
    model = (tmp_path / "whole/model.safetensors").read_bytes()
    assert model == (tmp_path / "whole/opd/model.safetensors").read_bytes()
    assert model != (tmp_path / "whole/sft/model.safetensors").read_bytes()
    assert "opd.learning-rate" in (tmp_path / "whole/README.md").read_text()


def test_other_settings_of_a_stage_are_named(
    lab: Lab, teacher: str, tmp_path: Path, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trajset.trainers import mixed

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    one = config(lab, teacher, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(mixed, "train_opd", stop)
        with pytest.raises(KeyboardInterrupt):
            train(one, audience)
    other = dataclasses.replace(one, resume=True, sft=dataclasses.replace(one.sft, seed=3))
    with pytest.raises(ConfigError, match=r"options\.sft\.seed: 0 -> 3"):
        train(other, audience)
    watched = dataclasses.replace(one, resume=True, sft=dataclasses.replace(one.sft, logging_steps=1))
    assert not train(watched, audience).interrupted
