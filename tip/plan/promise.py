"""Promise: the tables that decide the guarantee; no key has a default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from tip.errors import ConfigurationError
from tip.plan.keys import key, part, settle
from tip.plan.kinds import Choice, OneOf, Real, Text, Whole

_SHARE: Final = Real(0, 1, "high")
_PROPER: Final = Real(0, 1, "low high")
_POSITIVE: Final = Real(0, inside="low")
_EPSILON: Final = Real(0, 1e6, "low")  # more protects nobody, and its powers leave the floats


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who takes part in a round, how many must stay, and how many of them pool what they see."""

    TABLE: ClassVar[str] = "cohort"
    sampling: str = field(
        metadata=key(
            Choice(("all", "fixed", "poisson")),
            "who takes part in a round: all, a fixed number, or each with a given probability",
            example='"all"',
            privacy=True,
        )
    )
    minimum: int = field(
        metadata=key(
            Whole(1),
            "fewest answers: with fewer the round is given up and nothing is released; masks want a least one too",
            example="900",
            privacy=True,
        )
    )
    colluding: float = field(
        metadata=key(
            _SHARE,
            "the share of the enrolled agents that is planned to pool its view; their noise shares protect nobody",
            example="0.10",
            privacy=True,
        )
    )
    size: int | None = field(default=None, metadata=key(Whole(1), 'agents in a round under sampling = "fixed"'))
    rate: float | None = field(
        default=None, metadata=key(Real(0, 1, "low"), 'probability of taking part under sampling = "poisson"')
    )
    dropout: float = field(default=0.0, metadata=key(_SHARE, "the share of a cohort that is planned to drop out"))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How agents' vectors become their sum, and what the coordinator is taken for."""

    TABLE: ClassVar[str] = "protocol"
    kind: str = field(
        metadata=key(
            Choice(("clear", "ideal", "masking"), ("local", "gopa", "prio")),
            "how agents' vectors become their sum: in the open, by a trusted adder, or under masks that cancel",
            example='"masking"',
            privacy=True,
        )
    )
    coordinator: str = field(
        metadata=key(
            Choice(("curious", "malicious")),
            "what the coordinator is taken for: one that follows and looks, or one that deviates at will; degree and "
            "thresholds of masks are calculated for it",
            example='"malicious"',
            privacy=True,
        )
    )
    modulus_bits: int = field(
        metadata=key(OneOf((16, 32, 64)), "bits of the ring in which sums are computed", example="32")
    )
    step: float = field(
        metadata=key(_POSITIVE, "width of one step of the grid that sums live on", example="1e-3", privacy=True)
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One privacy requirement ([privacy]); all its parts are needed, and none has a default."""

    TABLE: ClassVar[str] = "privacy"
    epsilon: float = field(
        metadata=key(_EPSILON, "the largest privacy loss of one agent over the whole run", example="2.0", privacy=True)
    )
    delta: float = field(
        metadata=key(
            _PROPER, "the probability budget beside epsilon, far below 1 / agents", example="1e-5", privacy=True
        )
    )
    unit: str = field(
        metadata=key(
            Choice(("agent",), ("record",)),
            "what is protected: all that one agent contributes, or one record",
            example='"agent"',
            privacy=True,
        )
    )
    neighboring: str = field(
        metadata=key(
            Choice(("replace-one",), ("add-remove-one", "zero-out")),
            "which two populations must look alike",
            example='"replace-one"',
            privacy=True,
        )
    )
    against: str = field(
        metadata=key(
            Text(), "the coalition against which it holds", example='"coordinator + 10% of agents"', privacy=True
        )
    )
    max_participations: int = field(
        metadata=key(
            Whole(1), "rounds that one agent takes part in at most; agents enforce it", example="100", privacy=True
        )
    )
    mechanism: str = field(
        metadata=key(
            Choice(("distributed-gaussian",)),
            "where noise comes from; its scale is calculated, never typed",
            example='"distributed-gaussian"',
            privacy=True,
        )
    )
    clipping_norm: float = field(
        metadata=key(_POSITIVE, "the largest L2 norm of one agent's update in one round", example="0.5", privacy=True)
    )
    also: tuple[Requirement, ...] = field(
        default=(),
        metadata=part(lambda: Requirement, "further requirements, each complete; all must hold", shape="many"),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)
        if any(other.also for other in self.also):
            raise ConfigurationError(
                "privacy.also holds requirements side by side", instead="Write them all as [[privacy.also]]."
            )

    @property
    def all(self) -> tuple[Requirement, ...]:
        """This requirement and those beside it."""
        return (self, *self.also)


@dataclass(frozen=True, slots=True)
class Budget:
    """What agents may spend over several runs."""

    NO_LEDGER: ClassVar[str] = "none"
    TABLE: ClassVar[str] = "budget"
    ledger: str = field(
        metadata=key(
            Text(),
            '"none" (this run is accounted for alone), or a file in which spends over several runs add up for each '
            "agent; seen from the working directory",
            example='"none"',
            privacy=True,
        )
    )
    epsilon: float | None = field(
        default=None,
        metadata=key(
            _EPSILON,
            "the largest privacy loss of one agent over all runs of the ledger together, at privacy.delta; "
            "given exactly where ledger is a file",
            example="4.0",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)

    @property
    def has_ledger(self) -> bool:
        """Whether spends over several runs add up."""
        return self.ledger != self.NO_LEDGER
