"""The words of a guarantee: units, relations, kinds, and delta's ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.privacy.checks import not_negative, probability, whole
from tip.privacy.rounding import exp_up, raised, up

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unit(StrEnum):
    """Whose data may change: all that one agent contributes in all rounds, or one record."""

    AGENT = "agent"
    RECORD = "record"


class Neighboring(StrEnum):
    """How it may change; replace-one is the headline (law 1)."""

    REPLACE_ONE = "replace-one"
    ADD_REMOVE_ONE = "add-remove-one"
    ZERO_OUT = "zero-out"


class Kind(StrEnum):
    """Which definition the numbers belong to."""

    PURE = "pure"
    APPROXIMATE = "approximate"
    ZCDP = "zcdp"
    GDP = "gdp"
    METRIC = "metric"


class Security(StrEnum):
    """Against observers of any power, or only of bounded computing power."""

    STATISTICAL = "statistical"
    COMPUTATIONAL = "computational"


class Status(StrEnum):
    """How sure the promise is, best first."""

    PROVEN = "proven"
    IDEALIZED = "idealized"
    SIMULATED = "simulated"
    NOT_PROVEN = "not proven"


@dataclass(frozen=True, slots=True)
class Assumption:
    """What the promise rests on: a short name and the sentence that words it."""

    name: str
    sentence: str

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name and isinstance(self.sentence, str) and self.sentence):
            raise ConfigurationError("an assumption has a name and a sentence")


@dataclass(frozen=True, slots=True)
class Delta:
    """The ledger of delta (law 7): what may go wrong, by cause.

    `conversion`: the delta of the conversion from Renyi or Gaussian DP. `failures`: the summed
    probabilities of data-independent failures (cohort, graph, grouping). `distances`: what
    `distance_charge` makes of total-variation distances (samplers, approximations).
    """

    conversion: float
    failures: float = 0.0
    distances: float = 0.0

    def __post_init__(self) -> None:
        probability("delta.conversion", self.conversion)
        probability("delta.failures", self.failures)
        probability("delta.distances", self.distances)

    @property
    def total(self) -> float:
        """The sum, rounded up; at most 1."""
        return min(1.0, up(Fraction(self.conversion) + Fraction(self.failures) + Fraction(self.distances)))

    def to_json(self) -> dict[str, float]:
        """The parts and their total."""
        return {
            "conversion": self.conversion,
            "failures": self.failures,
            "distances": self.distances,
            "total": self.total,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Delta:
        """The ledger that `to_json` wrote; a total that does not fit its parts is refused."""
        if not isinstance(data, dict) or data.keys() != {"conversion", "failures", "distances", "total"}:
            raise ConfigurationError("this is not a delta ledger written by tip", instead="use to_json")
        delta = cls(data["conversion"], data["failures"], data["distances"])
        if delta.total != data["total"]:
            raise ConfigurationError(f"delta's parts add up to {delta.total}, not to {data['total']}")
        return delta


def distance_charge(epsilon: float, total_variation: float, draws: int = 1) -> float:
    """(1 + e^epsilon) x distance x draws relied on, rounded up: what replacing a law costs in delta.

    If the real laws P', Q' lie within t of P, Q, then P'(S) <= P(S) + t <= e^epsilon Q(S) + delta + t
    <= e^epsilon Q'(S) + delta + (1 + e^epsilon) t.
    """
    not_negative("epsilon", epsilon)
    probability("a total-variation distance", total_variation)
    charge = (
        raised((1 + exp_up(epsilon)) * total_variation * whole("draws", draws, least=0)) if total_variation else 0.0
    )
    return min(1.0, charge)
