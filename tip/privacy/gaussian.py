"""Gaussian differential privacy: closed forms, in log space.

Theory of operation. A mechanism is mu-GDP when telling two neighboring inputs apart is at least
as hard as telling N(0, 1) from N(mu, 1) by one draw (Dong, Roth and Su 2022, definition 4). For
that pair the privacy loss is N(mu^2/2, mu^2), hence the exact curve

    delta(epsilon) = Phi(-epsilon/mu + mu/2) - e^epsilon Phi(-epsilon/mu - mu/2)

(Balle and Wang 2018, theorem 8). The difference of two nearly equal numbers is computed as
e^a (1 - e^(b - a)) from the logarithms a, b of its two terms. Nothing here says that noise was
real-arithmetic Gaussian: integer noise has rules of its own (`tip.privacy.integer`), and a curve of
this file that is claimed for a floating-point release has the status idealized.

Epsilon, delta, hit rates, tails are rounded up, `mu_of` down (see `tip.privacy.rounding`).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import not_negative, positive, probability
from tip.privacy.rounding import exp_up, lowered, raised

if TYPE_CHECKING:
    from collections.abc import Callable

_STANDARD: Final = NormalDist()
_HALVINGS: Final = 200  # more than the bits of a float: bisection ends by itself before


def log_phi(x: float) -> float:
    """The logarithm of the standard normal distribution function, to a relative error below 2^-46.

    Below -30 by the asymptotic series of Mills' ratio, whose error is less than the first term
    left out: 10395/x^12 < 2e-14 against a logarithm of at least 450.
    """
    if x > 0:
        return math.log1p(-math.erfc(x / math.sqrt(2)) / 2)
    if x > -30:
        return math.log(math.erfc(-x / math.sqrt(2)) / 2)
    s = 1 / (x * x)
    series = s * (-1 + s * (3 + s * (-15 + s * (105 - 945 * s))))
    return -x * x / 2 - math.log(-x * math.sqrt(2 * math.pi)) + math.log1p(series)


def delta_of(epsilon: float, mu: float) -> float:
    """The least delta for which a mu-GDP mechanism is (epsilon, delta)-DP, rounded up."""
    not_negative("epsilon", epsilon)
    if not_negative("mu", mu) == 0:
        return 0.0
    if math.isinf(epsilon / mu):
        return math.ulp(0.0)
    first = log_phi(-epsilon / mu + mu / 2)
    second = log_phi(-epsilon / mu - mu / 2)
    gap = lowered(epsilon + second - first, epsilon, second, first, *_spread(epsilon, mu))
    return min(1.0, raised(exp_up(raised(first, first, *_spread(epsilon, mu))) * -math.expm1(min(gap, 0.0))))


def _spread(epsilon: float, mu: float) -> tuple[float, ...]:
    """How much log Phi can move when its argument is rounded: |x| times its slope, at most |x| + 1."""
    x = epsilon / mu + mu / 2
    return (x * (x + 1) / 16,)


def epsilon_of(mu: float, delta: float) -> float:
    """The least epsilon at which a mu-GDP mechanism has this delta, rounded up; 0 < delta < 1."""
    _proper(delta)
    if delta_of(0.0, not_negative("mu", mu)) <= delta:
        return 0.0
    high = 1.0
    while delta_of(high, mu) > delta:
        high *= 2
    return _first_true(lambda epsilon: delta_of(epsilon, mu) <= delta, 0.0, high)


def mu_of(epsilon: float, delta: float) -> float:
    """The greatest mu for which mu-GDP gives (epsilon, delta)-DP, rounded down; 0 < delta < 1."""
    _proper(delta)
    high = 1.0
    while delta_of(epsilon, high) <= delta:
        high *= 2
    return _last_true(lambda mu: delta_of(epsilon, mu) <= delta, 0.0, high)


def hit_rate(mu: float, false_alarm: float) -> float:
    """The best hit rate of any test at this false-alarm rate, Phi(Phi^-1(a) + mu), rounded up."""
    not_negative("mu", mu)
    if probability("the false-alarm rate", false_alarm) in {0.0, 1.0}:
        return false_alarm
    quantile = _STANDARD.inv_cdf(false_alarm)
    x = raised(quantile + mu, quantile, mu)
    return min(1.0, exp_up(raised(log_phi(x), *_spread(abs(x), 1.0), log_phi(x)))) if x < 0 else _upper_half(x)


def _upper_half(x: float) -> float:
    """Phi(x) for x >= 0, rounded up: 1 minus the small tail, rounded down."""
    return min(1.0, raised(1 - math.erfc(x / math.sqrt(2)) / 2))


def advantage(mu: float) -> float:
    """The greatest hit rate minus false-alarm rate over all tests, 2 Phi(mu/2) - 1, rounded up."""
    return min(1.0, raised(math.erf(not_negative("mu", mu) / math.sqrt(8))))


def loss_tail(epsilon: float, mu: float) -> float:
    """P[privacy loss > epsilon] of the Gaussian pair itself, Phi(-epsilon/mu + mu/2), rounded up.

    This is how often who sees the *whole* Gaussian release finds their odds raised by more than
    e^epsilon. It is not monotone under post-processing; `odds_tail` is.
    """
    x = -not_negative("epsilon", epsilon) / positive("mu", mu) + mu / 2
    return min(1.0, exp_up(raised(log_phi(x), log_phi(x), *_spread(epsilon, mu))))


def odds_tail(epsilon: float, mu: float) -> float:
    """A bound of P[privacy loss > epsilon] for every mu-GDP mechanism, post-processing included.

    Where the loss of some release exceeds epsilon, the set S of such outputs has P(S) > e^epsilon
    Q(S); a mu-GDP test has P(S) <= Phi(Phi^-1(Q(S)) + mu). Both together hold only up to the x with
    Phi(x + mu) = e^epsilon Phi(x), so P(S) <= Phi(x + mu). For epsilon = 0 this is 1.
    """
    not_negative("epsilon", epsilon)
    if not_negative("mu", mu) == 0:
        return 0.0 if epsilon > 0 else 1.0
    if epsilon == 0:
        return 1.0

    def crossed(x: float) -> bool:
        ahead, behind = log_phi(x + mu), log_phi(x)
        return ahead - behind <= epsilon - 2.0**-40 * (1 + abs(ahead) + abs(behind))

    low = -1.0
    while crossed(low) and low > -1e8:
        low *= 2
    x = _first_true(crossed, low, 40.0) if crossed(40.0) else 40.0
    return min(1.0, exp_up(raised(log_phi(x + mu), log_phi(x + mu), *_spread(abs(x), 1.0))))


def _proper(delta: float) -> None:
    if not 0 < probability("delta", delta) < 1:
        raise ConfigurationError(f"delta lies strictly between 0 and 1, not {delta!r}")


def _first_true(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The least float in (low, high] from which a monotone condition holds, given that it holds at high."""
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if middle in {low, high}:
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _last_true(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The greatest float in [low, high) up to which a monotone condition holds, given that it holds at low."""
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if middle in {low, high}:
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
