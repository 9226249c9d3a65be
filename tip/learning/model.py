"""Models as flat parameter vectors: linear, logistic, softmax regression.

A model maps records with p features to k outputs, scores = W x + b. Its parameters are one flat
float64 vector: W row by row, `(k, p)`, then b, `(k,)`. All three losses have the same gradient form,

    gradient of the loss of one record = r (x, 1)',     r = residual, (k,),

with r = s - y (linear, loss (s - y)^2 / 2), sigmoid(s) - y (logistic), softmax(s) - e_y (softmax), so
one kernel serves them all, for many agents at once:

1. Every product is a *stacked* `matmul`: one BLAS call per agent, of a shape that depends on that agent
   alone. So results are equal to the bit however agents are cut into blocks; `einsum` is not.
2. Scores and residuals are kept as `(k, n, m)`, outputs first: the maximum and the sum of the softmax
   are then k adds of long rows, in a fixed order, instead of n m short reductions.
3. A record of weight zero contributes exactly zero (padding).
4. Nothing overflows while the scores themselves are finite, up to 1e308. Scores that are not finite
   give a gradient that is not: the encoding counts it and sends zeros.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]
    Labels = NDArray[Any]  # float64 for the linear model, whole numbers 0 .. classes - 1 for the others


class Model(ABC):
    """What every model can do; a final class below says what is its own: outputs, residuals, losses."""

    __slots__ = ()
    features: int

    @property
    @abstractmethod
    def outputs(self) -> int:
        """k: the number of scores of one record."""

    @abstractmethod
    def residuals(self, scores: Reals, labels: Labels) -> None:
        """Turn scores `(k, n, m)` into residuals in place; labels are `(n, m)`."""

    @abstractmethod
    def losses(self, scores: Reals, labels: Labels) -> Reals:
        """The loss of each record: scores `(r, k)`, labels `(r,)`."""

    @property
    def dimension(self) -> int:
        """The length of the flat parameter vector, intercepts included."""
        return self.outputs * (self.features + 1)

    def initial(self) -> Reals:
        """Zeros: public, and a minimum of the ridge."""
        return np.zeros(self.dimension)

    def gradients(self, parameters: Reals, features: Reals, labels: Labels, weights: Reals) -> Reals:
        """The weighted mean gradient of each agent, `(n, dimension)`; an agent without weight gets zeros.

        `parameters` `(n, dimension)` or one `(dimension,)` for all, `features` `(n, m, p)`, `labels` and
        `weights` `(n, m)`.
        """
        self._check(parameters, features, labels, weights)
        return self.gradient_sums(parameters, features, labels, shares_of(weights))

    def gradient_sums(
        self, parameters: Reals, features: Reals, labels: Labels, weights: Reals, out: Reals | None = None
    ) -> Reals:
        """The sum over an agent's records of weight x gradient, `(n, dimension)`; unchecked: the hot path."""
        n, m, p = features.shape
        k = self.outputs
        matrix, intercept = self._split(parameters)
        sums = np.empty((n, self.dimension)) if out is None else out
        residuals = np.empty((k, n, m))
        by_agent = residuals.transpose(1, 0, 2)
        with np.errstate(all="ignore"):  # rule 4: what is not finite is counted where it is encoded
            np.matmul(matrix, features.transpose(0, 2, 1), out=by_agent)
            residuals += np.atleast_2d(intercept).T[..., None]
            self.residuals(residuals, labels)
            residuals *= weights
            np.matmul(by_agent, features, out=sums[:, : k * p].reshape(n, k, p))
            np.matmul(by_agent, np.ones(m), out=sums[:, k * p :])
        return sums

    def scores(self, parameters: Reals, features: Reals) -> Reals:
        """The scores of records `(r, p)` under one parameter vector: `(r,)`, or `(r, k)` for k > 1."""
        scores = self._scores(parameters, features)
        return scores[:, 0] if self.outputs == 1 else scores

    def loss(self, parameters: Reals, features: Reals, labels: Labels) -> float:
        """The mean loss over records `(r, p)`; zero without records."""
        if not len(features):
            return 0.0
        with np.errstate(all="ignore"):
            return float(np.mean(self.losses(self._scores(parameters, features), labels)))

    def _scores(self, parameters: Reals, features: Reals) -> Reals:
        if parameters.shape != (self.dimension,) or features.ndim != 2 or features.shape[1] != self.features:
            raise ConfigurationError(
                f"scores take parameters ({self.dimension},) and records (r, {self.features}), "
                f"not {parameters.shape} and {features.shape}"
            )
        matrix, intercept = self._split(parameters)
        with np.errstate(all="ignore"):
            return features @ matrix.T + intercept

    def _split(self, parameters: Reals) -> tuple[Reals, Reals]:
        """W `(..., k, p)` and b `(..., k)` as views of flat parameters."""
        k, p = self.outputs, self.features
        return parameters[..., : k * p].reshape(*parameters.shape[:-1], k, p), parameters[..., k * p :]

    def _check(self, parameters: Reals, features: Reals, labels: Labels, weights: Reals) -> None:
        n = len(features)
        wanted = {
            "features": features.ndim == 3 and features.shape[2] == self.features,
            "parameters": parameters.shape in {(self.dimension,), (n, self.dimension)},
            "labels": labels.shape == features.shape[:2],
            "weights": weights.shape == features.shape[:2],
        }
        for name, good in wanted.items():
            if not good:
                raise ConfigurationError(
                    f"the shape of {name} does not fit",
                    why=f"features {features.shape}, parameters {parameters.shape}, labels {labels.shape}, "
                    f"weights {weights.shape}",
                    instead=f"use (n, m, {self.features}), ({self.dimension},) or one row each, (n, m), (n, m)",
                )


