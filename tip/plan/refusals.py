"""Refusals: what the rules of coherence share: a place, a value as written, a walk."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from tip.errors import ConfigurationError
from tip.plan.keys import Key, cells
from tip.plan.kinds import Choice, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.plan.tables import Plan, Requirement


class Placed(Protocol):
    """What knows where its keys were said: either kind of plan."""

    def place(self, key: str) -> str:
        """Where a key was said."""


def refusal(plan: Placed, key: str, what: str, *, why: str = "", instead: str = "") -> ConfigurationError:
    """The error at the place of a key; `what` follows the key's name."""
    return ConfigurationError(f"{key} {what}", where=plan.place(key), why=why, instead=instead)


def said(value: object) -> str:
    """A value as it is written: = "ideal"."""
    return f"= {shown(value)}"


def requirements(plan: Plan) -> Iterator[tuple[str, Requirement]]:
    """Each requirement with the key under which it stands."""
    if plan.privacy is not None:
        yield "privacy", plan.privacy
        for number, requirement in enumerate(plan.privacy.also):
            yield f"privacy.also[{number}]", requirement


def choices(table: Any, prefix: str = "") -> Iterator[tuple[str, Choice, object]]:  # noqa: ANN401 - any table
    """Every choice that a plan makes: the key, what it may hold, what it holds."""
    for name, (_, what) in cells(type(table)).items():
        value, here = getattr(table, name), f"{prefix}{name}"
        if isinstance(what, Key):
            if isinstance(what.kind, Choice):
                yield here, what.kind, value
        elif what.shape == "one" and value is not None:
            yield from choices(value, f"{here}.")
        elif what.shape == "many":
            for number, inner in enumerate(value):
                yield from choices(inner, f"{here}[{number}].")


def planned_cohort(plan: Plan, enrolled: int) -> int:
    """How many agents a round is planned with: all, the fixed size, or the mean of the Poisson sample."""
    if plan.cohort.sampling == "fixed":
        return plan.cohort.size or enrolled
    if plan.cohort.sampling == "poisson":
        return int(exact(plan.cohort.rate or 1.0) * enrolled)
    return enrolled


def exact(share: float) -> Fraction:
    """The share as it was written: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(repr(share))
