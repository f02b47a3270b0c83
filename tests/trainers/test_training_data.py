"""Rows on their way to a trainer: what is held out, cut, left out; and that nothing else changes."""

from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from trajset.builder.errors import DataError
from trajset.builder.schema import Row
from trajset.trainers.chat_tokenizer import open_tokenizer
from trajset.trainers.named_split import open_split
from trajset.trainers.render import Limits, Rendered, Renderer
from trajset.trainers.target import choose_target
from trajset.trainers.training_data import Preparation, prepare

from .conftest import Lab


@pytest.fixture
def rows(lab: Lab) -> list[Row]:
    return list(open_split(lab.data).rows())


@pytest.fixture
def renderer(lab: Lab) -> Renderer:
    return Renderer(choose_target(open_tokenizer(lab.student)), Limits(512))


def test_a_trainer_gets_the_ids_and_labels_of_every_row_in_order(
    rows: list[Row], renderer: Renderer, tmp_path: Path
) -> None:
    data = prepare(rows, Preparation(renderer, tmp_path))
    rendered = [one for one in renderer.rows(rows) if isinstance(one, Rendered)]
    assert data.rows == len(rows)
    assert data.held_out is None
    assert [tuple(one) for one in data.train["input_ids"]] == [one.input_ids for one in rendered]
    assert [tuple(one) for one in data.train["labels"]] == [one.labels for one in rendered]


def test_a_question_is_held_out_with_all_its_rows(
    rows: list[Row], renderer: Renderer, tmp_path: Path
) -> None:
    data = prepare([*rows, *rows], Preparation(renderer, tmp_path, held_out=0.3, seed=1))
    assert data.held_out is not None
    train = {tuple(one) for one in data.train["input_ids"]}
    held = {tuple(one) for one in data.held_out["input_ids"]}
    assert len(data.train) + len(data.held_out) == 2 * len(rows)
    assert not train & held
    assert 0.1 < len(data.held_out) / (2 * len(rows)) < 0.5


def test_another_seed_holds_out_others(rows: list[Row], renderer: Renderer, tmp_path: Path) -> None:
    def held(seed: int) -> list[list[int]]:
        data = prepare(rows, Preparation(renderer, tmp_path / str(seed), held_out=0.3, seed=seed))
        assert data.held_out is not None
        return list(data.held_out["input_ids"])

    assert held(1) == held(1)
    assert held(1) != held(2)


@pytest.mark.parametrize(("share", "side"), [(1e-9, "hold one out"), (1.0, "leave one to train on")])
def test_a_share_that_leaves_a_side_empty_is_refused(
    rows: list[Row], renderer: Renderer, tmp_path: Path, share: float, side: str
) -> None:
    with pytest.raises(DataError, match=f"eval_fraction: must {side}"):
        prepare(rows, Preparation(renderer, tmp_path, held_out=share))


def test_rows_are_cut_only_where_that_is_allowed(rows: list[Row], lab: Lab, tmp_path: Path) -> None:
    short = Renderer(choose_target(open_tokenizer(lab.student)), Limits(60))
    with pytest.raises(DataError, match="must not lose an answer or a call at max_length 60"):
        prepare(rows, Preparation(short, tmp_path / "a"))
    data = prepare(rows, Preparation(short, tmp_path / "b", allow_truncation=True))
    assert max(map(len, data.train["input_ids"])) == 60
    assert all(any(label != -100 for label in labels) for labels in data.train["labels"])


def test_a_row_that_breaks_the_grammar_stops_a_run(
    rows: list[Row], renderer: Renderer, tmp_path: Path
) -> None:
    import dataclasses

    first = rows[0]
    messages = tuple(
        dataclasses.replace(message, content="neither", tool_calls=None) if message.is_model else message
        for message in first.conversation.messages
    )
    broken = dataclasses.replace(
        first,
        identity=dataclasses.replace(first.identity, id="broken"),
        conversation=dataclasses.replace(first.conversation, messages=messages),
    )
    with pytest.raises(DataError, match="broken"):
        prepare([broken, *rows], Preparation(renderer, tmp_path / "a"))
