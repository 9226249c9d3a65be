"""How well noise connects agents: proven bounds of a Laplacian's second eigenvalue.

L is the Laplacian of a weighted graph: L = D - W with weights >= 0 and D the row sums of W. Its null space is spanned
by the indicators of the connected components (found exactly, from the graph alone). "Second eigenvalue" means here: the
least one of L on the complement of that null space, over all components.

Three ways to prove that it is at least some a > 0:

1. Closed forms: complete n, star 1, path 2 - 2 cos(pi/n), ring 2 - 2 cos(2 pi/n), for weights 1.
2. Up to 2,000 vertices: with P the projection on the indicators, Cholesky's method on L + c P - a I (`definiteness`).
3. Above: chance, with a failure that is part of delta (law 7).

Proof of 3. Take the recurrence v_0 = g, v_1 = X g, v_(j+1) = 2 X v_j - v_(j-1) with 2 X = alpha L - beta I, so that
v_j = T_j(X) g (Chebyshev), and suppose that L had an eigenvalue lambda <= a with a unit eigenvector u orthogonal to all
indicators. Then X u = x u with x = (alpha lambda - beta)/2 <= -y, where y = (beta - alpha a)/2 is checked to be > 1
exactly. Put y = cosh phi. For a vector g of independent standard normals u'g is standard normal, so
P[|u'g| <= t] <= t sqrt(2/pi).

With rounding errors e_j in step j, u'v_k = T_k(x) u'g + sum_(j=1..k) U_(k-j)(x) u'e_j. From cosh(k f) >= e^(k f)/2 and
sinh(m f) <= e^(m f)/2 follows |U_(k-j)(x) / T_k(x)| <= e^(-(j-1) phi) / sinh phi for all |x| >= y. Hence, if all
computed |v_j| are at most R, |u'g| <= t := R / T_k(y) + e / (sinh phi (1 - e^-phi)), where e bounds every |e_j|. The
test passes iff all |v_j| <= R for m independent g; alpha, beta, k, R, m are fixed before g is drawn, so a wrong bound
passes with probability at most (t sqrt(2/pi))^m. Nothing is assumed about the other eigenvalues: were they outside of
what X takes to [-1, 1], the vectors would grow and the test fail.

Rounding. A row of (alpha L - beta I) v has at most q + 1 products, the diagonal itself is a sum of q terms, and |L| |v|
is no longer than 2 D_max |v|. So |e_j| <= (2 q + 24) u K R with K = 2 alpha D_max + beta + 1. After each step a vector
that is constant on components is subtracted (the means): that leaves u'v_j as it is, but for the rounding of the
difference, u R. The start vectors are idealized: normals of real arithmetic, up to 16 u R in length, which is added to
t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow.certificates import UNIT
from tip.flow.definiteness import least_eigenvalue
from tip.flow.iterative import inner
from tip.privacy.rounding import down, lowered, raised
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DENSE: Final = 2000
STEPS: Final = 100  # products with L in one test
_VECTORS: Final = 2  # start vectors of one test
_LANCZOS: Final = 60
_TRIES: Final = (0.98, 0.75)  # of the estimated eigenvalue: planned in advance, all charged


@dataclass(frozen=True, slots=True, eq=False)
class Laplacian:
    """L = D - W: weights as a symmetric matrix without diagonal; the component of each vertex and how many it has."""

    weights: csr_array
    degrees: Floats  # computed row sums of W
    component: NDArray[np.int32]
    sizes: NDArray[np.int64]  # of each component

    def shifted(self, alpha: float, beta: float) -> csr_array:
        """The matrix alpha L - beta I."""
        at = np.arange(len(self.degrees) + 1, dtype=self.weights.indices.dtype)
        diagonal = csr_array((alpha * self.degrees - beta, at[:-1], at), shape=self.weights.shape)
        return csr_array(diagonal - alpha * self.weights)

    def center(self, v: Floats) -> Floats:
        """The vector, from which its mean on each component is taken away in place."""
        if len(self.sizes) == 1:
            v -= v.mean()
        else:
            v -= (np.bincount(self.component, v, minlength=len(self.sizes)) / self.sizes)[self.component]
        return v


@dataclass(frozen=True, slots=True)
class Connectivity:
    """No eigenvalue of L outside its null space is below `bound`, except with probability `failure` (0: certain)."""

    bound: float
    failure: float
    how: str


def laplacian(weights: csr_array) -> Laplacian:
    """Validate a symmetric matrix of weights > 0 without diagonal; find components."""
    ready = csr_array(weights)
    if ready.shape[0] != ready.shape[1] or np.any((ready - ready.T).data) or ready.diagonal().any():
        raise ConfigurationError("the weights of a graph are a symmetric matrix without diagonal")
    if not ((ready.data > 0) & np.isfinite(ready.data)).all():
        raise ConfigurationError("the weights of a graph are finite and > 0")
    return symmetric(ready)


def symmetric(weights: csr_array) -> Laplacian:
    """The Laplacian of weights that are known to be what `laplacian` asks for."""
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - a fifth of a second, only where it is used

    count, component = connected_components(weights, directed=False)
    sizes = np.bincount(component, minlength=count).astype(np.int64)
    return Laplacian(weights, np.asarray(weights.sum(axis=1), np.float64), component, sizes)


def closed_form(kind: Literal["complete", "ring", "path", "star"], size: int, weight: float = 1.0) -> Connectivity:
    """The second eigenvalue of a known graph with equal weights, rounded down."""
    if size < 2:
        raise ConfigurationError("one vertex has no second eigenvalue")
    match kind:
        case "complete":
            value = float(size)
        case "star":
            value = 1.0 if size > 2 else 2.0
        case "path":
            value = 4 * math.sin(math.pi / (2 * size)) ** 2
        case "ring":
            value = 4 * math.sin(math.pi / size) ** 2 if size > 2 else 2.0
    return Connectivity(lowered(weight * lowered(value)), 0.0, f"closed form of the {kind} graph")


def connectivity(graph: Laplacian, *, failure: float = 2.0**-40, coins: Entropy = SYSTEM) -> Connectivity:
    """The best proven bound; 0 (certain) where nothing better is proven. `coins` must not depend on the data.

    All planned tests are charged, whichever passes: the answer is wrong with at most the sum of their failures. Ask
    once for one guarantee.
    """
    if not graph.weights.nnz:
        return Connectivity(math.inf, 0.0, "no edges")
    if len(graph.degrees) <= DENSE:
        return _dense(graph)
    low, high = _estimate(graph)
    plans = [planned(graph, part * low, high, failure / len(_TRIES)) for part in _TRIES]
    charged = min(1.0, raised(math.fsum(plan.failure for plan in plans if plan is not None)))
    for index, plan in enumerate(plans):
        if plan is not None and passes(graph, plan, coins, index):
            return Connectivity(plan.bound, charged, "Chebyshev test")
    return Connectivity(0.0, 0.0, "nothing")


@dataclass(frozen=True, slots=True)
class Plan:
    """A test, fixed before its coins: that no eigenvalue is <= `bound`; see the proof at the top."""

    bound: float
    alpha: float
    beta: float
    steps: int
    radius: float
    failure: float


def planned(graph: Laplacian, low: float, high: float, failure: float, steps: int = STEPS) -> Plan | None:
    """The test of the largest bound that `failure` allows, for a spectrum in [low, high]; None if there is none."""
    if not 0 < low < high or not 0 < failure < 1:
        return None
    radius = 2 * math.sqrt(len(graph.degrees)) + 10
    alpha, beta = 4 / (high - low), 2 * (high + low) / (high - low)
    single = failure ** (1 / _VECTORS)
    wanted = math.acosh(2 * radius / single) / steps
    bound = lowered((beta - 2 * math.cosh(wanted)) / alpha)
    if bound <= 0:
        return None
    reached = failure_of(graph, Plan(bound, alpha, beta, steps, radius, 1.0))
    return Plan(bound, alpha, beta, steps, radius, reached) if reached <= failure else None


def failure_of(graph: Laplacian, plan: Plan) -> float:
    """The probability that a wrong bound passes, rounded up; 1 where the plan proves nothing."""
    outside = down((Fraction(plan.beta) - Fraction(plan.alpha) * Fraction(plan.bound)) / 2)
    if outside <= 1 + 2.0**-30:
        return 1.0
    phi = lowered(math.acosh(outside), 1.0)  # the logarithm's argument is at most 1 + its own size away
    if phi <= 0 or plan.steps * phi > 600:
        return 1.0
    most = int(np.diff(graph.weights.indptr).max(initial=0))
    degree = float(graph.degrees.max()) * (1 + 2 * (most + 8) * UNIT)
    error = (2 * most + 32) * UNIT * (2 * plan.alpha * degree + plan.beta + 1) * plan.radius
    grown = lowered(math.cosh(lowered(plan.steps * phi)))
    spread = raised(error / lowered(lowered(math.sinh(phi)) * lowered(-math.expm1(-phi))))
    chance = raised(plan.radius / grown) + spread + 16 * UNIT * plan.radius
    return min(1.0, raised((chance * 0.7978845608028655) ** _VECTORS * (1 + 2.0**-40)))


def passes(graph: Laplacian, plan: Plan, coins: Entropy, test: int = 0) -> bool:
    """Draw the start vectors and run the recurrence; True iff no computed vector is longer than the plan's radius."""
    drawn = coins.generator("connectivity of noise", test).standard_normal((_VECTORS, len(graph.degrees)))
    double = graph.shifted(plan.alpha, plan.beta)
    return all(_stays_short(graph, plan, double, start) for start in drawn)


