"""Amplification by shuffling: what anonymous reports reveal, computed.

n agents send one report each of a local randomizer whose likelihood ratios are at most E = e^epsilon0,
and a shuffler that nobody colludes with hands on the reports in random order, without names.

*Clones* (Feldman, McMillan, Talwar 2021; proved in docs/local-shuffling.md). Fix two values x0, x1 of the
protected agent. Its report has the law w Q0 + (1 - w) Q1 or the mirror image, w = E / (E + 1); every other
report has, with probability 1/E, the law (Q0 + Q1) / 2, whatever its agent holds. So all that the
shuffled reports tell about x0 against x1 follows from two counts:

    C ~ Bin(n - 1, 1/E),  A ~ Bin(C, 1/2),  D ~ Bern(w):   (A + D, C - A + 1 - D)   or its mirror image.

Given t = C + 1 the likelihood ratio rises with the first count a, so the hockey-stick divergence is a
tail: with X ~ Bin(t - 1, 1/2) and j the least a whose ratio exceeds e^epsilon,

    delta(epsilon | t) = (w - e^epsilon (1 - w)) P[X = j - 1] - (e^epsilon - 1) P[X >= j].

*Blanket* (Balle, Bell, Gascon, Nissim 2019; proved there and in the docs). If every law contains the same
part, gamma omega, then with S a sum of n terms, each 0 but with probability gamma, and then
L = (R(x0)(W) - e^epsilon R(x1)(W)) / omega(W) for W ~ omega,

    delta(epsilon) = E[max(S, 0)] / (n gamma).

It knows the mechanism, not only its ratio. L is spread over a grid without changing its mean, which can only
raise the expectation of a convex function; the sum's law comes from a fast Fourier transform.

Both are computed in floating point; the stated figures include a margin for its errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.privacy.checks import not_negative, rational, whole
from tip.privacy.rounding import down, log_up, lowered, raised, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WIDTH: Final = 9.5  # standard deviations within which laws are summed
_BEYOND: Final = 20.0  # and steps, where the deviation is small
_ERROR: Final = 2.0**-40  # relative, of a binomial tail or mass: measured below 2^-44
_GROUPS: Final = 1 << 15  # counts of clones that are looked at one by one
_LEAST_GROUPS: Final = 1 << 8
_FINE: Final = 19.0 * (1 << 20)  # groups times deviation: a group is then about 2^-20 of the mean count wide, or less
_AT_ONCE: Final = 1 << 18  # counts whose probabilities are computed at a time
_STEPS: Final = 60  # of a bisection
_MOST: Final = 1 << 40  # reports
_CELLS: Final = 16  # of the grid between the least and the largest value of one term
_LONGEST: Final = 1 << 22  # points of a Fourier transform
_HALF: Final = 0.5


# -- clones: all that is known of a mechanism is its ratio -----------------------------------------


def delta_of(epsilon: float, *, ratio: Fraction, reports: int) -> float:
    """The clones' delta at this epsilon for `reports` honest reports of a mechanism with this ratio, rounded up."""
    not_negative("epsilon", epsilon)
    _checked(ratio, reports)
    if epsilon >= log_up(ratio):
        return 0.0
    return 1.0 if reports == 1 else _clones(epsilon, ratio, reports)


def epsilon_of(delta: float, *, ratio: Fraction, reports: int) -> float:
    """The least epsilon that the clones prove at this delta, rounded up; never above that of one report."""
    _checked(ratio, reports)
    return least_epsilon(lambda e: delta_of(e, ratio=ratio, reports=reports), delta, log_up(ratio))


def least_epsilon(curve: Callable[[float], float], delta: float, most: float) -> float:
    """The least epsilon in [0, most] at which a falling curve is at most delta, from above, relatively within 2^-24."""
    if not isinstance(delta, float) or not 0 < delta < 1:
        raise ConfigurationError(f"delta is a float strictly between 0 and 1, not {delta!r}")
    if (start := _log(curve(0.0))) <= math.log(delta):
        return 0.0
    low, high, above, below = 0.0, most, start, _log(curve(most))
    if below > math.log(delta):
        return most
    for step in range(_STEPS):
        middle = _between(low, high, above - math.log(delta), math.log(delta) - below) if step % 3 else (low + high) / 2
        value = _log(curve(middle))
        low, above, high, below = (
            (low, above, middle, value) if value <= math.log(delta) else (middle, value, high, below)
        )
        if high - low <= 2.0**-24 * high:
            break
    return high


