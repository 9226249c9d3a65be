"""Least-cost variances under limits of loss: a convex program over matrices.

Theory of operation. Noise symbol k has a variance v_k in all of its columns. For one change a,

    mu^2(v) = min { sum_j w_j^2 / v_k(j) : B w = a } = max_z (z'a)^2 / sum_k v_k q_k(z)

with q_k(z) = sum_{j of k} (B'z)_j^2, so 1 / mu^2(v) = min { sum_k v_k q_k(z) : z'a = 1 } is a minimum of linear
functions of v: concave, and "mu^2 <= limit" is the set of all *cuts* sum_k v_k q_k(z) >= 1 / limit, one for each z.
The cost sum_k c_k v_k is linear. Hence:

1. A linear program over any set of cuts bounds the least cost from below, whatever z the cuts came from.
2. At a point v the best z is (B V B')^-1 a; its cut is tight there (1 / mu^2 is concave, q(z) its slope).
3. A point whose losses are within the limits bounds the least cost from above. Scaling v up lowers every mu^2.

The search cuts at the answers of linear programs and at points half way to the best point known, until the two bounds
meet. It is arithmetic in floats, so its answer is a proposal; the caller proves it (`tip.flow.planning`).
Where a constraint's multiplier is d cost / d (1/limit), its *share* is multiplier / limit / cost, the percentage of
cost for each percent of strictness; without known noise the shares add up to 1 (Euler, all is homogeneous).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

TOLERANCE: Final = 1e-8
_MOST_ROWS: Final = 4_000
_MOST_ENTRIES: Final = 20_000_000  # of a dense matrix whose rank is looked for
_SEARCHES: Final = 400
_WORST: Final = 3  # changes that are cut for at each point
_DEPENDENT: Final = 1e-9
_FARTHEST: Final = 2.0**40  # times the starting point
_SHARP: Final = 1e-10  # the smallest tolerance that the linear programs take


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """For every column a of `changes`, mu^2 <= `limit`.

    `B`: `(rows, columns)`; `changes`: `(rows, changes) float64`; `symbols`: of each column of B the index of its noise
    among those to be planned, or -1 where the variance is `known` (float64, one for each column, 0 elsewhere).
    """

    name: str
    B: csr_array
    changes: Floats
    symbols: NDArray[np.int64]
    known: Floats
    limit: float

    def __post_init__(self) -> None:
        rows, columns = self.B.shape
        fits = self.changes.ndim == 2 and self.changes.shape[0] == rows
        if not (fits and self.symbols.shape == (columns,) == self.known.shape):
            raise ConfigurationError(f"the matrices of {self.name} do not fit together")
        if not 0 < self.limit < np.inf:
            raise ConfigurationError(f"the limit of {self.name} is a finite number > 0, not {self.limit!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """The variances, their cost, a lower bound of all costs, and each constraint's share in it."""

    variances: Floats
    cost: float
    floor: float
    shares: tuple[float, ...]


def least_cost(weights: Floats, constraints: Sequence[Constraint], *, tolerance: float = TOLERANCE) -> Allocation:
    """The variances of least cost `weights @ variances` within all limits; every weight is above 0.

    Raises `ConfigurationError` for a leak that no noise hides, for limits that the known noises break however large the
    planned ones are, and where the search does not end.
    """
    if not (weights.ndim == 1 and weights.size and bool((weights > 0).all())):
        raise ConfigurationError("every planned noise has a weight above 0", why="a free one would be without end")
    if not any(bool(constraint.changes.any()) for constraint in constraints):
        raise ConfigurationError("nothing that is seen depends on a secret, so no noise is needed")
    prepared = [_Prepared(constraint, weights.size) for constraint in constraints]
    search = _Search(weights, prepared)
    for _ in range(_SEARCHES):
        floor, point = search.relax()
        if search.cost - floor <= tolerance * search.cost:
            return Allocation(search.best, search.cost, floor, search.shares())
        search.look_at(np.maximum(point, 1e-6 * search.best))
        search.look_at((point + search.best) / 2)
    raise ConfigurationError(
        f"the search for the least cost did not end in {_SEARCHES} steps",
        why=f"it lies between {floor:g} and {search.cost:g}",
        instead="take fewer noises that are to be planned",
    )


