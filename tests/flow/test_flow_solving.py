"""One view, many changes: as good as one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array, hstack

from tip.flow import linear
from tip.flow.solving import solver
from tip.randomness import Entropy


def noise(rows: int, *, own: bool, seed: int = 5) -> tuple[csr_array, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    draws = Entropy.seeded(seed).generator("noise")
    shared = csr_array((draws.uniform(size=(rows, rows)) < 0.2).astype(np.float64))
    parts = [shared, eye_array(rows)] if own else [eye_array(rows) * 2 + shared]
    together = csr_array(hstack(parts))
    return together, draws.uniform(1, 2, together.shape[1])


@pytest.mark.parametrize(("rows", "own"), [(20, True), (20, False), (150, True)])
def test_together_as_one_by_one(rows: int, own: bool) -> None:  # noqa: FBT001 - a table
    B, variances = noise(rows, own=own)  # noqa: N806 - the name of the mathematics
    changes = csr_array(np.eye(rows)[:, :40])
    full = B.toarray()
    exact = np.linalg.inv((full * variances) @ full.T).diagonal()
    ready = solver(B, variances)
    for index, found in enumerate(ready.losses(changes)):
        alone = linear.loss(B, changes[:, [index]].toarray()[:, 0], variances)
        assert found.upper is not None
        assert alone.upper is not None
        assert exact[index] * (1 - 1e-9) <= float(found.upper) <= exact[index] * (1 + 1e-6)
        assert float(found.lower) <= exact[index] * (1 + 1e-9)
        assert float(found.upper) == pytest.approx(float(alone.upper), rel=1e-6)


def test_no_change_loses_nothing_and_bare_rows_leak() -> None:
    B, variances = noise(20, own=True)  # noqa: N806
    assert solver(B, variances).loss(np.zeros(20)).upper == 0
    B = csr_array(np.array([[1.0, 0.0], [0.0, 0.0]]))  # noqa: N806
    ready = solver(B, np.ones(2))
    assert ready.loss(np.array([0.0, 1.0])).upper is None
    assert float(ready.loss(np.array([1.0, 0.0])).upper or 0) == pytest.approx(1, abs=1e-12)
