"""Declaring: from a protocol's table to its information flow.

A protocol's table (`Sight`) holds the words: who sees which field, and whether it depends on an agent's
data. Its flow (`tip.flow.model.Flow`) holds the mathematics: what a private field is, exactly. One is made
from the other, so that there is one truth: each field that is not private becomes a `Fact` of those that
see it, and a private field's message goes to those that the table names. Field `f` of message `M` is
called `M.f` in the flow, and the length of its frame `M.size`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from tip.errors import ConfigurationError
from tip.flow.expressions import parse
from tip.flow.model import Ball, Cohort, Fact, Flow, Group, Law, Message, Noise, Sampling, Secret
from tip.privacy.checks import whole
from tip.privacy.statements import Neighboring
from tip.protocols.transcript import SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.flow.model import Requirement
    from tip.protocols.core import Sight

AGENT: Final = "agent"  # the group, and the role
RELEASED: Final = "released"  # what everybody gets of a round; no field of a message, for who publishes it is free
COHORT: Final = "cohort"


def field_name(message: str, field: str) -> str:
    """What a field of a message is called in a flow."""
    return f"{message}.{'size' if field == SIZE else field}"


def facts(table: Iterable[Sight]) -> tuple[Fact, ...]:
    """The fields that depend on nobody's data, each with all that see it, in the table's order.

    Raises `ConfigurationError` where one party's row says private and another's does not: it is one field.
    """
    seen: dict[str, list[Sight]] = {}
    for row in table:
        seen.setdefault(field_name(row.message, row.field), []).append(row)
    for name, rows in seen.items():
        if len({row.private for row in rows}) > 1:
            raise ConfigurationError(f"{name} is private in one row of the table and not in another")
    return tuple(
        Fact(name, tuple(row.party for row in rows), "; ".join(dict.fromkeys(row.what for row in rows)))
        for name, rows in seen.items()
        if not rows[0].private
    )


def receivers(table: Iterable[Sight], name: str) -> tuple[str, ...]:
    """Who sees a private field, as the table says."""
    return tuple(row.party for row in table if row.private and field_name(row.message, row.field) == name)


@dataclass(frozen=True, slots=True)
class Sums:
    """The public numbers of a run that adds vectors: all that a protocol's flow depends on.

    `agents` are enrolled, a round sums at least `least` of them: integer vectors of `dimension` coordinates with a
    squared norm of at most `squared_bound`. `share_variance`: of the discrete Gaussian share that each agent adds
    (None: no noise). An agent takes part in `participations` of the `rounds`. `rate`: of Poisson sampling alone.
    """

    agents: int
    least: int
    dimension: int
    squared_bound: int
    share_variance: Fraction | None
    modulus_bits: int
    rounds: int
    participations: int
    sampling: Sampling
    rate: Fraction | None = None

    def __post_init__(self) -> None:
        whole("squared_bound", self.squared_bound, least=1)

    @property
    def vector(self) -> str:
        """What one agent sends: its update, with its share where there is one."""
        return "update" if self.share_variance is None else "update + share"

    @property
    def total(self) -> str:
        """What a round sums."""
        return f"sum({self.vector}, {COHORT})"

    def message(self, name: str, by: str, says: str, to: tuple[str, ...]) -> Message:
        """A message of ring elements."""
        return Message(name, by, parse(says), to, ring=self.modulus_bits)

    def flow(  # noqa: PLR0913 - a flow is made of these
        self,
        *,
        name: str,
        about: str,
        parties: tuple[str, ...],
        messages: tuple[Message, ...],
        table: Iterable[Sight],
        requirements: tuple[Requirement, ...],
        masks: tuple[Noise, ...] = (),
    ) -> Flow:
        """The flow of a protocol that sums: messages and masks are its own, all else is alike."""
        share = Noise("share", AGENT, Law.DISCRETE_GAUSSIAN, variance=self.share_variance, rounds=self.rounds)
        return Flow(
            name=name,
            about=about,
            groups=(Group(AGENT, self.agents),),
            parties=parties,
            cohorts=(Cohort(COHORT, AGENT, self.least, self.sampling, self.rate),),
            secrets=(self._update(),),
            noises=(*(() if self.share_variance is None else (share,)), *masks),
            messages=messages,
            facts=facts(table),
            requirements=requirements,
        )

    def _update(self) -> Secret:
        """Each agent's integer vectors: that of a round may depend on all that was released before (law 12)."""
        return Secret(
            "update",
            AGENT,
            Ball(Fraction(self.squared_bound)),
            Neighboring.REPLACE_ONE,
            adaptive=True,
            dimension=self.dimension,
            whole=True,
            rounds=self.rounds,
            participations=self.participations,
        )


class Emits(Protocol):
    """A sum protocol's own `flow`, such as `tip.protocols.clear.flow`."""

    def __call__(self, sums: Sums, *, requirements: tuple[Requirement, ...] = ()) -> Flow:
        """What everybody sees in all rounds of a run with these public numbers."""