def losses(constraint: Constraint, variances: Floats) -> Floats:
    """mu^2 of each change of a constraint at these variances, in floats."""
    return _Prepared(constraint, variances.size).solve(variances)[0]


class _Prepared:
    """A constraint with rows that depend on others taken out and products of its columns made once."""

    def __init__(self, constraint: Constraint, symbols: int) -> None:
        kept = _independent(constraint)
        rows = constraint.B.tocsr()[kept]
        self.limit, self.name = constraint.limit, constraint.name
        self.changes = constraint.changes[kept]
        self.products: list[Floats] = []
        for symbol in range(symbols):
            part = rows[:, np.flatnonzero(constraint.symbols == symbol)]
            self.products.append((part @ part.T).toarray())
        known = np.flatnonzero(constraint.symbols < 0)
        part = rows[:, known]
        self.fixed: Floats = ((part * constraint.known[known]) @ part.T).toarray()
        self.has_fixed = bool(known.size)

    def solve(self, variances: Floats) -> tuple[Floats, Floats]:
        """mu^2 of each change, and the best tests z, `(rows, changes)`."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve  # noqa: PLC0415 - only where something is planned

        covariance = self.fixed.copy()
        for variance, product in zip(variances, self.products, strict=True):
            covariance += variance * product
        try:
            tests: Floats = cho_solve(cho_factor(covariance), self.changes)
        except LinAlgError as error:
            raise ConfigurationError(f"{self.name} is too close to a leak for the planner's floats") from error
        return np.einsum("ij,ij->j", tests, self.changes), tests

    def cut(self, test: Floats, loss: float) -> tuple[Floats, float]:
        """The cut of a test, times the limit: its slopes, and what is left to the planned noises."""
        z = test / loss * np.sqrt(self.limit)
        slopes = np.array([z @ product @ z for product in self.products])
        return slopes, 1.0 - float(z @ self.fixed @ z)


class _Search:
    """Cuts, the best point that keeps the limits, and the linear program over the cuts."""

    def __init__(self, weights: Floats, prepared: list[_Prepared]) -> None:
        self._weights, self._prepared = weights, prepared
        self._slopes: list[Floats] = []
        self._rest: list[float] = []
        self._of: list[int] = []
        self._multipliers: Floats = np.zeros(0)
        self.best = self._within(1 / weights, self._excess(1 / weights))
        self.cost = float(weights @ self.best)
        for direction in np.vstack([self.best, *(self.best * (0.01 + 0.99 * row) for row in np.eye(weights.size))]):
            self.look_at(direction)

    def relax(self) -> tuple[float, Floats]:
        """The linear program over all cuts so far: a lower bound of the cost, and where it is met."""
        from scipy.optimize import linprog  # noqa: PLC0415 - only where something is planned

        scaled = np.array(self._slopes) * self.best
        cost = self._weights * self.best / self.cost
        found = linprog(
            cost, A_ub=-scaled, b_ub=-np.array(self._rest), method="highs",
            options={"primal_feasibility_tolerance": _SHARP, "dual_feasibility_tolerance": _SHARP},
        )  # fmt: skip
        if found.status != 0:
            raise ConfigurationError("the planner's linear program has no answer", why=str(found.message))
        self._multipliers = -np.asarray(found.ineqlin.marginals)
        answer = np.asarray(found.x, np.float64)
        return float(cost @ answer) * self.cost, answer * self.best

    def look_at(self, point: Floats) -> None:
        """Cut at a point, and keep the point that it becomes when scaled into the limits, if that is better."""
        excess = 0.0
        for index, constraint in enumerate(self._prepared):
            loss, tests = constraint.solve(point)
            excess = max(excess, float(loss.max(initial=0.0)) / constraint.limit)
            for change in np.argsort(loss)[-_WORST:]:
                if loss[change] > 0:
                    slopes, rest = constraint.cut(tests[:, change], float(loss[change]))
                    self._slopes.append(slopes)
                    self._rest.append(rest)
                    self._of.append(index)
        inside = self._within(point, excess)
        cost = float(self._weights @ inside)
        if cost < self.cost:
            self.best, self.cost = inside, cost

    def shares(self) -> tuple[float, ...]:
        """The multiplier of each constraint's 1/limit, over limit and cost."""
        return tuple(
            float(self._multipliers[np.array(self._of) == index].sum()) for index in range(len(self._prepared))
        )

    def _excess(self, point: Floats) -> float:
        return max(float(c.solve(point)[0].max(initial=0.0)) / c.limit for c in self._prepared)

    def _within(self, point: Floats, excess: float) -> Floats:
        """The least multiple of a point that keeps all limits: in one step without known noise, else by halving."""
        if not any(c.has_fixed for c in self._prepared):
            return point * excess
        low, high = 1.0, 1.0
        while self._excess(point * high) > 1:
            low, high = high, high * 2
            if high > _FARTHEST:
                raise ConfigurationError(
                    "no size of the planned noises is enough",
                    why=f"{self._loudest(point * high)} stays beyond its limit however large they are",
                    instead="make the known noises larger, plan them too, or relax the requirement",
                )
        while low == high and self._excess(point * low) <= 1:
            low /= 2
            high = low * 2 if self._excess(point * low) > 1 else low
            if high * _FARTHEST < 1:
                raise ConfigurationError(
                    "the known noises keep every limit already", instead="leave the planned ones out"
                )
        for _ in range(40):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if self._excess(point * middle) <= 1 else (middle, high)
        return point * high

    def _loudest(self, point: Floats) -> str:
        return max(self._prepared, key=lambda c: float(c.solve(point)[0].max(initial=0.0)) / c.limit).name


