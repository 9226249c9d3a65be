"""Gaussian closed forms against tables and 60-digit arithmetic."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy import gaussian

if TYPE_CHECKING:
    from collections.abc import Callable

# mpmath comes with dp-accounting and has no types
mp: Any = importlib.import_module("mpmath")
mp.mp.dps = 60

TABLE = [  # mu, epsilon at delta = 1e-5, advantage, hit rate at 1 %
    (0.1, 0.34066936, 0.03987761167674497, 0.012995444546147695),
    (0.25, 0.9263415, 0.09947644966022584, 0.018930894265546318),
    (0.5, 1.9930914, 0.1974126513658474, 0.03389893912284281),
    (1.0, 4.3771781, 0.38292492254802624, 0.09236224807369403),
    (1.5, 7.05141322, 0.5467452952462635, 0.2043033917595658),
    (2.0, 9.99725615, 0.6826894921370859, 0.37208058543549444),
    (3.0, 16.6754944, 0.8663855974622838, 0.7497337474667971),
    (5.0, 33.10373234, 0.9875806693484477, 0.9962484881251569),
]


@pytest.mark.parametrize(("mu", "epsilon", "advantage", "hits"), TABLE)
def test_the_table(mu: float, epsilon: float, advantage: float, hits: float) -> None:
    assert gaussian.epsilon_of(mu, 1e-5) == pytest.approx(epsilon, abs=1e-6)
    assert gaussian.advantage(mu) == pytest.approx(advantage, rel=1e-12)
    assert gaussian.hit_rate(mu, 0.01) == pytest.approx(hits, rel=2e-12)
    assert gaussian.mu_of(gaussian.epsilon_of(mu, 1e-5), 1e-5) == pytest.approx(mu, rel=1e-9)


@pytest.mark.parametrize(("epsilon", "delta", "sigma"), [(0.1, 1e-5, 30.74956613), (1.0, 1e-6, 4.22467889)])
def test_analytic_gaussian_calibration(epsilon: float, delta: float, sigma: float) -> None:
    assert 1 / gaussian.mu_of(epsilon, delta) == pytest.approx(sigma, abs=1e-6)


def test_tree_aggregation() -> None:
    assert gaussian.epsilon_of(math.sqrt(11) / 10, 1e-5) == pytest.approx(1.2640615919760394, abs=1e-6)


def test_zero_out_noise_under_replace_one() -> None:
    """Law 1: noise for epsilon 2 under zero-out gives more than twice that under replace-one."""
    assert gaussian.epsilon_of(2 * gaussian.mu_of(2.0, 1e-5), 1e-5) == pytest.approx(4.393, abs=0.001)


def exact_phi(x: Any) -> Any:  # noqa: ANN401
    return mp.erfc(-x / mp.sqrt(2)) / 2


def exact_delta(epsilon: float, mu: float) -> Any:  # noqa: ANN401
    e, m = mp.mpf(epsilon), mp.mpf(mu)
    with mp.workdps(400):
        return exact_phi(-e / m + m / 2) - mp.exp(e) * exact_phi(-e / m - m / 2)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 60), st.floats(1e-3, 30))
def test_delta_is_an_upper_bound_and_tight(epsilon: float, mu: float) -> None:
    truth, bound = exact_delta(epsilon, mu), gaussian.delta_of(epsilon, mu)
    assert bound >= min(truth, 1)
    x = epsilon / mu + mu / 2
    assert bound <= truth * (1 + 1e-9 * (1 + x**4) / min(mu, 1)) + 1e-300


@settings(max_examples=40, deadline=None)
@given(st.floats(-37, 8))
def test_log_phi(x: float) -> None:
    truth = mp.log(exact_phi(mp.mpf(x)))
    assert abs(gaussian.log_phi(x) - truth) <= 2.0**-44 * abs(truth) + (1 + x * x) * 2.0**-50


@settings(max_examples=40, deadline=None)
@given(st.floats(-1e6, -29))
def test_log_phi_far_out(x: float) -> None:
    truth = mp.log(exact_phi(mp.mpf(x)))
    assert abs(gaussian.log_phi(x) / truth - 1) <= 2.0**-44


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 20), st.floats(1e-300, 1.0, exclude_max=True))
def test_hit_rate_is_an_upper_bound(mu: float, false_alarm: float) -> None:
    rate = gaussian.hit_rate(mu, false_alarm)
    # the quantile of the bound is at least the quantile of the truth: compare by the inverse, Phi(Phi^-1(rate) - mu)
    assert rate >= false_alarm
    if 0 < rate < 1 - 1e-9:
        y = mp.findroot(
            lambda z: mp.log(exact_phi(z)) - mp.log(mp.mpf(rate)),
            -1.0 if rate > 1e-3 else -5.0 - mu,
            tol=1e-40,
            verify=False,
        )
        if abs(exact_phi(y) / mp.mpf(rate) - 1) < 1e-25:
            assert exact_phi(y - mp.mpf(mu)) >= mp.mpf(false_alarm)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 10), st.floats(1e-12, 0.5))
def test_epsilon_and_mu_keep_their_promise(mu: float, delta: float) -> None:
    epsilon = gaussian.epsilon_of(mu, delta)
    assert exact_delta(epsilon, mu) <= delta
    if epsilon > 1e-3:
        assert exact_delta(epsilon * (1 - 1e-6), mu) > delta
        assert exact_delta(epsilon, gaussian.mu_of(epsilon, delta)) <= delta


def test_the_tail_is_not_delta() -> None:
    """Law 22: "except with probability delta" would be 9 and 17 times too small."""
    assert gaussian.loss_tail(1.993, 0.5) / 1e-5 == pytest.approx(9.3, abs=0.1)
    assert gaussian.loss_tail(gaussian.epsilon_of(0.25, 1e-5), 0.25) / 1e-5 == pytest.approx(17, abs=0.5)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 20), st.floats(0.01, 5))
def test_the_tail_after_post_processing(epsilon: float, mu: float) -> None:
    """A threshold that is set at the crossing attains the tail: the whole alarm set raises the odds by e^epsilon."""
    tail = gaussian.odds_tail(epsilon, mu)
    assert tail >= gaussian.loss_tail(epsilon, mu) * (1 - 1e-9)
    if 1e-12 < tail < 0.99:
        x = mp.findroot(lambda z: mp.log(exact_phi(z)) - mp.log(mp.mpf(tail)), -1.0, tol=1e-40, verify=False)
        gap = mp.log(exact_phi(x)) - mp.log(exact_phi(x - mu)) - epsilon
        assert abs(gap) < 1e-6 * (1 + epsilon)


def test_degenerate_values() -> None:
    assert gaussian.delta_of(1.0, 0.0) == 0.0
    assert gaussian.epsilon_of(0.0, 1e-5) == 0.0
    assert gaussian.hit_rate(0.0, 0.3) == pytest.approx(0.3)
    assert gaussian.hit_rate(1.0, 0.0) == 0.0
    assert gaussian.hit_rate(1.0, 1.0) == 1.0
    assert gaussian.delta_of(1e300, 1e-300) > 0
    assert gaussian.odds_tail(1.0, 0.0) == 0.0
    assert gaussian.odds_tail(0.0, 1.0) == 1.0
    assert gaussian.delta_of(0.0, 200.0) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_nonsense_is_refused(bad: float) -> None:
    calls: tuple[Callable[[], float], ...] = (
        lambda: gaussian.delta_of(bad, 1.0),
        lambda: gaussian.delta_of(1.0, bad),
        lambda: gaussian.epsilon_of(bad, 1e-5),
        lambda: gaussian.epsilon_of(1.0, bad),
        lambda: gaussian.hit_rate(bad, 0.1),
        lambda: gaussian.hit_rate(1.0, bad),
        lambda: gaussian.loss_tail(1.0, bad),
    )
    for call in calls:
        with pytest.raises(ConfigurationError):
            call()
    for delta in (0.0, 1.0):  # mutant: a delta at an end, of which the search makes another error or a number
        for converted in (gaussian.epsilon_of, gaussian.mu_of):
            with pytest.raises(ConfigurationError, match="strictly between"):
                converted(1.0, delta)
