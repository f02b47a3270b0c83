"""The options of `trajset eval`; light to import, as all that the command line reads at its start.

In a TOML file the tables `[models.NAME]`, `[benchmarks.NAME]` and `[retrievals.NAME]` make a matrix; what
they set holds for their cells and wins over what stands outside of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..builder.agent_config import LastTurnConfig, LocalConfig, SummariserConfig
from ..builder.config import PatienceConfig
from ..builder.option_types import Count, Flag, Heat, Mass, Positive, Seconds, Seed
from ..builder.retrieval_config import EvalRetrieval
from ..builder.source_config import QuestionFields
from ..builder.vllm_config import VllmConfig
from ..builder.world_config import TeacherKnobs
from .tables import tables_of

ModeName = Literal["live", "closed_book", "gold_evidence", "noisy"]
Thinking = Literal["auto", "on", "off"]
GrammarName = Literal["auto", "tools", "tags"]
PolicyName = Literal["always_search", "adaptive"]
Several = Parameter(consume_multiple=True)
DEFAULT_NOISE = "drop=0.1"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model of a matrix. What is left out is as it stands outside of the table."""

    model: str | None = None
    """The model, as `--model` takes it; without it the table's name."""
    revision: str | None = None
    """What pins it further."""
    base_url: tuple[str, ...] | None = None
    """Root of its server."""
    api_key_env: str | None = None
    """Environment variable that holds its API key."""
    world: Path | None = None
    """Folder of the demo world, for `simulated`."""
    policy: PolicyName | None = None
    """Search policy of its system prompt."""
    grammar: GrammarName | None = None
    """How it searches and answers."""
    family: str | None = None
    """Its model family."""
    thinking: Thinking | None = None
    """Whether it thinks."""
    temperature: Heat | None = None
    """Sampling temperature."""
    top_p: Mass | None = None
    """Nucleus sampling mass."""
    top_k: int | Literal["auto"] | None = None
    """Sample among the top k tokens only."""
    max_tokens: Positive | None = None
    """Most tokens of a turn."""
    max_turns: Positive | None = None
    """Most turns of a rollout."""
    concurrency: Positive | None = None
    """Rollouts under way at once."""
    timeout: Seconds | None = None
    """Hard deadline of a rollout in seconds."""
    request_timeout: Seconds | None = None
    """Longest wait for one reply in seconds."""
    tensor_parallel: Positive | None = None
    """GPUs that a vLLM server splits it over."""
    data_parallel: Positive | None = None
    """Copies of it in a vLLM server."""
    vllm_args: str | None = None
    """Further arguments of a vLLM server."""
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None
    """Where a model in this process runs."""
    batch_size: Positive | None = None
    """Requests that a model in this process answers at once."""