def _independent(constraint: Constraint) -> NDArray[np.int64]:
    """Rows of B that span all; raises where a row that they span says more than they do: a leak.

    A row with a column of its own depends on no other.
    """
    from scipy.linalg import lstsq, qr  # noqa: PLC0415 - only where something is planned

    rows, columns = constraint.B.shape
    if rows > _MOST_ROWS:
        raise ConfigurationError(f"{constraint.name} has {rows:,} rows, and the planner takes {_MOST_ROWS:,}")
    entries = constraint.B.tocoo()
    alone = np.bincount(entries.col, minlength=columns)[entries.col] == 1
    own = np.unique(entries.row[alone])
    if own.size == rows:
        return np.arange(rows)
    if rows * columns > _MOST_ENTRIES:
        raise ConfigurationError(
            f"{constraint.name} is too large for the planner", why=f"{rows:,} x {columns:,} numbers"
        )
    dense = constraint.B.toarray().T
    _, triangle, order = qr(dense, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > _DEPENDENT * diagonal[0]).sum()) if diagonal.size and diagonal[0] else 0
    kept, others = np.sort(order[:rank]), order[rank:]
    coefficients = lstsq(dense[:, kept], dense[:, others])[0] if rank and others.size else np.zeros((rank, others.size))
    left = np.abs(constraint.changes[others] - coefficients.T @ constraint.changes[kept])
    if bool((left > 1e-6 * np.abs(constraint.changes).max(initial=0.0)).any()):
        raise ConfigurationError(
            f"no noise hides a secret in {constraint.name}",
            why="messages can be combined so that all noise cancels and a secret is left",
            instead="add noise of its own to what is seen, or show less",
        )
    return kept.astype(np.int64)
