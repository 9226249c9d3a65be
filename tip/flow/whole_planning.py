"""Planning of whole-number noise: real variances first, then raised until the integer rules prove all.

Theory of operation. The `twin` of a flow has real Gaussian noise where the flow has discrete Gaussian noise, and no
ring: what is seen modulo 2^b is a function of what is seen in plain numbers. Its plan says how the variances relate.
All of them are then multiplied by one number, the least for which `reasoning.derive` proves every requirement of the
flow itself, by zCDP with tau for sums of shares (docs/flow-integers.md). More noise never proves less, so
that number is found by bisection, to a thousandth; variances are rounded up to 9 significant bits, which adds at
most 0.4 %: so no variances in these relations that are 0.5 % less would do.

A sum of shares has a rule from variance 2 on (law 9). Where less would do, the plan is refused: the grid is too coarse
for it, and a finer one costs nothing but bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.model import Law
from tip.flow.shapes import over
from tip.privacy.events import LEAST_SHARE_VARIANCE
from tip.privacy.statements import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.model import Flow, Noise, Requirement
    from tip.privacy.guarantees import Guarantee

BITS: Final = 8  # after the leading one: variances are at most 0.4 % larger than needed
_CLOSE: Final = 1.001
_STEP: Final = 1.25
_MOST_STEPS: Final = 80


def has_whole(flow: Flow) -> bool:
    """Whether any noise of a flow is discrete Gaussian."""
    return any(noise.law is Law.DISCRETE_GAUSSIAN for noise in flow.noises)


def twin(flow: Flow) -> Flow:
    """The flow in real numbers; refuses masks, which have no twin."""
    for noise in flow.noises:
        if noise.law is Law.UNIFORM:
            raise ConfigurationError(
                f"the planner has no rule for the masks of noise {noise.name!r}",
                instead="plan the flow in which an adder sees what the masks hide",
            )
    noises = tuple(replace(n, law=Law.GAUSSIAN) if n.law is Law.DISCRETE_GAUSSIAN else n for n in flow.noises)
    return replace(flow, noises=noises, messages=tuple(replace(message, ring=0) for message in flow.messages))


@dataclass(frozen=True, slots=True)
class Scaled:
    """A flow whose planned noises have these variances times one number."""

    flow: Flow
    variances: Mapping[str, float]

    def at(self, scale: float) -> Flow:
        """The flow with every planned variance times `scale`, rounded up."""
        return filled(self.flow, {name: short(value * scale) for name, value in self.variances.items()})

    def enough(self, scale: float) -> bool:
        """Whether every requirement is proven."""
        return proven(self.at(scale))

    @property
    def floor(self) -> float:
        """The scale from which on every sum of shares has a rule; 0 where there are no shares."""
        return max((float(LEAST_SHARE_VARIANCE) / self.variances[noise.name] for noise in self._shares()), default=0.0)

    def least(self) -> Flow:
        """The flow at the least scale that is proven."""
        low, high = self._bracket()
        while high > low * _CLOSE:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.enough(middle) else (middle, high)
        return self.at(high)

    def _bracket(self) -> tuple[float, float]:
        """A scale that is not enough, and one that is."""
        floor = self.floor
        scale = max(1.0, floor)
        step = 1 / _STEP if self.enough(scale) else _STEP
        for _ in range(_MOST_STEPS):
            if step < 1 and scale == floor:
                raise self._too_coarse()
            following = max(scale * step, floor)
            if self.enough(following) != (step < 1):
                return min(scale, following), max(scale, following)
            scale = following
        raise ConfigurationError(
            "no size of the planned noises is enough for whole numbers",
            why=f"a requirement is not met at {scale:.3g} times what real noise would need",
            instead="relax the requirement, or look at what `tip.flow.reasoning.derive` says",
        )

    def _too_coarse(self) -> ConfigurationError:
        noise = max(self._shares(), key=lambda n: float(LEAST_SHARE_VARIANCE) / self.variances[n.name])
        needed = self.variances[noise.name]
        finer = math.ceil(math.sqrt(float(LEAST_SHARE_VARIANCE) / needed))
        return ConfigurationError(
            f"shares of noise {noise.name!r} would have a variance below {LEAST_SHARE_VARIANCE}",
            why=f"real noise would need {needed:.3g}, and sums of shares have a rule from {LEAST_SHARE_VARIANCE} on",
            instead=f"round the secrets on a grid that is {max(2, finer)} times finer: variances grow with its square",
        )

    def _shares(self) -> list[Noise]:
        """Planned discrete Gaussian noises of which there are several."""
        return [
            noise for noise in self.flow.noises
            if noise.name in self.variances and noise.law is Law.DISCRETE_GAUSSIAN and over(self.flow, noise.of)[1] > 1
        ]  # fmt: skip


# -- what is proven -------------------------------------------------------------------------------


def filled(flow: Flow, variances: Mapping[str, Fraction]) -> Flow:
    """The flow with these variances."""
    return replace(
        flow, noises=tuple(replace(n, variance=variances[n.name]) if n.name in variances else n for n in flow.noises)
    )


def proven(flow: Flow) -> bool:
    """Whether the reasoner proves every requirement; raises where it has no rule for one."""
    from tip.flow.reasoning import derive  # noqa: PLC0415 - the search itself does without it

    return all(_met(derive(flow, r.against, delta=r.delta).guarantee, r) for r in flow.requirements)


def short(variance: float | Fraction) -> Fraction:
    """The least m 2^e >= variance with whole m of at most 9 bits."""
    exact = Fraction(variance)
    octave = exact.numerator.bit_length() - exact.denominator.bit_length()
    octave -= Fraction(2) ** octave > exact
    step = Fraction(2) ** (octave - BITS)
    return -(-exact // step) * step


def _met(guarantee: Guarantee, requirement: Requirement) -> bool:
    if guarantee.status is Status.NOT_PROVEN:
        raise ConfigurationError(
            f"the requirement against {requirement.against!r} is not proven, whatever the variances",
            why=guarantee.missing,
        )
    return guarantee.epsilon is not None and guarantee.epsilon <= requirement.epsilon
