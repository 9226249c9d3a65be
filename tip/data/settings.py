"""What a plan says about its data: source, label, public ranges.

Everything here is public: it is written before anybody looks at the data, and every agent can read
it. Feature names, their number and their scale are functions of these settings and of nothing else.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING_RULES: Final = ("middle", "refuse")
ROW: Final = "row"
PARTITION: Final = "partition"
COLUMN_SOURCES: Final = ("nhanes", "csv")  # what the settings do not name does not exist for these
_COMPARISON: Final = re.compile(r"(?P<column>.*?\S)\s*(?P<sign>>=|<=|==|>|<)\s*(?P<number>\S*)")
_SIGNS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


def _number(value: object, where: str) -> float:
    """A finite float, or the error that says where one is wanted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"wants a number, not {value!r}.", where=where)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigurationError(f"wants a finite number, not {value!r}.", where=where)
    return number


def _codes(given: object) -> tuple[float | str, ...]:
    """Codes for missing: a list of finite numbers and texts."""
    if not isinstance(given, (list, tuple)):
        raise ConfigurationError(f"codes for missing are a list, not {given!r}.", instead="Write [7777, 9999].")
    return tuple(code if isinstance(code, str) else _number(code, "a code for missing") for code in given)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The public range [low, high] of a column of numbers, and the codes that mean "no answer".

    A code is a number (9999) or a text ("Refused"); it counts as missing before anything is clipped.
    """

    low: float
    high: float
    missing: tuple[float | str, ...] = ()

    def __post_init__(self) -> None:
        low, high = _number(self.low, "a range's low end"), _number(self.high, "a range's high end")
        if not low < high or not high / 2 - low / 2 > 0:
            raise ConfigurationError(
                f"a range [low, high] needs low < high, not [{low:g}, {high:g}].",
                instead="Take ends that are known before the data are seen, for example [20, 80] for an age.",
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "missing", _codes(self.missing))

    @property
    def middle(self) -> float:
        """The value that stands for a missing one: (low + high) / 2, computed without overflow."""
        return self.low / 2 + self.high / 2

    @property
    def half(self) -> float:
        """Half of the width: what one unit of the scaled feature means."""
        return self.high / 2 - self.low / 2


@dataclass(frozen=True, slots=True)
class Partition:
    """Records handed to agents by chance, for sources that have no agents of their own.

    `iid` without `samples` deals all records out once, as evenly as possible; with `samples = k`
    each agent draws k records with replacement.
    """

    kind: Literal["iid"]
    agents: int
    samples: int | None = None

    def __post_init__(self) -> None:
        if self.kind != "iid":
            raise ConfigurationError(
                f"{self.kind!r} is not there yet.",
                where="partition.kind",
                instead='What exists is kind = "iid", with agents = N and, if wanted, samples = k.',
            )
        for name, value in (("agents", self.agents), ("samples", self.samples)):
            if value is None and name == "samples":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"wants a whole number >= 1, not {value!r}.", where=f"partition.{name}")


@dataclass(frozen=True, slots=True)
class Label:
    """What the model predicts: a column, or whether a column compares with a number.

    `Label.parse("Glycohemoglobin >= 6.5")`; signs are >=, <=, >, < and ==.
    """

    column: str
    sign: str = ""
    number: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Label:
        """The label that a plan writes as text."""
        stripped = text.strip()
        if not stripped:
            raise ConfigurationError(
                "is empty.", where="data.label", instead='Write a column, or a question such as "HbA1c >= 6.5".'
            )
        match = _COMPARISON.fullmatch(stripped)
        if match is None:
            return cls(stripped)
        try:
            number = float(match["number"])
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ConfigurationError(
                f"{text!r} compares with something that is not a number.",
                where="data.label",
                instead="For a text answer write the column alone and its public list under data.categories.",
            )
        return cls(match["column"].rstrip(), match["sign"], number)

    @property
    def compares(self) -> bool:
        """Whether the label is a yes-or-no question about a number."""
        return bool(self.sign)

    def holds(self, values: Any) -> Any:  # noqa: ANN401 - a number or an array of them, as NumPy compares
        """The answer for numbers that are there."""
        return _SIGNS[self.sign](values, self.number)


@dataclass(frozen=True, slots=True)
class DataSettings:
    """The plan's [data] and [partition] tables.

    Only columns named under `numbers` and `categories` become features. The label's column may stand
    there too, for its public range, list and codes; it is never a feature. `agent` is
    "row", "partition", or the name of a column.
    """

    source: str
    label: str
    agent: str = ROW
    test: float = 0.0
    path: str = ""
    exclude: tuple[str, ...] = ()
    numbers: Mapping[str, NumberRange] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Literal["middle", "refuse"] = "middle"
    indicators: bool = False
    partition: Partition | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", tuple(self.exclude))
        object.__setattr__(self, "numbers", dict(self.numbers))
        object.__setattr__(self, "categories", {name: tuple(texts) for name, texts in self.categories.items()})
        _check_words(self)
        _check_lists(self)
        _check_columns(self)
        _check_agents(self)

    @property
    def question(self) -> Label:
        """The label, parsed."""
        return Label.parse(self.label)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that become features, numbers first."""
        label = self.question.column
        return tuple(name for name in (*self.numbers, *self.categories) if name != label)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read: features, label and, if agents are a column, theirs."""
        agent = () if self.agent in (ROW, PARTITION) else (self.agent,)
        return tuple(dict.fromkeys((*self.features, self.question.column, *agent)))


def _check_words(settings: DataSettings) -> None:
    if not settings.source:
        raise ConfigurationError(
            "is empty.", where="data.source", instead='Write nhanes, csv, digits or "package.module:function".'
        )
    if settings.missing not in MISSING_RULES:
        raise ConfigurationError(
            f"{settings.missing!r} is no rule.",
            where="data.missing.numbers",
            instead="Write middle (the middle of the public range) or refuse.",
        )
    share = _number(settings.test, "data.test")
    if not 0 <= share < 1:
        raise ConfigurationError(
            f"{share:g} is no share.", where="data.test", instead="Write a number from 0 to below 1, for example 0.2."
        )
    if (settings.source == "csv") != bool(settings.path):
        what = "is missing." if settings.source == "csv" else f"has no meaning with source = {settings.source!r}."
        raise ConfigurationError(what, where="data.path", instead='A path goes with source = "csv", and only with it.')


def _check_lists(settings: DataSettings) -> None:
    for name, bounds in settings.numbers.items():
        if not isinstance(bounds, NumberRange):
            raise ConfigurationError(f"wants a range, not {bounds!r}.", where=f"data.numbers.{name}")
    for name, texts in settings.categories.items():
        where = f"data.categories.{name}"
        if not texts or not all(isinstance(text, str) and text == text.strip() and text for text in texts):
            raise ConfigurationError("wants a list of texts without blanks around them.", where=where)
        if len(set(texts)) < len(texts):
            raise ConfigurationError("names a text twice.", where=where)


def _check_columns(settings: DataSettings) -> None:
    """No column plays two parts, and an excluded one plays none."""
    twice = settings.numbers.keys() & settings.categories.keys()
    if twice:
        raise ConfigurationError(
            f"{min(twice)!r} stands under data.numbers and under data.categories.", instead="Keep one of the two."
        )
    label = settings.question
    if label.compares and label.column in settings.categories:
        raise ConfigurationError(
            f"compares {label.column!r} with a number, and data.categories lists it as text.",
            where="data.label",
            instead=f"Take it out of data.categories, or write the label as {label.column!r} alone.",
        )
    if settings.source in COLUMN_SOURCES:
        _check_needs(settings, label)
    used = set(settings.exclude) & set(settings.columns)
    if used:
        raise ConfigurationError(
            f"{min(used)!r} is excluded and used at the same time.",
            where="data.exclude",
            instead="Take it out of one of the two places.",
        )


def _check_needs(settings: DataSettings, label: Label) -> None:
    """What a source of bare columns cannot do without."""
    if not settings.features:
        raise ConfigurationError(
            "no feature is named.", where="data.numbers", instead="Name columns with their public ranges or lists."
        )
    listed = settings.categories.get(label.column, ("", ""))
    if len(listed) < 2:
        raise ConfigurationError("a label's list wants two texts or more.", where=f"data.categories.{label.column}")
    if not label.compares and label.column not in {*settings.numbers, *settings.categories}:
        raise ConfigurationError(
            f"{label.column!r} has neither a public range nor a public list.",
            where="data.label",
            instead=f'Write "{label.column} >= number", or put the column under data.numbers or data.categories.',
        )


def _check_agents(settings: DataSettings) -> None:
    if not settings.agent:
        raise ConfigurationError("is empty.", where="data.agent", instead="Write row, partition or a column's name.")
    if settings.agent in settings.features or settings.agent == settings.question.column:
        raise ConfigurationError(
            f"{settings.agent!r} names the agents and is a feature or the label at the same time.",
            where="data.agent",
            why="A model that learns from names learns the people, not the question.",
        )
    if (settings.agent == PARTITION) != (settings.partition is not None):
        what = "is missing." if settings.partition is None else f"has no meaning with data.agent = {settings.agent!r}."
        raise ConfigurationError(
            what, where="partition", instead='A [partition] goes with data.agent = "partition", and only with it.'
        )
