"""One frozen config per command: its fields are the command's options and the keys of its TOML file.

`--config FILE.toml` is read first, options given on the command line win. Types and limits are checked once,
where the values come in (cyclopts); the config that ran is written beside the output as `config.toml`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import tomli_w
from cyclopts import Parameter
from cyclopts.validators import Number

from .agent_config import LastTurnConfig, LocalConfig, SummariserConfig, TalkConfig
from .identity import without_folder
from .option_types import WHOLE as WHOLE
from .option_types import Count as Count
from .option_types import Flag, Heat, Mass, Positive, Seed
from .option_types import Seconds as Seconds
from .retrieval_config import PLAIN, RetrievalConfig
from .retrieval_config import IndexConfig as IndexConfig
from .scale_config import ScaleConfig
from .source_config import ELASTIC_OPTIONS, QuestionFields
from .vllm_config import VllmConfig
from .watch_config import WatchConfig
from .world_config import JudgeKnobs, TeacherKnobs, WorldConfig

TranscriptFormat = Literal[
    "auto",
    "r1searcher",
    "search-r1",
    "search-o1",
    "fireact",
    "knowagent",
    "openai",
    "sharegpt",
    "atif",
    "evouna",
]


TABLE = {"table": True}
"""Metadata of a field whose config is a table of its own: `[sft]`, `--sft.learning-rate`."""


def save_config(config: Any, path: Path) -> None:
    """Write a config dataclass as TOML that `--config` reads back; options at None by default are left out.

    Secrets are never fields of a config (the API key comes from the environment), so none is written.
    """
    path.write_text(tomli_w.dumps(config_values(config)), "utf-8")


def config_values(config: Any) -> dict[str, Any]:
    """The options by name: paths as text, those left at None left out, those set to it as "none". A config
    inside a config lays its options beside the others."""
    values: dict[str, Any] = {}
    for option in dataclasses.fields(config):
        value = getattr(config, option.name)
        if option.metadata.get("table"):
            values[option.name] = config_values(value)
        elif dataclasses.is_dataclass(value):
            values |= config_values(value)
        elif value is not None or option.default is not None:
            values[option.name.replace("_", "-")] = _toml(value)
    return values


_RAY = frozenset({"ray", "ray-workers", "ray-cpus", "ray-gpus"})
_ONLY_HERE = frozenset({"out", "base-url", "api-key-env", "cache", "search-cache", "embedding-model"}) | {
    *_RAY,
    *ELASTIC_OPTIONS,
    *("summariser-base-url", "summariser-api-key-env"),
    *("vllm-python", "vllm-port", "vllm-args", "vllm-start", "vllm-restarts"),
    *("track", "track-project", "track-every"),
}
"""Options that say where something is and not what was made: they are not published."""
_PATHS = frozenset({"questions", "index", "world", "gold"})
"""Options that may hold a path, of which only the last part is published."""
_MODELS = ("teacher", "summariser")
"""Options that name a model, which may be a folder."""


def published_values(config: Any) -> dict[str, Any]:
    """`config_values` as a manifest shows them to everybody: nothing that only this machine understands."""
    values = {
        name: _published_place(value) if name in _PATHS else value
        for name, value in config_values(config).items()
        if name not in _ONLY_HERE
    }
    models = {name: values[name] for name in _MODELS if isinstance(values.get(name), str)}
    return values | {name: _public_model(model) for name, model in models.items()}


def _published_place(value: Any) -> Any:
    """A place, or several, as everybody may see it."""
    if isinstance(value, list):
        return [_published_place(item) for item in cast("list[Any]", value)]
    return _last_part(value) if isinstance(value, str) else value


def _last_part(place: str) -> str:
    """Of a path its last part; of a search server's URL the index, never its host or a password."""
    if place.startswith("hf:"):
        return place
    if place.startswith("es:"):
        return f"es:{Path(urlsplit(place.removeprefix('es:')).path).name}"
    return Path(place).name


def _public_model(given: str) -> str:
    """A model's name; of a folder its last part."""
    kind, colon, model = given.rpartition("vllm:")
    return f"{kind}{colon}{Path(model).name if Path(model).is_dir() else without_folder(model)}"


