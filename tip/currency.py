"""What a budget is counted in: rho, or squared mu; and the one way over.

Two currencies, each with sums that are proven (docs/budget.md):

1. `RHO`: zero-concentrated differential privacy. Every release has a price in it.
2. `SQUARED_MU`: the square of mu (Gaussian differential privacy). It belongs to noise of real-arithmetic
   Gaussians, so what is said with it is idealized; integer noise has no price in it.

They are never added to one another. A price in squared mu can be exchanged for rho, mu^2 / 2, which is
valid and as small as can be; there is no way back: rho-zCDP does not imply sqrt(2 rho)-GDP. What
came from squared mu stays idealized after the exchange, and an `Amount` remembers it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError

_DIGITS: Final = 4000  # of either part of a fraction; a file that holds more was not written here
_TOO_LONG: Final = 10**_DIGITS
_SHORT: Final = Context(prec=6)
_INSTEAD: Final = {  # the ledger's currency → what would do for the other one
    "rho": "A mu-GDP release may be charged rho = mu^2 / 2: exchange it with Amount.in_rho()",
    "squared mu": "Rho has no price in squared mu. Keep a ledger in rho, and exchange squared mu with Amount.in_rho()",
}


class Currency(StrEnum):
    """What a ledger adds up; for good, and one in a ledger."""

    RHO = "rho"
    SQUARED_MU = "squared mu"

    def refuse_other(self, other: Currency, *, where: str = "") -> None:
        """Raise `ConfigurationError`, with the exchange that is possible, unless the currency is this one."""
        if other is not self:
            raise ConfigurationError(
                f"{other} is not added to {self}", where=where, why="They measure differently", instead=_INSTEAD[self]
            )


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact price >= 0 in a currency; `idealized`: it holds for real arithmetic."""

    currency: Currency
    value: Fraction
    idealized: bool

    def __post_init__(self) -> None:
        if not isinstance(self.currency, Currency):
            raise ConfigurationError(f"a currency is one of {', '.join(map(repr, Currency))}, not {self.currency!r}")
        exact(f"an amount of {self.currency}", self.value)
        if self.currency is Currency.SQUARED_MU and self.idealized is not True:
            raise ConfigurationError("squared mu is about real arithmetic: an amount of it is idealized")

    @classmethod
    def of_rho(cls, rho: Fraction) -> Amount:
        """The price of a rho-zCDP release, proven for the arithmetic that runs."""
        return cls(Currency.RHO, rho, idealized=False)

    @classmethod
    def of_squared_mu(cls, square: Fraction) -> Amount:
        """The price of a Gaussian release with this mu^2, such as an upper bound of a flow's loss."""
        return cls(Currency.SQUARED_MU, square, idealized=True)

    @classmethod
    def of_mu(cls, mu: float) -> Amount:
        """The price of a mu-GDP release: the exact square of the float."""
        if isinstance(mu, bool) or not isinstance(mu, float | int) or not math.isfinite(mu) or mu < 0:
            raise ConfigurationError(f"mu is a finite number >= 0, not {mu!r}")
        return cls.of_squared_mu(Fraction(mu) ** 2)

    def in_rho(self) -> Amount:
        """The same release priced in rho: mu-GDP implies (mu^2 / 2)-zCDP (docs/budget.md). Still idealized."""
        return self if self.currency is Currency.RHO else Amount(Currency.RHO, self.value / 2, self.idealized)


def exact(name: str, value: object) -> Fraction:
    """A Fraction >= 0 that can be written down; floats are refused, since they hide a rounding."""
    if not isinstance(value, Fraction) or value < 0:
        raise ConfigurationError(
            f"{name} is a Fraction >= 0, not {value!r}", instead="write Fraction(numerator, denominator)"
        )
    if value.numerator >= _TOO_LONG or value.denominator >= _TOO_LONG:
        raise ConfigurationError(
            f"{name} has more than {_DIGITS} digits", instead="round it up to a fraction with a smaller denominator"
        )
    return value


def written(value: Fraction) -> str:
    """An exact fraction as text, as `parsed` reads it."""
    return f"{value.numerator}/{value.denominator}"


def parsed(text: object) -> Fraction | None:
    """An exact fraction >= 0 from its text; None for any other."""
    parts = re.fullmatch(r"([0-9]+)/(0*[1-9][0-9]*)", text, re.ASCII) if isinstance(text, str) else None
    if parts is None or max(map(len, parts.groups())) > _DIGITS:
        return None
    return Fraction(int(parts[1]), int(parts[2]))


def shown(value: Fraction) -> str:
    """Six digits for people, of a fraction of any size."""
    return f"{_SHORT.divide(Decimal(value.numerator), Decimal(value.denominator)):.6g}"
