"""Integer thresholds: coins whose privacy loss is known exactly.

A local randomizer decides by comparing uniform 64-bit words with whole numbers, so each probability
is an exact multiple of 2^-64 and each likelihood ratio an exact fraction. Two rules (laws 6, 14):

1. *A threshold is rounded in the safe direction*: the ratio that follows from the integers is at most
   `exp_down(epsilon)`, itself a lower bound of e^epsilon. So the loss is never above the request.
2. *The stated epsilon is computed from the integers in use*: `log_up(ratio)`, rounded up.

No floating-point number takes part in what is sampled.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.noise.cutoffs import exp_minus
from tip.privacy.rounding import log_up, up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]

WORD: Final = 1 << 64  # the number of words that a threshold parts
LEAST_EPSILON: Final = 1e-6
MOST_EPSILON: Final = 40.0  # e^-40 is still 5 of 2^64 words' share times 2^4: more protects nobody
_BITS: Final = 160  # digits of the exponential's enclosure
_NARROW: Final = 1 << 32


def checked_epsilon(epsilon: float | Fraction) -> Fraction:
    """Epsilon as an exact fraction, in [1e-6, 40]; raises `ConfigurationError` otherwise."""
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float | Fraction) or not math.isfinite(epsilon):
        raise ConfigurationError(f"epsilon is a finite number (int, float or Fraction), not {epsilon!r}")
    if not LEAST_EPSILON <= epsilon <= MOST_EPSILON:
        raise ConfigurationError(
            f"epsilon lies in [{LEAST_EPSILON:g}, {MOST_EPSILON:g}], not {float(epsilon):g}",
            why="below, the thresholds are too coarse to be useful; above, nobody is protected",
        )
    return Fraction(epsilon)


@lru_cache(maxsize=256)
def exp_down(epsilon: Fraction) -> Fraction:
    """A lower bound of e^epsilon, for epsilon >= 0, relatively within 2^-90 for epsilon <= 40."""
    return Fraction(1 << _BITS, exp_minus(epsilon, _BITS) + 2)


@lru_cache(maxsize=256)
def exp_up(epsilon: Fraction) -> Fraction:
    """An upper bound of e^epsilon, for 0 <= epsilon <= 40, relatively within 2^-90."""
    return Fraction(1 << _BITS, exp_minus(epsilon, _BITS))


def loss(ratio: Fraction, epsilon: Fraction) -> float:
    """The stated epsilon of a mechanism: `log_up(ratio)`, or the request where that is less; never below the truth.

    Raises `ConfigurationError` if the ratio exceeds the request: a threshold was rounded the wrong way.
    """
    if ratio > exp_down(epsilon):
        raise ConfigurationError(f"the thresholds' ratio {float(ratio):.17g} exceeds e^{float(epsilon):g}")
    return min(log_up(ratio), up(epsilon))


def words_down(probability: Fraction) -> int:
    """The greatest number of 64-bit words whose share is at most the probability in [0, 1]."""
    return int(probability * WORD)


def words_up(probability: Fraction) -> int:
    """The least number of 64-bit words whose share is at least the probability in [0, 1]."""
    return -int(-probability * WORD // 1)


def heads(words: Words, threshold: int) -> NDArray[np.bool_]:
    """Coins with probability threshold / 2^64: whether a word is below it."""
    if not 0 <= threshold <= WORD:
        raise ConfigurationError("a threshold lies in [0, 2^64]")
    if threshold == WORD:
        return np.ones(words.shape, dtype=np.bool_)
    coins: NDArray[np.bool_] = words < np.uint64(threshold)
    return coins


def below(words: Words, high: int, stream: Stream, agents: Indices, *, column: int, lane: int = 1) -> Words:
    """Uniform whole numbers in [0, high) from one 64-bit word each, `(n,)` uint64, for 1 <= high <= 2^32.

    `words[i]` is what the stream holds for `agents[i]` at position `column` of lane 0. Rejected words
    are drawn again at the same position of the lanes `lane`, `lane` + 1, ...

    **Claim.** Each number is exactly uniform: with w the word's upper 32 bits, w high = number 2^32 + rest, and
    every number owns the same count of words once rest < 2^32 mod high is refused (Lemire 2019).
    """
    if not 1 <= high <= _NARROW:
        raise ConfigurationError(f"below wants 1 <= high <= 2^32, not {high}")
    products = (words >> np.uint64(32)) * np.uint64(high)
    refused = np.uint64(_NARROW % high)
    if refused:
        again = np.flatnonzero((products & np.uint64(_NARROW - 1)) < refused)
        while len(again):
            fresh = stream.words_at(agents[again], np.full(len(again), column), lane=lane)
            products[again] = (fresh >> np.uint64(32)) * np.uint64(high)
            again = again[(products[again] & np.uint64(_NARROW - 1)) < refused]
            lane += 1
    numbers: Words = products >> np.uint64(32)
    return numbers
