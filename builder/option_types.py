"""Types of options: what the command line and a config file check before a config is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

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
