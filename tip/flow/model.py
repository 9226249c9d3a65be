"""The model of an information flow: who holds, adds, sends and sees what.

A `Flow` is a declaration, small even for a million agents: groups are numbers, not objects. It says
nothing about how it is computed. `tip.flow.view` makes matrices of it, `tip.flow.reasoning` makes
guarantees, and `tip.flow.verification` checks those against the declaration alone.

Conventions that all rooms share:

1. *Agents* are counted through all groups in their order: member i of a group is agent offset + i. The
   enrolled population N (law 2) is all of them. A party of its own name is no agent; a group of one
   member is both, and its name may stand in a coalition. Member i of a group g is the name `g.i`.
2. A *value* has a row for each member (of a group, of a graph's edges, or one row) and a column for each
   round. Where values of one round and of T rounds are added, the former is the same in all rounds; a
   value of one row (of a party or of a group of one) is added to values of one row only.
3. *Changes.* Two neighboring inputs differ in all secrets of one agent: in each round t of secret s by d_t
   with |d_t|^2 <= s.squared_reach (L2, the relation's own reach; law 12). An agent takes part in at most
   `participations` of the rounds, with all its secrets together (of several secrets the largest number holds).
4. *Noise* is independent in each member, round and coordinate. It is known to the agent that draws it, to
   both ends of an edge, or to the party that draws it, and to `known_to`.
5. *Seeing.* Who sends a message knows it; who is named in `to` sees it; "everybody" is the world.
6. All numbers are exact. Variances are those of one coordinate; None says "to be planned".
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.expressions import Expression, calls, names
from tip.privacy.checks import rational, whole
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYBODY: Final = "everybody"
NOBODY: Final = "nobody"
NEIGHBORS: Final = "neighbors in "  # followed by a graph: row i goes to the neighbors of member i
NEXT: Final = "next in "  # followed by a group: row i goes to member i + 1, the last one's to member 0
MOST_AGENTS: Final = 10_000_000
MOST_ROUNDS: Final = 1_000_000
MOST_SEED: Final = 2**63 - 1


# -- who ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """`size` agents of one kind."""

    name: str
    size: int

    def __post_init__(self) -> None:
        checks.name("a group", self.name)
        checks.within("the size of a group", self.size, 1, MOST_AGENTS)


class Wiring(StrEnum):
    """How a graph connects the members of its group."""

    COMPLETE = "complete"
    RING = "ring"
    PATH = "path"
    STAR = "star"  # member 0 in the middle
    K_OUT = "k-out"  # each member picks `picks` others at random; an edge where either picked the other
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Graph:
    """An undirected graph over a group: edges (i, j), i < j, sorted. A k-out graph is drawn from a public `seed`."""

    name: str
    over: str
    wiring: Wiring
    picks: int = 0
    seed: int | None = None
    edges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        checks.name("a graph", self.name)
        checks.kind("graph.wiring", self.wiring, Wiring)
        checks.within("the picks of a graph", self.picks, 0, MOST_AGENTS)
        if self.seed is not None:
            checks.within("the seed of a graph", self.seed, 0, MOST_SEED)
        if (self.wiring is Wiring.K_OUT) != (self.picks > 0 and self.seed is not None):
            raise ConfigurationError(f"a k-out graph, and only it, has picks >= 1 and a seed: graph {self.name!r}")
        if (self.wiring is Wiring.GIVEN) != bool(self.edges):
            raise ConfigurationError(f"a given graph, and only it, lists its edges: graph {self.name!r}")
        checks.edges(self.name, self.edges)


@dataclass(frozen=True, slots=True)
class Table:
    """A small exact matrix: weights over members for `mix` and `gossip`, a strategy over rounds for `apply`."""

    name: str
    rows: tuple[tuple[Fraction, ...], ...]

    def __post_init__(self) -> None:
        checks.name("a table", self.name)
        checks.matrix(self.name, self.rows)


class Sampling(StrEnum):
    """How a cohort is drawn in each round."""

    ALL = "all"
    FIXED = "fixed"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those of a group whose values a sum holds in a round: never fewer than `least`, which the agents enforce.

    Who is in it is chosen by others, at worst: all colluders, and no more honest members than the minimum needs.
    `rate`: of a Poisson sample, drawn afresh in each round and seen by nobody but the members and the coordinator.
    """

    name: str
    of: str
    least: int
    sampling: Sampling = Sampling.ALL
    rate: Fraction | None = None

    def __post_init__(self) -> None:
        checks.name("a cohort", self.name)
        checks.kind("cohort.sampling", self.sampling, Sampling)
        whole("the least cohort", self.least, least=1)
        if (self.sampling is Sampling.POISSON) != (self.rate is not None):
            raise ConfigurationError(f"a Poisson cohort, and only it, has a rate: cohort {self.name!r}")
        if self.rate is not None and not 0 < rational("a rate", self.rate) <= 1:
            raise ConfigurationError(f"the rate of cohort {self.name!r} lies in (0, 1], not {self.rate}")


