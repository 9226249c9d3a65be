"""Reconstruction: which shares of the inputs best explain the outputs.

A response says how probable each output is for each input, M[y, x]; n reports give the outputs'
counts c. The shares theta that make them most probable are the fixed points of (Dempster, Laird,
Rubin 1977; for randomized answers Agrawal and Aggarwal 2001)

    theta_x  <-  theta_x  sum_y  (c_y / n)  M[y, x] / (M theta)_y                            (EM)

where no step lowers the likelihood; the *iterative Bayesian update* is the same step. EMS (Silverman et
al. 1990; Li et al., SIGMOD 2020, section 5) follows each step by a smoothing with weights (1/4, 1/2, 1/4),
for ordered inputs: what lies at an end stays with it, so that mass is kept.

A response is any object with `forward` (M theta) and `backward` (M' w). `Windowed` does both in
O(inputs + outputs) from cumulative sums, `Symmetric` in O(inputs), `Dense` by the matrix.

The result is a maximum-likelihood estimate under theta >= 0, sum theta = 1, or near one: biased,
without a variance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from tip.errors import ConfigurationError
from tip.privacy.checks import not_negative, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_CLOSE: Final = 1e-9  # how far a response's columns may be from adding up to 1
_TINY: Final = 1e-300


class Response(Protocol):
    """How probable each output is for each input; see the top of the file."""

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        ...

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        ...

    def forward(self, shares: Floats) -> Floats:
        """The probability of each output, `(outputs,)`, where the inputs have these shares."""
        ...

    def backward(self, weights: Floats) -> Floats:
        """Each input's mean of the outputs' weights, `(inputs,)`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A response by its matrix `(outputs, inputs)`, whose columns add up to 1."""

    matrix: Floats = field(repr=False)

    def __post_init__(self) -> None:
        matrix = self.matrix
        if matrix.ndim != 2 or not matrix.size or not (matrix >= 0).all():
            raise ConfigurationError("a response is a matrix (outputs, inputs) of probabilities")
        if np.abs(matrix.sum(axis=0) - 1).max() > _CLOSE:
            raise ConfigurationError("the columns of a response, one for each input, add up to 1")

    @property
    def inputs(self) -> int:
        """Columns."""
        return len(self.matrix.T)

    @property
    def outputs(self) -> int:
        """Rows."""
        return len(self.matrix)

    def forward(self, shares: Floats) -> Floats:
        """The matrix times the shares."""
        product: Floats = self.matrix @ shares
        return product

    def backward(self, weights: Floats) -> Floats:
        """The weights times the matrix."""
        product: Floats = weights @ self.matrix
        return product


@dataclass(frozen=True, slots=True)
class Symmetric:
    """The same item with probability p, each other one of the k items with q = (1 - p) / (k - 1)."""

    items: int
    p: float
    q: float

    @property
    def inputs(self) -> int:
        """Items."""
        return self.items

    @property
    def outputs(self) -> int:
        """Items."""
        return self.items

    def forward(self, shares: Floats) -> Floats:
        """Q for all, and p - q more for what is held."""
        return self.q * float(shares.sum()) + (self.p - self.q) * shares

    def backward(self, weights: Floats) -> Floats:
        """The matrix is its own transpose."""
        return self.forward(weights)


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """M[y, x] = base[y] + kernel[y - x]: a floor, and a window that moves with the input.

    `base`: `(outputs,)`, positive. `kernel`: `(outputs - inputs + 1,)`, one constant but for a few entries at its
    ends: the constant part costs one cumulative sum, each other entry one addition of a vector.
    """

    base: Floats = field(repr=False)
    kernel: Floats = field(repr=False)
    _level: float = field(init=False, repr=False)  # the kernel's constant
    _box: tuple[int, int] = field(init=False, repr=False)  # where it holds
    _edges: tuple[tuple[int, float], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        level = float(self.kernel.max())
        flat = np.flatnonzero(self.kernel == level)
        first, last = int(flat[0]), int(flat[-1]) + 1
        if len(flat) != last - first or self.base.min() <= 0 or self.kernel.min() < 0 or self.inputs < 1:
            raise ConfigurationError("a windowed response has a positive base and a window with one plateau")
        edges = [(at, float(value)) for at, value in enumerate(self.kernel) if value and not first <= at < last]
        object.__setattr__(self, "_level", level)
        object.__setattr__(self, "_box", (first, last))
        object.__setattr__(self, "_edges", tuple(edges))

    @property
    def inputs(self) -> int:
        """As many as the window has places."""
        return len(self.base) - len(self.kernel) + 1

    @property
    def outputs(self) -> int:
        """The length of the base."""
        return len(self.base)

    def forward(self, shares: Floats) -> Floats:
        """The shares' cumulative sum at two places, and the edges."""
        first, last = self._box
        sums = np.zeros(max(self.outputs + last - first, last + self.inputs))
        sums[last : last + self.inputs] = shares
        np.cumsum(sums, out=sums)
        out = sums[last - first : last - first + self.outputs] - sums[: self.outputs]
        np.maximum(out, 0.0, out=out)  # a difference of sums may round below zero
        out *= self._level
        for at, value in self._edges:
            out[at : at + self.inputs] += value * shares
        out += self.base * float(sums[-1])
        return out

    def backward(self, weights: Floats) -> Floats:
        """The weights' cumulative sum at two places, and the edges."""
        first, last = self._box
        sums = np.zeros(self.outputs + 1)
        np.cumsum(weights, out=sums[1:])
        out = sums[last : last + self.inputs] - sums[first : first + self.inputs]
        np.maximum(out, 0.0, out=out)
        out *= self._level
        for at, value in self._edges:
            out += value * weights[at : at + self.inputs]
        out += float(self.base @ weights)
        return out

    def dense(self) -> Floats:
        """The matrix `(outputs, inputs)`."""
        matrix = np.repeat(self.base[:, None], self.inputs, axis=1)
        for at, value in enumerate(self.kernel):
            matrix[np.arange(self.inputs) + at, np.arange(self.inputs)] += value
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """The shares found, in how many steps, their log-likelihood, and whether the stop was the gain's."""

    shares: Floats = field(repr=False)
    iterations: int
    log_likelihood: float
    converged: bool


