"""SQKR: a few bits for a vector, by a flat representation, sampling and randomized response.

After Chen, Kairouz, Ozgur (NeurIPS 2020), re-derived. Two public rotations give a tight frame of N = 2D unit-free
vectors, v = U a for every a = U^T v + (anything that U sends to 0), D = 2^h >= d, entries of U all +-1/sqrt(N).

1. *Flatten.* Among all a with U a = v one with |a_i| <= kappa/sqrt(N) is sought (Kashin; Lyubarskii, Vershynin 2010)
   by alternating projections: clip a to the box, add U^T (v - U a). What still exceeds the box is clipped.
2. *Round.* s positions i_1, ..., i_s are drawn from a seed, independent of v; bit j is +1 with probability
   (1 + sqrt(N) a_i / kappa)/2, an integer coin.
3. *Randomize.* The s bits are one of 2^s symbols, kept with probability p, else replaced by a uniform other one
   (probability q each): ratio p/q = an exact fraction, for every seed and every v, whatever step 1 computes.

A uniform other symbol takes every product of bits to (p - q) times its mean, so with g = p - q

    Z = kappa sqrt(N)/(s g) (sum over j of bit_j u_(i_j)),  E[Z] = v,
    E[Z_c^2] = kappa^2/(s g^2) + (s - 1)/(s g) v_c^2,       error = d kappa^2/(s g^2) + ((s - 1)/(s g) - 1)|v|^2

where no coefficient was clipped. Positions are drawn with repetition, which makes both lines exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.ball import ball_rows, checked_ball
from tip.mechanisms.base import Influence, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.projected import hadamard, signs
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_BITS: Final = 16
KAPPA: Final = Fraction(2)
_ROUNDS: Final = 24  # of alternating projections
_PIECE: Final = 1 << 16
_COINS: Final = 1 << 14  # the lane of the rounding coins
_PUBLIC: Final = Entropy.seeded(20200722).stream("tip public positions v1")  # its key is no secret


@dataclass(frozen=True, slots=True)
class SQKR(PureMechanism):
    """Some bits of a flat representation, by randomized response; proven pure epsilon. See the top of the file.

    `dimension`: d in [2, 2^17]. `norm`: the ball's radius; longer vectors are clipped. `epsilon`: in [1e-6, 40].
    `bits`: the most that a report may hold beside its seed, in [1, 16]; as many are used as are best.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    bits: int = MOST_BITS
    _used: int = field(init=False, repr=False, compare=False)  # s
    _keep: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        if whole("bits", self.bits, least=1) > MOST_BITS:
            raise ConfigurationError(f"bits is at most {MOST_BITS}, not {self.bits}")
        bound = exp_down(checked_epsilon(self.epsilon))

        def accuracy(used: int) -> float:
            return used * float((bound - 1) / (bound + (1 << used) - 1)) ** 2

        used = max(range(1, self.bits + 1), key=accuracy)
        object.__setattr__(self, "_used", used)
        object.__setattr__(self, "_keep", int(bound * WORD / (bound + (1 << used) - 1)))

    @property
    def used(self) -> int:
        """The s bits of a report: the number with the largest s (p - q)^2."""
        return self._used

    @property
    def padded(self) -> int:
        """D, the least power of two that is at least d and 64."""
        return max(64, 1 << (self.dimension - 1).bit_length())

    @property
    def p(self) -> Fraction:
        """The probability that the symbol is kept."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """That of each other symbol."""
        return (1 - self.p) / ((1 << self._used) - 1)

    @property
    def ratio(self) -> Fraction:
        """P / q, for every seed."""
        return self.p / self.q

    @property
    def blanket(self) -> Fraction:
        """2^s q, for every seed."""
        return (1 << self._used) * self.q

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm, s, kappa and the threshold."""
        sizes = (("dimension", self.dimension), ("norm", Fraction(self.norm)))
        return Spec("sqkr", 1, (*sizes, ("bits", self._used), ("kappa", KAPPA), ("keep", self._keep)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The seed, and the s bits as a number."""
        return Integers("seed", high=WORD), Integers("symbol", high=1 << self._used)

    def checked(self, values: ArrayLike) -> NDArray[Any]:
        """Vectors `(n, dimension)` divided by `norm`, float64; longer ones are clipped to the ball."""
        return ball_rows(values, self.dimension, float(self.norm))

    def flat(self, values: Floats) -> Floats:
        """Coefficients a sqrt(N)/kappa of each row, `(n, 2 D)`; those beyond [-1, 1] will be clipped."""
        vectors = np.zeros((len(values), self.padded))
        vectors[:, : self.dimension] = values
        coefficients = analyzed(vectors)
        box = float(KAPPA) / math.sqrt(2 * self.padded)
        for _ in range(_ROUNDS):
            np.clip(coefficients, -_INNER * box, _INNER * box, out=coefficients)
            coefficients += analyzed(vectors - synthesized(coefficients))
        return np.asarray(coefficients / box)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 is the seed, 1 keeps the symbol, 2 names another; a lane of its own rounds."""
        words = stream.words(agents, 3)
        coins = stream.words(agents, self._used, lane=_COINS)
        positions = self.positions(words[:, 0])
        truth = np.zeros(len(values), dtype=np.uint64)
        step = max(1, _PIECE // self.padded)
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            chosen = np.take_along_axis(self.flat(values[part]), positions[part], axis=1)
            shares = np.clip(0.5 + chosen / 2, 0.0, 1 - 2.0**-53)
            up = coins[part] < (shares * 2.0**64).astype(np.uint64)
            truth[part] = (up.astype(np.uint64) << np.arange(self._used, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
        mask = np.uint64((1 << self._used) - 1)
        other = below(words[:, 2], (1 << self._used) - 1, stream, agents, column=2) + np.uint64(1)
        return words[:, 0], np.where(heads(words[:, 1], self._keep), truth, (truth + other) & mask)

    def law_given(self, value: ArrayLike, seed: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each symbol, given the seed."""
        places = self.positions(np.array([seed], dtype=np.uint64))[0]
        shares = np.clip(0.5 + self.flat(self.checked(value))[0, places] / 2, 0.0, 1 - 2.0**-53)
        ups = [Fraction(int(word), WORD) for word in (shares * 2.0**64).astype(np.uint64)]
        law: dict[tuple[int, ...], Fraction] = {}
        for symbol in range(1 << self._used):
            truth = math.prod(up if symbol >> j & 1 else 1 - up for j, up in enumerate(ups))
            law[symbol,] = truth * self.p + (1 - truth) * self.q
        return law

    def positions(self, seeds: NDArray[np.uint64]) -> Indices:
        """The s positions that each seed names, `(n, s)` in [0, 2 D), with repetition."""
        words = _PUBLIC.words(np.ascontiguousarray(seeds).view(np.int64), self._used, dtype=np.uint32)
        return (words & np.uint32(2 * self.padded - 1)).astype(np.int64)

    def tally(self, reports: Reports) -> Indices:
        """Sums of the bits, +1 or -1, at their positions, `(2 D,)`."""
        totals = np.zeros(2 * self.padded, dtype=np.int64)
        symbols = reports["symbol"].astype(np.int64)
        for j, places in enumerate(self.positions(reports["seed"]).T):
            ups = (symbols >> j & 1).astype(np.bool_)
            totals += np.bincount(places[ups], minlength=len(totals))
            totals -= np.bincount(places[~ups], minlength=len(totals))
        return totals

    @property
    def _gap(self) -> float:
        return float(self.p - self.q)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The mean vector; biased only through coefficients that were clipped."""
        n = self._counted(aggregate)
        scale = float(self.norm) * float(KAPPA) * math.sqrt(2 * self.padded) / (self._used * self._gap * n)
        value = synthesized(aggregate.totals[None].astype(np.float64))[0, : self.dimension] * scale
        variance = self._variance(np.minimum(value**2, float(self.norm) ** 2)) / n
        worst = max(self._variance(0.0), self._variance(float(self.norm) ** 2)) / n
        return Estimate(value=value, variance=variance, worst_variance=worst, reports=n, refused=aggregate.refused)

    def _variance(self, square: Any) -> Any:  # noqa: ANN401 - a number or an array
        s, g = self._used, self._gap
        return (float(KAPPA) * float(self.norm) / g) ** 2 / s + ((s - 1) / (s * g) - 1) * square

    def variance(self, value: ArrayLike, *, reports: int = 1) -> Floats:
        """The exact variance of each coordinate if all agents hold `value` and nothing is clipped."""
        vector = self.checked(value)[0] * float(self.norm)
        return np.asarray(self._variance(vector**2) / whole("reports", reports, least=1))

    def error(self, length: float = 1.0) -> float:
        """E|Z - v|^2 of one report for a vector of `length` times `norm`."""
        flat = self._variance(0.0)
        return float(self.dimension * flat + (self._variance((length * float(self.norm)) ** 2) - flat))

    def max_influence(self) -> Influence:
        """All bits of a report may add up: kappa/g on one coordinate, sqrt(d) as much on all."""
        item = float(self.norm) * float(KAPPA) / self._gap
        return Influence(item, item * math.sqrt(self.dimension))


_INNER: Final = 0.97  # the box that is aimed at, so that the last correction stays within


def analyzed(vectors: Floats) -> Floats:
    """U^T v of each row: (H S_1 v, H S_2 v)/sqrt(2), H orthonormal."""
    n, padded = vectors.shape
    both = vectors[:, None, :] * signs(2, padded)
    flat = both.reshape(2 * n, padded)
    hadamard(flat)
    return np.asarray(flat.reshape(n, 2 * padded) / math.sqrt(2 * padded))


def synthesized(coefficients: Floats) -> Floats:
    """U a of each row."""
    n, padded = len(coefficients), coefficients.shape[1] // 2
    flat = coefficients.reshape(2 * n, padded).copy()
    hadamard(flat)
    both = flat.reshape(n, 2, padded) * signs(2, padded)
    return np.asarray(both.sum(axis=1) / math.sqrt(2 * padded))
