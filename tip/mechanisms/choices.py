"""Choices by a coin without a branch: of two answers or two ranges.

A processor guesses which way a branch goes; a fair coin it guesses wrong half of the time, at the price of some ten
other operations. So a coin is multiplied in: `a ^ (a ^ b) coin` is a or b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Array = NDArray[Any]
    Coins = NDArray[np.bool_]
    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]

_WORD: Final = 1 << 64
_NARROW: Final = 1 << 32
_HALF: Final = np.uint64(32)
_LOWER: Final = np.uint64(_NARROW - 1)


def replace(answers: Array, others: Array, coins: Coins) -> None:
    """Put others[i] in the place of answers[i], whole numbers of a type that holds both, where coins[i] is true."""
    difference = answers ^ others
    difference *= coins
    answers ^= difference


def either(coins: Coins, words: Words, sizes: tuple[int, int], stream: Stream, agents: Indices) -> Words:
    """Uniform in [0, a) where the coin is true, in [a, a + b) where it is not; `sizes` = (a, b), both in [1, 2^32].

    `words`: of position 1 of lane 0; refused ones are drawn again from the lanes after it.
    **Claim.** Given the coins, each number is exactly uniform: `thresholds.below` with the size that the coin picks.
    """
    first, second = sizes
    picked = coins.astype(np.uint64)
    high = picked * np.uint64((first - second) % _WORD)  # modulo 2^64
    high += np.uint64(second)
    products = words >> _HALF
    products *= high
    spare = max(_NARROW % first, _NARROW % second)
    again = np.flatnonzero((products & _LOWER) < np.uint64(spare)) if spare else _NONE
    lane = 1
    while len(again):
        refused = np.uint64(_NARROW) % high[again]
        again = again[(products[again] & _LOWER) < refused]
        fresh = stream.words_at(agents[again], np.ones(len(again), dtype=np.int64), lane=lane)
        products[again] = (fresh >> _HALF) * high[again]
        lane += 1
    products >>= _HALF
    picked -= np.uint64(1)  # all ones where the coin is false
    picked &= np.uint64(first)
    products += picked
    return products


_NONE: Final = np.empty(0, dtype=np.int64)
