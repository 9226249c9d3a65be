"""Planning: the least noise that meets all requirements of a flow, and what each of them costs.

Theory of operation ("interpretable privacy with optimizable utility", Ramon and Basu 2020: requirements are about what
somebody may learn, and the sizes of noises follow). A flow states noises without a variance, requirements and aims.

1. *Cost.* The error variance of a message is linear in the variances, hence so is the weighted sum of all aims.
2. *Limits.* (epsilon, delta) is met iff mu^2 <= mu_of(epsilon, delta)^2, by the exact curve of Gaussian noise. Every
   case of coalition and every agent that a proof has to look at (`collusion`) is a limit on mu^2 of its view.
3. *Search.* `allocation` finds the least cost within all limits, with a lower bound beside it. 4. *Proof.* The
variances are rounded up to 9 significant bits, which lowers every mu^2, and `reasoning.derive` then says
   for each requirement what is proven. Where that is more than was asked, all are raised by a step until it is not.
   What is returned has been proven; the search has only proposed it.

Real-arithmetic Gaussian noise only. Integer noise has rules of its own, which such a plan would be a start for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow import operators
from tip.flow.allocation import Allocation, Constraint, least_cost
from tip.flow.limits import limits
from tip.flow.model import Law
from tip.flow.operators import Sources
from tip.flow.seeing import Insiders
from tip.flow.shapes import over
from tip.privacy.gaussian import mu_of
from tip.privacy.rounding import raised
from tip.privacy.statements import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.model import Flow, Noise, Requirement, Secret
    from tip.privacy.guarantees import Guarantee

    Floats = NDArray[np.float64]

_BITS: Final = 8  # after the leading one: variances are at most 0.4 % larger than needed
_RAISES: Final = 40
_BINDING: Final = 1e-4
_IDLE: Final = 1e-4
_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Price:
    """What a requirement costs.

    `share`: by what percentage the cost falls for each percentage by which mu^2 may rise; 0 for a requirement that
    others meet already. `halved`: the factor of the cost at half of epsilon; None where no size of the planned noises
    is enough.
    """

    requirement: Requirement
    share: float
    halved: float | None

    @property
    def binding(self) -> bool:
        """Whether relaxing this requirement would lower the cost."""
        return self.share > _BINDING

    @property
    def sentence(self) -> str:
        """For a reader."""
        what = f"half the epsilon ({self.requirement.epsilon / 2:g}) against {self.requirement.against!r}"
        return f"{what} {'cannot be had' if self.halved is None else f'costs {self.halved:.3g} times the error'}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A flow whose noises have variances that meet all requirements.

    `cost`: the weighted error variance of the aims, rounded up. `floor`: what the search found no cost to be below (in
    floats; a measure of quality, no claim).
    """

    flow: Flow
    cost: float
    floor: float
    prices: tuple[Price, ...]

    @property
    def binding(self) -> tuple[Requirement, ...]:
        """The requirements that decide the cost."""
        return tuple(price.requirement for price in self.prices if price.binding)


def plan(flow: Flow) -> Planned:
    """The variances of least cost for all noises of a flow that have none; see the top of the file.

    Raises `ConfigurationError` where something is missing (requirements, aims that pay for each noise), where a
    secret can be read whatever the noise, where known noises are too small, and for laws and messages that have no
    rule here.
    """
    planned = _asked(flow)
    prices = _Prices(flow, planned)
    found = least_cost(prices.weights, prices.constraints())
    prices.refuse_idle(found)
    answer = _proven(flow, planned, found.variances)
    variances = np.array([float(noise.variance or 0) for noise in answer.noises if noise.name in planned])
    cost = raised(prices.known + float(prices.weights @ variances))
    listed = tuple(
        Price(requirement, share, prices.halved(index, found))
        for index, (requirement, share) in enumerate(zip(flow.requirements, prices.shares(found), strict=True))
    )
    return Planned(answer, cost, prices.known + found.floor, listed)


# -- what is asked --------------------------------------------------------------------------------


def _asked(flow: Flow) -> tuple[str, ...]:
    """The names of the noises to be planned; refuses a flow in which there is nothing to plan, or no reason to."""
    planned = tuple(noise.name for noise in flow.noises if noise.planned)
    if not planned:
        raise ConfigurationError(f"the flow {flow.name!r} has no noise to plan", instead="leave out its variance")
    for noise in flow.noises:
        if noise.planned and noise.law is not Law.GAUSSIAN:
            raise ConfigurationError(
                f"noise {noise.name!r} is {noise.law}, and the planner has a rule for real Gaussian noise only",
                instead="plan it as gaussian, then raise the variance until the integer rule meets the requirements",
            )
    if not flow.requirements:
        raise ConfigurationError(f"the flow {flow.name!r} has no requirement, so no noise is needed")
    if not flow.aims:
        raise ConfigurationError(
            f"the flow {flow.name!r} has no aim, so no noise has a price",
            instead="state an aim: the message whose error should be small",
        )
    return planned


