"""Noise too wide for one table: a top part and digits, drawn apart.

A magnitude is written as S times a top part plus a low part below S. For the geometric law the
parts are independent, and each comes from a table of its own. For the Gaussian law the top part
comes from a table, the low part is uniform, and the pair is kept with the probability that makes
the product right, at least 0.99 on average. The proofs are in docs/noise.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.noise.cutoffs import Digit, GaussianHalf, Geometric, SidedDigit
from tip.noise.exact import Draws, bernoulli_exp, coin_from
from tip.noise.inversion import TIES, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.noise.inversion import Table
    from tip.randomness import Stream

    Booleans = NDArray[np.bool_]
    Integers = NDArray[np.int64]
    Words = NDArray[np.uint64]

_DIGIT: Final = 12  # binary digits of a low digit of the Laplace law
_LANES: Final = 64  # lanes for one digit, or for one attempt: its words and the ties behind them
_TOP: Final = 1 << 10  # the largest scale of the Laplace law's top part
_MARK: Final = 8  # binary digits of the coin that spares most samples the exact test
_MARKED: Final = np.uint16((1 << _MARK) - 1 << 1)
_PIECE: Final = 1 << 15


def wide_laplace(scale: Fraction, stream: Stream, agents: Integers, count: int) -> Integers:
    """Discrete Laplace noise of a large scale, by independent digits.

    **Claim.** P[k] is proportional to exp(-|k| / scale) exactly: k is g or -1 - g for a geometric g
    and an independent side, and the digits of g in base 2^12 are independent.
    """
    return _by_rows(lambda part: _laplace_rows(scale, stream, part, count), agents, count)


def _laplace_rows(scale: Fraction, stream: Stream, agents: Integers, count: int) -> Integers:
    radix = 1 << _DIGIT
    low = table(SidedDigit(scale, radix), 63).sample(stream, agents, count)
    lower = -(low >> _DIGIT)
    out = low & (radix - 1)
    place, rest = 1, scale / radix
    while rest > _TOP:
        digit = table(Digit(rest, radix), 63).sample(stream, agents, count, lane=place * _LANES)
        out += digit << place * _DIGIT
        place, rest = place + 1, rest / radix
    top = table(Geometric(rest), 63).sample(stream, agents, count, lane=place * _LANES)
    out += top << place * _DIGIT
    out ^= lower
    return out


def wide_gaussian(variance: Fraction, stream: Stream, agents: Integers, count: int) -> Integers:
    """Discrete Gaussian noise of a large variance, by a table and a rejection that is rare.

    **Claim.** P[k] is proportional to exp(-k^2 / 2 variance) exactly, for every rational variance >= 2^24.
    """
    sampler = _Gaussian.of(variance)
    return _by_rows(lambda part: sampler.sample(stream, part, count), agents, count)


@dataclass(frozen=True, slots=True)
class _Gaussian:
    """The magnitude S top + low, S = 2^shift, with variance = p / q."""

    variance: Fraction
    shift: int
    top: Table

    @classmethod
    def of(cls, variance: Fraction) -> _Gaussian:
        """S with 2^22 <= variance / S^2 < 2^24."""
        shift = (int(variance).bit_length() - 23) // 2
        return cls(variance, shift, table(GaussianHalf(variance / 4**shift), 63))

    def sample(self, stream: Stream, agents: Integers, count: int) -> Integers:
        """A first attempt for all samples in bulk, then further ones for the few that failed."""
        tops = self.top.sample(stream, agents, count)
        words = np.ascontiguousarray(stream.words(agents, count, lane=TIES)).reshape(-1)
        sample = np.arange(words.size)
        out, failed = self._attempt(tops.reshape(-1), words, _Draw(stream, agents, count, sample, 0))
        attempt = 0
        while failed.size:
            attempt += 1
            draw = _Draw(stream, agents, count, sample[failed], attempt * _LANES)
            owners, columns = draw.address(slice(None))
            tops = self.top.sample_at(stream, owners, columns, lane=draw.lane)
            words = stream.words_at(owners, columns, lane=draw.lane + TIES)
            out[failed], again = self._attempt(tops, words, draw)
            failed = failed[again]
        return out.reshape(len(agents), count)

    def _attempt(self, tops: Integers, words: Words, draw: _Draw) -> tuple[Integers, Integers]:
        """The proposals, signed, and which of them failed."""
        out = (words >> np.uint64(64 - self.shift)).view(np.int64)
        out |= tops << self.shift
        low = words.astype(np.uint16)  # the sign, then the mark: digits that the low part leaves alone
        zero = np.flatnonzero(out == 0)
        failed = [zero[low[zero] & 1 == 1]]  # zero has one sign only
        tested = np.flatnonzero((low & _MARKED == 0) | (tops > self._reach))
        failed.append(tested[~self._test(tops[tested], out[tested], draw, tested)])
        signs = -(low & 1).astype(np.int64)
        out ^= signs
        out -= signs
        return out, np.unique(np.concatenate(failed))

    @property
    def _reach(self) -> int:
        """The largest top part whose g = (k^2 - (S top)^2) / 2 variance is surely at most 2^-8."""
        return (int(self.variance / 4**self.shift) // (1 << _MARK - 1) - 1) // 2

    def _test(self, tops: Integers, magnitudes: Integers, draw: _Draw, where: Integers) -> Booleans:
        """Coins of probability exp(-g), for the marked given that the mark's digits were zeros."""
        squares = magnitudes.astype(object) ** 2 - (tops.astype(object) << self.shift) ** 2
        numerators, denominator = squares * self.variance.denominator, 2 * self.variance.numerator
        draws = Draws(draw.stream, *draw.address(where), lane=draw.lane + TIES + 1)
        who = np.arange(len(where))
        kept = np.ones(len(where), dtype=np.bool_)
        near, far = np.flatnonzero(tops <= self._reach), np.flatnonzero(tops > self._reach)
        first = draws.below(denominator, near) < numerators[near] << _MARK
        true = near[first.astype(np.bool_)]
        kept[true] = coin_from(2, draws, numerators[true], denominator, who[true])
        kept[far] = bernoulli_exp(draws, numerators[far], denominator, who[far])
        return kept


@dataclass(frozen=True, slots=True)
class _Draw:
    """Which samples of a call an attempt is for, and the first of its lanes."""

    stream: Stream
    agents: Integers
    count: int
    samples: Integers
    lane: int

    def address(self, where: Integers | slice) -> tuple[Integers, Integers]:
        """The agents and columns of some of the samples."""
        chosen = self.samples[where]
        return self.agents[chosen // self.count], chosen % self.count


def _by_rows(rows: Callable[[Integers], Integers], agents: Integers, count: int) -> Integers:
    """Draw for parts of the agents that stay in the cache."""
    out = np.empty((len(agents), count), dtype=np.int64)
    step = max(1, _PIECE // max(count, 1))
    for first in range(0, len(agents), step):
        out[first : first + step] = rows(agents[first : first + step])
    return out
