"""Closed-book and live rows for the probe's tests, and features in which a closed-book answer can be read."""

import dataclasses

import numpy as np
from sample_rows import sample_row
from trajset.builder.schema import Row
from trajset.eval.features import Features


def closed_row(number: int, f1: float | None, sample: int = 0) -> Row:
    """A row without a tool and without a search."""
    row = live_row(number, f1, 0, sample)
    made = dataclasses.replace(row.provenance, policy="closed_book", retriever=None, corpus=None)
    return dataclasses.replace(row, provenance=made)


def live_row(number: int, f1: float | None, searches: int = 2, sample: int = 0) -> Row:
    """A row of so many searches."""
    row = sample_row(number, f1=f1)
    identity = dataclasses.replace(row.identity, id=f"{number}-{sample}-{searches}", sample_index=sample)
    use = dataclasses.replace(row.search_use, n_searches=searches)
    return dataclasses.replace(row, identity=identity, search_use=use)


def features(values: np.ndarray) -> Features:
    """Features of the questions q0, q1, ..."""
    ids = tuple(f"q{number}" for number in range(len(values)))
    return Features(np.asarray(values, np.float32), ids, 2, 4, "student", "abc")


def planted(count: int, seed: int = 0, width: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Features of shape (count, width) and the chance that each question's answer is right, which is a
    logistic function of one direction."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(count, width))
    direction = draw.normal(size=width)
    return values, 1 / (1 + np.exp(-5 * values @ direction / np.linalg.norm(direction)))
