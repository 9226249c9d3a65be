"""Work: the tables that say what is computed, from which data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from tip.errors import ConfigurationError
from tip.plan.keys import key, part, settle
from tip.plan.kinds import Choice, Code, Flag, Listed, Range, Real, Text, Whole, WholeOr, shown

_SHARE: Final = Real(0, 1, "high")
_POSITIVE: Final = Real(0, inside="low")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned, and how it is judged."""

    TABLE: ClassVar[str] = "task"
    kind: str = field(
        metadata=key(
            Choice(("train",)),
            'what the federation computes; "histogram" and "mean" are plans of one question',
            example='"train"',
        )
    )
    metric: str = field(
        metadata=key(
            Choice(("auc", "accuracy", "mean_squared_error", "log_loss")),
            "the figure under which `metrics` and `baseline` report",
            example='"auc"',
        )
    )
    baseline: str = field(
        default="none",
        metadata=key(
            Choice(("none", "central")),
            "the non-private model to compare with; simulation only, pools data, outside every guarantee",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric column with its public range: clipped, then scaled to [-1, 1]."""

    TABLE: ClassVar[str] = "data.numbers"
    name: str
    range: tuple[float, float] = field(
        metadata=key(Range(), "the public range: values are clipped to it", example="[20, 80]", privacy=True)
    )
    missing: tuple[float | str, ...] = field(
        default=(), metadata=key(Listed(Code()), 'codes that mean "no answer", such as 9999')
    )

    def __post_init__(self) -> None:
        _check_name(self.name, self.TABLE)
        settle(self, f"{self.TABLE}.{self.name}")


@dataclass(frozen=True, slots=True)
class Category:
    """A column of answers with its public list: any other answer counts as "other"."""

    TABLE: ClassVar[str] = "data.categories"
    name: str
    answers: tuple[str, ...] = field(
        metadata=key(
            Listed(Text(pattern=r"\S(.*\S)?", told="text without blanks around it"), 1),
            "the public list of answers",
            example='["Yes", "No"]',
            privacy=True,
        )
    )

    def __post_init__(self) -> None:
        _check_name(self.name, self.TABLE)
        settle(self, f"{self.TABLE}.{self.name}")


@dataclass(frozen=True, slots=True)
class Missing:
    """What becomes of answers that were not given."""

    TABLE: ClassVar[str] = "data.missing"
    numbers: str = field(
        default="middle",
        metadata=key(
            Choice(("middle", "refuse")), "a missing number becomes the middle of its public range, or is refused"
        ),
    )
    indicators: bool = field(
        default=False, metadata=key(Flag(), 'whether "did not answer" becomes a feature of its own')
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Data:
    """Where the data come from and who the agents are."""

    TABLE: ClassVar[str] = "data"
    source: str = field(
        metadata=key(Choice(("nhanes", "csv", "digits"), function=True), "where the data come from", example='"csv"')
    )
    label: str = field(metadata=key(Text(), "the column to predict, or a condition on it", example='"sugar >= 6.5"'))
    agent: str = field(
        metadata=key(
            Choice(("row", "partition"), column=True),
            "who one agent is: one row each, the rows with one value of a column, or a [partition]",
            example='"row"',
            privacy=True,
        )
    )
    test: float = field(
        metadata=key(_SHARE, "the share of the agents kept apart, by seed; they train nothing", example="0.2")
    )
    path: str | None = field(
        default=None, metadata=key(Text(), 'the file of source = "csv", seen from the working directory')
    )
    exclude: tuple[str, ...] = field(
        default=(),
        metadata=key(Listed(Text()), "columns that must not become features, because they give the label away"),
    )
    numbers: tuple[Number, ...] = field(
        default=(), metadata=part(lambda: Number, "the public range of each numeric column", shape="named")
    )
    categories: tuple[Category, ...] = field(
        default=(), metadata=part(lambda: Category, "the public list of each column of answers", shape="named")
    )
    missing: Missing = field(
        default_factory=Missing, metadata=part(lambda: Missing, "what becomes of answers that were not given")
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Partition:
    """How records are dealt to artificial agents (data.agent = "partition")."""

    TABLE: ClassVar[str] = "partition"
    kind: str = field(
        metadata=key(
            Choice(("iid",), ("dirichlet", "shards", "sizes")), "how records are dealt to agents", example='"iid"'
        )
    )
    agents: int = field(metadata=key(Whole(1), "how many agents there are", example="1000"))
    samples: int | None = field(
        default=None,
        metadata=key(
            Whole(1), "records that each agent draws with replacement; absent: every record is dealt out once"
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Model:
    """The model that is trained; its size follows from the features that [data] names."""

    TABLE: ClassVar[str] = "model"
    kind: str = field(
        metadata=key(
            Choice(("linear", "logistic", "softmax"), ("mlp",)),
            "the model that is trained",
            example='"logistic"',
        )
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What agents and coordinator compute each round."""

    TABLE: ClassVar[str] = "algorithm"
    kind: str = field(
        metadata=key(
            Choice(("fedsgd", "fedavg"), ("fedprox", "scaffold", "fedadam", "fedyogi", "fedadagrad")),
            "what agents and coordinator compute each round",
            example='"fedsgd"',
        )
    )
    rounds: int = field(metadata=key(Whole(1), "how many rounds are run", example="100"))
    server_learning_rate: float = field(
        metadata=key(_POSITIVE, "how far the coordinator goes along the mean update", example="1.0")
    )
    weighting: str = field(
        metadata=key(Choice(("equal",), ("count",)), "what an agent's update weighs", example='"equal"', privacy=True)
    )
    local_epochs: int = field(
        default=1, metadata=key(Whole(1), "passes over an agent's own records in one round (fedavg)")
    )
    batch_size: int | Literal["all"] = field(
        default="all",
        metadata=key(
            WholeOr("all", Whole(1)), "records in one local step; fixed here, never derived from private data"
        ),
    )
    local_learning_rate: float = field(
        default=1.0, metadata=key(_POSITIVE, "the step of an agent's own training (fedavg)")
    )
    server_momentum: float = field(default=0.0, metadata=key(_SHARE, "how much of the last step the coordinator keeps"))
    averaging: bool = field(
        default=False,
        metadata=key(
            Flag(),
            "whether the model is a mean of all rounds that favors later ones: less noise, no more privacy spent",
        ),
    )

    def __post_init__(self) -> None:
        settle(self, self.TABLE)


def _check_name(name: object, table: str) -> None:
    if not Text().fits(name):
        raise ConfigurationError(f"[{table}] names columns by text, not by {shown(name)}")
