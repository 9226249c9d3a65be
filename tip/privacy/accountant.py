"""From events to epsilon and delta: the only door to dp_accounting.

`missing_rule(event, neighboring)` answers, before anything is computed, whether there is a proven
rule; `epsilon` and `delta` raise its words. Three families of rules:

1. *zCDP*: everything with a rule in `tip.privacy.integer`, which means sums of integer noise above all; and pure
   losses, which are epsilon^2 / 2-zCDP.
2. *PLD*: the privacy loss distribution of dp_accounting (connect the dots, pessimistic), for
   Gaussian, Laplace, their discrete forms, randomized response and Poisson sampling of these, where it is small enough.
3. *Pure*: the epsilons of pure losses add up, whatever delta is.

Where several apply the smallest epsilon is promised. Poisson sampling has a rule under add-remove-one
only (law 5): for replace-one no dominating pair has been proven here. The numbers of the second
family are dp_accounting's floats, whose discretization errs upward, and are raised by a relative 2^-40.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce, singledispatch
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError
from tip.privacy import gaussian, losses
from tip.privacy.checks import not_negative, probability
from tip.privacy.events import (
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Gaussian,
    Laplace,
    Nothing,
    PoissonSampled,
    PureLoss,
    RandomizedResponse,
    Repeated,
    Unprotected,
)
from tip.privacy.guarantees import Neighboring
from tip.privacy.integer import delta_of_rho, epsilon_of_rho
from tip.privacy.rounding import down, lowered, sqrt_up, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.privacy.events import Event

_INTERVAL: Final = 1e-4  # of dp_accounting's grid: its default
_MOST_VALUES: Final = float(1 << 23)  # of a distribution on that grid: seconds and some hundred megabytes
_SLACK: Final = 1 + 2.0**-40
_SAMPLED: Final = (Gaussian, Laplace, DiscreteGaussian, DiscreteLaplace)


def epsilon(event: Event, delta: float, neighboring: Neighboring) -> float:
    """The least proven epsilon of the event at 0 < delta < 1; raises where there is no rule."""
    if not 0 < probability("delta", delta) < 1:
        raise ConfigurationError(f"delta lies strictly between 0 and 1, not {delta!r}")
    _refuse(event, neighboring)
    bounds = []
    if (mu := _mu(event)) is not None:
        bounds.append(gaussian.epsilon_of(mu, delta))
    elif not _pld_missing(event, neighboring):
        bounds.append(_by_distribution(event, lambda pld: pld.get_epsilon_for_delta(delta)))
    if (rho := losses.rho(event)) is not None:
        bounds.append(epsilon_of_rho(rho, delta))
    if (pure := losses.pure(event)) is not None:
        bounds.append(pure)
    return _finite(min(bounds))


def delta(event: Event, epsilon: float, neighboring: Neighboring) -> float:  # the mirror image's words
    """The least proven delta of the event at this epsilon; raises where there is no rule."""
    not_negative("epsilon", epsilon)
    _refuse(event, neighboring)
    bounds = [1.0]
    if (mu := _mu(event)) is not None:
        bounds.append(gaussian.delta_of(epsilon, mu))
    elif not _pld_missing(event, neighboring):
        bounds.append(_by_distribution(event, lambda pld: pld.get_delta_for_epsilon(epsilon)))
    if (rho := losses.rho(event)) is not None:
        bounds.append(delta_of_rho(rho, epsilon))
    if (pure := losses.pure(event)) is not None and pure <= epsilon:
        bounds.append(0.0)
    return min(bounds)


def missing_rule(event: Event, neighboring: Neighboring) -> str:
    """Empty if some family has a proven rule for the event under this relation; else what is missing."""
    problem = _pld_missing(event, neighboring)
    return problem if problem and (losses.rho(event) is None or not losses.of_relation(event, neighboring)) else ""


def _refuse(event: Event, neighboring: Neighboring) -> None:
    if not isinstance(neighboring, Neighboring):
        raise ConfigurationError(f"neighboring is a Neighboring, not {neighboring!r}")
    if problem := missing_rule(event, neighboring):
        raise ConfigurationError(f"there is no rule for {problem}", instead='report the status "not proven"')


def _by_distribution(event: Event, value: Callable[[Any], float]) -> float:
    """A value of the event's privacy loss distribution, raised; infinite where the distribution has none.

    Where nearly all of the mass lies beyond its grid, dp_accounting is left with an empty list while it composes.
    """
    try:
        number = value(_pld(event))
    except IndexError:
        return math.inf
    return max(0.0, float(number) * _SLACK) if math.isfinite(number) else math.inf


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ConfigurationError(
            "the privacy loss distribution has no finite value here", instead="take a larger delta"
        )
    return number


def _mu(event: Event) -> float | None:
    """The exact mu of a composition of real-arithmetic Gaussians alone, rounded up; else None."""
    square = _squared_mu(event)
    return sqrt_up(square) if square else None


def _squared_mu(event: Event) -> Fraction | None:
    match event:
        case Nothing():
            return Fraction(0)
        case Gaussian():
            return Fraction(event.mu) ** 2
        case Repeated():
            single = _squared_mu(event.event)
            return None if single is None else event.times * single
        case Composed():
            parts = [_squared_mu(part) for part in event.events]
            return None if None in parts else sum((part for part in parts if part is not None), Fraction(0))
        case _:
            return None


# -- the second family: which events it covers, and their distributions -------------------------------


def _pld_missing(event: Event, neighboring: Neighboring) -> str:
    """Empty if dp_accounting's distribution is a proven bound for the event and small enough; else what is missing."""
    problem = _unruled(event, neighboring)
    return problem or (
        "" if losses.values(event, _INTERVAL) <= _MOST_VALUES else "losses so large, or noise so wide, on a grid"
    )


