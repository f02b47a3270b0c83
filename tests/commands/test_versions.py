"""Publish, info and card with names and files that are wrong: nothing is changed."""

import os
import subprocess
import sys

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.errors import DataError
from trajset.builder.hub import publish, pull
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef
from trajset.dataset_cards.render import write_card


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    write_dataset(folder, Tables([sample_row(number) for number in range(3)]), MadeBy("test", CREATED))
    write_card(folder)
    return folder


@pytest.mark.parametrize(
    ("repo", "tag", "said"),
    [("bad repo", "v1", "repository"), ("alone", "v1", "NAME/DATASET"), ("me/data", "bad tag", "tag")],
)
def test_a_bad_name_leaves_the_card_alone(repo, tag, said, dataset, launch, capsys):
    card = (dataset / "README.md").read_bytes()
    assert launch("publish", dataset, repo, "--tag", tag) == 2
    assert said in capsys.readouterr().err
    assert (dataset / "README.md").read_bytes() == card


def test_commands_about_a_whole_dataset_refuse_a_split(dataset, launch, capsys):
    for command in (["info"], ["outcomes"], ["diff", dataset]):
        assert launch(*command, f"{dataset}:raw") == 2
        assert "Leave :raw out" in capsys.readouterr().err


def test_info_shows_the_values_a_split_was_cut_with(dataset, launch, capsys):
    assert launch("filter", dataset, "--recipe", "f1_only", "--set", "min_f1=-0.25") == 0
    assert launch("info", dataset) == 0
    assert "f1 > -0.25" in capsys.readouterr().out


def test_info_says_what_made_a_dataset_and_what_was_before_it(stub, dataset, tmp_path, launch, capsys):
    assert launch("info", dataset, "--lineage") == 0
    said = capsys.readouterr().out
    assert "made by: test (2026-01-02); 3 rows" in said
    assert "never been on the Hub" in said
    commit = publish(dataset, "me/data", "v1", site=stub.site).commit
    site = {"HF_ENDPOINT": stub.address, "HF_HOME": str(tmp_path / "hf"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "trajset", "info", str(dataset), "--lineage"]
    run = subprocess.run(command, env=os.environ | site, capture_output=True, text=True, check=True)
    assert f"1. me/data@{commit} (v1): test (2026-01-02); 3 rows" in run.stdout


def test_a_pull_onto_a_file_is_refused(stub, dataset, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    publish(dataset, "me/data", "v1", site=stub.site)
    with pytest.raises(DataError, match="must be a folder"):
        pull(DatasetRef.parse("me/data"), file, stub.site)
    assert file.read_text() == "mine"


def test_a_pipe_gets_no_progress_bars(stub, dataset, tmp_path):
    site = {"HF_ENDPOINT": stub.address, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": "hf_fake"}
    command = [sys.executable, "-m", "trajset", "publish", str(dataset), "me/data", "--tag", "v1"]
    run = subprocess.run(command, env=os.environ | site, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("me/data@v1: ")
    assert run.stderr == ""