def _between(low: float, high: float, above: float, below: float) -> float:
    """Where a straight line crosses zero, kept off both ends; a little to the right: the upper end moves too."""
    part = above / (above + below)
    return low + (high - low) * min(max(part * (1 + 2.0**-12), 2.0**-12), 1 - 2.0**-12)


def _log(value: float) -> float:
    return math.log(max(value, 1e-300))


def published_epsilon(delta: float, *, epsilon: float, reports: int) -> float | None:
    """The closed form of Feldman, McMillan, Talwar 2021, theorem 3.1; None where it does not hold.

    ln(1 + (E - 1)/(E + 1) (8 sqrt(E ln(4/delta) / n) + 8 E / n)), for epsilon <= ln(n / (16 ln(2/delta))).
    A published figure for comparison: what is promised comes from `epsilon_of` (law 24).
    """
    if epsilon > math.log(reports / (16 * math.log(2 / delta))):
        return None
    e = math.exp(epsilon)
    return math.log1p((e - 1) / (e + 1) * (8 * math.sqrt(e * math.log(4 / delta) / reports) + 8 * e / reports))


def _checked(ratio: Fraction, reports: int) -> None:
    rational("ratio", ratio, least=1)
    if whole("reports", reports, least=1) > _MOST:
        raise ConfigurationError("the bound is computed for at most 2^40 reports", instead="state 2^40: fewer is safe")


def _clones(epsilon: float, ratio: Fraction, reports: int) -> float:
    """E over C of delta(epsilon | C + 1); counts outside the window are charged fully."""
    starts, shares, outside = _clone_counts(down(1 / ratio), reports - 1)
    given = _given(epsilon, ratio, starts + 1.0)
    return min(1.0, raised(float(shares @ given) * (1 + _ERROR) + outside))


def _given(epsilon: float, ratio: Fraction, t: Floats) -> Floats:
    """delta(epsilon | t), raised by the error of the binomial law; see the top of the file.

    t - j is counted down from t, by a difference that is rational: near t, where one step of the count may be worth a
    factor of E, a float of j itself would not do.
    """
    from scipy.special import betainc  # noqa: PLC0415 - scipy is imported where it is needed

    factor = Fraction(max(1.0, lowered(math.exp(epsilon))))  # at most e^epsilon: that costs more
    share = (ratio - factor) / (1 + ratio)  # w - e^epsilon (1 - w)
    gain, loss = up(max(share, Fraction(0))), max(float(factor - 1), 0.0)
    j = t + 1 - np.maximum(np.ceil(t * float(share * (ratio + 1) / ((ratio - 1) * (1 + factor)))), 1.0)
    mass = np.where(j <= t, binomial_mass(np.minimum(j, t) - 1, t - 1, _HALF), 0.0)
    tail = np.where(j < t, betainc(j, np.maximum(t - j, 1.0), _HALF), 0.0)
    exact = gain * mass - loss * tail
    return np.asarray(np.clip(exact + _ERROR * (abs(gain) * mass + loss * tail), 0.0, 1.0))


