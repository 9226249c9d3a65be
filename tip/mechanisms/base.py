"""The contract of a local mechanism: arrays in, reports out, estimates back.

A mechanism is frozen data. It holds no state and draws nothing by itself: `randomize` runs on an
agent's device (or for a block of simulated agents), the rest on the side that collects.

    reports = m.randomize(values)                 # Reports; m.law(value) is their exact law
    m.validate(reports), m.collect(messages)      # hostile rows and bytes are parted, not raised
    aggregate = m.aggregate(reports)              # mergeable with +
    estimate = m.estimate(aggregate)              # raw, unbiased; estimate.interval(0.95)
    m.event, m.ratio, m.guarantee                 # what it costs, from the integers in use
    m.variance(...), m.max_influence()            # how exact, how easily bent
    m.simulate(counts, entropy=e)                 # the law of the aggregate, without agents

Blocks: users are served some thousand at a time, so that all intermediate arrays stay in the cache;
an agent's bits depend on its index alone, never on the block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.collecting import Collected, collect
from tip.mechanisms.estimates import whole_array
from tip.mechanisms.inputs import as_array, checked_entropy, checked_round
from tip.mechanisms.reports import Reports, Screened
from tip.mechanisms.thresholds import checked_epsilon, loss
from tip.privacy.coalitions import Coalition
from tip.privacy.events import PureLoss
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.randomness import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from fractions import Fraction

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.columns import Column
    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.spec import Spec
    from tip.privacy.events import Event
    from tip.privacy.shuffling import Blanket
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_LISTED: Final = 1 << 16  # reports that `law` lists
LEAST_BLOCK: Final = 256
MOST_BLOCK: Final = 16384  # users at a time
_BLOCK_BYTES: Final = 1 << 18

DEVICE: Final = Assumption(
    "own-device", "the answer is randomized on the agent's own device, before anything leaves it"
)
ONCE: Final = Assumption("one-report", "an agent sends one report; each further one is charged again")
PRESENCE: Final = Assumption("presence", "whether and when an agent reports does not depend on its answer")
AES: Final = Assumption("aes-256", "the keystream of AES-256 under an unknown key cannot be told from random bits")


@dataclass(frozen=True, slots=True)
class Influence:
    """How far one report, well-formed but made up, can move the estimated total.

    In units of an honest agent's share of the total (1 = one person). `item`: the most that a single entry can move
    (sup-norm); `euclidean`: the most that the whole vector can move (L2). Both bound the distance between the
    totals with the report and without it.
    """

    item: float
    euclidean: float


class Mechanism(ABC):
    """A local mechanism; see the top of the file. A subclass is a frozen, slotted dataclass."""

    __slots__ = ()

    PURPOSE: ClassVar[str] = "local"  # the first word of the purpose under which random bits are addressed

    # -- what each mechanism says about itself ----------------------------------------------------

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """Name, version and the exact integers in use; its digest goes into every report."""

    @property
    @abstractmethod
    def layout(self) -> tuple[Column, ...]:
        """The columns of a report."""

    @property
    @abstractmethod
    def guarantee(self) -> Guarantee:
        """What one report promises against everybody but the agent itself."""

    @property
    @abstractmethod
    def event(self) -> Event:
        """What one report costs, for `tip.privacy`."""

    @abstractmethod
    def checked(self, values: ArrayLike) -> Array:
        """The values as an array whose first axis is the agents; raises `DataError` naming rows, never values."""

    @abstractmethod
    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """The columns of a block of checked values."""

    @abstractmethod
    def tally(self, reports: Reports) -> Array:
        """The totals of a block of valid reports (int64; float64 for idealized mechanisms)."""

    @abstractmethod
    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The raw, unbiased estimate; raises `ConfigurationError` for another mechanism's aggregate or no report."""

    @abstractmethod
    def max_influence(self) -> Influence:
        """How far one made-up report moves the estimated total."""

    # -- what all of them do alike ----------------------------------------------------------------

    @property
    def digest(self) -> bytes:
        """The hash of the spec: it stands in every report and aggregate."""
        return _digest(self)

    @property
    def report_bits(self) -> int:
        """Bits of one report, without header and id."""
        return sum(column.row_bits for column in self.layout)

    @property
    def block(self) -> int:
        """Users served at a time: as many as keep a block's random bits within the cache, a multiple of 256."""
        rows = _BLOCK_BYTES * 8 // max(self.report_bits, 1)
        return min(MOST_BLOCK, max(LEAST_BLOCK, rows // LEAST_BLOCK * LEAST_BLOCK))

    @property
    def tally_block(self) -> int:
        """Reports that `aggregate` tallies at a time."""
        return self.block

    def randomize(
        self,
        values: ArrayLike,
        *,
        entropy: Entropy = SYSTEM,
        agents: ArrayLike | None = None,
        round: int = 0,  # noqa: A002
    ) -> Reports:
        """One report for each value; a single value is an array of length 1.

        `agents`: `(n,)` whole numbers, all different, the indices under which the bits are drawn (default 0, 1, ...);
        `round` parts several reports of one agent. With a seeded entropy the same address gives the same bits,
        and nobody is protected; with `SYSTEM`, the default, every call draws anew.
        Raises `ConfigurationError` and `DataError`, which name rows and never a value.
        """
        checked, entropy = self.checked(as_array(values)), checked_entropy(entropy)
        count, block = len(checked), self.block
        given = None if agents is None else checked_agents(agents, count)
        drawn = self.drawer(entropy, checked_round(round))
        columns = tuple(np.empty(column.shape(count), dtype=column.dtype) for column in self.layout)
        for first in range(0, count, block):
            rows = slice(first, min(first + block, count))
            who = np.arange(first, rows.stop, dtype=np.int64) if given is None else given[rows]
            for column, part in zip(columns, drawn(checked[rows], who), strict=True):
                column[rows] = part
        return Reports(self.digest, self.layout, columns)

    def drawer(self, entropy: Entropy, round: int) -> Callable[[Array, Indices], tuple[Array, ...]]:  # noqa: A002
        """How the blocks of one round are drawn from checked values and agents: `draw`, from the round's stream."""
        stream = entropy.stream(f"{self.PURPOSE} {self.spec.name}", round)
        return lambda values, agents: self.draw(values, stream, agents)

    def read(self, data: bytes) -> Reports:
        """The reports of one message (`Reports.to_bytes`); raises `MalformedMessage` that says what is wrong."""
        return Reports.from_bytes(data, digest=self.digest, layout=self.layout)

    def collect(self, messages: Iterable[bytes], *, ids: bool = False) -> Collected:
        """The reports of many messages; those that cannot be read are refused one by one, the rest is kept.

        `ids`: whether reports carry the id of who sends them; a message that does otherwise is refused. Messages of
        one report each, the usual case, are read together.
        """
        return collect(list(messages), digest=self.digest, layout=self.layout, ids=ids)

    def validate(self, reports: Reports) -> Screened:
        """Part the rows that an honest agent may send from those that it may not. A second report of an id is refused.

        Raises `ConfigurationError` for reports of another mechanism, or with other columns.
        """
        if not isinstance(reports, Reports):
            raise ConfigurationError(
                f"these are no reports, but a {type(reports).__name__}",
                instead="read(data) and collect(messages) give some",
            )
        self._same(reports.digest, "reports")
        if reports.layout != self.layout:
            raise ConfigurationError("these reports have other columns than the mechanism's")
        good = np.ones(len(reports), dtype=np.bool_)
        reasons: dict[str, int] = {}
        for column, array in zip(reports.layout, reports.columns, strict=True):
            if not column.all_valid(array):
                _refuse(good, column.valid(array), f"{column.name} out of range", reasons)
        for reason, answers in self.further_checks(reports).items():
            _refuse(good, answers, reason, reasons)
        if reports.ids is not None:
            _refuse(good, _first_of(reports.ids, good), "an id that has reported before", reasons)
        refused = np.flatnonzero(~good)
        return Screened(reports if not len(refused) else reports.take(good), refused, reasons)

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """Checks over several columns: reason → which rows pass. None by default."""
        del reports
        return {}

    def aggregate(self, reports: Reports) -> Aggregate:
        """The totals of the reports that are valid; the others are counted as refused."""
        screened = self.validate(reports)
        kept, block = screened.accepted, self.tally_block
        totals = self.tally(kept if len(kept) <= block else kept.take(slice(0, block)))
        for first in range(block, len(kept), block):
            totals += self.tally(kept.take(slice(first, first + block)))
        return Aggregate(self.digest, len(kept), len(screened.refused), totals)

    @property
    def _totals(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of totals: those of no report."""
        nothing = tuple(np.zeros(column.shape(0), dtype=column.dtype) for column in self.layout)
        totals = self.tally(Reports(self.digest, self.layout, nothing, np.zeros(0, dtype=np.uint64)))
        return totals.shape, totals.dtype

    def _same(self, digest: bytes, what: str) -> None:
        if digest != self.digest:
            raise ConfigurationError(
                f"these {what} were made by another mechanism than {self!r}", instead="use the one that made them"
            )

    def _counted(self, aggregate: Aggregate) -> int:
        """The number of reports of an aggregate of this mechanism, at least 1; its totals are of the right shape."""
        if not isinstance(aggregate, Aggregate):
            raise ConfigurationError(
                f"this is no aggregate, but a {type(aggregate).__name__}", instead="aggregate(reports) makes one"
            )
        self._same(aggregate.digest, "totals")
        shape, kind = self._totals
        if aggregate.totals.shape != shape or aggregate.totals.dtype != kind:
            raise ConfigurationError(
                f"totals are {kind} of shape {shape} here, not {aggregate.totals.dtype} of {aggregate.totals.shape}"
            )
        if aggregate.reports < 1:
            raise ConfigurationError("there is no report to estimate from", why=f"{aggregate.refused} were refused")
        return aggregate.reports


class PureMechanism(Mechanism):
    """A local mechanism of pure epsilon: all its likelihood ratios are at most `ratio`, an exact fraction."""

    __slots__ = ()

    epsilon: Fraction | float  # what was asked for; what is promised is `guarantee.epsilon`, never more

    @property
    @abstractmethod
    def ratio(self) -> Fraction:
        """The largest ratio of the probabilities of one report under two values, from the integers in use."""

    @property
    def worst_pair(self) -> Blanket | None:
        """Its two most unlike laws over their blanket, for a shuffler's bound; None where not worked out."""
        return None

    @property
    def identifying(self) -> str:
        """Why shuffling does not hide who sent a report (law 6); empty if nothing points to the sender."""
        return ""

    def law(self, value: Any) -> dict[tuple[int, ...], Fraction]:  # noqa: ANN401 - as `checked` takes it
        """The exact probability of each report of an agent that holds `value`, from the thresholds in use.

        A report is the tuple of its columns' entries, in the layout's order. For small output spaces (at most 2^16
        reports); raises `ConfigurationError` otherwise.
        """
        del value
        raise ConfigurationError(f"{self.spec.name} has too many possible reports to list")

    def _one(self, value: Any) -> Any:  # noqa: ANN401 - as `checked` takes and gives it
        """The one value, as `checked` has it: what cannot be randomized has no law."""
        held = self.checked(as_array(value))
        if len(held) != 1:
            raise ConfigurationError("a law is that of one value")
        return held[0]

    @property
    def blanket(self) -> Fraction:
        """A lower bound of the sum over reports of their least probability: at least 1 / ratio. For shuffling."""
        return 1 / self.ratio

    @property
    def event(self) -> Event:
        """One release with this exact ratio."""
        return PureLoss(self.ratio)

    @property
    def guarantee(self) -> Guarantee:
        """Pure epsilon, rounded up from the integers, against everybody but the agent itself."""
        return Guarantee(
            epsilon=loss(self.ratio, checked_epsilon(self.epsilon)),
            delta=Delta(conversion=0.0),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=EVERYBODY,
            scope=f"one report of {self.spec.name}",
            kind=Kind.PURE,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=Status.PROVEN,
            assumptions=(DEVICE, ONCE, PRESENCE, AES),
        )


EVERYBODY: Final = Coalition.parse("coordinator + network + 99.999% of agents (adaptive)")


@lru_cache(maxsize=1024)
def _digest(mechanism: Mechanism) -> bytes:
    return mechanism.spec.digest


def checked_agents(agents: ArrayLike, count: int) -> Indices:
    """Distinct agent indices >= 0, one for each value: two agents with one index would share their bits."""
    who = whole_array(agents, "agents")
    if who.shape != (count,) or (who.size and who.min() < 0) or not (np.diff(np.sort(who)) > 0).all():
        raise ConfigurationError(f"agents are {count} different whole numbers >= 0, one for each value")
    return who


def _refuse(good: NDArray[np.bool_], answers: NDArray[np.bool_], reason: str, reasons: dict[str, int]) -> None:
    """Take the rows that do not pass out of the good ones, and count those that were still in."""
    if answers.all():
        return
    lost = int((good & ~answers).sum())
    good &= answers
    if lost:
        reasons[reason] = lost


def _first_of(ids: NDArray[np.uint64], good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows are the first good one of their id: a malformed report does not use up the id."""
    rows = np.flatnonzero(good)
    _, firsts = np.unique(ids[rows], return_index=True)
    answers = np.zeros(len(ids), dtype=np.bool_)
    answers[rows[firsts]] = True
    answers[~good] = True
    return answers