class _Prices:
    """What the noises of a flow cost and what limits them, for these requirements and for stricter ones."""

    def __init__(self, flow: Flow, planned: tuple[str, ...]) -> None:
        self.flow, self.planned = flow, planned
        self.weights, self.known = _costs(flow, planned)
        self._limits = [limits(flow, requirement, planned) for requirement in flow.requirements]

    def constraints(self, halved: int | None = None) -> list[Constraint]:
        """All limits; those of the requirement number `halved` at half of its epsilon."""
        found = []
        for index, (requirement, some) in enumerate(zip(self.flow.requirements, self._limits, strict=True)):
            epsilon = requirement.epsilon / 2 if index == halved else requirement.epsilon
            found += [replace(one, limit=mu_of(epsilon, requirement.delta) ** 2) for one in some]
        return found

    def shares(self, found: Allocation) -> list[float]:
        """The share of each requirement: the sum over its limits."""
        ends = np.cumsum([len(some) for some in self._limits]).tolist()
        starts = [0, *ends[:-1]]
        return [math.fsum(found.shares[start:end]) for start, end in zip(starts, ends, strict=True)]

    def halved(self, index: int, found: Allocation) -> float | None:
        """The factor of the cost when a requirement's epsilon is halved."""
        try:
            stricter = least_cost(self.weights, self.constraints(index))
        except ConfigurationError:
            return None
        return (self.known + stricter.cost) / (self.known + found.cost)

    def refuse_idle(self, found: Allocation) -> None:
        """A noise that costs next to nothing because it is hardly there: is the least cost as low without it?"""
        for index, name in enumerate(self.planned):
            if len(self.planned) > 1 and self.weights[index] * found.variances[index] < _IDLE * found.cost:
                try:
                    without = least_cost(
                        np.delete(self.weights, index), [_without(c, index) for c in self.constraints()]
                    )
                except ConfigurationError:
                    continue
                if without.cost <= (1 + _SAME) * found.cost:
                    raise ConfigurationError(
                        f"noise {name!r} protects nothing that another noise does not protect at a lower price",
                        why="limits: " + "; ".join(sorted({c.name for c in self.constraints()})),
                        instead="leave it out, or state its variance",
                    )


def _without(constraint: Constraint, index: int) -> Constraint:
    """The same limit where one noise does not exist."""
    kept = np.flatnonzero(constraint.symbols != index)
    symbols = constraint.symbols[kept]
    return replace(
        constraint, B=constraint.B[:, kept], symbols=symbols - (symbols > index), known=constraint.known[kept]
    )


def _costs(flow: Flow, planned: tuple[str, ...]) -> tuple[Floats, float]:
    """What one unit of variance of each planned noise costs, and what the known noises cost."""
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    everything = {s.name: np.arange(s.rounds * over(flow, s.of)[1], dtype=np.int64) for s in both}
    nobody = Insiders(flow, frozenset(), np.zeros(0, np.int64))
    sources = Sources(flow, everything, {cohort.name: nobody.cohort(cohort) for cohort in flow.cohorts})
    weights, known = np.zeros(len(planned)), 0.0
    for aim in flow.aims:
        parts = operators.message(sources, aim.error_of).parts
        for noise in flow.noises:
            if noise.name not in parts:
                continue
            price = float(aim.weight) * float((_canceled(parts[noise.name].data) ** 2).sum())
            if noise.name in planned:
                weights[planned.index(noise.name)] += price
            elif noise.variance is not None:
                known += price * float(noise.variance)
            elif noise.scale is not None:
                known += price * 2 * float(noise.scale) ** 2
    for name, weight in zip(planned, weights.tolist(), strict=True):
        if not weight > 0:
            raise ConfigurationError(
                f"no aim pays for noise {name!r}, so the more of it the better, without end",
                instead="state an aim for a message that it disturbs, with a small weight, or state its variance",
            )
    return weights, known


def _canceled(coefficients: Floats) -> Floats:
    """Coefficients without those that are nothing but the rounding of others that cancel."""
    return np.where(np.abs(coefficients) > 1e-12 * np.abs(coefficients).max(initial=0.0), coefficients, 0.0)


# -- what is proven -------------------------------------------------------------------------------


def _proven(flow: Flow, planned: tuple[str, ...], variances: Floats) -> Flow:
    """The flow with these variances rounded up, raised until every requirement is proven."""
    from tip.flow.reasoning import derive  # noqa: PLC0415 - the search itself does without it

    short = dict(zip(planned, (_short(variance) for variance in variances.tolist()), strict=True))
    for attempt in range(_RAISES):
        filled = replace(
            flow, noises=tuple(replace(n, variance=short[n.name]) if n.name in short else n for n in flow.noises)
        )
        if all(_met(derive(filled, r.against, delta=r.delta).guarantee, r) for r in flow.requirements):
            return filled
        step = Fraction(1, 1 << _BITS) * (attempt + 1)
        short = {name: _short(variance * (1 + step)) for name, variance in short.items()}
    raise ConfigurationError(
        "the variances that were found could not be proven to meet the requirements",
        instead="look at what `tip.flow.reasoning.derive` says about the flow with variances of your own",
    )


def _met(guarantee: Guarantee, requirement: Requirement) -> bool:
    if guarantee.status is Status.NOT_PROVEN:
        raise ConfigurationError(
            f"the requirement against {requirement.against!r} is not proven, whatever the variances",
            why=guarantee.missing,
        )
    return guarantee.epsilon is not None and guarantee.epsilon <= requirement.epsilon


def _short(variance: float | Fraction) -> Fraction:
    """The least m 2^e >= variance with whole m of at most 9 bits."""
    exact = Fraction(variance)
    octave = exact.numerator.bit_length() - exact.denominator.bit_length()
    octave -= Fraction(2) ** octave > exact
    step = Fraction(2) ** (octave - _BITS)
    return -(-exact // step) * step
