"""The probe itself: from features to the chance that a closed-book answer is right, by question.

Standardise -> PCA -> a small MLP (scikit-learn), as in the paper (docs/probe.md). Every question gets its
confidence from a probe that was trained on other questions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..builder.errors import DataError, Problem
from ..builder.identity import derived_seed
from .probe_options import ProbeOptions

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
_HIDDEN = 32
_EPOCHS = 200
_DECAYS = (3.0, 30.0, 300.0)
_PARTS = 5
"""One part in so many of the training rows is held out to choose the weight decay."""
_LEAST = 2
"""Questions of each class that there must be for a fold."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learnt from: for each closed-book row the number of its question, whether it is right, and the
    group of its question. All of shape (rows,)."""

    question: Places
    right: NDArray[np.bool_]
    group: Sequence[str]

    def rows(self, places: Places) -> Examples:
        """Some of them."""
        return Examples(
            self.question[places], self.right[places], [self.group[int(place)] for place in places]
        )


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
    of a class a fold, or less than ten, nothing is learnt: every question gets the share of right rows.

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
    components = min(options.components, features.shape[1])
    for number, (train, test) in enumerate(
        _folds(examples, options.folds, derived_seed(options.seed, "folds"))
    ):
        seed = derived_seed(options.seed, "probe", number)
        components = min(components, len(train))
        probe = _Trainer(features, components, seed).trained(examples.rows(train))
        places = np.unique(examples.question[test])
        if len(places):
            values[places] = probe.predict_proba(features[places])[:, 1]
    return Confidence(values, components, constant=False)


def _too_few(examples: Examples, folds: int) -> bool:
    groups = np.asarray(examples.group)
    sides = (examples.right, ~examples.right)
    least = max(_LEAST * folds, 2 * _PARTS)
    return any(len(np.unique(groups[side])) < least for side in sides)


def _folds(examples: Examples, folds: int, seed: int) -> Iterable[tuple[Places, Places]]:
    """Places of the rows to train on and of the others, for each fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return split.split(examples.question, examples.right, examples.group)


@dataclass(frozen=True, slots=True)
class _Trainer:
    """Trains probes on features of shape (questions, width)."""

    features: NDArray[np.float32]
    components: int
    seed: int

    def trained(self, examples: Examples) -> Any:
        """A probe, with the weight decay that gives the smallest log loss on a part of the examples that is
        held out from a first training. Where nothing can be learnt that is the largest, and the confidence is
        about the base rate; with one for all, the probe would be sure of what is chance."""
        train, test = next(iter(_folds(examples, _PARTS, self.seed)))
        known, held_out = examples.rows(train), examples.rows(test)
        decay = min(_DECAYS, key=lambda decay: self._loss(self._fitted(known, decay), held_out))
        return self._fitted(examples, decay)

    def _fitted(self, examples: Examples, decay: float) -> Any:
        from sklearn.decomposition import PCA
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        components = min(self.components, len(examples.question))
        network = MLPClassifier((_HIDDEN,), alpha=decay, max_iter=_EPOCHS, random_state=self.seed)
        probe: Any = make_pipeline(StandardScaler(), PCA(components, svd_solver="full"), network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the limit
            return probe.fit(self.features[examples.question], examples.right)

    def _loss(self, probe: Any, examples: Examples) -> float:
        from sklearn.metrics import log_loss

        said = probe.predict_proba(self.features[examples.question])[:, 1]
        return float(log_loss(examples.right, said, labels=[False, True]))
