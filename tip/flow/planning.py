"""Planning: the least noise that meets all requirements of a flow, and what each of them costs.

Theory of operation ("interpretable privacy with optimizable utility", Ramon and Basu 2020: requirements are about what
somebody may learn, and the sizes of noises follow). A flow states noises without a variance, requirements and aims.

1. *Cost.* The error variance of a message is linear in the variances, hence so is the weighted sum of all aims. Bytes
   do not depend on them: they are a part of the cost that is known before, and matter between flows (`alternatives`).
2. *Limits.* (epsilon, delta) is met iff mu^2 <= mu_of(epsilon, delta)^2, by the exact curve of Gaussian noise. Every
   case of coalition and every agent that a proof has to look at (`collusion`) is a limit on mu^2 of its view.
3. *Search.* `allocation` finds the least cost within all limits, with a lower bound beside it. 4. *Proof.* The
variances are rounded up to 9 significant bits, which lowers every mu^2, and `reasoning.derive` then says
   for each requirement what is proven. Where that is more than was asked, all are raised by a step until it is not.
   What is returned has been proven; the search has only proposed it.

Discrete Gaussian noise is planned as real noise and raised until the integer rules prove it (`whole_planning`).
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
from tip.flow.traffic import bytes_sent
from tip.flow.whole_planning import BITS, Scaled, filled, has_whole, proven, short, twin
from tip.privacy.gaussian import mu_of
from tip.privacy.rounding import raised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.model import Flow, Noise, Requirement, Secret

    Floats = NDArray[np.float64]

_RAISES: Final = 40
_BINDING: Final = 1e-4
_IDLE: Final = 1e-4
_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Price:
    """What a requirement costs.

    `share`: by what percentage the error falls for each percentage by which mu^2 may rise; 0 for a requirement that
    others meet already. `halved`: the factor of the error at half of epsilon, planned anew; None where no size of the
    planned noises is enough.
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

    `error`: the weighted error variance of the aims, rounded up. `bytes`: all that is sent. `cost`: the error, and the
    weighted bytes where an aim weighs them. `floor`: what the search found no cost to be below (in floats, by the
    rules for real noise; a measure of quality, no claim).
    """

    flow: Flow
    error: float
    bytes: int
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
    error = prices.error(answer)
    listed = tuple(
        Price(requirement, share, prices.halved(index, found, error))
        for index, (requirement, share) in enumerate(zip(flow.requirements, prices.shares(found), strict=True))
    )
    sent = bytes_sent(flow).total
    weighed = float(sum((aim.weight for aim in flow.aims if aim.bytes), Fraction(0)) * sent)
    return Planned(answer, raised(error), sent, raised(error + weighed), prices.known + found.floor + weighed, listed)


# -- what is asked --------------------------------------------------------------------------------


def _asked(flow: Flow) -> tuple[str, ...]:
    """The names of the noises to be planned; refuses a flow in which there is nothing to plan, or no reason to."""
    planned = tuple(noise.name for noise in flow.noises if noise.planned)
    if not planned:
        raise ConfigurationError(
            f"the flow {flow.name!r} has no noise to plan",
            instead='write variance = "to be planned" (of Laplace noise: scale) for each noise that may grow',
        )
    for noise in flow.noises:
        if noise.planned and noise.law not in {Law.GAUSSIAN, Law.DISCRETE_GAUSSIAN}:
            raise ConfigurationError(
                f"noise {noise.name!r} is {noise.law}, and the planner has rules for Gaussian noise only",
                instead="plan it as gaussian, then raise the variance until the law's own rule meets the requirements",
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
        real = twin(flow) if has_whole(flow) else flow
        self._limits = [limits(real, requirement, planned) for requirement in flow.requirements]

    def error(self, answer: Flow) -> float:
        """The weighted error of a planned flow."""
        variances = np.array([float(noise.variance or 0) for noise in answer.noises if noise.name in self.planned])
        return self.known + float(self.weights @ variances)

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

    def halved(self, index: int, found: Allocation, error: float) -> float | None:
        """The factor of the error when a requirement's epsilon is halved."""
        try:
            stricter = least_cost(self.weights, self.constraints(index))
            if has_whole(self.flow):
                wanted = self.flow.requirements[index]
                others = list(self.flow.requirements)
                others[index] = replace(wanted, epsilon=wanted.epsilon / 2)
                return (
                    self.error(
                        _proven(replace(self.flow, requirements=tuple(others)), self.planned, stricter.variances)
                    )
                    / error
                )
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
    for aim in (aim for aim in flow.aims if not aim.bytes):
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
    sizes = dict(zip(planned, variances.tolist(), strict=True))
    if has_whole(flow):
        return Scaled(flow, sizes).least()
    rounded = {name: short(size) for name, size in sizes.items()}
    for attempt in range(_RAISES):
        answer = filled(flow, rounded)
        if proven(answer):
            return answer
        step = Fraction(1, 1 << BITS) * (attempt + 1)
        rounded = {name: short(variance * (1 + step)) for name, variance in rounded.items()}
    raise ConfigurationError(
        "the variances that were found could not be proven to meet the requirements",
        instead="look at what `tip.flow.reasoning.derive` says about the flow with variances of your own",
    )