def _toml(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, Path):
        return str(value)
    return [_toml(item) for item in cast("tuple[Any, ...]", value)] if isinstance(value, tuple) else value


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class PatienceConfig:
    """What a run does when a server is away for longer than the retries of a request last."""

    outage: Annotated[float, Parameter(validator=Number(gte=0))] = 600.0
    """Longest wait in seconds for a server that answered earlier in the run and then is away: rollouts that
    break meanwhile are made again. After that the run stops, to be resumed. 0 stops at once."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CollectConfig:
    """Settings of `trajset collect`."""

    questions: str
    """Questions: a named source (`hotpotqa:train`), a JSONL, JSON, CSV or Parquet file, or
    `hf:REPO[@REVISION][:[CONFIG/]SPLIT]`."""
    index: tuple[str, ...]
    """Folder of the index (`trajset index`), or `es:URL/ALIAS` in Elasticsearch. Given several times: their
    rankings are fused."""
    out: Path
    """Folder of the dataset to make; the journal lies in it while the run goes on."""
    teacher: str
    """Model name at the chat server of `--base-url`; without one a folder or a Hub model that runs in this
    process; `vllm:MODEL` starts a vLLM server for a folder or a Hub model (`vllm:REPO[@REVISION]`);
    `simulated` is the demo world's teacher."""
    teacher_revision: str | None = None
    """What pins the teacher further (a commit, a quantisation); goes into the rows and their ids."""
    base_url: tuple[str, ...] = ()
    """Root of the OpenAI-compatible server, such as http://127.0.0.1:8000/v1. Given several times, for
    several servers of the same model: each request goes to the one with the least to do."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key (never the key itself)."""
    world: Path | None = None
    """Folder of the demo world, for `--teacher simulated`."""
    policy: Literal["always_search", "adaptive"] = "always_search"
    """Search policy of the system prompt."""
    grammar: Literal["auto", "tools", "tags"] = "auto"
    """`tools`: native tool calls; `tags`: `<search>`, `<information>`, `<answer>` in the text; `auto`: the
    model family's, `tools` for an unknown one behind a server."""
    k: Positive = 5
    """Passages shown per search."""
    samples: Positive = 1
    """Trajectories per question."""
    limit: Positive | None = None
    """Take only that many questions (a sample drawn with the seed)."""
    temperature: Heat = "auto"
    """Sampling temperature; `auto`: the model family's, 0.6 for an unknown one."""
    top_p: Mass = "auto"
    """Nucleus sampling mass; `auto`: the model family's, 0.95 for an unknown one."""
    top_k: int | Literal["auto"] | None = "auto"
    """Sample among the top k tokens only, where a server takes it (vLLM); `none` sends nothing of it; `auto`:
    the model family's, 20 for an unknown one."""
    max_tokens: Positive = 2048
    """Most tokens a model turn may have."""
    max_turns: Positive = 6
    """Most model turns in a rollout."""
    max_total_tokens: Positive | None = None
    """Most completion tokens in a rollout."""
    timeout: Seconds = 600.0
    """Hard deadline of a rollout in seconds."""
    request_timeout: Seconds = 120.0
    """Longest wait for one reply in seconds."""
    retries: Annotated[int, WHOLE, Parameter(validator=Number(gte=0))] = 4
    """Retries of a request after 429, 5xx or a timeout, with backoff."""
    patience: PatienceConfig = PatienceConfig()
    concurrency: Positive = 32
    """Rollouts under way at once."""
    seed: Seed = 0
    """Seed of the run."""
    resume: Flag = False
    """Go on with the run in `--out`: nothing is repeated, broken rollouts are tried again."""
    partial: Flag = False
    """Collect nothing; write the dataset from the longest prefix of the question order that is finished."""
    vllm: VllmConfig = VllmConfig()
    watch: WatchConfig = WatchConfig()
    scale: ScaleConfig = ScaleConfig()
    knobs: TeacherKnobs = TeacherKnobs()
    summaries: SummariserConfig = SummariserConfig()
    last_turn: LastTurnConfig = LastTurnConfig()
    talk: TalkConfig = TalkConfig()
    local: LocalConfig = LocalConfig()
    retrieval: RetrievalConfig = PLAIN
    fields: QuestionFields = QuestionFields()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class QuickstartConfig:
    """Settings of `trajset quickstart`."""

    out: Path = Path("trajset-demo")
    """Folder for the world, the index and the dataset."""
    world: WorldConfig = WorldConfig()
    knobs: TeacherKnobs = TeacherKnobs()
    judge: JudgeKnobs = JudgeKnobs()
    concurrency: Positive = 32
    """Rollouts under way at once."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ImportConfig:
    """Settings of `trajset import`."""

    out: Path = Path("imported")
    """Folder of the dataset to make."""
    format: TranscriptFormat = "auto"
    """What wrote the transcripts; `auto` looks into each file and says what it took."""
    teacher: tuple[str, ...] = ()
    """Who made the transcripts: one name for all files, or one for each file in their order. Without it what
    the records say, else the file's name without its extensions."""
    dataset: str = "imported"
    """Name of the question set, for records that do not name one. Files over the same questions need the same
    name for their rows to share question ids."""
    gold: Path | None = None
    """File of `question` and `answer` records whose answers replace the gold answers of the transcripts."""
    search_tools: tuple[str, ...] = ()
    """Names of the tools that search, in OpenAI, ShareGPT and ATIF transcripts. Without it: tools named after
    searching, retrieving or looking up, and any that takes a query."""
