"""The history of a run: one line a round, each figure with its class.

A run folder is read by people who were not there. So every figure of a round says what its
publication costs (docs/laws.md, law 15): it was released through the protocol and charged, or it
follows from such a release, or it is public anyway, or it is *evaluation only, outside the
guarantee* and exists in simulation alone. A record with an unclassified field cannot even be
defined: the module that holds it does not import.

The file `history.jsonl` holds one JSON object a line, the first one being the header
`{"format": 1, "fields": {name: class}}`. JSON has neither NaN nor infinity: both are written as
null. Read back, a null budget is infinite (nothing is promised), a null metric is not a number
(it was not defined, such as the AUC of one class), any other null is None.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import numbers
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, dataclass_transform

from tip.errors import ConfigurationError, DataError, ProtocolMisuse
from tip.files import append_line, has_line, parse_object, read_lines, strict_json, write_atomically
from tip.report.finite import finite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT: Final = 1
_T = TypeVar("_T")


class Release(StrEnum):
    """What the publication of a figure costs (law 15)."""

    RELEASED = "released through the protocol and charged"
    POST_PROCESSING = "post-processing of a charged release"
    PUBLIC = "public parameter or roster fact"
    EVALUATION = "evaluation only, outside the guarantee"


def field(release: Release, help: str) -> Any:  # noqa: A002, ANN401 - the word that readers of metadata look for
    """A field of a history record: what its publication costs, and what it is."""
    return dataclasses.field(metadata={"release": release, "help": help})


@dataclass_transform(field_specifiers=(field,), frozen_default=True)
def record(cls: type[_T]) -> type[_T]:
    """Make a frozen data class, and refuse it when a field has no release class or no help."""
    made = cast("Any", dataclasses.dataclass(frozen=True, slots=True)(cls))
    for entry in dataclasses.fields(made):
        if not isinstance(entry.metadata.get("release"), Release):
            raise ProtocolMisuse(f"{cls.__name__}.{entry.name} has no release class (docs/laws.md, law 15)")
        if not entry.metadata.get("help"):
            raise ProtocolMisuse(f"{cls.__name__}.{entry.name} does not say what it is")
    return cast("type[_T]", made)


@record
class Round:
    """What one round left behind."""

    number: int = field(Release.PUBLIC, "the round's number, from 1")
    cohort: int = field(Release.PUBLIC, "agents that were asked")
    survivors: int = field(Release.PUBLIC, "agents whose contribution is in the sum")
    released: bool = field(Release.PUBLIC, "whether the sum was released; a round that was given up releases nothing")
    reason: str = field(Release.PUBLIC, "why the round was given up; empty when it was not")
    epsilon_spent: float = field(Release.PUBLIC, "epsilon of all rounds so far, for the plan's requirement")
    delta_spent: float = field(Release.PUBLIC, "delta of all rounds so far, for the plan's requirement")
    update_norm: float | None = field(Release.POST_PROCESSING, "L2 norm of the mean update of a released sum")
    metrics: Mapping[str, float] = field(Release.EVALUATION, "figures on data kept apart; empty when not evaluated")
    clipped: float | None = field(Release.EVALUATION, "share of the updates that were clipped, liars' among them")
    nonfinite: int | None = field(Release.EVALUATION, "updates that were not finite and counted as zeros")

    def __post_init__(self) -> None:
        """Refuse what no round can be."""
        checks = {
            "number starts at 1": self.number >= 1,
            "survivors lie between 0 and the cohort": 0 <= self.survivors <= self.cohort,
            "a round that was given up says why": self.released or bool(self.reason),
            "epsilon_spent is a number >= 0 or infinite": self.epsilon_spent >= 0,
            "delta_spent lies between 0 and 1": 0 <= self.delta_spent <= 1,
            "clipped is a share": self.clipped is None or 0 <= self.clipped <= 1,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise ConfigurationError(f"round {self.number}: {'; '.join(broken)}.")


def release_classes() -> dict[str, Release]:
    """Each field of a round with its release class, in order."""
    return {entry.name: entry.metadata["release"] for entry in dataclasses.fields(Round)}


def write_round(file: Path, round_: Round) -> None:
    """Add one round to a history file, which begins with its header."""
    if not has_line(file):
        append_line(file, _header())
    append_line(file, _to_line(round_))


def read_history(file: Path) -> tuple[Round, ...]:
    """All finished rounds of a history file, in order; a file that holds anything else is refused."""
    lines = read_lines(file)
    if not lines:
        return ()
    _check_header(parse_object(lines[0], file=str(file), row=1), file)
    rounds = tuple(_from_line(line, file, row) for row, line in enumerate(lines[1:], start=2))
    for row, (earlier, later) in enumerate(itertools.pairwise(rounds), start=3):
        if later.number <= earlier.number:
            raise DataError(f"round {later.number} follows round {earlier.number}", file=str(file), row=row)
    return rounds


def keep_rounds(file: Path, last: int) -> tuple[Round, ...]:
    """Forget the rounds after `last` (a resumed run plays them again); returns those that stay."""
    kept = tuple(round_ for round_ in read_history(file) if round_.number <= last)
    lines = [_header(), *(_to_line(round_) for round_ in kept)]
    write_atomically(file, "".join(f"{line}\n" for line in lines).encode())
    return kept


def _header() -> str:
    return strict_json({"format": FORMAT, "fields": {name: str(cost) for name, cost in release_classes().items()}})


def _check_header(header: dict[str, Any], file: Path) -> None:
    if header.get("format") != FORMAT:
        raise DataError(f"format {header.get('format')!r} is unknown; this is format {FORMAT}", file=str(file), row=1)
    if header.get("fields") != {name: str(cost) for name, cost in release_classes().items()}:
        raise DataError("the fields are not those of a round", file=str(file), row=1)


def _to_line(round_: Round) -> str:
    values = {entry.name: getattr(round_, entry.name) for entry in dataclasses.fields(round_)}
    values["metrics"] = {name: _number(value) for name, value in round_.metrics.items()}
    return strict_json({name: _number(value) for name, value in values.items()})


def _number(value: object) -> object:
    """The value, or None for NaN and the infinities."""
    return None if isinstance(value, numbers.Real) and not math.isfinite(value) else value


def _beyond(value: object) -> bool:
    """Whether it is a whole number that no float holds."""
    return type(value) is int and not finite(value)


def _from_line(line: str, file: Path, row: int) -> Round:
    values = parse_object(line, file=str(file), row=row)
    if values.keys() != release_classes().keys():
        raise DataError("the fields are not those of a round", file=str(file), row=row)
    wrong = [name for name, kinds in _KINDS.items() if type(values[name]) not in kinds or _beyond(values[name])]
    if wrong or any(type(value) not in _KINDS["update_norm"] or _beyond(value) for value in values["metrics"].values()):
        raise DataError(f"{', '.join(wrong) or 'metrics'} cannot hold such a value", file=str(file), row=row)
    values["epsilon_spent"] = math.inf if values["epsilon_spent"] is None else values["epsilon_spent"]
    values["metrics"] = {name: math.nan if value is None else value for name, value in values["metrics"].items()}
    try:
        return Round(**values)
    except ConfigurationError as error:
        raise DataError(str(error), file=str(file), row=row) from error


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "number": (int,),
    "cohort": (int,),
    "survivors": (int,),
    "released": (bool,),
    "reason": (str,),
    "epsilon_spent": (float, int, type(None)),
    "delta_spent": (float, int),
    "update_norm": (float, int, type(None)),
    "metrics": (dict,),
    "clipped": (float, int, type(None)),
    "nonfinite": (int, type(None)),
}
