"""Options that the training commands share; light to import, as all that the command line reads at its start.

Where transformers, TRL or PEFT have an argument, the option has its name and its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.config import config_values
from ..builder.option_types import WHOLE, Count, Flag, Positive, Seed, Share
from ..builder.source_config import ELASTIC_OPTIONS

if TYPE_CHECKING:
    from ..builder.schema import JsonObject

Above = Annotated[float, Parameter(validator=Number(gt=0))]
AtLeastZero = Annotated[float, Parameter(validator=Number(gte=0))]
Several = Annotated[int, WHOLE, Parameter(validator=Number(gte=2))]
Switch = Literal["auto", "on", "off"]
Scheduler = Literal["linear", "cosine", "constant", "constant_with_warmup", "cosine_with_min_lr"]
LossType = Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"]
Reporter = Literal["trackio", "wandb", "tensorboard"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RenderingOptions:
    """How a row becomes tokens."""

    family: str = "auto"
    """Model family, where name and files do not tell it; `none` for one of no known family."""
    grammar: Literal["auto", "tools", "tags"] = "auto"
    """`tools` (native calls) or `tags` (in the text); `auto` is `tools` where the chat template keeps all."""
    reasoning: Literal["keep", "drop"] = "keep"
    """Whether the model learns the reasoning too."""
    max_length: Positive = 8192
    """Most tokens of a row that training sees, from its start; never more than the model's context. Live
    rollouts go by `--max-completion-length`."""
    observation_tokens: Positive | None = None
    """In rows longer than `--max-length`, keep that many tokens of every observation, from its start."""
    allow_truncation: Flag = False
    """Let rows lose an answer or a call at `--max-length`."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LoraOptions:
    """Low-rank adapters instead of all weights."""

    use_peft: Flag = False
    """Train LoRA adapters only."""
    lora_r: Positive = 16
    """Rank of the adapters."""
    lora_alpha: Positive = 32
    """Their scale."""
    lora_dropout: Share = 0.05
    """Dropout before them."""
    lora_target_modules: tuple[str, ...] = ("all-linear",)
    """Names of the layers that get one; `all-linear`: every linear layer but the head."""
    lora_merge: Flag = False
    """Save the whole model with the adapters merged in, which vLLM and `trajset collect` load as it is."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Fitting:
    """How weights are fitted. (Subclasses stand in this module: their types are looked up in it.)"""

    learning_rate: Above = 1e-5
    """Highest learning rate of AdamW."""
    num_train_epochs: Above = 3.0
    """Passes over the data."""
    max_steps: Positive | None = None
    """Optimizer steps, instead of passes over the data."""
    per_device_train_batch_size: Positive = 4
    """Rows of a device at a time."""
    gradient_accumulation_steps: Positive = 1
    """Batches of one optimizer step."""
    lr_scheduler_type: Scheduler = "linear"
    """How the learning rate falls."""
    warmup_steps: AtLeastZero = 0.0
    """Steps in which it rises; below 1 a share of all steps."""
    weight_decay: AtLeastZero = 0.0
    """Decoupled weight decay."""
    adam_beta1: Share = 0.9
    """Decay of the mean of the gradients."""
    adam_beta2: Share = 0.999
    """Decay of the mean of their squares."""
    max_grad_norm: AtLeastZero = 1.0
    """Norm that gradients are clipped to."""
    seed: Seed = 0
    """Seed of the data's order, of dropout, of new weights and of sampling."""
    bf16: Switch = "auto"
    """Compute in bfloat16 over float32 weights; `auto`: where the GPU can."""
    fp16: Flag = False
    """Compute in float16."""
    gradient_checkpointing: Switch = "auto"
    """Compute activations anew in the backward pass: less memory, more time; `auto`: on GPUs."""
    attn_implementation: str | None = None
    """`sdpa`, `eager`, `flash_attention_2`, ...; without it the library's choice."""
    use_cpu: Flag = False
    """Train on the CPU where there is a GPU too."""
    logging_steps: Positive = 10
    """Steps between two points of the curves."""
    save_steps: Positive = 500
    """Steps between two checkpoints, from which a run can be resumed."""
    save_total_limit: Count = 2
    """Checkpoints that are kept; 0 keeps all."""
    report_to: tuple[Reporter, ...] = ()
    """Trackers that get the curves too (extra [track])."""
    deepspeed: Path | None = None
    """DeepSpeed's JSON configuration (examples/training/)."""
    trainer_arg: tuple[str, ...] = ()
    """Any other argument of TRL's config as NAME=VALUE, the value as in TOML: `optim="adafactor"`."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SftFitting(Fitting):
    """Supervised fine-tuning; the defaults are the paper's."""

    packing: Flag = False
    """Lay several short rows into one sequence, each seeing only itself (best-fit decreasing)."""
    eval_fraction: Share = 0.0
    """Share of the questions whose rows are held out to measure the loss on."""
    eval_steps: Count = 0
    """Steps between two measurements of it; 0: at every checkpoint and at the end."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class GrpoFitting(Fitting):
    """Group relative policy optimization (DeepSeekMath, arXiv 2402.03300)."""

    learning_rate: Above = 1e-6
    """Highest learning rate of AdamW."""
    num_train_epochs: Above = 1.0
    """Passes over the questions, each answered `--num-generations` times."""
    per_device_train_batch_size: Positive = 8
    """Rollouts of a device at a time."""
    gradient_accumulation_steps: Positive = 4
    """Batches of one optimizer step; one step's rollouts are made together."""
    logging_steps: Positive = 1
    """Steps between two points of the curves, and of what is watched for collapse."""
    save_steps: Positive = 100
    """Steps between two checkpoints, from which a run can be resumed."""
    num_generations: Several = 8
    """Rollouts of a question, compared with each other: G of the paper."""
    num_iterations: Positive = 1
    """Updates with the same rollouts: mu of the paper."""
    beta: AtLeastZero = 0.0
    """Weight of the KL divergence from the model at the start; 0 keeps no copy of it (the paper: 0.04)."""
    epsilon: Above = 0.2
    """Half width of the interval that probability ratios are clipped to."""
    epsilon_high: Above | None = None
    """Its upper half, where that differs."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """Whose standard deviation divides the advantages."""
    loss_type: LossType = "dapo"
    """How token losses are added up; `grpo` is the paper's mean over rollouts."""
    temperature: Above = 1.0
    """Sampling temperature of the rollouts, by which logits are divided in the loss too."""
    top_p: Share = 1.0
    """Nucleus sampling mass."""
    top_k: Count = 0
    """Sample among the top k tokens only; 0: all."""
    use_vllm: Flag = False
    """Generate by vLLM (`pip install 'trl[vllm]'`); its replies differ from run to run."""
    vllm_mode: Literal["colocate", "server"] = "colocate"
    """In the training process, or behind `trl vllm-serve`."""
    vllm_gpu_memory_utilization: Share = 0.3
    """Share of a GPU's memory for vLLM in the training process."""
    vllm_server_base_url: str | None = None
    """Root of `trl vllm-serve`, such as http://localhost:8000."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RftFitting(SftFitting):
    """The paper's: two epochs at half of SFT's learning rate."""

    learning_rate: Above = 5e-6
    """Highest learning rate of AdamW."""
    num_train_epochs: Above = 2.0
    """Passes over the rows that are kept, in each round."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class OpdFitting(Fitting):
    """The paper's: 32 rollouts a step, four passes over the questions."""

    learning_rate: Above = 2e-6
    """Highest learning rate of AdamW."""
    num_train_epochs: Above = 4.0
    """Passes over the questions, or over the rows of a replay."""
    per_device_train_batch_size: Positive = 4
    """Rollouts of a device that are learnt from at a time."""
    gradient_accumulation_steps: Positive = 8
    """Batches of one optimizer step; their rollouts are made together."""


