"""Discrete Laplace and Gaussian by rejection, in whole numbers only.

The samplers of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy"
(NeurIPS 2020), Algorithms 1-3, for whole arrays and any rational parameter. They are the reference:
slower than inversion, without a table, and proven by their authors. No floating point takes part.

1. Each sample owns a sequence of words, addressed by (agent, column, number of the draw). What it
   reads depends on its own earlier draws alone, never on what else is in the call.
2. Numbers that may pass 2^62 are Python's whole numbers (arrays of objects). Which words are read
   depends on the parameter only, so both arithmetics give the same samples.

The time that a rejection sampler takes depends on what it draws: see docs/noise.md.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ProtocolMisuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tip.randomness import Stream

    Integers = NDArray[np.int64]
    Numbers = NDArray[Any]  # int64, or Python's whole numbers where 64 bits may not do
    Booleans = NDArray[np.bool_]

_SAFE: Final = 1 << 62
_COLUMNS: Final = 1 << 32
_DRAWS: Final = 1 << 16
_PIECE: Final = 1 << 14


class Draws:
    """A sequence of words for each sample, (agents[i], columns[i]); samples are named by their number i."""

    __slots__ = ("_agents", "_columns", "_lane", "_stream", "_used")

    def __init__(self, stream: Stream, agents: Integers, columns: Integers, *, lane: int = 0) -> None:
        if columns.size and columns.max() >= _COLUMNS:
            raise ProtocolMisuse(f"an agent has at most {_COLUMNS} samples")
        self._stream, self._agents, self._columns, self._lane = stream, agents, columns, lane
        self._used = np.zeros(len(agents), dtype=np.int64)

    def words(self, who: Integers) -> NDArray[np.uint64]:
        """The next word of each named sample."""
        used = self._used[who]
        if used.size and used.max() >= _DRAWS:
            raise ProtocolMisuse("a sample used up its words: the stream is not random")
        self._used[who] = used + 1
        return self._stream.words_at(self._agents[who], self._columns[who] + used * _COLUMNS, lane=self._lane)

    def below(self, high: int, who: Integers) -> Numbers:
        """A uniform number in [0, high) for each named sample, by rejection: int64 up to 2^63, else objects."""
        size = 1 if high <= 1 << 63 else high.bit_length() // 64 + 1
        last = (1 << 64 * size) // high * high - 1
        numbers = self._joined(size, who)
        while (again := np.flatnonzero(numbers > last)).size:
            numbers[again] = self._joined(size, who[again])
        return (numbers % np.uint64(high)).astype(np.int64) if size == 1 else numbers % high

    def _joined(self, size: int, who: Integers) -> Numbers:
        """A number of 64 `size` binary digits for each named sample."""
        if size == 1:
            return self.words(who)
        numbers = self.words(who).astype(object)
        for _ in range(size - 1):
            numbers = (numbers << 64) + self.words(who).astype(object)
        return numbers


def bernoulli_exp(draws: Draws, numerators: Numbers, denominator: int, who: Integers) -> Booleans:
    """Coins that are true with probability exp(-g), g = numerators / denominator >= 0 (CKS20, Algorithm 1).

    **Claim.** For every g the coin is true with probability exp(-g) exactly: floor(g) coins of
    probability 1/e and one of the remaining fraction must all be true.
    """
    if denominator > _SAFE:
        numerators = numerators.astype(object)
    whole, rest = numerators // denominator, numerators % denominator
    alive = np.ones(len(who), dtype=np.bool_)
    open_ = np.flatnonzero(whole > 0)
    while open_.size:
        alive[open_] = _inverse_e(draws, who[open_])
        whole[open_] -= 1
        open_ = open_[alive[open_] & (whole[open_] > 0).astype(np.bool_)]
    last = np.flatnonzero(alive)
    alive[last] = coin_from(1, draws, rest[last], denominator, who[last])
    return alive


def coin_from(k: int, draws: Draws, numerators: Numbers, denominator: int, who: Integers) -> Booleans:
    """Whether the first of k, k + 1, ... with a false coin of probability g / k is odd, for g in [0, 1].

    From 1 on this has probability exp(-g); from 2 on it is the same given that the first coin was true.
    """
    odd = np.zeros(len(who), dtype=np.bool_)
    running = np.arange(len(who))
    while running.size:
        true = (draws.below(denominator * k, who[running]) < numerators[running]).astype(np.bool_)
        odd[running[~true]] = k % 2 == 1
        running = running[true]
        k += 1
    return odd


def _inverse_e(draws: Draws, who: Integers) -> Booleans:
    """Coins of probability 1/e: for g = 1 the first coin of the sequence is true without being thrown."""
    return coin_from(2, draws, np.ones(len(who), dtype=np.int64), 1, who)


def _geometric(draws: Draws, who: Integers) -> Integers:
    """How many coins of probability 1/e are true before the first false one."""
    counts = np.zeros(len(who), dtype=np.int64)
    running = np.arange(len(who))
    while running.size:
        running = running[_inverse_e(draws, who[running])]
        counts[running] += 1
    return counts


def _laplace(draws: Draws, scale: Fraction, who: Integers) -> Numbers:
    """Discrete Laplace numbers of this scale, one for each named sample (CKS20, Algorithm 2).

    **Claim.** P[k] is proportional to exp(-|k| / scale) exactly, for every rational scale > 0.
    """
    t, s = scale.numerator, scale.denominator
    wide = max(t, s) > _SAFE >> 16
    values: Numbers = np.zeros(len(who), dtype=object if wide else np.int64)
    pending = np.arange(len(who))
    while pending.size:
        low = draws.below(t, who[pending])
        kept = bernoulli_exp(draws, low, t, who[pending])
        chosen, low = pending[kept], low[kept]
        high = _geometric(draws, who[chosen])
        magnitudes = (low + t * high.astype(object if wide else np.int64)) // s
        negative = (draws.words(who[chosen]) & np.uint64(1)).astype(np.bool_)
        good = ~(negative & (magnitudes == 0).astype(np.bool_))
        values[chosen[good]] = np.where(negative, -magnitudes, magnitudes)[good]
        pending = np.sort(np.concatenate([pending[~kept], chosen[~good]]))
    return values


def _gaussian(draws: Draws, variance: Fraction, who: Integers) -> Numbers:
    """Discrete Gaussian numbers of this variance, one for each named sample (CKS20, Algorithm 3).

    **Claim.** P[k] is proportional to exp(-k^2 / 2 variance) exactly, for every rational variance > 0:
    a Laplace number y of scale t = floor(sigma) + 1 is kept with probability
    exp(-(|y| - variance / t)^2 / 2 variance).
    """
    p, q = variance.numerator, variance.denominator
    t = isqrt(p // q) + 1
    values: Numbers = np.zeros(len(who), dtype=object)
    pending = np.arange(len(who))
    while pending.size:
        proposals = _laplace(draws, Fraction(t), who[pending])
        kept = bernoulli_exp(draws, _squares(proposals, q * t, p), 2 * p * q * t * t, who[pending])
        values[pending[kept]] = proposals[kept]
        pending = pending[~kept]
    return values


def _squares(values: Numbers, factor: int, shift: int) -> Numbers:
    """(|values| factor - shift)^2, in 64 bits where that is safe."""
    largest = max(int(np.abs(values).max(initial=1)) * factor, shift)
    magnitudes: Numbers = np.abs(values)
    if largest * largest >= _SAFE:
        magnitudes = magnitudes.astype(object)
    differences: Numbers = magnitudes * factor - shift
    return differences * differences


def discrete_laplace(stream: Stream, agents: Integers, count: int, scale: Fraction) -> Integers:
    """Discrete Laplace noise by rejection, `(len(agents), count)` int64, for any rational scale > 0."""
    return _batched(_laplace, stream, agents, count, scale)


def discrete_gaussian(stream: Stream, agents: Integers, count: int, variance: Fraction) -> Integers:
    """Discrete Gaussian noise by rejection, `(len(agents), count)` int64, for any rational variance > 0."""
    return _batched(_gaussian, stream, agents, count, variance)


def _batched(
    sampler: Callable[[Draws, Fraction, Integers], Numbers],
    stream: Stream,
    agents: Integers,
    count: int,
    parameter: Fraction,
) -> Integers:
    """Run a sampler over parts of the agents that stay in the cache."""
    out = np.empty((len(agents), count), dtype=np.int64)
    rows = max(1, _PIECE // max(count, 1))
    for first in range(0, len(agents), rows):
        part = agents[first : first + rows]
        columns = np.tile(np.arange(count, dtype=np.int64), len(part))
        draws = Draws(stream, np.repeat(part, count), columns)
        values = sampler(draws, parameter, np.arange(len(part) * count))
        out[first : first + rows] = values.astype(np.int64).reshape(len(part), count)
    return out
