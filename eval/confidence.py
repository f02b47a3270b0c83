"""The probe itself: from features to the chance that a closed-book answer is right, by question.

Standardise -> PCA -> a small MLP (scikit-learn), as in the paper (docs/probe.md). Every question gets its
confidence from a probe that was trained on other questions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..builder.errors import DataError, Problem
from ..builder.identity import derived_seed
from .probe_options import ProbeOptions

Floats = NDArray[np.float64]
_HIDDEN = 32
_DECAY = 3.0
_EPOCHS = 200
_LEAST = 2
"""Questions of each class that there must be for a fold."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learnt from: for each closed-book row the number of its question, whether it is right, and the
    group of its question. All of shape (rows,)."""

    question: NDArray[np.intp]
    right: NDArray[np.bool_]
    group: Sequence[str]


@dataclass(frozen=True, slots=True)
class Confidence:
    """`values` in [0, 1] by question. `components` are those of the PCA, 0 where nothing could be learnt and
    the confidence is `constant`, the base rate."""

    values: Floats
    components: int
    constant: bool


def confidence(features: NDArray[np.float32], examples: Examples, options: ProbeOptions) -> Confidence:
    """Out-of-fold confidences for features of shape (questions, width); the same for the same seed.

    Folds keep the questions of a group together and the share of right rows alike. With less than two groups
    of a class a fold nothing is learnt: the confidence is the share of right rows, for every question.

    Raises:
        DataError: all questions have the same features, as those that end in `?` have at layer 0.
    """
    if _too_few(examples, options.folds):
        base = float(examples.right.mean())
        return Confidence(np.full(len(features), base), 0, constant=True)
    if (features == features[0]).all():
        fix = "Take a later --layer; at layer 0 it is the embedding of the last token alone."
        raise DataError(str(Problem("features", "must differ between questions", "the same for all", fix)))
    values = np.zeros(len(features))
    components = options.components
    for number, (train, test) in enumerate(_folds(examples, options)):
        places = np.unique(examples.question[test])
        if not len(places):
            continue
        known, truth = features[examples.question[train]], examples.right[train]
        components = min(components, *known.shape)
        seed = derived_seed(options.seed, "probe", number)
        values[places] = _learnt(known, truth, components, seed, features[places])
    return Confidence(values, components, constant=False)


def _too_few(examples: Examples, folds: int) -> bool:
    groups = np.asarray(examples.group)
    sides = (examples.right, ~examples.right)
    return any(len(np.unique(groups[side])) < _LEAST * folds for side in sides)


def _folds(examples: Examples, options: ProbeOptions) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(
        options.folds, shuffle=True, random_state=derived_seed(options.seed, "folds")
    )
    return folds.split(examples.question, examples.right, examples.group)


def _learnt(
    known: NDArray[np.float32],
    truth: NDArray[np.bool_],
    components: int,
    seed: int,
    asked: NDArray[np.float32],
) -> Floats:
    """What a probe that was trained on the known says of those asked.

    The weight decay and the number of epochs were chosen on random numbers, where they keep a probe that has
    nothing to learn from calling itself sure; scikit-learn's defaults do not.
    """
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((_HIDDEN,), alpha=_DECAY, max_iter=_EPOCHS, random_state=seed)
    probe: Any = make_pipeline(StandardScaler(), PCA(components, svd_solver="full"), network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the limit
        probe.fit(known, truth)
    return probe.predict_proba(asked)[:, 1]
