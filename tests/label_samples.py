"""Labels for tests."""

from sample_rows import CREATED
from trajset.builder.schema import Label


def label(row: int, annotator: str = "ada", correct: bool = True, grounded: bool | None = True) -> Label:
    """A label of the row with that number (`sample_rows`)."""
    return Label(f"{row:016x}", annotator, correct, grounded, None, CREATED)