def reconstruct(
    response: Response, counts: ArrayLike, *, smoothing: bool = False, gain: float = 1e-3, iterations: int = 10_000
) -> Reconstruction:
    """EM, or EMS with `smoothing`, from equal shares on, until a step changes the log-likelihood by `gain` or less.

    `counts`: how often each output was seen, `(outputs,)`. Raises `ConfigurationError` for no report at all, and
    for an output that no input explains.
    """
    seen = _checked(counts, response.outputs)
    limit, most = not_negative("gain", gain), whole("iterations", iterations, least=1)
    shares = np.full(response.inputs, 1 / response.inputs)
    chances, weights = _chances(response, shares, seen), seen / seen.sum()
    likelihood = _likelihood(seen, chances)
    for step in range(1, most + 1):
        shares = shares * response.backward(weights / chances)
        if smoothing:
            shares = smoothed(shares)
        shares /= shares.sum()
        chances = _chances(response, shares, seen)
        before, likelihood = likelihood, _likelihood(seen, chances)
        if abs(likelihood - before) <= limit:
            return Reconstruction(shares, step, likelihood, converged=True)
    return Reconstruction(shares, most, likelihood, converged=False)


def smoothed(shares: Floats) -> Floats:
    """Each entry's half, and a quarter of each neighbor; an end is its own neighbor, so that the sum is kept."""
    quarter = shares / 4
    out = shares / 2
    out[1:] += quarter[:-1]
    out[:-1] += quarter[1:]
    out[0] += quarter[0]
    out[-1] += quarter[-1]
    return out


def _checked(counts: Any, outputs: int) -> Floats:  # noqa: ANN401 - anything may be handed in
    """The outputs' counts as floats: not negative, finite, at least one report."""
    seen = np.asarray(counts)
    if seen.shape != (outputs,) or seen.dtype.kind not in "iuf":
        raise ConfigurationError(f"counts are {outputs} numbers, one for each output")
    seen = seen.astype(np.float64)
    if not (np.isfinite(seen) & (seen >= 0)).all():
        raise ConfigurationError("counts are finite and not negative")
    if not seen.sum() > 0:
        raise ConfigurationError("there is no report to reconstruct from")
    return seen


def _chances(response: Response, shares: Floats, seen: Floats) -> Floats:
    """The outputs' probabilities; 1 where nothing was seen, which then drops out of all sums."""
    chances = response.forward(shares)
    chances[seen == 0] = 1.0
    if chances.min() < _TINY:
        raise ConfigurationError("an output was seen that no input explains", instead="check the response")
    return chances


def _likelihood(seen: Floats, chances: Floats) -> float:
    return float(seen @ np.log(chances))