def shares_of(weights: Reals) -> Reals:
    """Weights divided by their sum over each agent's records `(n, m)`; zeros where the sum is zero."""
    totals = np.add.reduce(weights, axis=1, keepdims=True)
    return weights / np.where(totals == 0.0, 1.0, totals)


@dataclass(frozen=True, slots=True)
class Linear(Model):
    """Least squares: loss (s - y)^2 / 2."""

    features: int

    def __post_init__(self) -> None:
        _positive("features", self.features)

    @property
    def outputs(self) -> int:
        """One score."""
        return 1

    def residuals(self, scores: Reals, labels: Labels) -> None:
        """The difference s - y."""
        scores -= labels

    def losses(self, scores: Reals, labels: Labels) -> Reals:
        """(s - y)^2 / 2."""
        return 0.5 * np.square(scores[:, 0] - labels)


@dataclass(frozen=True, slots=True)
class Logistic(Model):
    """Two classes, labels 0 and 1: loss log(1 + e^s) - y s."""

    features: int

    def __post_init__(self) -> None:
        _positive("features", self.features)

    @property
    def outputs(self) -> int:
        """One score: the log odds of class 1."""
        return 1

    def residuals(self, scores: Reals, labels: Labels) -> None:
        """sigmoid(s) - y, as (1 + tanh(s / 2)) / 2 - y: no exponential that could overflow."""
        scores *= 0.5
        np.tanh(scores, out=scores)
        scores += 1.0
        scores *= 0.5
        scores -= labels

    def losses(self, scores: Reals, labels: Labels) -> Reals:
        """log(1 + e^s) - y s, as log(1 + e^(s')) with s' = s for class 0 and -s for class 1."""
        signed = np.where(labels == 1, -scores[:, 0], scores[:, 0])
        result: Reals = np.logaddexp(0.0, signed)
        return result


@dataclass(frozen=True, slots=True)
class Softmax(Model):
    """Several classes, labels 0 .. classes - 1: loss log sum_j e^(s_j) - s_y."""

    features: int
    classes: int

    def __post_init__(self) -> None:
        _positive("features", self.features)
        if self.classes < 2:
            raise ConfigurationError(f"a softmax model has at least two classes, not {self.classes}")

    @property
    def outputs(self) -> int:
        """One score per class."""
        return self.classes

    def residuals(self, scores: Reals, labels: Labels) -> None:
        """softmax(s) - e_y; the largest score is taken off first, sums run over classes in order."""
        scores -= np.maximum.reduce(scores, axis=0)
        np.exp(scores, out=scores)
        total = scores[0].copy()
        for row in scores[1:]:  # one order for every shape: a reduction over axis 0 changes its own for one record
            total += row
        scores /= total
        places = np.multiply(labels.reshape(-1), labels.size, dtype=np.int64, casting="unsafe")
        places += np.arange(labels.size)
        if labels.size and places.view(np.uint64).max() >= scores.size:  # a negative place is a huge one
            raise DataError(f"labels of a softmax model are whole numbers 0 to {self.classes - 1}")
        scores.reshape(-1)[places] -= 1.0

    def losses(self, scores: Reals, labels: Labels) -> Reals:
        """The loss as log sum_j e^(s_j - max) - (s_y - max)."""
        shifted = scores - scores.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(shifted, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        result: Reals = np.log(np.exp(shifted).sum(axis=1)) - chosen
        return result


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigurationError(f"{name} = {value!r} is not a whole number >= 1")