PLAIN_RENDERING = RenderingOptions()
NO_LORA = LoraOptions()
SFT_FITTING = SftFitting()
RFT_FITTING = RftFitting()
OPD_FITTING = OpdFitting()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SftConfig:
    """Settings of `trajset train sft`."""

    data: str
    """Rows to learn from: `REPO[@REVISION]:SPLIT` on the Hub, or `PATH:SPLIT`."""
    model: str
    """The student: a folder, or a model at the Hub."""
    out: Path
    """Folder of the run: checkpoints, and at the end the model with its card and `training.json`."""
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    preset: Literal["standard", "asp"] | None = None
    """Which split: `standard` is distillation on `f1_only`, `asp` the always-search policy on `f1_search`."""
    resume: Flag = False
    """Go on with the interrupted run in `--out`."""
    rendering: RenderingOptions = PLAIN_RENDERING
    fitting: SftFitting = SFT_FITTING
    lora: LoraOptions = NO_LORA


PLACES = frozenset(
    (
        *("data", "model", "model-revision", "out", "resume", "preset", "deepspeed"),
        *("questions", "index", "teacher", "teacher-revision", "recipe", "search-cache", "embedding-model"),
        *("teacher-url", "teacher-timeout", "teacher-retries", "api-key-env", "vllm-server-base-url"),
        *ELASTIC_OPTIONS,
    )
)
"""Options that say where things are and how they are reached; what they lead to stands in the lineage by its
content."""
WATCHING = frozenset({"logging-steps", "save-steps", "save-total-limit", "report-to"})
"""Options that change nothing about the outcome."""


def outcome_options(config: Any) -> JsonObject:
    """The options of a training command that decide what comes out, by name."""
    return {name: value for name, value in config_values(config).items() if name not in PLACES}
