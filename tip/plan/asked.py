"""The tables of a question: what is asked, of whom, under which promise.

A key that decides privacy has no default, as in promise.py; each value is tested where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from tip.plan.keys import key, settle
from tip.plan.kinds import Choice, Code, Listed, Range, Real, Text, Whole
from tip.plan.mechanisms import NAMES, SHORT

_ANSWER: Final = Text(pattern=r"\S(.*\S)?", told="text without blanks around it")
_SHARE: Final = Real(0, 1, "high")
OTHER: Final = "no listed answer"  # the item of those who hold none of the listed ones


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for."""

    TABLE: ClassVar[str] = "task"
    kind: str = field(
        metadata=key(
            Choice(("histogram", "mean")), "the share of each answer, or the mean of a number", example='"mean"'
        )
    )
    baseline: str = field(
        default="none",
        metadata=key(
            Choice(("none", "central")), "the true answer to compare with; simulation only, outside every guarantee"
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Question:
    """The question: a column, and the public list or the public range of its answers."""

    TABLE: ClassVar[str] = "question"
    column: str = field(metadata=key(Text(), "the column that holds the answers", example='"EverSmoked"'))
    text: str = field(default="", metadata=key(Text(0), "the question as people read it"))
    categories: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            Listed(_ANSWER, 2), 'the public list of answers (task.kind = "histogram")', example='["Yes", "No"]'
        ),
    )
    codes: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            Listed(_ANSWER, 2),
            "how the source writes each of the categories; absent: as they are",
            example='["1", "0"]',
        ),
    )
    unlisted: str = field(
        default="item",
        metadata=key(
            Choice(("item", "random")),
            f'what any other answer and none count as: an item of its own, "{OTHER}", or one of the list by chance',
        ),
    )
    range: tuple[float, float] | None = field(
        default=None,
        metadata=key(
            Range(), 'the public range of a number (task.kind = "mean"): answers are clipped to it', example="[0, 100]"
        ),
    )
    missing: tuple[float | str, ...] = field(
        default=(), metadata=key(Listed(Code()), 'codes of a number that mean "no answer"; they count as the middle')
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)

    @property
    def items(self) -> tuple[str, ...]:
        """The items that a report can name: the categories and, as an item of its own, any other answer."""
        return (*(self.categories or ()), *((OTHER,) if self.unlisted == "item" else ()))


@dataclass(frozen=True, slots=True)
class People:
    """Where the answers come from and who is asked."""

    TABLE: ClassVar[str] = "data"
    source: str = field(
        metadata=key(Choice(("nhanes", "csv"), function=True), "where the answers come from", example='"csv"')
    )
    agent: str = field(
        metadata=key(
            Choice(("row",), column=True),
            "who one agent is: one row each, or the rows with one value of a column (the first usable answer counts)",
            example='"row"',
            privacy=True,
        )
    )
    path: str | None = field(
        default=None, metadata=key(Text(), 'the file of source = "csv", seen from the working directory')
    )
    among: str | None = field(
        default=None, metadata=key(Text(), "a column that is filled in for everybody who is asked; absent: every row")
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Turnout:
    """How many answers are wanted."""

    TABLE: ClassVar[str] = "cohort"
    minimum: int = field(
        metadata=key(Whole(1), "fewest reports: with fewer nothing is released", example="900", privacy=True)
    )
    dropout: float = field(default=0.0, metadata=key(_SHARE, "the share of the agents that is planned to drop out"))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Carrier:
    """How reports reach the coordinator, and what it is taken for."""

    TABLE: ClassVar[str] = "protocol"
    kind: str = field(
        metadata=key(
            Choice(("local",), ("shuffle",)), "how reports reach the coordinator", example='"local"', privacy=True
        )
    )
    coordinator: str = field(
        metadata=key(
            Choice(("curious", "malicious")), "what the coordinator is taken for", example='"malicious"', privacy=True
        )
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class LocalRequirement:
    """The privacy requirement of one report; all its parts are needed, and none has a default."""

    TABLE: ClassVar[str] = "privacy"
    epsilon: float = field(
        metadata=key(Real(0, 1e6, "low"), "the largest privacy loss of one report", example="1.0", privacy=True)
    )
    delta: float = field(
        metadata=key(_SHARE, "the probability budget beside epsilon; 0 asks for none", example="0.0", privacy=True)
    )
    unit: str = field(
        metadata=key(
            Choice(("agent",), ("record",)), "what is protected: an agent's answer", example='"agent"', privacy=True
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
        metadata=key(Text(), "the coalition against which it holds", example='"coordinator + network"', privacy=True)
    )
    max_participations: int = field(
        metadata=key(Whole(1), "reports that one agent sends at most; agents enforce it", example="1", privacy=True)
    )
    mechanism: str = field(
        metadata=key(
            Choice(("auto", *NAMES), short=SHORT),
            'how a report hides the answer; "auto" takes the most accurate one and says why',
            example='"generalized-randomized-response"',
            privacy=True,
        )
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Alone:
    """What agents may spend over several questions: today each is accounted for alone."""

    TABLE: ClassVar[str] = "budget"
    ledger: str = field(
        metadata=key(
            Choice(("none",)), "this question is accounted for alone; ledgers add up rounds of training only",
            example='"none"', privacy=True,
        )
    )  # fmt: skip

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the plan does about agents that lie."""

    TABLE: ClassVar[str] = "robustness"
    malicious: float = field(
        default=0.0,
        metadata=key(
            _SHARE, "the share of liars for which the report says how far they can move an answer", example="0.01"
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class FalseClaims:
    """Simulated liars; a real service refuses this table."""

    TABLE: ClassVar[str] = "adversary"
    kind: str = field(
        metadata=key(
            Choice(("false-claim", "false-report")),
            "how liars lie: they randomize another answer as everybody does, or send the report that moves it the most",
            example='"false-claim"',
        )
    )
    fraction: float = field(metadata=key(_SHARE, "the share of liars among the agents", example="0.10"))
    claim: float | str = field(metadata=key(Code(), "the answer that they all claim", example='"Yes"'))

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Carrying:
    """Speed only: nothing here changes a guarantee or a result."""

    TABLE: ClassVar[str] = "execution"
    engine: str = field(
        default="vectorized",
        metadata=key(Choice(("vectorized", "machines"), ("processes", "ray")), "what carries the question out"),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Seeded:
    """Present: the run is seeded, and its guarantee says "simulated"."""

    TABLE: ClassVar[str] = "simulation"
    seed: int = field(
        metadata=key(Whole(0), "fixes every draw, so that the run can be repeated", example="1", privacy=True)
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)
