"""Screening: refuse local reports that support unusually many items.

A defence against reports that are well-formed but made up (`tip.attacks.answers`), to be switched on explicitly. An
honest report supports a number of items with a known law: Bin(k - 1, q) + Bin(1, p) for unary encodings, whatever the
agent holds; other oracles' laws are counted out from simulated honest reports, whose law is public. `screen` refuses
the reports in either tail.

1. It bounds the *number* of items that one report pushes, never *which* ones: a liar that supports its targets and as
   many items as an honest agent passes, always (`adaptive_poisoning`).
2. It refuses honest reports with a probability of about alpha, and those that support many items rather than few: with
   it switched on an estimate is biased by about alpha. It is never a default.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.reports import Screened
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import UnaryMechanism
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.reports import Reports

    Indices = NDArray[np.int64]

MOST_COUNTED: Final = 1 << 27  # supports of simulated reports that are looked at
_TAIL: Final = 50  # simulated reports that either tail holds: alpha is met within some 20 %
_CELLS: Final = 1 << 20  # supports at a time
_EVEN: Final = (GeneralizedRandomizedResponse, BinaryRandomizedResponse, SubsetSelection)


def screen(mechanism: FrequencyOracle, reports: Reports, *, alpha: float) -> Screened:
    """Part the valid reports that support a usual number of items from all the others.

    `alpha`: the probability with which an honest report is refused (exact for unary encodings, else up to the error
    of a simulation with agents spread evenly over the items). Raises `ConfigurationError` where every report supports
    as many items, so that there is nothing to screen, and where there are too many items to count.
    """
    low, high = usual_supports(mechanism, alpha)
    screened = mechanism.validate(reports)
    number = supported(mechanism, screened.accepted)
    good = (number >= low) & (number <= high)
    rows = np.setdiff1d(np.arange(len(reports)), screened.refused)
    reasons = dict(screened.reasons)
    if not good.all():
        reasons["an unusual number of supported items"] = int((~good).sum())
    refused = np.sort(np.concatenate([screened.refused, rows[~good]]))
    return Screened(screened.accepted.take(good), refused, reasons)


@lru_cache(maxsize=64)
def usual_supports(mechanism: FrequencyOracle, alpha: float) -> tuple[int, int]:
    """The least and the greatest number of items of a report that passes; each tail gets alpha / 2."""
    if not isinstance(alpha, float) or not 0 < alpha < 1:
        raise ConfigurationError(f"alpha lies between 0 and 1, not {alpha!r}")
    if isinstance(mechanism, _EVEN):
        raise ConfigurationError(
            "there is nothing to screen: every report supports as many items", instead="leave the screening out"
        )
    if isinstance(mechanism, UnaryMechanism):
        return mechanism.ones_range(alpha)
    number = np.sort(supported(mechanism, _honest(mechanism, alpha)))
    rest = int(alpha / 2 * len(number))
    return int(number[rest]), int(number[-1 - rest])


def supported(mechanism: FrequencyOracle, reports: Reports) -> Indices:
    """How many items each report supports, `(n,)`: n k steps."""
    items, step = np.arange(mechanism.categories), max(1, _CELLS // mechanism.categories)
    parts = [
        mechanism.support(reports.take(slice(first, first + step)), items).sum(axis=1, dtype=np.int64)
        for first in range(0, len(reports), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _honest(mechanism: FrequencyOracle, alpha: float) -> Reports:
    """Simulated reports of agents spread evenly over the items: as many as the tails need, of a public seed."""
    count = ceil(2 * _TAIL / alpha)
    if count * mechanism.categories > MOST_COUNTED:
        raise ConfigurationError(
            f"alpha = {alpha:g} is too small for {mechanism.categories} items here",
            why=f"its tails are counted out from {count} simulated reports, over all items",
            instead=f"alpha of {2 * _TAIL * mechanism.categories / MOST_COUNTED:.2g} or more",
        )
    held = np.arange(count) * mechanism.categories // count
    return mechanism.randomize(held, entropy=Entropy.seeded(0))