@dataclass(frozen=True, slots=True)
class BenchmarkSettings:
    """A benchmark of a matrix. What is left out is as it stands outside of the table."""

    benchmark: str | None = None
    """The questions, as `--benchmark` takes them; without it the table's name."""
    index: tuple[str, ...] | None = None
    """Index that is searched."""
    mode: tuple[ModeName, ...] | None = None
    """Modes of this benchmark."""
    limit: Positive | None = None
    """Take only that many questions."""
    samples: Positive | None = None
    """Trajectories per question."""
    k: Positive | None = None
    """Passages shown per search."""
    max_turns: Positive | None = None
    """Most turns of a rollout."""
    gold_passages: Positive | None = None
    """Most passages of a supporting title that `gold_evidence` hands over."""
    question_field: str | None = None
    """Where the question stands."""
    answer_field: tuple[str, ...] | None = None
    """Where gold answers stand."""
    id_field: str | None = None
    """Where the question's id stands."""
    titles_field: str | None = None
    """Where the supporting titles stand."""
    hops_field: str | None = None
    """Where the number of facts stands."""
    type_field: str | None = None
    """Where the kind of question stands."""


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """A way of searching of a matrix. What is left out is as it stands outside of the table."""

    index: tuple[str, ...] | None = None
    """Index that is searched; `{benchmark}` in it becomes the benchmark's name."""
    k: Positive | None = None
    """Passages shown per search."""
    summariser: str | None = None
    """Model that condenses the passages of a search."""
    summariser_base_url: str | None = None
    """Root of its server."""
    fusion_constant: float | None = None
    """The constant of reciprocal rank fusion."""
    fusion_depth: Positive | None = None
    """How many passages of each index are fused."""
    embedding_model: str | None = None
    """Folder of a dense index's model on this machine."""
    search_cache: Path | None = None
    """Folder that keeps search results."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class EvalConfig:
    """Settings of `trajset eval`."""

    out: Path
    """Folder of the evaluation: a dataset for each cell, and a journal while it is under way."""
    model: Annotated[tuple[str, ...], Several] = ()
    """Models, each as `--teacher` of `trajset collect`: a name at the server of `--base-url`; without one a
    folder or a Hub model that runs in this process; `vllm:MODEL`; `simulated`."""
    benchmark: Annotated[tuple[str, ...], Several] = ()
    """Benchmarks: by name (`hotpotqa`, `2wikimultihopqa`, `musique`, `bamboogle`, `frames`, `browsecomp`,
    `browsecomp-plus`, `longseal`, `demo-world`), `NAME=FILE` for a copy of one, or any questions that
    `trajset collect` takes."""
    index: Annotated[tuple[str, ...], Several] = ()
    """Index that is searched, `{benchmark}` in it being the benchmark's name. Several are fused."""
    mode: Annotated[tuple[ModeName, ...], Several] = ("live",)
    """`live`: with search; `closed_book`: no tool; `gold_evidence`: the supporting passages are handed over;
    `noisy`: with search, a share of which is spoilt."""
    limit: Positive | None = None
    """Take only that many questions of each benchmark (a sample drawn with the seed)."""
    samples: Positive = 1
    """Trajectories per question."""
    seed: Seed = 0
    """Seed of the sample and of the rollouts."""
    dry_run: Flag = False
    """List the cells and stop."""
    revision: str | None = None
    """What pins the model further; goes into the rows and their ids."""
    base_url: tuple[str, ...] = ()
    """Root of the OpenAI-compatible server; several servers of the same model share the work."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key (never the key itself)."""
    world: Path | None = None
    """Folder of the demo world, for `--model simulated` and `--benchmark demo-world`."""
    policy: PolicyName = "always_search"
    """Search policy of the system prompt, where there is search."""
    grammar: GrammarName = "auto"
    """`tools` or `tags`; `auto`: the model family's."""
    family: str = "auto"
    """Model family, where the name does not tell it; `none`: no family."""
    thinking: Thinking = "auto"
    """Switch thinking on or off in models that have the switch."""
    k: Positive = 5
    """Passages shown per search."""
    gold_passages: Positive = 5
    """Most passages of a supporting title that `gold_evidence` hands over out of an index."""
    temperature: Heat = "auto"
    """Sampling temperature; `auto`: the model family's, 0.6 for an unknown one."""
    top_p: Mass = "auto"
    """Nucleus sampling mass; `auto`: the model family's, 0.95 for an unknown one."""
    top_k: int | Literal["auto"] | None = "auto"
    """Sample among the top k tokens only; `none` sends nothing of it."""
    max_tokens: Positive = 2048
    """Most tokens a model turn may have."""
    max_turns: Positive = 6
    """Most model turns in a rollout with search; without search it is one."""
    max_total_tokens: Positive | None = None
    """Most completion tokens in a rollout."""
    timeout: Seconds = 600.0
    """Hard deadline of a rollout in seconds."""
    request_timeout: Seconds = 120.0
    """Longest wait for one reply in seconds."""
    retries: Count = 4
    """Retries of a request after 429, 5xx or a timeout, with backoff."""
    concurrency: Positive = 32
    """Rollouts under way at once."""
    patience: PatienceConfig = PatienceConfig()
    vllm: VllmConfig = VllmConfig()
    knobs: TeacherKnobs = TeacherKnobs()
    summaries: SummariserConfig = SummariserConfig()
    last_turn: LastTurnConfig = LastTurnConfig()
    local: LocalConfig = LocalConfig()
    retrieval: EvalRetrieval = EvalRetrieval()
    fields: QuestionFields = QuestionFields()
    models: Annotated[
        dict[str, ModelSettings],
        Parameter(converter=tables_of(ModelSettings), accepts_keys=False, n_tokens=1, show=False),
    ] = field(default_factory=dict[str, ModelSettings])
    """Models of a matrix by name, with settings of their own (in a TOML file)."""
    benchmarks: Annotated[
        dict[str, BenchmarkSettings],
        Parameter(converter=tables_of(BenchmarkSettings), accepts_keys=False, n_tokens=1, show=False),
    ] = field(default_factory=dict[str, BenchmarkSettings])
    """Benchmarks of a matrix by name, with settings of their own (in a TOML file)."""
    retrievals: Annotated[
        dict[str, RetrievalSettings],
        Parameter(converter=tables_of(RetrievalSettings), accepts_keys=False, n_tokens=1, show=False),
    ] = field(default_factory=dict[str, RetrievalSettings])
    """Ways of searching of a matrix by name (in a TOML file)."""