# -- what is hidden -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interval:
    """A number in a public range: two values differ by at most high - low."""

    low: Fraction
    high: Fraction

    def __post_init__(self) -> None:
        if not (isinstance(self.low, Fraction) and isinstance(self.high, Fraction) and self.low < self.high):
            raise ConfigurationError(f"a range goes from a lower to a higher number, not {self.low} to {self.high}")

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """The largest squared change."""
        if neighboring is Neighboring.REPLACE_ONE:
            return (self.high - self.low) ** 2
        return max(self.low**2, self.high**2)


@dataclass(frozen=True, slots=True)
class Ball:
    """A vector whose squared L2 norm is at most `squared_norm`: two of them differ by at most twice the norm."""

    squared_norm: Fraction

    def __post_init__(self) -> None:
        if not rational("a squared norm", self.squared_norm):
            raise ConfigurationError("a squared norm is above 0: a vector that is always 0 is no secret")

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """The largest squared change."""
        return (4 if neighboring is Neighboring.REPLACE_ONE else 1) * self.squared_norm


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `categories` answers: for reports, not for sums."""

    categories: int

    def __post_init__(self) -> None:
        checks.within("the choices of a secret", self.categories, 2, MOST_AGENTS)

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """Of the indicator vector: two entries change under replace-one, one under the other relations."""
        return Fraction(2 if neighboring is Neighboring.REPLACE_ONE else 1)


Domain: TypeAlias = Interval | Ball | Choice


@dataclass(frozen=True, slots=True)
class Secret:
    """What each agent of a group holds: a value of `dimension` coordinates for each of `rounds` rounds.

    `whole`: whole numbers (grid steps), which integer noise needs (law 8). `participations`: in how many of the rounds
    one agent takes part at most (law 5; None: in all). `adaptive`: a round's value may depend on what was seen before.
    """

    name: str
    of: str
    domain: Domain
    neighboring: Neighboring
    adaptive: bool
    dimension: int = 1
    whole: bool = False
    rounds: int = 1
    participations: int | None = None

    def __post_init__(self) -> None:
        checks.name("a secret", self.name)
        checks.kind("secret.neighboring", self.neighboring, Neighboring)
        if not isinstance(self.domain, Interval | Ball | Choice):
            raise ConfigurationError(f"the domain of secret {self.name!r} is an Interval, a Ball or a Choice")
        checks.truth("secret.adaptive", self.adaptive)
        checks.truth("secret.whole", self.whole)
        checks.within("the dimension of a secret", self.dimension, 1, MOST_AGENTS)
        checks.within("the rounds of a secret", self.rounds, 1, MOST_ROUNDS)
        if self.participations is not None:
            checks.within("participations", self.participations, 1, self.rounds)

    @property
    def squared_reach(self) -> Fraction:
        """The largest squared L2 change of one round's value under the secret's relation."""
        return self.domain.squared_reach(self.neighboring)

    @property
    def uses(self) -> int:
        """The number of rounds that one agent is charged for."""
        return self.rounds if self.participations is None else self.participations


# -- what hides it --------------------------------------------------------------------------------


class Law(StrEnum):
    """The law of one coordinate of a noise."""

    GAUSSIAN = "gaussian"  # of real numbers: idealized
    DISCRETE_GAUSSIAN = "discrete gaussian"
    SKELLAM = "skellam"
    LAPLACE = "laplace"  # of real numbers: idealized
    DISCRETE_LAPLACE = "discrete laplace"
    UNIFORM = "uniform"  # over the ring of the messages that hold it: a mask


_SCALED: Final = (Law.LAPLACE, Law.DISCRETE_LAPLACE)


@dataclass(frozen=True, slots=True)
class Noise:
    """Independent draws: one for each member of `of` (a group, a graph's edges, a party), round and coordinate.

    `variance`: of the Gaussian laws and Skellam, in squared units (None: to be planned). `scale`: of the Laplace laws.
    `rounds` > 1: drawn afresh in each round. `known_to`: parties and groups that are told, beside who draws it.
    """

    name: str
    of: str
    law: Law
    variance: Fraction | None = None
    scale: Fraction | None = None
    rounds: int = 1
    known_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.name("a noise", self.name)
        checks.kind("noise.law", self.law, Law)
        checks.within("the rounds of a noise", self.rounds, 1, MOST_ROUNDS)
        for number, allowed in (("variance", self.law not in _SCALED), ("scale", self.law in _SCALED)):
            value = getattr(self, number)
            if value is not None and (not allowed or self.law is Law.UNIFORM):
                raise ConfigurationError(f"{self.law} noise has no {number}: noise {self.name!r}")
            if value is not None and not rational(f"the {number} of noise {self.name!r}", value):
                raise ConfigurationError(f"noise {self.name!r} of {number} 0 hides nothing", instead="leave it out")

    @property
    def planned(self) -> bool:
        """Whether its size is still to be planned."""
        return self.law is not Law.UNIFORM and self.variance is None and self.scale is None


# -- what is said ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A linear message: row i is sent by member i of the group `by`, or all of it by a party.

    `to`: parties, groups, "everybody", "nobody", "neighbors in GRAPH", "next in GROUP". `ring`: 0 for plain
    numbers, else the bits of the ring in which it is computed (law 11).
    """

    name: str
    by: str
    says: Expression
    to: tuple[str, ...]
    ring: int = 0

    def __post_init__(self) -> None:
        checks.name("a message", self.name)
        checks.receivers(f"message {self.name!r}", self.to)
        checks.within("the bits of a ring", self.ring, 0, 64)


@dataclass(frozen=True, slots=True)
class Report:
    """Each agent's answer to one question, changed by chance before it leaves: pure differential privacy.

    `ratio`: the largest factor between the probabilities of a report under two values of the secret, exact.
    With `shuffled_by` a party mixes at least `least` reports before `to` sees them (law 6).
    """

    name: str
    secret: str
    ratio: Fraction
    to: tuple[str, ...]
    rounds: int = 1
    shuffled_by: str = ""
    least: int = 0

    def __post_init__(self) -> None:
        checks.name("a report", self.name)
        rational(f"the ratio of report {self.name!r}", self.ratio, least=1)
        checks.within("the rounds of a report", self.rounds, 1, MOST_ROUNDS)
        if bool(self.shuffled_by) != (self.least > 0):
            raise ConfigurationError(f"a shuffled report, and only it, says how many are mixed: {self.name!r}")
        checks.receivers(f"report {self.name!r}", self.to)


@dataclass(frozen=True, slots=True)
class Fact:
    """A field that somebody sees and that does not depend on anybody's secret: round numbers, sizes, rosters."""

    name: str
    to: tuple[str, ...]
    what: str

    def __post_init__(self) -> None:
        checks.name("a fact", self.name)
        checks.receivers(f"fact {self.name!r}", self.to)
        checks.text(f"what fact {self.name!r} is", self.what)


# -- what is wanted -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requirement:
    """No such coalition learns more than (epsilon, delta) about all secrets of one agent."""

    against: str
    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        checks.text("the coalition of a requirement", self.against)
        checks.positive("epsilon", self.epsilon)
        checks.share("delta", self.delta)


@dataclass(frozen=True, slots=True)
class Aim:
    """Part of the objective: `weight` times the error variance of all rows of this message, or times all bytes sent."""

    error_of: str  # "" where bytes count
    weight: Fraction
    bytes: bool = False

    def __post_init__(self) -> None:
        checks.truth("aim.bytes", self.bytes)
        if self.bytes == bool(self.error_of):
            raise ConfigurationError("an aim names the message whose error counts, or says that bytes count")
        if not rational("a weight", self.weight):
            raise ConfigurationError("a weight is above 0")


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole information flow; see the top of the file. Checked when it is made: names, shapes, who exists."""

    name: str
    about: str
    groups: tuple[Group, ...]
    parties: tuple[str, ...] = ()
    graphs: tuple[Graph, ...] = ()
    tables: tuple[Table, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    secrets: tuple[Secret, ...] = ()
    noises: tuple[Noise, ...] = ()
    messages: tuple[Message, ...] = ()
    reports: tuple[Report, ...] = ()
    facts: tuple[Fact, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    aims: tuple[Aim, ...] = ()

    def __post_init__(self) -> None:
        for part in fields(self):
            if part.name not in {"name", "about"} and not isinstance(getattr(self, part.name), tuple):
                raise ConfigurationError(f"{part.name} of a flow is a tuple")
        from tip.flow.coherence import check  # noqa: PLC0415 - the rules read the classes of this file

        check(self)

    # -- finding things ---------------------------------------------------------------------------

    @property
    def enrolled(self) -> int:
        """N: all agents of all groups."""
        return sum(group.size for group in self.groups)

    def group(self, name: str) -> Group:
        """The group of this name."""
        return _find(self.groups, name, "group")

    def graph(self, name: str) -> Graph:
        """The graph of this name."""
        return _find(self.graphs, name, "graph")

    def table(self, name: str) -> Table:
        """The table of this name."""
        return _find(self.tables, name, "table")

    def cohort(self, name: str) -> Cohort:
        """The cohort of this name."""
        return _find(self.cohorts, name, "cohort")

    def secret(self, name: str) -> Secret:
        """The secret of this name."""
        return _find(self.secrets, name, "secret")

    def noise(self, name: str) -> Noise:
        """The noise of this name."""
        return _find(self.noises, name, "noise")

    def message(self, name: str) -> Message:
        """The message of this name."""
        return _find(self.messages, name, "message")

    def first_agent(self, group: str) -> int:
        """The index of a group's first member among all agents."""
        first = 0
        for known in self.groups:
            if known.name == group:
                return first
            first += known.size
        raise ConfigurationError(f"the flow {self.name!r} has no group {group!r}")

    def symbols(self, message: Message) -> tuple[str, ...]:
        """The secrets and noises behind a message, through all messages that it speaks of; each once, sorted."""
        return tuple(sorted({name for m in self._behind(message) for name in names(m.says)} - self._spoken()))

    def functions(self, message: Message) -> frozenset[str]:
        """The functions behind a message, through all messages that it speaks of."""
        return frozenset(call.function for m in self._behind(message) for call in calls(m.says))

    def _spoken(self) -> set[str]:
        return {message.name for message in self.messages}

    def _behind(self, message: Message) -> list[Message]:
        """A message and all that it speaks of, each once."""
        known = {m.name: m for m in self.messages}
        found, seen = [message], {message.name}
        for place in found:  # grows while it is walked
            for name in names(place.says):
                if name in known and name not in seen:
                    seen.add(name)
                    found.append(known[name])
        return found

    def members_named(self) -> Iterator[str]:
        """The names of agents that a coalition may state besides parties: groups of one."""
        return (group.name for group in self.groups if group.size == 1)


_Part = TypeVar("_Part", Group, Graph, Table, Cohort, Secret, Noise, Message)


def _find(parts: tuple[_Part, ...], name: str, what: str) -> _Part:
    for part in parts:
        if part.name == name:
            return part
    raise ConfigurationError(f"the flow has no {what} {name!r}", instead=checks.nearest(name, [p.name for p in parts]))
