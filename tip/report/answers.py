"""The answer of a question: one record, each figure with its class (law 15).

It stands in `history.jsonl` in the form of history.py: a header with the class of each field, then
one line. What the reports yield is post-processing of a charged release; what is computed from the
true answers is evaluation only and exists in simulation alone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError, DataError
from tip.files import parse_object, read_lines, strict_json, write_atomically
from tip.report.finite import finite
from tip.report.history import FORMAT, Release, field, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LEVEL: Final = 0.95


@record
class Answer:
    """What one question left behind. Lists have one entry for each item; a mean has one entry."""

    number: int = field(Release.PUBLIC, "the round's number, from 1")
    asked: int = field(Release.PUBLIC, "agents that were asked")
    counted: int = field(Release.PUBLIC, "reports that count")
    refused: int = field(Release.PUBLIC, "reports that no honest agent sends; they do not count")
    released: bool = field(Release.PUBLIC, "whether there is an answer; a question that was given up releases nothing")
    reason: str = field(Release.PUBLIC, "why the question was given up; empty when it was not")
    epsilon_spent: float = field(Release.PUBLIC, "epsilon of one report, for the plan's requirement")
    delta_spent: float = field(Release.PUBLIC, "delta of one report, for the plan's requirement")
    items: tuple[str, ...] = field(Release.PUBLIC, "what the entries are about, from the plan")
    estimate: tuple[float, ...] = field(Release.POST_PROCESSING, "raw and unbiased: may lie outside the possible range")
    low: tuple[float, ...] = field(Release.POST_PROCESSING, f"lower end of a {LEVEL:.0%} interval, each by itself")
    high: tuple[float, ...] = field(Release.POST_PROCESSING, f"upper end of a {LEVEL:.0%} interval, each by itself")
    variance: tuple[float, ...] = field(Release.POST_PROCESSING, "variance of the estimate, with the estimate put in")
    wary_low: tuple[float, ...] = field(
        Release.POST_PROCESSING,
        "as low, but for the honest agents' answers, whatever the share of liars in the plan sent",
    )
    wary_high: tuple[float, ...] = field(
        Release.POST_PROCESSING,
        "as high, likewise; both are empty where the plan expects no liars, or no bound is known",
    )
    truth: tuple[float, ...] = field(
        Release.EVALUATION, "the answer without privacy; empty where the plan asks for none"
    )
    liars: int | None = field(Release.EVALUATION, "simulated liars whose reports count")

    def __post_init__(self) -> None:
        """Refuse what no question can leave."""
        lengths = {len(part) for part in (self.estimate, self.low, self.high, self.variance)}
        checks = {
            "number starts at 1": self.number >= 1,
            "counted and refused are at most those asked": 0 <= self.counted <= self.asked and self.refused >= 0,
            "a question that was given up says why": self.released or bool(self.reason),
            "each item has an estimate, and only a released answer has": lengths
            == {len(self.items) if self.released else 0},
            "truth has an entry for each item, or none": len(self.truth) in (0, len(self.items)),
            "wary intervals have an entry for each item, or none": len(self.wary_low) == len(self.wary_high)
            and len(self.wary_low) in {0, len(self.estimate)},
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise ConfigurationError(f"answer {self.number}: {'; '.join(broken)}.")


def answer_classes() -> dict[str, Release]:
    """Each field of an answer with its release class, in order."""
    return {entry.name: entry.metadata["release"] for entry in dataclasses.fields(Answer)}


def write_answer(file: Path, answer: Answer) -> None:
    """Write the header and the one record."""
    values = {name: _plain(getattr(answer, name)) for name in answer_classes()}
    header = strict_json({"format": FORMAT, "fields": _fields()})
    write_atomically(file, f"{header}\n{strict_json(values)}\n".encode())


def read_answer(file: Path) -> Answer:
    """The record of a question's history file; a file that holds anything else is refused."""
    lines = read_lines(file)
    if len(lines) != 2 or parse_object(lines[0], file=str(file), row=1) != {"format": FORMAT, "fields": _fields()}:
        raise DataError("the fields are not those of an answer", file=str(file), row=1)
    values = parse_object(lines[1], file=str(file), row=2)
    wrong = [name for name, fits in _KINDS.items() if name not in values or not fits(values[name])]
    if wrong or len(values) != len(_KINDS):
        raise DataError(f"{', '.join(wrong) or 'a field'} cannot hold such a value", file=str(file), row=2)
    try:
        return Answer(**{name: _lists(value) for name, value in values.items()})
    except ConfigurationError as error:
        raise DataError(str(error), file=str(file), row=2) from error


def _fields() -> Mapping[str, str]:
    return {name: str(cost) for name, cost in answer_classes().items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _lists(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return tuple(value) if isinstance(value, list) else value


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return finite(value)


def _all_numbers(value: object) -> bool:
    return isinstance(value, list) and all(_number(entry) for entry in value)


def _all_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


_KINDS: Final[dict[str, Callable[[object], bool]]] = {
    "number": _whole,
    "asked": _whole,
    "counted": _whole,
    "refused": _whole,
    "released": lambda value: isinstance(value, bool),
    "reason": lambda value: isinstance(value, str),
    "epsilon_spent": _number,
    "delta_spent": _number,
    "items": _all_texts,
    "estimate": _all_numbers,
    "low": _all_numbers,
    "high": _all_numbers,
    "variance": _all_numbers,
    "wary_low": _all_numbers,
    "wary_high": _all_numbers,
    "truth": _all_numbers,
    "liars": lambda value: value is None or _whole(value),
}