def _stays_short(graph: Laplacian, plan: Plan, double: csr_array, start: Floats) -> bool:
    before = graph.center(start)
    now = double @ before
    now /= 2
    now = graph.center(now)
    if not _short(before, plan.radius):
        return False
    for _ in range(plan.steps - 1):
        if not _short(now, plan.radius):
            return False
        image = double @ now
        image -= before
        before, now = now, graph.center(image)
    return _short(now, plan.radius)


def _short(vector: Floats, radius: float) -> bool:
    """Whether it is surely not longer: the computed square errs by less than its length times 2u, relatively."""
    return inner(vector, vector) * (1 + 4 * (len(vector) + 8) * UNIT) <= radius * radius * (1 - 4 * UNIT)


def _dense(graph: Laplacian) -> Connectivity:
    """By Cholesky's method on L + c P - a I; the errors of L, c P and the sum are added to those of the proof."""
    from scipy.linalg import eigvalsh  # noqa: PLC0415 - a fifth of a second, only where it is used

    size = len(graph.degrees)
    full = np.diag(graph.degrees) - graph.weights.toarray()
    scale = 2 * float(graph.degrees.max())
    together = graph.component[:, None] == graph.component
    lifted = full + np.where(together, scale / graph.sizes[graph.component][:, None], 0.0)
    found = float(eigvalsh(lifted, subset_by_index=(0, 0))[0])
    error = 2 * (2 * size + 16) * UNIT * scale  # of a row of `lifted`, in all
    bound = least_eigenvalue(lifted, found * (1 - 2.0**-20), error)
    return Connectivity(bound, 0.0, "Cholesky") if bound > 0 else Connectivity(0.0, 0.0, "nothing")


def _estimate(graph: Laplacian) -> tuple[float, float]:
    """Lanczos' estimates of the least and largest eigenvalue outside the null space; nothing rests on them."""
    from scipy.linalg import eigh_tridiagonal  # noqa: PLC0415 - a fifth of a second, only where it is used

    start = Entropy.seeded(0).generator("start of the estimate").standard_normal(len(graph.degrees))
    matrix = graph.shifted(1.0, 0.0)
    now = graph.center(start)
    now /= math.sqrt(inner(now, now))
    before, beta = np.zeros_like(now), 0.0
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(_LANCZOS):
        image = matrix @ now
        image -= beta * before
        diagonal.append(inner(now, image))
        image -= diagonal[-1] * now
        image = graph.center(image)
        beta = math.sqrt(inner(image, image))
        if beta <= 1e-10 * diagonal[-1]:
            break
        beside.append(beta)
        image /= beta
        before, now = now, image
    found = eigh_tridiagonal(diagonal, beside[: len(diagonal) - 1], eigvals_only=True)
    return float(found[0]), 1.02 * float(found[-1])