@lru_cache(maxsize=64)
def _clone_counts(clone: float, n: int) -> tuple[Floats, Floats, float]:
    """Counts C ~ Bin(n, clone) in 2^8 to 2^15 groups: each group's least count, its share, and the rest's share.

    Given more clones the divergence is smaller (a clone more can be added without knowing anything), so a group is
    charged at its least count.
    """
    deviation = math.sqrt(n * clone * (1 - clone))
    reach = _WIDTH * deviation + _BEYOND
    first, last = max(0, math.floor(n * clone - reach)), min(n, math.ceil(n * clone + reach))
    groups = min(_GROUPS, max(_LEAST_GROUPS, math.ceil(_FINE / max(deviation, 1.0))))
    width = -(-(last + 1 - first) // groups)
    step = width * max(1, _AT_ONCE // width)
    shares = []
    for at in range(first, last + 1, step):
        counts = np.arange(at, min(at + step, last + 1), dtype=np.float64)
        shares.append(np.add.reduceat(binomial_mass(counts, float(n), clone), np.arange(0, len(counts), width)))
    starts = np.arange(first, last + 1, width, dtype=np.float64)
    return starts, np.concatenate(shares), _outside(n, clone, first, last)


def _outside(n: int, chance: float, first: int, last: int) -> float:
    """An upper bound of P[Bin(n, chance) is not in [first, last]]."""
    from scipy.special import betainc, betaincc  # noqa: PLC0415

    below = float(betaincc(first, n - first + 1, chance)) if first else 0.0
    above = float(betainc(last + 1, n - last, chance)) if last < n else 0.0
    return raised((below + above) * (1 + _ERROR))


def binomial_mass(x: Floats, n: Floats | float, p: float) -> Floats:
    """P[Bin(n, p) = x] for 0 <= x <= n, by Loader's expansion (2000): no large logarithms cancel."""
    n = np.broadcast_to(np.asarray(n, dtype=np.float64), x.shape)
    inner = (x > 0) & (x < n)
    a = np.where(inner, x, 1.0)
    total = np.where(inner, n, 2.0)
    b = total - a
    deviance = _deviance(a, total * p) + _deviance(b, total * (1 - p))
    logs = _stirling(total) - _stirling(a) - _stirling(b) - deviance
    masses = np.exp(logs) * np.sqrt(total / (2 * math.pi * a * b))
    edge = np.where(x == 0, np.exp(n * math.log1p(-p)), np.exp(n * math.log(p)))
    return np.asarray(np.where(inner, masses, edge))


def _deviance(x: Floats, mean: Floats) -> Floats:
    """The sum x ln(x / mean) + mean - x."""
    away = (x - mean) / mean
    near = np.abs(away) < 0.05
    small = np.where(near, away, 0.0)
    series = mean * small**2 * sum((-small) ** k / ((k + 1) * (k + 2)) for k in range(12))
    return np.asarray(np.where(near, series, x * np.log(x / mean) + mean - x))


def _stirling(n: Floats) -> Floats:
    """The rest ln n! - ln(sqrt(2 pi n) (n / e)^n)."""
    from scipy.special import gammaln  # noqa: PLC0415

    small = np.minimum(n, 16.0)
    exact = gammaln(small + 1) - (small + 0.5) * np.log(small) + small - 0.5 * math.log(2 * math.pi)
    square = n * n
    series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square) / square) / square) / n
    return np.asarray(np.where(n <= 15, exact, series))


# -- the blanket: the mechanism's own law -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of reports: its share of the blanket omega, and its densities R(x0)/omega, R(x1)/omega."""

    share: Fraction
    first: Fraction
    second: Fraction


@dataclass(frozen=True, slots=True)
class Blanket:
    """What all laws of a mechanism have in common, and two of its laws (the worst pair) seen from there.

    `gamma`: a number such that R(x) >= gamma omega for every x. `kinds`: a partition of all reports; the shares of
    omega and the masses of both laws add up to 1 exactly (`ConfigurationError` otherwise). The stated pair must be
    a worst one: true for mechanisms that treat all pairs alike.
    """

    gamma: Fraction
    kinds: tuple[Kind, ...]

    def __post_init__(self) -> None:
        masses = [sum(k.share * density for k in self.kinds) for density in (1,)]
        masses += [sum(k.share * k.first for k in self.kinds), sum(k.share * k.second for k in self.kinds)]
        if any(mass != 1 for mass in masses) or not 0 < rational("gamma", self.gamma) <= 1:
            raise ConfigurationError("a blanket's shares and the masses of both laws add up to 1, and 0 < gamma <= 1")
        if any(min(k.first, k.second) < self.gamma for k in self.kinds):
            raise ConfigurationError("both laws contain the blanket: their densities are at least gamma")

    @classmethod
    def of_two_levels(cls, p: Fraction, q: Fraction, gamma: Fraction) -> Blanket:
        """The blanket of a frequency oracle whose reports have one density inside a set S(x) and one outside.

        All items alike: S(x) has the share a of omega and S(x), S(x') have the share b in common. Since gamma is
        the density outside, 1 - p = gamma (1 - a); since p = h a inside, q = h b + gamma (a - b).
        """
        a = 1 - (1 - p) / gamma
        high = p / a
        b = (q - gamma * a) / (high - gamma)
        inside, outside = Kind(a - b, high, gamma), Kind(a - b, gamma, high)
        return cls(gamma, (Kind(b, high, high), inside, outside, Kind(1 - 2 * a + b, gamma, gamma)))

    @property
    def ratio(self) -> Fraction:
        """The largest ratio between the two laws."""
        return max(max(k.first / k.second, k.second / k.first) for k in self.kinds)


