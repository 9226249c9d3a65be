"""Composition: what two guarantees promise together.

Rules and proofs: docs/privacy.md, step 6.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.privacy import gaussian, integer
from tip.privacy.guarantees import Guarantee, rank, refuse_unlike
from tip.privacy.rounding import sqrt_up, up
from tip.privacy.statements import Delta, Kind, Security

if TYPE_CHECKING:
    from tip.privacy.coalitions import Coalition


def compose(a: Guarantee, b: Guarantee, *, conversion: float | None = None) -> Guarantee:
    """Both releases together: what holds for who sees the scopes of `a` and `b`, with independent noise.

    Kinds, units and relations must agree; one coalition must contain the other, and the result is
    against the smaller. Pure and metric epsilons add, (epsilon, delta) adds (basic composition), rho
    adds, mu adds in squares; the last two are converted at `conversion` (default: the sum of
    both conversion deltas). Distances are charged at the new epsilon.
    """
    refuse_unlike(a, b)
    smaller = _smaller(a.coalition, b.coalition)
    missing = "; ".join(dict.fromkeys(text for text in (a.missing, b.missing) if text))
    budget = up(Fraction(a.delta.conversion) + Fraction(b.delta.conversion)) if conversion is None else conversion
    epsilon, rho, mu = _composed_loss(a, b, budget)
    failures = min(1.0, up(Fraction(a.delta.failures) + Fraction(b.delta.failures)))
    bits = [g.security_bits for g in (a, b) if g.security_bits is not None]
    return Guarantee(
        epsilon=epsilon,
        delta=Delta(min(1.0, budget), failures, _composed_distances(a, b, epsilon)),
        unit=a.unit,
        neighboring=a.neighboring,
        coalition=smaller,
        scope=a.scope if a.scope == b.scope else f"{a.scope}; {b.scope}",
        kind=a.kind,
        security=Security.COMPUTATIONAL if bits else Security.STATISTICAL,
        status=max(a.status, b.status, key=rank),
        assumptions=tuple(dict.fromkeys(a.assumptions + b.assumptions)),
        missing=missing,
        rho=rho,
        mu=mu,
        security_bits=min(bits, default=None),
        distance=a.distance,
    )


def _composed_loss(a: Guarantee, b: Guarantee, delta: float) -> tuple[float | None, Fraction | None, float | None]:
    """Epsilon, rho and mu of both releases together."""
    if a.epsilon is None or b.epsilon is None:
        return None, None, None
    rho = None if a.rho is None or b.rho is None else a.rho + b.rho
    mu = None if a.mu is None or b.mu is None else sqrt_up(Fraction(a.mu) ** 2 + Fraction(b.mu) ** 2)
    bounds = []
    if a.kind not in {Kind.ZCDP, Kind.GDP} and Fraction(delta) >= Fraction(a.delta.conversion) + Fraction(
        b.delta.conversion
    ):
        bounds.append(up(Fraction(a.epsilon) + Fraction(b.epsilon)))
    if rho is not None and 0 < delta < 1:
        bounds.append(integer.epsilon_of_rho(rho, delta))
    if mu is not None and 0 < delta < 1:
        bounds.append(gaussian.epsilon_of(mu, delta))
    if not bounds:
        raise ConfigurationError(f"no epsilon is known at the conversion delta {delta!r}", instead="leave it out")
    return min(bounds), rho, mu


def _composed_distances(a: Guarantee, b: Guarantee, epsilon: float | None) -> float:
    if epsilon is None:
        return min(1.0, up(Fraction(a.delta.distances) + Fraction(b.delta.distances)))
    return min(1.0, up(Fraction(a.distances_at(epsilon)) + Fraction(b.distances_at(epsilon))))


def _smaller(a: Coalition, b: Coalition) -> Coalition:
    if a.contains(b):
        return b
    if b.contains(a):
        return a
    raise ConfigurationError(
        f"guarantees against {a.text!r} and {b.text!r} do not compose",
        why="neither coalition contains the other",
        instead="derive both against one coalition",
    )
