"""The bodies of `trajset train`: the run, and what is said of it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from ..builder.schema import JsonObject
from ..dataset_cards.render import write_card
from ..trainers.grpo_options import GrpoConfig
from ..trainers.lineage import LINEAGE, read_lineage
from ..trainers.mixed_options import MixedConfig
from ..trainers.opd_options import OpdConfig
from ..trainers.options import SftConfig
from ..trainers.repeat import check_same, options_again, outcome
from ..trainers.rft_options import RftConfig
from ..trainers.student_model import require_training
from ..trainers.training_run import Audience, Ended
from .progress import STDERR

console = Console(markup=False, emoji=False)


def run_sft(config: SftConfig) -> None:
    """SFT. Raises what `train_sft` raises; KeyboardInterrupt where the run was stopped."""
    require_training("trajset train")
    from ..trainers.sft import train_sft

    _run(config.out, lambda audience: train_sft(config, audience))


def run_rft(config: RftConfig) -> None:
    """RFT. Raises what `train_rft` raises; KeyboardInterrupt where the run was stopped."""
    require_training("trajset train")
    from ..trainers.rft import train_rft

    _run(config.out, lambda audience: train_rft(config, audience, write_card))


def run_grpo(config: GrpoConfig) -> None:
    """GRPO. Raises what `train_grpo` raises; KeyboardInterrupt where the run was stopped."""
    require_training("trajset train")
    from ..trainers.grpo import train_grpo

    _run(config.out, lambda audience: train_grpo(config, audience, write_card))


def run_mixed(config: MixedConfig) -> None:
    """SFT, then OPD. Raises what `train_mixed` raises; KeyboardInterrupt where the run was stopped."""
    require_training("trajset train")
    from ..trainers.mixed import train_mixed

    _run(config.out, lambda audience: train_mixed(config, audience, write_card))


def run_opd(config: OpdConfig) -> None:
    """OPD. Raises what `train_opd` raises; KeyboardInterrupt where the run was stopped."""
    require_training("trajset train")
    from ..trainers.opd_run import train_opd

    _run(config.out, lambda audience: train_opd(config, audience, write_card))


def _run(out: Path, train: Callable[[Audience], Ended]) -> None:
    quiet()
    first = os.environ.get("RANK", "0") == "0"
    ended = train(Audience(STDERR, _say if first else _silent))
    if not first:
        return
    if ended.nothing_to_do:
        console.print(f"{out}: nothing to do, the run is complete.", soft_wrap=True)
        return
    progress, result = ended.lineage.progress, ended.lineage.result
    if ended.interrupted:
        place = f" at step {progress.step:,} of {progress.steps:,}" if progress.steps else ""
        console.print(f"{out}: stopped{place}; --resume goes on.", soft_wrap=True)
        raise KeyboardInterrupt
    console.print(
        f"{out}: {progress.step:,} steps, {progress.rows_seen:,} rows, {progress.tokens_seen:,} tokens "
        f"({progress.loss_tokens_seen:,} with loss) in {progress.seconds:,.0f} s; last loss "
        f"{result.get('loss', float('nan')):.4g}. {LINEAGE} says what it was made of.",
        soft_wrap=True,
    )
    if "reward_first" in result:
        console.print(_reinforced(result), soft_wrap=True)


def _reinforced(result: JsonObject) -> str:
    """How a run with rewards went."""
    told = f"reward {result['reward_first']:.3f} -> {result['reward_last']:.3f}"
    if "searches_last" in result:
        told += f", {result['searches_last']:.2f} searches a question"
    collapse = result.get("collapse")
    if collapse is None:
        return f"{told}; too short to say whether it collapsed."
    found = [f"{one['what']} at step {one['step']:,}" for one in collapse]
    return f"{told}; {'collapsed: ' + ', '.join(found) if found else 'no collapse'}."


def repeat_run(file: Path, given: JsonObject, again: Callable[[str, JsonObject], None]) -> None:
    """Run what a lineage tells of once more, and say whether it came out the same.

    Raises:
        DataError: the lineage cannot be read; data or model are not found, or are others.
        ... and what the method raises.
    """
    require_training("trajset train")
    before = read_lineage(file)
    options = options_again(before, file, given)
    check_same(before, options)
    again(before.method, options)
    console.print(outcome(read_lineage(Path(str(options["out"]))), before), soft_wrap=True)


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)


def _silent(text: str) -> None:
    """On other ranks than the first nothing is said."""


def quiet() -> None:
    """Let libraries speak of what is wrong only: what they tell of a run is told here."""
    import datasets
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing. is deprecated")  # TRL sets it too
    warnings.filterwarnings("ignore", message=".*'rollout_func'")  # experimental in TRL
    logging.getLogger("trl").setLevel(logging.ERROR)
    logging.getLogger("accelerate").setLevel(logging.ERROR)
