"""The test of one block of messages: the one of its derivation, or the one that its sums suggest.

A step for real Gaussian noise holds z and the change d. A step for whole-number noise holds none: its test is the one
that Gaussian noise of the same variances would ask for, in fractions. Either is multiplied by its shift over its
variance, so that tests of blocks that share no noise add up to the log-likelihood ratio of the Gaussian law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tip.errors import ConfigurationError
from tip.flow.exact import exact_loss
from tip.flow.model import Law
from tip.flow.seen import Seen, seen

if TYPE_CHECKING:
    from scipy import sparse

    from tip.flow.derivation import Node
    from tip.flow.seeing import Insiders
    from tip.flow.view import Change

Values: TypeAlias = NDArray[Any]
REAL: Final = "linear-gaussian"
WHOLE: Final = ("integer sum", "integer certificate")


@dataclass(frozen=True, slots=True, eq=False)
class BlockTest:
    """A test of one round of a block: z, B'z and z'Ad, multiplied so that the shift is the variance."""

    seen: Seen
    agent: int
    whole: bool
    change: Change
    d: tuple[Fraction, ...]
    test: Values
    spread: Values
    shift: Fraction | float


def block_test(insiders: Insiders, node: Node) -> BlockTest:
    """The test of one step of a derivation, by a coalition."""
    names = tuple(str(node.find("view").numbers["messages"]).split(", "))
    block = seen(insiders.flow, names, parties=insiders.parties, colluders=insiders.colluders)
    agent = int(node.numbers["agent"])
    return _of_real(block, agent, node) if node.rule == REAL else _of_whole(block, agent)


def _of_real(block: Seen, agent: int, node: Node) -> BlockTest:
    """The derivation's own z and d, in floats."""
    change, d = block.change(agent), tuple(Fraction(entry) for entry in node.vectors["d"])
    test = np.array([float(entry) for entry in node.vectors["z"]])
    spread = block.view.B.T @ test
    shift = float(test @ (change.A @ np.array([float(entry) for entry in d])))
    weight = shift / float(block.view.variances @ spread**2)
    return BlockTest(block, agent, False, change, d, test * weight, spread * weight, shift * weight)


def _of_whole(block: Seen, agent: int) -> BlockTest:
    """The test that Gaussian noise of the same variances asks for, in fractions."""
    change, view = block.change(agent), block.view
    if block.laws != {Law.DISCRETE_GAUSSIAN} or len(change.columns) != 1:
        raise ConfigurationError("whole-number tests are made for one value behind discrete Gaussian shares alone")
    square = change.squared_reach[0]
    d = Fraction(math.isqrt(math.floor(square)))
    rows = _rows(view.B)
    moved = [row.get(0, Fraction(0)) * d for row in _rows(change.A)]
    variances = [view.flow.noises[symbol].variance or Fraction(0) for symbol in view.noise_symbol.tolist()]
    found = exact_loss(rows, moved, variances)
    if found.upper is None:
        raise ConfigurationError("this view leaks: no noise hides the change, and no trials are needed")
    test = np.empty(len(rows), np.object_)
    test[:] = found.test
    spread = np.full(len(variances), Fraction(0), np.object_)
    for row, entry in zip(rows, found.test, strict=True):
        for column, factor in row.items():
            spread[column] += factor * Fraction(entry)
    shift = sum((Fraction(x) * y for x, y in zip(found.test, moved, strict=True)), Fraction(0))
    return BlockTest(block, agent, True, change, (d,), test, spread, shift)  # shift over variance is 1 already


def _rows(matrix: sparse.csr_array) -> list[dict[int, Fraction]]:
    """The rows of a matrix of whole numbers."""
    entries, columns, starts = matrix.data.tolist(), matrix.indices.tolist(), matrix.indptr.tolist()
    pairs = [(column, Fraction(entry)) for column, entry in zip(columns, entries, strict=True)]
    return [dict(pairs[a:b]) for a, b in pairwise(starts)]
