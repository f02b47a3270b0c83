"""One frozen config per command: its fields are the command's options and the keys of its TOML file.

`--config FILE.toml` is read first, options given on the command line win. Types and limits are checked once,
where the values come in (cyclopts); the config that ran is written beside the output as `config.toml`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from cyclopts import Parameter, Token
from cyclopts.validators import Number


def _whole(kind: object, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts by itself would round 2.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError as error:
        raise ValueError(f'"{tokens[0].value}" is no whole number') from error


WHOLE = Parameter(converter=_whole)
Positive = Annotated[int, WHOLE, Parameter(validator=Number(gte=1))]
Count = Annotated[int, WHOLE, Parameter(validator=Number(gte=0))]
Seed = Annotated[int, WHOLE, Parameter(validator=Number(gte=-(2**63), lt=2**63))]
"""Seeds go into ids, which hold integers of 64 bits."""
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Seconds = Annotated[float, Parameter(validator=Number(gt=0))]
Flag = Annotated[bool, Parameter(negative="")]

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


def save_config(config: Any, path: Path) -> None:
    """Write a config dataclass as TOML that `--config` reads back; options at None by default are left out.

    Secrets are never fields of a config (the API key comes from the environment), so none is written.
    """
    path.write_text(tomli_w.dumps(config_values(config)), "utf-8")


def config_values(config: Any) -> dict[str, Any]:
    """The options by name: paths as text, those left at None left out, those set to it as "none". A config
    inside a config lays its options beside the others."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            values |= config_values(value)
        elif value is not None or field.default is not None:
            values[field.name.replace("_", "-")] = _toml(value)
    return values


_RAY = frozenset({"ray", "ray-workers", "ray-cpus", "ray-gpus"})
_ONLY_HERE = frozenset({"out", "base-url", "api-key-env", "cache"}) | _RAY
"""Options that say where something is and not what was made: they are not published."""
_PATHS = frozenset({"questions", "index", "world", "gold"})
"""Options that may hold a path, of which only the last part is published."""


def published_values(config: Any) -> dict[str, Any]:
    """`config_values` as a manifest shows them to everybody: nothing that only this machine understands."""
    return {
        name: _last_part(value) if name in _PATHS and isinstance(value, str) else value
        for name, value in config_values(config).items()
        if name not in _ONLY_HERE
    }


def _last_part(place: str) -> str:
    return place if place.startswith("hf:") else Path(place).name


