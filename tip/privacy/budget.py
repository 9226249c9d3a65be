"""Budgets: filters that stop in time, and a ledger that charges once.

A filter lets a sequence of releases go on while the sum of their charges stays within the limit,
even if each release is chosen after seeing the earlier ones. It holds for rho (zCDP, integer noise;
proof: docs/privacy.md, step 7) and for mu squared (real-arithmetic Gaussians; proof: docs/budget.md);
privacy loss distributions have none. Sums are exact fractions. Charges are functions of public
parameters and of earlier releases only (law 13).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.currency import shown
from tip.errors import BudgetExhausted, ConfigurationError
from tip.privacy.checks import positive, rational

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RhoFilter:
    """Releases whose rho add up to at most `limit` are together limit-zCDP."""

    limit: Fraction
    spent: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        rational("the budget's limit", self.limit)
        rational("the spent budget", self.spent)
        if self.spent > self.limit:
            raise ConfigurationError(f"more is spent ({float(self.spent):g}) than the limit {float(self.limit):g}")

    @property
    def left(self) -> Fraction:
        """What may still be charged."""
        return self.limit - self.spent

    def charge(self, rho: Fraction) -> RhoFilter:
        """The filter after this charge; raises `BudgetExhausted`, and charges nothing, if it does not fit."""
        rational("a charge", rho)
        if rho > self.left:
            raise BudgetExhausted(
                f"rho {float(rho):.6g} is asked for and {float(self.left):.6g} of {float(self.limit):.6g} is left; "
                "nothing was released"
            )
        return replace(self, spent=self.spent + rho)


@dataclass(frozen=True, slots=True)
class MuFilter:
    """Gaussian releases of loss mu given the past, with squares adding up to at most limit^2, are limit-GDP.

    Proven for real-arithmetic Gaussian noise that is independent of the past (docs/budget.md): idealized. For any other
    kind of mu-GDP release it is published (Smith and Thakurta 2022). `in_rho` holds for both.
    """

    limit: float
    spent_squared: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        positive("the budget's limit", self.limit)
        rational("the spent budget", self.spent_squared)
        if self.spent_squared > Fraction(self.limit) ** 2:
            raise ConfigurationError(f"more is spent ({float(self.spent_squared):g}) than {self.limit}^2")

    @property
    def left_squared(self) -> Fraction:
        """What the squares of further charges may add up to."""
        return Fraction(self.limit) ** 2 - self.spent_squared

    def charge(self, mu: float) -> MuFilter:
        """The filter after this charge; raises `BudgetExhausted`, and charges nothing, if it does not fit."""
        return self.charge_squared(Fraction(positive("a charge", mu)) ** 2)

    def charge_squared(self, square: Fraction) -> MuFilter:
        """The filter after a charge of this mu^2, such as an upper bound of a flow's loss."""
        rational("a charge", square)
        if square > self.left_squared:
            raise BudgetExhausted(
                f"mu^2 {shown(square)} is asked for and mu^2 {shown(self.left_squared)} of {self.limit:.6g}^2 is left; "
                "nothing was released"
            )
        return replace(self, spent_squared=self.spent_squared + square)

    def in_rho(self) -> RhoFilter:
        """The same budget in rho: mu-GDP implies (mu^2 / 2)-zCDP (docs/budget.md). There is no way back."""
        return RhoFilter(Fraction(self.limit) ** 2 / 2, self.spent_squared / 2)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Charges by the name of the release: an identical resend is free, a retry is a new name (law 13).

    The caller writes the new ledger durably *before* the message leaves, and never refunds: the
    class has no way to take a charge back.
    """

    filter: RhoFilter
    charges: Mapping[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sum(self.charges.values(), Fraction(0)) != self.filter.spent:
            raise ConfigurationError("the ledger's charges do not add up to what its filter has spent")

    def charge(self, release: str, rho: Fraction) -> Ledger:
        """The ledger after this release; the same ledger if it was charged before."""
        known = self.charges.get(release)
        if known == rho:
            return self
        if known is not None:
            raise ConfigurationError(
                f"release {release!r} was charged {float(known):g} and cannot become {float(rho):g}",
                instead="a release with fresh noise needs a name of its own",
            )
        return Ledger(self.filter.charge(rho), {**self.charges, release: rho})
