"""The options of `trajset judge`; light to import, as everything that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.config import WHOLE, Flag, JudgeKnobs, Positive, ScaleConfig, Seconds, Seed

SIMULATED = "simulated"
_NO_KNOBS = JudgeKnobs()
_ALONE = ScaleConfig()

Usd = Annotated[float, Parameter(validator=Number(gte=0))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Settings of `trajset judge`."""

    model: str
    """Model name at the chat server, or `simulated` for the demo world's judge."""
    model_revision: str | None = None
    """What pins the model (a commit, a date); stands in the judgements, keeps cached replies apart."""
    base_url: str = "http://127.0.0.1:8000/v1"
    """Root of the OpenAI-compatible server."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key (never the key itself)."""
    mode: Literal["answer", "trajectory"] = "answer"
    """What the judge sees: question, gold answers and answer, or the whole transcript too. In `trajectory`
    mode a row is correct only where every fact was also found before it was used."""
    reflect: Flag = False
    """Let the judge look at its verdict once more; the final verdict is stored as `NAME_reflect`."""
    name: str = "llm_judge"
    """Name under which the verdicts are stored."""
    resume: Flag = False
    """Go on with the judge of that name: its verdicts stay, rows without one are judged."""
    replace: Flag = False
    """Put these verdicts in the place of those of that name."""
    limit: Positive | None = None
    """Judge only the first rows, that many."""
    concurrency: Positive = 32
    """Rows under way at once."""
    budget: Annotated[float, Parameter(validator=Number(gt=0))] | None = None
    """Most USD that these verdicts may cost, earlier runs included; needs both prices."""
    price_in: Usd | None = None
    """USD per million tokens read."""
    price_out: Usd | None = None
    """USD per million tokens written."""
    cache: Path | None = None
    """Folder of the replies' cache, to share it between datasets; without it the dataset's own folder."""
    plain: Flag = False
    """Ask for JSON in words alone, for servers that know no `response_format`."""
    dialect: Literal["auto", "common", "reasoning"] = "auto"
    """`reasoning` leaves out what GPT-5 and the o-series refuse; `auto` goes by the model's name."""
    reasoning_effort: str | None = None
    """Sent as `reasoning_effort`, where it is given."""
    temperature: Annotated[float, Parameter(validator=Number(gte=0, lte=2))] = 0.0
    """Sampling temperature (dialect `common`)."""
    max_tokens: Positive = 2048
    """Most tokens of a reply, reasoning included."""
    seed: Seed = 0
    """Seed that is sent (dialect `common`); another one asks everything anew."""
    request_timeout: Seconds = 120.0
    """Longest wait for one reply in seconds."""
    retries: Annotated[int, WHOLE, Parameter(validator=Number(gte=0))] = 4
    """Retries of a request after 429, 5xx or a timeout, with backoff."""
    scale: ScaleConfig = _ALONE
    knobs: JudgeKnobs = _NO_KNOBS