def blanket_delta(epsilon: float, blanket: Blanket, *, reports: int) -> float:
    """The blanket's delta at this epsilon for this many honest reports, rounded up."""
    not_negative("epsilon", epsilon)
    _checked(blanket.ratio, reports)
    if epsilon >= log_up(blanket.ratio):
        return 0.0
    turned = tuple(Kind(k.share, k.second, k.first) for k in blanket.kinds)
    ways = dict.fromkeys((_sorted(blanket.kinds), _sorted(turned)))
    return max(_one_way(epsilon, blanket.gamma, kinds, reports) for kinds in ways)


def blanket_epsilon(delta: float, blanket: Blanket, *, reports: int) -> float:
    """The least epsilon that blanket or clones prove at this delta, rounded up; never above that of one report."""
    most = epsilon_of(delta, ratio=blanket.ratio, reports=reports)
    return least_epsilon(lambda e: blanket_delta(e, blanket, reports=reports), delta, most)


def _sorted(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(sorted(kinds, key=lambda k: (k.first, k.second, k.share)))


def _one_way(epsilon: float, gamma: Fraction, kinds: tuple[Kind, ...], reports: int) -> float:
    """E[max(S, 0)] / (n gamma), rounded up: the law of S on a grid, and what a finite grid folds over."""
    e, chance = max(1.0, lowered(math.exp(epsilon))), down(gamma)
    values = np.array([float(k.first) - e * float(k.second) for k in kinds])
    shares = chance * np.array([float(k.share) for k in kinds])
    width = max(values.max(), 0.0) - min(values.min(), 0.0)
    step = width / _CELLS
    variance = reports * float(shares @ (values**2 + step**2))
    reach = _WIDTH * math.sqrt(variance) + _BEYOND * width
    points = 1 << math.ceil(math.log2(2 * reach / step))
    if points > _LONGEST or values.max() <= 0:
        return 1.0 if points > _LONGEST else 0.0
    places, law, error = _sum_law(values / step, shares, reports, points)
    positive = np.maximum(places, 0)
    noise = (2.0**-38 * step / math.sqrt(variance) + 2.0**-50 + error) * float(positive.sum())
    folded = reports * values.max() * math.exp(-(reach**2) / (2 * (variance + width * reach / 3)))  # Bernstein
    return min(
        1.0, raised(((max(float(positive @ law), 0.0) + noise) * step + folded) / (reports * chance) * (1 + _ERROR))
    )


def _sum_law(values: Floats, shares: Floats, reports: int, points: int) -> tuple[Floats, Floats, float]:
    """Places around the mean, their probabilities, and what each may be off: n terms, each 0 except with the shares.

    Values between two places are parted between them so that the mean stays. The error is that of the transform's
    logarithm, 2^-50 of all that was added up there, times n: it grows with the number of reports.
    """
    below = np.floor(values)
    part = values - below
    places, weights = np.concatenate([below, below + 1]), np.concatenate([shares * (1 - part), shares * part])
    angles = -2j * math.pi * np.arange(points // 2 + 1) / points
    less_one, gross = np.zeros(len(angles), dtype=np.complex128), np.zeros(len(angles))
    for place, weight in zip(places, weights, strict=True):
        less_one += (term := weight * np.expm1(angles * place))
        gross += abs(term)
    one, across = less_one.real, less_one.imag
    with np.errstate(divide="ignore"):  # of a transform that is 0 somewhere
        size = np.log1p(np.maximum(2 * one + one * one + across * across, -1.0)) / 2  # NumPy's log1p loses small ones
    powered = np.exp(reports * (size + 1j * np.arctan2(across, 1 + one)))
    error = 2.0**-49 / points * float((abs(powered) * (reports * gross + 64)).sum())
    law = np.fft.irfft(powered, points)
    first = math.floor(reports * float(shares @ values)) - points // 2
    return np.arange(first, first + points, dtype=np.float64), np.roll(law, -(first % points)), error
