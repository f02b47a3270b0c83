"""From options to cells: a stable order, settings where they belong, and what is wrong with a matrix."""

from dataclasses import replace
from pathlib import Path

import pytest
from trajset.builder.errors import ConfigError
from trajset.builder.retrieval_config import EvalRetrieval
from trajset.eval.cells import Mode
from trajset.eval.eval_config import BenchmarkSettings, EvalConfig, ModelSettings, RetrievalSettings
from trajset.eval.matrix import plan_cells

ONE = EvalConfig(Path("out"), ("m",), ("hotpotqa",), ("index",))


def slugs(config: EvalConfig) -> list[str]:
    return [cell.slug for cell in plan_cells(config)]


def test_a_single_cell() -> None:
    (cell,) = plan_cells(ONE)
    config = cell.collect_config()
    assert (cell.slug, cell.mode, cell.noise) == ("m.hotpotqa.live", Mode.LIVE, "")
    assert (config.questions, config.teacher, config.index) == ("hotpotqa:validation", "m", ("index",))
    assert config.out == Path("out/m.hotpotqa.live")
    assert config.resume


def test_models_then_benchmarks_then_modes() -> None:
    config = replace(
        ONE, model=("vllm:org/a", "b"), benchmark=("musique", "frames"), mode=("closed_book", "live")
    )
    assert slugs(config) == [
        f"{model}.{benchmark}.{mode}"
        for model in ("a", "b")
        for benchmark in ("musique", "frames")
        for mode in ("closed_book", "live")
    ]


def test_every_noise_is_a_cell_and_means_the_mode() -> None:
    noise = EvalRetrieval(noise=("drop=0.1", "swap=0.2,drop=0.3"))
    cells = plan_cells(replace(ONE, retrieval=noise))
    assert [cell.slug for cell in cells] == [
        "m.hotpotqa.live", "m.hotpotqa.noisy.drop=0.1", "m.hotpotqa.noisy.drop=0.3_swap=0.2"
    ]  # fmt: skip
    assert [cell.noise for cell in cells] == ["", "drop=0.1", "drop=0.3,swap=0.2"]
    assert [cell.collect_config().retrieval.noise for cell in cells] == [
        (), ("drop=0.1",), ("drop=0.3", "swap=0.2")
    ]  # fmt: skip


def test_noisy_without_a_share_is_the_papers() -> None:
    assert slugs(replace(ONE, mode=("noisy",))) == ["m.hotpotqa.noisy.drop=0.1"]


def test_what_does_not_search_is_measured_once_in_one_turn() -> None:
    ways = {"bm25": RetrievalSettings(index=("{benchmark}/bm25",)), "e5": RetrievalSettings(k=3)}
    cells = plan_cells(replace(ONE, mode=("live", "closed_book", "gold_evidence"), retrievals=ways))
    assert [cell.slug for cell in cells] == [
        "m.hotpotqa.bm25.live", "m.hotpotqa.closed_book", "m.hotpotqa.gold_evidence", "m.hotpotqa.e5.live"
    ]  # fmt: skip
    assert [cell.collect_config().max_turns for cell in cells] == [6, 1, 1, 6]
    assert [cell.collect_config().index for cell in cells][::3] == [("hotpotqa/bm25",), ("index",)]
    assert [cell.collect_config().k for cell in cells][::3] == [5, 3]


def test_settings_of_a_table_hold_for_its_cells_alone() -> None:
    config = replace(
        ONE,
        limit=9,
        models={"big": ModelSettings(model="org/big", temperature=0.0, tensor_parallel=2, max_turns=4)},
        benchmarks={"val": BenchmarkSettings(benchmark="hotpotqa:train", limit=3, k=2, max_turns=2)},
    )
    cells = {cell.slug: cell.collect_config() for cell in plan_cells(config)}
    assert list(cells) == ["m.hotpotqa.live", "m.val.live", "big.hotpotqa.live", "big.val.live"]
    big, plain = cells["big.val.live"], cells["m.hotpotqa.live"]
    assert (big.teacher, big.temperature, big.vllm.tensor_parallel) == ("org/big", 0.0, 2)
    assert (big.questions, big.limit, big.k) == ("hotpotqa:train", 3, 2)
    assert big.max_turns == 4  # the model's table wins
    assert (plain.temperature, plain.limit, plain.vllm.tensor_parallel) == ("auto", 9, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ()}, "model: must be given"),
        ({"benchmark": ()}, "benchmark: must be given"),
        ({"index": ()}, "index: must be given for m on hotpotqa live"),
        ({"retrieval": EvalRetrieval(noise=("drop=0",))}, "must spoil a share"),
        ({"retrieval": EvalRetrieval(noise=("dropp=0.1",))}, "--noise"),
        ({"model": ("a/m", "A/M")}, "must have folders of their own"),
    ],
)
def test_what_is_wrong_with_a_matrix(change: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_cells(replace(ONE, **change))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"models": {"a": ModelSettings(model="q", thinking="on"), "b": ModelSettings(model="q")}},
            "revision: must tell 'a' and 'b' apart",
        ),
        (
            {"retrievals": {"few": RetrievalSettings(k=2), "many": RetrievalSettings(k=9)}},
            "index: must tell 'few' and 'many' apart",
        ),
    ],
)
def test_cells_whose_rows_could_not_be_told_apart_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_cells(replace(ONE, **change))
    assert words in str(caught.value)


def test_a_revision_or_a_summariser_tells_them_apart() -> None:
    models = {"a": ModelSettings(model="q", revision="thinking"), "b": ModelSettings(model="q")}
    ways = {"raw": RetrievalSettings(), "condensed": RetrievalSettings(summariser="same")}
    assert len(plan_cells(replace(ONE, model=(), models=models, retrievals=ways))) == 4


def test_closed_book_needs_no_index() -> None:
    assert slugs(replace(ONE, index=(), mode=("closed_book",))) == ["m.hotpotqa.closed_book"]
