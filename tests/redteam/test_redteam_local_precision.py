"""A precision attack on a million outputs of every mechanism that answers with numbers or places (Mironov 2012).

An output that one input shows often and another never proves the input. A floating-point mutant shows what
the attack finds where there is something to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.mechanisms import (
    Duchi,
    GridGaussianVectors,
    Hierarchical,
    Hybrid,
    LocalGaussian,
    LocalLaplace,
    Piecewise,
    PlanarLaplace,
    RoundedGaussian,
    SampledMeans,
    SquareWave,
)
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 1_000_000
OFTEN = 60  # under a ratio of e the other input then shows 22 on average, and none with probability 3e-10
CASES: list[tuple[Any, Any, Any]] = [
    (Duchi(0.0, 1.0, 1.0), 0.0, 1.0),
    (Piecewise(0.0, 1.0, 1.0), 0.0, 1.0),
    (Hybrid(0.0, 1.0, 1.0), 0.1, 0.7),
    (LocalLaplace(0.0, 1.0, 1.0), 0.0, 1.0),
    (LocalGaussian(0.0, 1.0, 1.0, 1e-6), 0.0, 1.0),
    (RoundedGaussian(0.0, 1.0, 1.0, 1e-6), 0.0, 1.0),
    (SquareWave(0.0, 1.0, 1.0), 0.0, 1.0),
    (SampledMeans(((0.0, 1.0), (0.0, 1.0)), 1.0), (0.0, 0.3), (1.0, 0.3)),
    (PlanarLaplace(20, 20, 100.0, 0.0005), 0, 399),
    (GridGaussianVectors(2, 1.0, 1.0, 1e-6, steps=100), (1.0, 0.0), (-1.0, 0.0)),
    (Hierarchical(64, 1.0), 0, 63),
]


def proofs(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    """How many outputs, each an array row, are seen often under one input and never under the other."""
    rows = np.concatenate([first, second])
    _, cell = np.unique(rows.view([("", rows.dtype)] * rows.shape[1]).reshape(-1), return_inverse=True)
    one, other = (np.bincount(part, minlength=int(cell.max()) + 1) for part in (cell[: len(first)], cell[len(first) :]))
    return int(((one >= OFTEN) & (other == 0)).sum() + ((other >= OFTEN) & (one == 0)).sum())


def outputs(mechanism: Any, value: Any, seed: int) -> NDArray[np.int64]:  # noqa: ANN401 - any mechanism, any value
    """The reports of a million agents with one value, as rows of whole numbers."""
    values = np.repeat(np.asarray(value)[None], N, axis=0)
    reports = mechanism.randomize(values, entropy=Entropy.seeded(seed))
    return np.ascontiguousarray(np.concatenate([c.reshape(N, -1).astype(np.int64) for c in reports.columns], axis=1))


@pytest.mark.slow
@pytest.mark.parametrize(("mechanism", "first", "second"), CASES, ids=lambda part: type(part).__name__)
def test_a_million_outputs_prove_nothing(mechanism: Any, first: Any, second: Any) -> None:  # noqa: ANN401
    assert proofs(outputs(mechanism, first, 1), outputs(mechanism, second, 2)) == 0


def test_the_attack_proves_the_input_of_a_floating_point_mutant() -> None:
    """x + Laplace noise in doubles, a part of whose sums cannot be reached from the other x: their last digits tell."""
    noise = Entropy.seeded(3).generator("mutant").laplace(0.0, 1.0, (2, N))
    one, other = noise[0], 1.0 + noise[1]
    near = [np.abs(part) < 0.5 for part in (one, other)]
    fine = [(part[mask] * 2.0**53 % 1 != 0) for part, mask in zip((one, other), near, strict=True)]
    digits = [np.where(f, 1, 0).astype(np.int64)[:, None] for f in fine]
    assert proofs(*digits) == 1
