"""Guarantees: what is promised to whom against whom, as data.

A `Guarantee` is a statement about *one* coalition: for neighboring data of one unit, the laws of all
that the coalition sees in the scope differ by at most (epsilon, delta). Epsilon None says "not
proven", and `missing` then names the rule that is wanted; no number is ever made up. Numbers of
different meaning do not mix: `implies` here and `tip.privacy.composition.compose` refuse unlike kinds,
units and relations.

JSON has no infinity: `to_json` writes null, and exact rationals as text "numerator/denominator".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError
from tip.privacy import gaussian, integer
from tip.privacy.checks import not_negative, positive, probability, rational, whole
from tip.privacy.coalitions import Coalition
from tip.privacy.rounding import exp_up, raised, up
from tip.privacy.statements import Assumption, Delta, Kind, Neighboring, Security, Status, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Assumption", "Delta", "Guarantee", "Kind", "Neighboring", "Security", "Status", "Unit"]

_STEPS: Final = 32  # of the search for the best intermediate epsilon of a tail


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One promise against one coalition; see the top of the file, docs/privacy.md and docs/laws.md.

    **Meaning.** For any two inputs that differ in one `unit` as `neighboring` says, the laws P, Q of all
    that `coalition` sees in `scope` satisfy P(S) <= e^epsilon Q(S) + delta.total for every set S, if the
    `assumptions` hold and, for computational `security`, if nobody does 2^(security_bits) steps of work.
    A metric guarantee counts epsilon for each unit of `distance`.

    `epsilon`: float >= 0, rounded up, or None where `status` is "not proven"; then `missing` names the rule
    that is wanted. `rho` (zCDP, exact) and `mu` (Gaussian DP): the curve behind epsilon, where one is known.
    Frozen; fields that contradict one another raise `ConfigurationError`.
    """

    epsilon: float | None
    delta: Delta
    unit: Unit
    neighboring: Neighboring
    coalition: Coalition
    scope: str
    kind: Kind
    security: Security
    status: Status
    assumptions: tuple[Assumption, ...]
    missing: str = ""
    rho: Fraction | None = None
    mu: float | None = None
    security_bits: int | None = None
    distance: str = field(default="", kw_only=True)  # of a metric guarantee: in which distance epsilon counts

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            if not isinstance(getattr(self, name), kind):
                raise ConfigurationError(f"{name} is a {kind.__name__}, not {getattr(self, name)!r}")
        if not self.scope:
            raise ConfigurationError("a guarantee states its scope: what is released, in which rounds")
        self._check_numbers()
        self._check_kind()

    def _check_numbers(self) -> None:
        if self.epsilon is not None:
            not_negative("epsilon", self.epsilon)
        if (self.epsilon is None) != (self.status is Status.NOT_PROVEN):
            raise ConfigurationError('epsilon is None exactly where the status is "not proven"')
        if (self.epsilon is None) != bool(self.missing):
            raise ConfigurationError("`missing` names the rule that is wanted, exactly where nothing is proven")
        if self.rho is not None:
            rational("rho", self.rho)
        if self.mu is not None:
            not_negative("mu", self.mu)
        if (self.security is Security.COMPUTATIONAL) != (self.security_bits is not None):
            raise ConfigurationError("computational security, and only it, states its bits")
        if self.security_bits is not None:
            whole("security_bits", self.security_bits, least=1)

    def _check_kind(self) -> None:
        if self.epsilon is None:
            return
        wanted = {Kind.ZCDP: self.rho, Kind.GDP: self.mu}
        if self.kind in wanted and wanted[self.kind] is None:
            raise ConfigurationError(f"a {self.kind} guarantee states its {'rho' if self.kind is Kind.ZCDP else 'mu'}")
        if self.kind is Kind.PURE and self.delta.conversion:
            raise ConfigurationError("pure differential privacy has no conversion delta")
        if (self.kind is Kind.METRIC) != bool(self.distance):
            raise ConfigurationError("a metric guarantee, and only it, names its distance")

    # -- what the numbers mean --------------------------------------------------------------------

    def at_most(self, epsilon: float, delta: float) -> bool:
        """Whether (epsilon, delta) or better is promised. Refused for a metric guarantee."""
        not_negative("epsilon", epsilon)
        probability("delta", delta)
        if self.kind is Kind.METRIC:
            raise ConfigurationError(f"a metric guarantee (in {self.distance}) does not compare with (epsilon, delta)")
        return self.epsilon is not None and self.epsilon <= epsilon and self.delta.total <= delta

    def implies(self, other: Guarantee) -> bool:
        """Whether this promise is at least as strong; refused for unlike kinds, units, relations.

        It then speaks of the same scope, rests on no further assumption, and needs no weaker adversary.
        """
        refuse_unlike(self, other)
        if self.epsilon is None or other.epsilon is None:
            return other.epsilon is None
        return (
            self.scope == other.scope
            and set(self.assumptions) <= set(other.assumptions)
            and _bits(self) >= _bits(other)
            and self.coalition.contains(other.coalition)
            and self.epsilon <= other.epsilon
            and self.delta.total <= other.delta.total
            and rank(self.status) <= rank(other.status)
        )

    def hit_rate(self, false_alarm: float) -> float:
        """An upper bound of the hit rate of any test by the coalition at this false-alarm rate.

        The least of what is known: from (epsilon, delta), min(e^epsilon a + delta,
        1 - (1 - a - delta) e^-epsilon); from rho, `integer.hit_rate`; from mu, the Gaussian curve. The
        latter two are shifted by the failures and distances of delta. 1 where nothing is proven.
        """
        probability("the false-alarm rate", false_alarm)
        if self.epsilon is None or self.kind is Kind.METRIC:
            return 1.0
        delta = self.delta.total
        bounds = [1.0, raised(exp_up(self.epsilon) * false_alarm + delta)]
        bounds.append(raised(1 - (1 - false_alarm - delta) * math.exp(-self.epsilon), 2.0))
        return min(bounds + self._curves(false_alarm))

    def delta_at(self, epsilon: float) -> float:
        """The total delta at another epsilon, rounded up: the curve where rho or mu is known; else 1 below epsilon."""
        not_negative("epsilon", epsilon)
        if self.epsilon is None or self.kind is Kind.METRIC:
            return 1.0
        conversion = self.delta.conversion if epsilon >= self.epsilon else 1.0
        if self.rho is not None:
            conversion = min(conversion, integer.delta_of_rho(self.rho, epsilon))
        if self.mu is not None:
            conversion = min(conversion, gaussian.delta_of(epsilon, self.mu))
        return min(1.0, up(Fraction(conversion) + Fraction(self.delta.failures)) + self.distances_at(epsilon))

    def loss_tail(self, epsilon: float) -> float:
        """A bound of P[the odds of who sees the release rise by more than e^epsilon] (law 22), rounded up.

        The least of delta(e)/(1 - e^(e - epsilon)) over e < epsilon and, where delta has no other part
        than the conversion, the tails of `integer` and `gaussian` that hold after post-processing.
        """
        positive("epsilon", epsilon)
        if self.epsilon is None or self.kind is Kind.METRIC:
            return 1.0
        starts = [epsilon * step / _STEPS for step in range(_STEPS)] + [self.epsilon] * (self.epsilon < epsilon)
        bounds = [1.0, *(raised(self.delta_at(e) / -math.expm1(e - epsilon)) for e in starts)]
        if self.kind is Kind.PURE and epsilon >= self.epsilon and not self.delta.total:
            bounds.append(0.0)
        if not self._beside_the_curve():
            bounds += [integer.loss_tail(self.rho, epsilon)] if self.rho is not None else []
            bounds += [gaussian.odds_tail(epsilon, self.mu)] if self.mu is not None else []
        return min(bounds)

    def _curves(self, false_alarm: float) -> list[float]:
        """Bounds of the hit rate from rho and mu.

        With probability f a failure shows all, and the laws lie within t of those of the curve: a test
        has hit rate <= h(a + s) + s with s = f + (1 + e^epsilon) t, since a/(1 - f) <= a + f for a <= 1 - f.
        """
        aside = self._beside_the_curve()
        shifted = min(1.0, raised(false_alarm + aside)) if aside else false_alarm
        rates = [] if self.rho is None else [integer.hit_rate(self.rho, shifted)]
        rates += [] if self.mu is None else [gaussian.hit_rate(self.mu, shifted)]
        return [up(Fraction(rate) + Fraction(aside)) for rate in rates]

    def _beside_the_curve(self) -> float:
        """Failures and distances together, rounded up."""
        return up(Fraction(self.delta.failures) + Fraction(self.delta.distances))

    def distances_at(self, epsilon: float) -> float:
        """The distances' part of delta at another epsilon: the same distances, charged anew."""
        if not self.delta.distances or self.epsilon is None or epsilon <= self.epsilon:
            return self.delta.distances
        growth = epsilon - self.epsilon  # (1 + e^b) / (1 + e^a) <= e^(b - a) for b >= a
        return min(1.0, raised(self.delta.distances * exp_up(growth)))

    # -- JSON -------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Plain data without infinities; `from_json` reads it back."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta.to_json(),
            "unit": self.unit.value,
            "neighboring": self.neighboring.value,
            "coalition": self.coalition.text,
            "scope": self.scope,
            "kind": self.kind.value,
            "security": self.security.value,
            "status": self.status.value,
            "assumptions": [{"name": a.name, "sentence": a.sentence} for a in self.assumptions],
            "missing": self.missing,
            "rho": None if self.rho is None else f"{self.rho.numerator}/{self.rho.denominator}",
            "mu": self.mu,
            "security_bits": self.security_bits,
            "distance": self.distance,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Guarantee:
        """The guarantee that `to_json` wrote; keys that are missing or unknown are refused."""
        if not isinstance(data, dict) or data.keys() != {part.name for part in fields(cls)}:
            raise ConfigurationError(
                "this is not a guarantee written by tip", why=f"its keys are {sorted(data)}", instead="use to_json"
            )
        try:
            return _from_json(data)
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ConfigurationError("this is not a guarantee written by tip", why=str(error)) from error


