"""Running: the tables about liars, speed, simulation and service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from tip.plan.keys import key, settle
from tip.plan.kinds import Choice, Pipeline, Real, Text, Whole

_SHARE: Final = Real(0, 1, "high")
_LATER: Final = ("krum", "multi-krum", "geometric-median", "centered-clipping", "nnm", "bucketing")
_RULES: Final = ("sum", "groups", "median", "trimmed-mean", *_LATER)


@dataclass(frozen=True, slots=True)
class Robustness:
    """What the plan does about agents that lie."""

    TABLE: ClassVar[str] = "robustness"
    malicious: float = field(default=0.0, metadata=key(_SHARE, "the share of liars that the plan must stand"))
    rule: str = field(
        default="sum",
        metadata=key(Pipeline(_RULES), 'how updates are combined; anything but "sum" needs what the protocol shows'),
    )
    influence: str = field(
        default="none",
        metadata=key(
            Choice(("clipped", "none"), ("proven",)),
            "what bounds one agent's influence: clipping that is assumed, norm proofs, or nothing",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Adversary:
    """Simulated liars; a real service refuses this table."""

    TABLE: ClassVar[str] = "adversary"
    kind: str = field(
        metadata=key(
            Choice(("label-flip", "sign-flip", "scale"), ("ipm", "alie", "min-max", "backdoor")),
            "how liars lie",
            example='"label-flip"',
        )
    )
    fraction: float = field(metadata=key(_SHARE, "the share of liars among the enrolled agents", example="0.10"))
    start_round: int = field(default=1, metadata=key(Whole(1), "the first round in which they lie"))
    factor: float = field(default=10.0, metadata=key(Real(), "what liars multiply their update with (scale)"))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Execution:
    """Speed only: nothing here changes a guarantee or a result."""

    TABLE: ClassVar[str] = "execution"
    engine: str = field(
        default="vectorized",
        metadata=key(
            Choice(("vectorized", "machines"), ("ray",)),
            "what carries the rounds out: arrays that compute what the protocol must yield, or its own messages",
        ),
    )
    block: int = field(default=200, metadata=key(Whole(1), "agents computed at once"))
    threads: int = field(default=1, metadata=key(Whole(1, 1024), "threads of the engine"))
    processes: int = field(
        default=1,
        metadata=key(Whole(1, 256), 'worker processes that hold the agents of masked rounds, with engine = "machines"'),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Present: the run is seeded, and its guarantee says "simulated"."""

    TABLE: ClassVar[str] = "simulation"
    seed: int = field(
        metadata=key(Whole(0), "fixes every draw, so that the run can be repeated", example="1", privacy=True)
    )
    checkpoint_every: int = field(default=10, metadata=key(Whole(1), "rounds between two checkpoints"))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Service:
    """The deployed service; a simulation does not read it."""

    TABLE: ClassVar[str] = "service"
    address: str = field(
        metadata=key(
            Text(pattern=r"[^\s:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", told="an address host:port"),
            "where the coordinator listens",
            example='"127.0.0.1:8443"',
        )
    )
    step_deadline: str = field(
        default="60s",
        metadata=key(
            Text(pattern=r"[1-9]\d{0,8}(ms|s|m|h)", told='a duration such as "60s"'),
            "how long one step waits for answers",
        ),
    )
    over_selection: float = field(default=1.3, metadata=key(Real(1), "agents asked for each one that is needed"))
    token_limit: int = field(default=1, metadata=key(Whole(1), "agents that one enrollment token admits"))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)
