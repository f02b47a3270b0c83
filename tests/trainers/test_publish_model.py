"""A trained model on the Hub stub: what is sent, what never is, and that anybody can load it."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from hub_site import StubSite, python
from rich.console import Console
from trajset.builder.errors import DataError, HubError
from trajset.trainers.options import SftConfig, SftFitting
from trajset.trainers.publish import publish_model
from trajset.trainers.sft import train_sft
from trajset.trainers.training_run import Audience

from .conftest import Lab

REPO = "me/student"


@pytest.fixture(scope="module")
def run(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "run"
    fitting = SftFitting(max_steps=2, per_device_train_batch_size=4, save_steps=1)
    train_sft(SftConfig(lab.data, lab.student, out, fitting=fitting), Audience(Console(quiet=True), print))
    return out


def test_a_model_is_published_whole_and_nothing_else(stub: StubSite, run: Path) -> None:
    published = publish_model(run, REPO, "v1", site=stub.site)
    repo = stub.hub.repos[f"models/{REPO}"]
    assert repo.tags == {"v1": published.commit}
    files = set(repo.commits[published.commit].files) - {".gitattributes"}
    assert files == set(published.files)
    assert {"README.md", "training.json", "curves.png", "model.safetensors", "tokenizer.json"} <= files
    assert not {"training_args.bin", "config.toml", "history.jsonl"} & files
    assert not any("checkpoint" in name for name in files)
    again = publish_model(run, REPO, "v1", site=stub.site)
    assert again.commit == published.commit


def test_transformers_loads_it_by_name(stub: StubSite, run: Path, tmp_path: Path) -> None:
    publish_model(run / "checkpoint-2", REPO, site=stub.site)
    load = f"AutoModelForCausalLM.from_pretrained('{REPO}')"
    script = f"from transformers import AutoModelForCausalLM\nprint({load}.num_parameters())"
    assert int(python(script, stub.address, tmp_path / "home").split()[-1]) > 100_000


def test_a_tag_is_never_moved(stub: StubSite, run: Path, tmp_path: Path) -> None:
    first = publish_model(run, REPO, "v1", site=stub.site)
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "README.md").write_text("changed")
    with pytest.raises(HubError, match="tag: must not exist yet for another commit; got 'v1'"):
        publish_model(other, REPO, "v1", site=stub.site)
    assert stub.hub.repos[f"models/{REPO}"].tags == {"v1": first.commit}


def test_what_is_no_model_is_refused(stub: StubSite, run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lineage"):
        publish_model(tmp_path, REPO, site=stub.site)
    shutil.copy(run / "training.json", tmp_path)
    with pytest.raises(DataError, match="must be a folder with weights"):
        publish_model(tmp_path, REPO, site=stub.site)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/home/me/base"}))
    with pytest.raises(DataError, match="must not be adapters of a folder; got 'base'"):
        publish_model(tmp_path, REPO, site=stub.site)
    assert stub.hub.repos == {}


def test_somebody_elses_commit_is_not_overwritten(stub: StubSite, run: Path) -> None:
    from trajset.builder.errors import ConcurrentPublishError

    stub.hub.create(f"models/{REPO}")

    def meanwhile() -> None:
        stub.hub.repos[f"models/{REPO}"].add("theirs", "", {})

    stub.hub.faults.before_commit = meanwhile
    with pytest.raises(ConcurrentPublishError, match="nothing was changed"):
        publish_model(run, REPO, site=stub.site)