def _from_json(data: Mapping[str, Any]) -> Guarantee:
    """The guarantee, each field by its own reader; what does not fit raises."""
    coalition: str = data["coalition"]
    return Guarantee(
        epsilon=data["epsilon"],
        delta=Delta.from_json(data["delta"]),
        unit=Unit(data["unit"]),
        neighboring=Neighboring(data["neighboring"]),
        coalition=Coalition.parse(coalition, names=coalition.removesuffix(" (adaptive)").split(" + ")),
        scope=data["scope"],
        kind=Kind(data["kind"]),
        security=Security(data["security"]),
        status=Status(data["status"]),
        assumptions=tuple(Assumption(**a) for a in data["assumptions"]),
        missing=data["missing"],
        rho=None if data["rho"] is None else Fraction(data["rho"]),
        mu=data["mu"],
        security_bits=data["security_bits"],
        distance=data["distance"],
    )


_TYPES: Final[dict[str, type]] = {
    "delta": Delta,
    "unit": Unit,
    "neighboring": Neighboring,
    "coalition": Coalition,
    "scope": str,
    "kind": Kind,
    "security": Security,
    "status": Status,
    "assumptions": tuple,
    "missing": str,
    "distance": str,
}


def refuse_unlike(a: Guarantee, b: Guarantee) -> None:
    """Raise unless two guarantees speak of the same kind, unit, relation and distance."""
    for name in ("unit", "neighboring", "kind", "distance"):
        if getattr(a, name) != getattr(b, name):
            raise ConfigurationError(
                f"two guarantees of unlike {name} do not compare: {getattr(a, name)} and {getattr(b, name)}",
                instead="derive both under one relation, unit and kind",
            )


def _bits(guarantee: Guarantee) -> float:
    """The work that breaks its security, as a power of two; infinite where no power does."""
    return math.inf if guarantee.security_bits is None else guarantee.security_bits


def rank(status: Status) -> int:
    """0 for the surest status."""
    return list(Status).index(status)
