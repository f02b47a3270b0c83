"""`trajset judge` on the command line: what it prints, its exit codes, a config file, the card."""

from pathlib import Path

import pytest
from chat_server import ChatServer
from sample_rows import CREATED, sample_row
from scripted_judge import ScriptedJudge, text_reply
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    rows = [sample_row(number, "Rome" if number % 2 else "Oslo") for number in range(10)]
    write_dataset(folder, Tables(rows), MadeBy("test", CREATED))
    return folder


def test_it_says_what_came_of_it_and_brings_the_card_up_to_date(data, launch, capsys):
    with ChatServer(judge := ScriptedJudge()) as server:
        judge.troubles["What is capital 4?"] = [text_reply("I cannot say.")]
        options = ("--model", "judge", "--base-url", server.url, "--price-in", 1, "--price-out", 4)
        assert launch("judge", data, *options) == 0
    shown = capsys.readouterr().out
    assert "llm_judge: 5 correct, 4 incorrect, 1 unscored" in shown
    assert "I cannot say." in shown
    cost = (judge.tokens["read"] + 4 * judge.tokens["written"]) / 1e6
    assert f"${cost:.4f}" in shown
    assert "llm_judge" in (data / "README.md").read_text("utf-8")
    assert server.url not in (data / "manifest.json").read_text("utf-8")


def test_a_budget_that_is_used_up_has_an_exit_code_of_its_own(data, launch, capsys):
    with ChatServer(ScriptedJudge()) as server:
        options = ("--model", "judge", "--base-url", server.url, "--price-in", 1, "--price-out", 4)
        assert launch("judge", data, *options, "--max-tokens", 64, "--budget", 0.006) == 5
        shown = capsys.readouterr()
        done = len(list(LocalDataset.open(data).judgements()))
        assert 0 < done < 10
        assert f"{10 - done} rows are left" in shown.err
        assert "Give a larger --budget and --resume" in shown.err
        assert launch("judge", data, *options, "--max-tokens", 64, "--budget", 1, "--resume") == 0
    assert len(list(LocalDataset.open(data).judgements())) == 10


def test_options_may_stand_in_a_file(data, tmp_path, launch, capsys):
    knobs = "accepts-wrong = 1.0\nrejects-right = 0.0\nmends = 1.0\nspoils = 0.0\n"
    (tmp_path / "judge.toml").write_text(f'model = "simulated"\nreflect = true\n{knobs}')
    assert launch("--config", tmp_path / "judge.toml", "judge", data) == 0
    shown = capsys.readouterr().out
    assert "llm_judge: 10 correct, 0 incorrect, 0 unscored" in shown
    assert "llm_judge_reflect: 5 correct, 5 incorrect, 0 unscored" in shown
    assert "Simulated" in shown
    models = {judgement.model for judgement in LocalDataset.open(data).judgements()}
    assert models == {"simulated(accepts_wrong=1, rejects_right=0, mends=1, spoils=0)"}


def test_a_judge_that_is_there_is_refused_in_one_message(data, launch, capsys):
    assert launch("judge", data, "--model", "simulated") == 0
    assert launch("judge", data, "--model", "simulated", "--accepts-wrong", 0.1) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: name: must be that of no judge in the dataset")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "options", [("--budget", 0), ("--budget", -1), ("--price-in", -1), ("--mode", "all"), ("--limit", 0)]
)
def test_bad_options_are_refused(data, launch, options):
    assert launch("judge", data, "--model", "simulated", *options) != 0


def test_a_folder_without_a_dataset_is_refused(tmp_path, launch, capsys):
    assert launch("judge", tmp_path / "nothing", "--model", "simulated") == 2
    assert "must be an existing folder" in capsys.readouterr().err
