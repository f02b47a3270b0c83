"""`training.json`: read again as it was written, refused when it is not one; git's state."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from trajset.builder.errors import DataError
from trajset.trainers.lineage import (
    Lineage,
    Progress,
    State,
    git_state,
    read_lineage,
    weights_hash,
    write_lineage,
)
from trajset.trainers.model_card import model_card

LINEAGE = Lineage(
    "sft",
    datetime(2026, 1, 2, tzinfo=UTC),
    {"name": "me/data@c0ffee:f1_search", "repo": "me/data", "commit": "c0ffee", "split": "f1_search"},
    {"name": "me/student", "revision": "abc", "source": "hub"},
    {"seed": 0, "save-steps": 10, "use-peft": False, "lora-r": 16, "learning-rate": 1e-5},
    target={"grammar": "tools", "template_hash": "0123"},
    git={"commit": "f00", "changed": True},
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    done = LINEAGE.advanced(Progress(3, 10, 0.5, 12, 100, 40, 1.5), "stopped", {"loss": 2.0})
    write_lineage(tmp_path, done)
    assert read_lineage(tmp_path) == read_lineage(tmp_path / "training.json") == done


def test_what_only_watches_decides_nothing() -> None:
    def decides(**options: object) -> object:
        return replace(LINEAGE, options={**LINEAGE.options, **options}).decides

    assert decides(**{"save-steps": 99}) == LINEAGE.decides
    assert decides(seed=1) != LINEAGE.decides
    assert replace(LINEAGE, inputs={"questions": {"hash": "x"}}).decides != LINEAGE.decides
    served = [replace(LINEAGE, teacher={"name": name, "revision": None}) for name in ("a", "b")]
    assert served[0].decides != served[1].decides


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "must be a file that exists"),
        (b"{", "Invalid JSON"),
        (b'{"method": "sft"}', "started_at"),
    ],
)
def test_what_is_no_lineage_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "training.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_lineage(tmp_path)


def test_a_newer_format_names_the_version_to_install(tmp_path: Path) -> None:
    write_lineage(tmp_path, replace(LINEAGE, format=9, versions={"trajset": "7.0"}))
    with pytest.raises(DataError, match=r"must be 1; got 9. Install trajset 7\.0"):
        read_lineage(tmp_path)


def test_git_says_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True, capture_output=True)

    assert git_state(tmp_path) is None
    git("init")
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-m", "a")
    state = git_state(tmp_path)
    assert state is not None
    assert len(state["commit"]) == 40
    assert state["changed"] is False
    (tmp_path / "a").write_text("b")
    assert (git_state(tmp_path) or {})["changed"] is True


def test_the_weights_hash_is_of_the_weights_alone(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"a")
    first = weights_hash(tmp_path)
    (tmp_path / "training_args.bin").write_bytes(b"x")
    (tmp_path / "README.md").write_bytes(b"x")
    assert weights_hash(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"b")
    assert weights_hash(tmp_path) != first


def test_the_card_links_what_is_on_the_hub_and_hides_what_had_no_say() -> None:
    card = model_card(LINEAGE)
    assert "base_model: me/student" in card
    assert "- me/data" in card
    assert "| learning-rate | 1e-05 |" in card
    assert "f00 with changes" in card
    assert "lora-r" not in card
    assert "save-steps" not in card
    assert "Simulated" not in card
    assert "trajset train --from-lineage training.json --out OUT" in card


def test_the_card_says_peft_of_adapters_and_of_nothing_that_they_were_merged_into() -> None:
    def library(state: State, options: dict[str, Any], *stages: dict[str, Any]) -> str:
        told = [{"options": one} for one in stages]
        card = model_card(replace(LINEAGE, state=state, options=options, stages=tuple(told)))
        return card.split("library_name: ")[1].split()[0]

    adapters, merged = {"use-peft": True, "lora-merge": False}, {"use-peft": True, "lora-merge": True}
    assert library("complete", adapters) == library("running", merged) == "peft"
    assert library("complete", merged) == library("complete", {"use-peft": False}) == "transformers"
    assert library("complete", adapters, merged) == "transformers"  # RFT merges what it trains
