"""The options of `trajset report`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..builder.option_types import Count, Flag, Positive, Seed, Share

Several = Parameter(consume_multiple=True)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Settings of `trajset report`."""

    questions: Annotated[tuple[Path, ...], Several] = ()
    """Files with what is known of the questions: `question_id` or `question`, and any of `type`, `hops`,
    `supporting_titles`. Datasets of `trajset eval` bring their own."""
    correct: Literal["f1", "em", "cover_match", "llm_judge", "llm_judge_reflect"] = "f1"
    """What tells wrong rows from right ones in the failure analysis."""
    min_f1: Share = 0.65
    """F1 above which an answer is right, with `--correct f1`."""
    failure_judge: str | None = None
    """Model that says why rows are wrong, in place of the rule, at the server of `--base-url`."""
    base_url: str = "http://127.0.0.1:8000/v1"
    """Root of the OpenAI-compatible server of the judge."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key (never the key itself)."""
    concurrency: Positive = 16
    """Rows that the judge is asked about at once."""
    plain: Flag = False
    """Ask the judge for JSON in words alone, for servers that know no `response_format`."""
    examples: Count = 3
    """Wrong rows to show of each class and measurement."""
    baseline: str | None = None
    """Model that all others are compared with; without it pairs of neighbours by F1 as well."""
    published: Literal["auto", "always", "never"] = "auto"
    """The paper's published figures beside ours; `auto`: where a benchmark that has some was measured."""
    draws: Positive = 10_000
    """Bootstrap draws of the intervals."""
    seed: Seed = 0
    """Seed of the draws."""
    out: Path = Path("report")
    """Folder of the report; an earlier report in it is replaced."""
