"""The options of `trajset decontaminate`; light to import, as everything that the command line reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.config import Positive, Seed

Overlap = Annotated[float, Parameter(validator=Number(gt=0, lte=1))]
Similarity = Annotated[float, Parameter(validator=Number(gte=0.3, lte=1))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as overlap with an evaluation set, and as near duplicate."""

    ngram: Positive = 8
    """Words in a run that must be the same to count. An evaluation question shorter than that counts where it
    stands in a question as a whole."""
    threshold: Overlap = 0.7
    """From this share of an evaluation question's words on, a question is contaminated."""
    near: Similarity = 0.8
    """From this similarity on (Jaccard, of word trigrams), two questions are near duplicates."""
    seed: Seed = 0
    """Seed of the hash functions by which near duplicates are looked for."""