def _toml(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, Path):
        return str(value)
    return [_toml(item) for item in value] if isinstance(value, tuple) else value


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class WorldConfig:
    """Settings of the demo world."""

    entities: Annotated[int, WHOLE, Parameter(validator=Number(gte=50, lte=100_000))] = 3000
    """Number of entities (people, places, films, companies, ...) in the generated encyclopedia."""
    questions: Positive = 2000
    """Number of questions to make; a smaller number gives the first of the same questions."""
    seed: Seed = 0
    """Seed of the world: the same seed, the same world."""
    lookalikes: Share = 0.25
    """Share of the entities named so that they can be mistaken for another."""
    filler: Annotated[int, WHOLE, Parameter(validator=Number(gte=0, lte=4))] = 2
    """Most sentences per passage that state no fact that is ever asked."""
    one_hop: Share = 0.1
    """Share of the questions that need a single fact."""
    comparison: Share = 0.2
    """Share of the questions that compare two entities; the others are chains of 2 to `max_hops` facts."""
    max_hops: Annotated[int, WHOLE, Parameter(validator=Number(gte=2, lte=4))] = 4
    """Most facts in a chain."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TeacherKnobs:
    """What the simulated teacher knows and how it behaves. All shares are in [0, 1].

    The defaults are made up, not measured: chosen so that all outcomes a filter has to tell apart occur.
    """

    known: Share = 0.5
    """Share of the world's facts that the teacher knows by heart."""
    known_wrongly: Share = 0.25
    """Share of the known facts that it knows wrongly."""
    diligence: Share = 0.7
    """Chance that it searches for a fact that it knows."""
    cue_rate: Share = 0.5
    """Chance that it says so when it uses a fact from memory without having searched for it."""
    misreading: Share = 0.06
    """Chance that it misreads a fact that it found, where another value of the sort stands near."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class JudgeKnobs:
    """How often the simulated judge errs. All shares are in [0, 1]; for `--model simulated` alone.

    The defaults are made up, not measured: chosen so that the demo world's table looks a little like the
    published one.
    """

    accepts_wrong: Share = 0.5
    """Chance that it takes a wrong answer for right."""
    rejects_right: Share = 0.1
    """Chance that it takes a right answer for wrong."""
    mends: Share = 0.7
    """Chance that reflection puts a wrong verdict right."""
    spoils: Share = 0.1
    """Chance that reflection turns a right verdict into a wrong one."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Settings of the embedded BM25 index."""

    title_boost: Annotated[float, Parameter(validator=Number(gte=0))] = 0.5
    """Weight of a match in the title beyond its weight as part of the passage (0: none)."""
    stemmer: str | None = "english"
    """Language of stemmer and stop words; an empty text turns both off."""
    title_field: str = "title"
    """Name of the title column in the corpus."""
    text_field: str = "text"
    """Name of the text column in the corpus."""
    id_field: str | None = None
    """Name of the passage id column; without it `id` where it exists, else the passage's position."""
    name: str | None = None
    """Name of the corpus in the rows; without it that of the file, folder or repository."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ScaleConfig:
    """How a run is spread over many machines. Nothing here changes what it makes."""

    ray: Flag = False
    """Run on a Ray cluster: the one at RAY_ADDRESS, else one that runs on this machine, else a new one here.
    RAY_ADDRESS alone means it too."""
    ray_workers: Positive | None = None
    """Workers, each with a model and a search engine of its own, among which `--concurrency` is shared out.
    Without it as many as the GPUs of the cluster allow, or one a node where `--ray-gpus` is 0."""
    ray_cpus: Annotated[float, Parameter(validator=Number(gte=0))] = 1.0
    """CPU cores that Ray reserves for a worker."""
    ray_gpus: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0
    """GPUs that Ray gives to a worker; it sees no others."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CollectConfig:
    """Settings of `trajset collect`."""

    questions: str
    """Questions: a JSONL, JSON, CSV or Parquet file, or `hf:REPO[@REVISION][:SPLIT]`."""
    index: Path
    """Folder of the index (`trajset index`)."""
    out: Path
    """Folder of the dataset to make; the journal lies in it while the run goes on."""
    teacher: str
    """Model name at the chat server, or `simulated` for the demo world's teacher."""
    teacher_revision: str | None = None
    """What pins the teacher further (a commit, a quantisation); goes into the rows and their ids."""
    base_url: str = "http://127.0.0.1:8000/v1"
    """Root of the OpenAI-compatible server."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key (never the key itself)."""
    world: Path | None = None
    """Folder of the demo world, for `--teacher simulated`."""
    policy: Literal["always_search", "adaptive"] = "always_search"
    """Search policy of the system prompt."""
    grammar: Literal["tools", "tags"] = "tools"
    """`tools`: native tool calls; `tags`: `<search>`, `<information>`, `<answer>` in the text."""
    k: Positive = 5
    """Passages shown per search."""
    samples: Positive = 1
    """Trajectories per question."""
    limit: Positive | None = None
    """Take only that many questions (a sample drawn with the seed)."""
    temperature: Annotated[float, Parameter(validator=Number(gte=0, lte=2))] = 0.6
    """Sampling temperature."""
    top_p: Share = 0.95
    """Nucleus sampling mass."""
    top_k: int | None = 20
    """Sample among the top k tokens only, where a server takes it (vLLM); `none` sends nothing of it."""
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
    concurrency: Positive = 32
    """Rollouts under way at once."""
    seed: Seed = 0
    """Seed of the run."""
    resume: Flag = False
    """Go on with the run in `--out`: nothing is repeated, broken rollouts are tried again."""
    partial: Flag = False
    """Collect nothing; write the dataset from the longest prefix of the question order that is finished."""
    scale: ScaleConfig = ScaleConfig()
    knobs: TeacherKnobs = TeacherKnobs()


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