def _unruled(event: Event, neighboring: Neighboring) -> str:
    """The same whatever the size."""
    match event:
        case Repeated():
            return _unruled(event.event, neighboring)
        case Composed():
            return next((text for part in event.events if (text := _unruled(part, neighboring))), "")
        case PoissonSampled():
            return _sampling_missing(event, neighboring)
        case RandomizedResponse() | PureLoss() if neighboring is not Neighboring.REPLACE_ONE:
            return f"randomized response under {neighboring}"
        case Unprotected():
            return "a release without noise: no epsilon is finite"
        case _:
            known = isinstance(event, (Nothing, RandomizedResponse, PureLoss, *_SAMPLED))
            return "" if known else f"{type(event).__name__} together with events that have no zCDP rule"


def _sampling_missing(event: PoissonSampled, neighboring: Neighboring) -> str:
    if not isinstance(event.event, _SAMPLED):
        return f"a Poisson sample of {type(event.event).__name__}"
    if neighboring is not Neighboring.ADD_REMOVE_ONE:
        return f"a Poisson sample under {neighboring}: no dominating pair is proven"
    return ""


@singledispatch
def _pld(event: Event, rate: float = 1.0) -> Any:  # noqa: ANN401 - dp_accounting has no types
    """The pessimistic privacy loss distribution; parameters are rounded to less noise. Here: of nothing."""
    del event, rate
    return _library().identity(value_discretization_interval=_INTERVAL)


@_pld.register
def _(event: Gaussian, rate: float = 1.0) -> Any:  # noqa: ANN401
    return _library().from_gaussian_mechanism(down(1 / Fraction(event.mu)), **_grid(rate))


@_pld.register
def _(event: Laplace, rate: float = 1.0) -> Any:  # noqa: ANN401
    return _library().from_laplace_mechanism(down(1 / Fraction(event.epsilon)), **_grid(rate))


@_pld.register
def _(event: DiscreteGaussian, rate: float = 1.0) -> Any:  # noqa: ANN401
    sigma = lowered(math.sqrt(down(event.variance)))
    return _library().from_discrete_gaussian_mechanism(sigma, event.sensitivity, **_grid(rate))


@_pld.register
def _(event: DiscreteLaplace, rate: float = 1.0) -> Any:  # noqa: ANN401
    return _library().from_discrete_laplace_mechanism(up(1 / event.scale), event.sensitivity, **_grid(rate))


@_pld.register
def _(event: RandomizedResponse) -> Any:  # noqa: ANN401
    return _library().from_randomized_response(
        down(event.replaced), event.categories, value_discretization_interval=_INTERVAL
    )


@_pld.register
def _(event: PureLoss) -> Any:  # noqa: ANN401
    replaced = down(2 / (1 + event.ratio))  # of two categories: the dominating pair of every pure release
    return _library().from_randomized_response(replaced, 2, value_discretization_interval=_INTERVAL)


@_pld.register
def _(event: PoissonSampled) -> Any:  # noqa: ANN401
    return _pld(event.event, min(1.0, up(event.rate)))


@_pld.register
def _(event: Repeated) -> Any:  # noqa: ANN401
    return _pld(event.event).self_compose(event.times) if event.times else _pld(Nothing())


@_pld.register
def _(event: Composed) -> Any:  # noqa: ANN401
    return reduce(lambda whole, part: whole.compose(_pld(part)), event.events, _pld(Nothing()))


def _grid(rate: float) -> dict[str, Any]:
    return {"value_discretization_interval": _INTERVAL, "sampling_prob": rate, "use_connect_dots": True}


def _library() -> Any:  # noqa: ANN401
    """dp_accounting, imported when it is first needed: it takes most of a second."""
    return import_module("dp_accounting.pld.privacy_loss_distribution")
