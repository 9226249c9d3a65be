"""Tables: `Plan`, one frozen class that holds a class for each table.

What decides the guarantee (promise.py) and what only changes speed (`Execution` in running.py) stand in
different classes. A key that decides privacy has no default. Each value is tested where it stands; what
two keys together cannot mean is refused in coherence.py: a `Plan` is well formed, not yet a promise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from tip.data.settings import DataSettings, NumberRange
from tip.data.settings import Partition as Dealing
from tip.errors import ConfigurationError
from tip.locating import Places
from tip.plan import reading
from tip.plan.keys import KeyRow, key, part, rows, settle
from tip.plan.kinds import Text, Whole
from tip.plan.promise import Budget, Cohort, Protocol, Requirement
from tip.plan.running import Adversary, Execution, Robustness, Service, Simulation
from tip.plan.senseless import IN_TRAINING
from tip.plan.work import Algorithm, Category, Data, Missing, Model, Number, Partition, Task

if TYPE_CHECKING:
    import os

__all__ = [
    "Adversary",
    "Algorithm",
    "Budget",
    "Category",
    "Cohort",
    "Data",
    "Execution",
    "Missing",
    "Model",
    "Number",
    "Partition",
    "Plan",
    "Protocol",
    "Requirement",
    "Robustness",
    "Service",
    "Simulation",
    "Task",
]

_NAME: Final = Text(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", told="a name of letters, digits, '.', '_' and '-'")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run does, in one frozen value: `Plan.read("survey.toml")`.

    Each field is a table of the file (docs/plan.md; `tip explain --keys` tells every key). A value that
    does not fit its key raises `ConfigurationError`; whether the tables can hold together is told by
    `tip.plan.check`, which every driver calls. Equality is equality of the settings; the places in the
    file do not count.
    """

    TASKS: ClassVar[tuple[str, ...]] = ("train",)
    SENSELESS: ClassVar[dict[str, str]] = IN_TRAINING
    format: int = field(metadata=key(Whole(1), "the version of the plan's own form", example="1"))
    name: str = field(metadata=key(_NAME, "the plan's name, and that of its run folder", example='"survey"'))
    task: Task = field(metadata=part(lambda: Task, "what is to be learned"))
    data: Data = field(metadata=part(lambda: Data, "where the data come from and who the agents are"))
    model: Model = field(metadata=part(lambda: Model, "the model that is trained"))
    algorithm: Algorithm = field(metadata=part(lambda: Algorithm, "what agents and coordinator compute each round"))
    cohort: Cohort = field(metadata=part(lambda: Cohort, "who takes part in a round"))
    protocol: Protocol = field(metadata=part(lambda: Protocol, "how agents' vectors become their sum"))
    about: str = field(default="", metadata=key(Text(0), "a sentence for people"))
    partition: Partition | None = field(
        default=None, metadata=part(lambda: Partition, "how records are dealt to artificial agents", may_be_empty=True)
    )
    privacy: Requirement | None = field(default=None, metadata=part(lambda: Requirement, "the privacy requirement"))
    budget: Budget | None = field(
        default=None, metadata=part(lambda: Budget, "what agents may spend over several runs")
    )
    robustness: Robustness = field(
        default_factory=Robustness, metadata=part(lambda: Robustness, "what the plan does about liars")
    )
    adversary: Adversary | None = field(default=None, metadata=part(lambda: Adversary, "simulated liars"))
    execution: Execution = field(default_factory=Execution, metadata=part(lambda: Execution, "speed only"))
    simulation: Simulation | None = field(
        default=None, metadata=part(lambda: Simulation, "present: seeded and simulated")
    )
    service: Service | None = field(default=None, metadata=part(lambda: Service, "the deployed service"))
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def __post_init__(self) -> None:
        settle(self, "")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """The plan in a TOML file (UTF-8). Raises `ConfigurationError` with file and line, also for a missing file."""
        return reading.read(cls, path)

    @classmethod
    def parse(cls, text: str, where: str = "plan") -> Plan:
        """The plan in a TOML text; `where` stands for the file in what errors say."""
        return reading.parse(cls, text, where)

    def replace(self, *settings: str) -> Plan:
        """The plan with settings changed: `plan.replace("algorithm.rounds=50", "epsilon=1")`.

        A value is read as TOML where that fits the key, otherwise as plain text. The last word of a
        key is enough where only one key ends in it, or only one that has no default. All settings are
        applied before the plan is built again. Raises `ConfigurationError` for a key that does not exist,
        with the nearest one, and for a value that does not fit.
        """
        return reading.replaced(self, settings)

    def to_toml(self) -> str:
        """The resolved plan, every default written out; reading it yields an equal plan."""
        return reading.written(self)

    @classmethod
    def keys(cls) -> tuple[KeyRow, ...]:
        """All keys in the order of the file, with help: what `tip explain --keys` prints."""
        return rows(cls)

    def place(self, key: str) -> str:
        """Where a key was said ("survey.toml:52"), or the table it would stand in; "" for a plan built in Python."""
        return self.places.of(*reading.split(key))

    def data_settings(self) -> DataSettings:
        """What `tip.data.load` needs: the [data] and [partition] tables. Raises `ConfigurationError` with the line."""
        given = self.data
        try:
            return DataSettings(
                source=given.source,
                label=given.label,
                agent=given.agent,
                test=given.test,
                path=given.path or "",
                exclude=given.exclude,
                numbers={n.name: NumberRange(*n.range, n.missing) for n in given.numbers},
                categories={c.name: c.answers for c in given.categories},
                missing="refuse" if given.missing.numbers == "refuse" else "middle",
                indicators=given.missing.indicators,
                partition=self._dealing(),
            )
        except ConfigurationError as error:
            raise self._placed(error) from error

    def _dealing(self) -> Dealing | None:
        if self.partition is None:
            return None
        return Dealing("iid", self.partition.agents, self.partition.samples)

    def _placed(self, error: ConfigurationError) -> ConfigurationError:
        """The error of a layer below, with the line of the key that it names first."""
        place = self.place(error.where or "data")
        where = " ".join(word for word in (place, error.where or "data:") if word)
        return ConfigurationError(error.what, where=where, why=error.why, instead=error.instead)
