"""Masked rounds whose agents' machines run in several processes.

X25519 and HKDF hold the interpreter's lock, so threads do not speed them up; processes do. Each worker holds the
machines of a block of agents; this process holds the coordinator's machine and the network. What crosses the border: at
the start who takes part, the parameters and the source of randomness; in a round vectors in blocks on the way in, then
frames and faults. Identities are drawn in the worker, which tells their public keys; no state, no secret and no key
pair ever leaves it (key pairs do not pickle).

    with Workers(2, Host) as workers:
        protocol = enrolled(workers, parameters, agents, entropy=entropy)
        outcome = run_round(protocol, vectors, minimum=parameters.minimum, ...)

**Law.** For a seeded source the frames, their order, the faults and the outcome are those of one process, that is of
`masking.under(parameters, agents, entropy=...)`. *Proof.* All that a party draws is addressed by (purpose, round,
party), whichever process draws it. What is under way together is delivered as one batch; a machine hears its frames of
the batch in their order; machines share nothing; and what they say is put on its way in the order of what they heard.

Only the transcript is missing: it would keep every vector of every agent. Its frames that did not decode are there.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, ProtocolMisuse
from tip.protocols.core import COORDINATOR, AgentId, Deadline, Round, Terms
from tip.protocols.loopback import FAITHFUL, Envelope, Loopback, Network, Seat, Task, frame_limit, run_round
from tip.protocols.masking import TABLE, Masked, client, server, under
from tip.protocols.masking.flow import FLOW, PROTOCOL
from tip.protocols.masking.protocol import DEADLINE, STAGES, Cast, ending
from tip.protocols.masking.signing import Directory
from tip.protocols.masking.stages import Own
from tip.protocols.transcript import Transcript
from tip.simulation.processes import FailedAt, Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from tip.crypto import Identity
    from tip.protocols.codec import Decoded, Table
    from tip.protocols.core import Descriptor, Fault, Sight, Vector
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.transcript import Outcome
    from tip.randomness import Entropy

    Undecoded = tuple[AgentId, AgentId, int]

_CHUNK: Final = 1 << 26  # bytes of vectors in one request
_HERE: Final = -1  # who hosts the coordinator


@dataclass(frozen=True, slots=True)
class Enroll:
    """To a worker: draw identities for these agents."""

    parameters: Parameters
    agents: tuple[AgentId, ...]
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class Begin:
    """To a worker: take the seats of a round."""

    terms: Terms
    model: bytes
    directory: Directory
    silent: frozenset[AgentId]


@dataclass(frozen=True, slots=True)
class Take:
    """To a worker: true vectors of some of its agents, `(len(agents), dimension)`."""

    agents: tuple[AgentId, ...]
    vectors: NDArray[np.unsignedinteger[Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Frames:
    """To a worker: frames for its agents, each with its place in the batch."""

    numbered: tuple[tuple[int, Envelope], ...]


@dataclass(frozen=True, slots=True)
class End:
    """To a worker: the round is over, forget it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one frame or event: frames to be put on their way, faults, bytes that did not decode."""

    envelopes: tuple[Envelope, ...]
    faults: tuple[Fault, ...]
    undecoded: tuple[Undecoded, ...]


class Half(Loopback):
    """The seats of some parties of a round. What they say is handed over (`said`), and nothing is written down."""

    def __init__(self, task: Task, network: Network, agents: int) -> None:
        super().__init__(TABLE, task, network)
        self._limit = frame_limit(TABLE, agents, task.terms.dimension)

    def said(self) -> Said:
        """What was said since the last time."""
        said = Said(tuple(self.pending), tuple(self.faults), tuple(self._undecoded))
        self.pending.clear()
        self.faults.clear()
        self._undecoded.clear()
        return said

    def hear(self, numbered: Iterable[tuple[int, Envelope]]) -> dict[int, Said]:
        """Bring frames to their parties; what each of them led to, by its place."""
        found: dict[int, Said] = {}
        for place, envelope in numbered:
            try:
                self.deliver(envelope)
            except Exception as error:
                raise FailedAt((place,), error) from error
            found[place] = self.said()
        return found

    def _post(self, envelope: Envelope) -> None:
        self.pending.append(envelope)

    def _write_down(self, envelope: Envelope, decoded: Decoded) -> None:
        """A transcript keeps all vectors: here nobody does."""


class Host:
    """A worker's agents: their identities for all rounds, their machines for one."""

    def __init__(self) -> None:
        self._enrolled: tuple[Parameters, Cast] | None = None
        self._begun: Begin | None = None
        self._vectors: dict[AgentId, Vector] = {}
        self._half: Half | None = None

    def answer(self, request: Enroll | Begin | Take | Frames | End) -> object:
        """The one door."""
        match request:
            case Enroll():
                cast = Cast.of(request.agents, request.entropy)
                self._enrolled = request.parameters, cast
                return dict(cast.directory.agents)
            case Begin():
                self._begun, self._half = request, None
                self._vectors.clear()
            case Take():
                self._vectors |= dict(zip(request.agents, request.vectors, strict=True))
            case Frames():
                return self._seated().hear(request.numbered)
            case End():
                self._begun = self._half = None
                self._vectors.clear()
        return None

    def _seated(self) -> Half:
        """The seats of this worker's agents, taken when the first frame comes."""
        if self._half is None:
            self._half = self._seats()
        return self._half

    def _seats(self) -> Half:
        if self._enrolled is None or self._begun is None:
            raise ProtocolMisuse("a worker got a frame before it was told of a round")
        (parameters, cast), begun = self._enrolled, self._begun
        if any(begun.directory.key(agent) != key for agent, key in cast.directory.agents.items()):
            raise ProtocolMisuse(
                "these workers hold other agents by now: a later `enrolled` took the place of this one"
            )
        task = Task(begun.terms, begun.model, self._vectors)
        half = Half(task, Network(silent=begun.silent), len(begun.directory.agents))
        secrets = cast.secrets(begun.terms.round)
        for agent, vector in self._vectors.items():
            own = Own(agent, cast.agents[agent], secrets[agent], begun.terms, parameters, begun.directory)
            half.seat(agent, Seat("agent", client.waiting(own), client.advance, vector))
        return half


@dataclass(frozen=True, slots=True)
class Hosted:
    """The masking protocol with its agents in worker processes: what `tip.protocols.run_round` runs."""

    workers: Workers
    parameters: Parameters
    coordinator: Identity
    directory: Directory
    homes: Mapping[AgentId, int] = field(repr=False)

    @property
    def PROTOCOL(self) -> Descriptor:  # noqa: N802 - the name that protocols have
        """What plans know of it."""
        return PROTOCOL

    @property
    def TABLE(self) -> Table:  # noqa: N802 - the name that protocols have
        """Its messages."""
        return TABLE

    @property
    def FLOW(self) -> tuple[Sight, ...]:  # noqa: N802 - the name that protocols have
        """Who sees what."""
        return FLOW

    def run(self, loopback: Loopback, task: Task) -> Outcome:
        """One round; the loopback is its network, and has no seats."""
        self._begin(task, loopback.network)
        spread = Spread(self, loopback, Half(task, Network(), len(task.vectors)))
        desk = spread.desk
        opened = server.open_round(self.coordinator, self.directory, self.parameters, task.terms, task.model, DEADLINE)
        desk.seat(COORDINATOR, Seat("coordinator", opened.state, server.advance))
        desk.start(COORDINATOR, opened)
        spread.put(desk.said())
        for stage in range(STAGES):
            spread.settle()
            desk.tell(COORDINATOR, Deadline(DEADLINE + stage))
            spread.put(desk.said())
        spread.settle()
        self.workers.ask(dict.fromkeys(range(len(self.workers)), End()))
        return spread.outcome()

    def _begin(self, task: Task, network: Network) -> None:
        """Tell the workers of the round, and hand each its agents' vectors."""
        planned = self.parameters
        if task.terms.minimum != planned.minimum or task.vectors.keys() != self.homes.keys():
            raise ConfigurationError(
                f"the round has {len(task.vectors)} agents and a minimum of {task.terms.minimum}",
                why=f"Its parameters are for {planned.agents} agents and a minimum of {planned.minimum}",
                instead="Plan the parameters for this round: tip.protocols.masking.plan_masking",
            )
        begin = Begin(task.terms, task.model, self.directory, network.silent)
        self.workers.ask(dict.fromkeys(range(len(self.workers)), begin))
        rows = max(1, _CHUNK // (task.terms.dimension * (task.terms.modulus_bits // 8)))
        for worker in range(len(self.workers)):
            agents = [agent for agent, home in self.homes.items() if home == worker]
            for first in range(0, len(agents), rows):
                block = tuple(agents[first : first + rows])
                self.workers.ask({worker: Take(block, np.stack([task.vectors[agent] for agent in block]))})


@dataclass(frozen=True, slots=True)
class Spread:
    """One round across processes: the coordinator's desk here, the agents in the workers, a network between them."""

    hosted: Hosted
    network: Loopback
    desk: Half
    undecoded: list[Undecoded] = field(default_factory=list)

    def settle(self) -> None:
        """Deliver until nothing is under way."""
        while self.network.pending:
            for said in self._heard(self.network.batch()):
                self.put(said)

    def put(self, said: Said) -> None:
        """Put frames on their way, and keep what else was said."""
        self.network.faults.extend(said.faults)
        self.undecoded.extend(said.undecoded)
        for envelope in said.envelopes:
            self.network.post(envelope)

    def _heard(self, batch: list[Envelope]) -> list[Said]:
        """What a batch led to, in its order; the coordinator hears its part while the workers hear theirs."""
        parts: dict[int, list[tuple[int, Envelope]]] = {}
        for place, envelope in enumerate(batch):
            parts.setdefault(self.hosted.homes.get(envelope.to, _HERE), []).append((place, envelope))
        mine, found = parts.pop(_HERE, []), dict[int, Said]()
        requests = {worker: Frames(tuple(numbered)) for worker, numbered in parts.items()}
        heard = self.hosted.workers.ask(requests, lambda: found.update(self.desk.hear(mine)))
        for answer in heard.values():
            found |= answer
        return [found[place] for place in range(len(batch))]

    def outcome(self) -> Outcome:
        """What the coordinator knows in the end."""
        ended = ending(self.desk)
        return replace(ended, faults=tuple(self.network.faults), transcript=Transcript((), tuple(self.undecoded)))


def enrolled(workers: Workers, parameters: Parameters, agents: Iterable[AgentId], *, entropy: Entropy) -> Hosted:
    """The protocol for these agents, in equal blocks in these workers, whose server is `Host`.

    `entropy` draws identity keys and the secrets of every round: a seeded one repeats itself and protects nobody. New
    agents in the same workers take the place of the former ones, whose protocol is then refused.
    """
    numbers = sorted(agents)
    blocks = [tuple(AgentId(int(agent)) for agent in block) for block in np.array_split(numbers, len(workers))]
    drawn = workers.ask({at: Enroll(parameters, block, entropy) for at, block in enumerate(blocks)})
    keys = {agent: drawn[at][agent] for at, block in enumerate(blocks) for agent in block}
    coordinator = Cast.of((), entropy).coordinator
    homes = {agent: at for at, block in enumerate(blocks) for agent in block}
    return Hosted(workers, parameters, coordinator, Directory(coordinator.public, keys), homes)


@contextmanager
def masked(
    parameters: Parameters, agents: Iterable[AgentId], *, entropy: Entropy, processes: int
) -> Iterator[Masked | Hosted]:
    """The protocol for these agents, in this process or in so many workers, which are stopped in the end."""
    if processes == 1:
        yield under(parameters, agents, entropy=entropy)
        return
    with Workers(processes, Host) as workers:
        yield enrolled(workers, parameters, agents, entropy=entropy)


def run_round_in_processes(  # noqa: PLR0913 - the public door: what a round is made of
    parameters: Parameters,
    vectors: Mapping[AgentId, NDArray[Any]],
    *,
    processes: int,
    modulus_bits: int,
    round: Round,  # noqa: A002 - the field's word
    model_hash: bytes,
    entropy: Entropy,
    network: Network = FAITHFUL,
) -> Outcome:
    """One masked round of the agents of `vectors`, their machines in so many processes that end with the round.

    All else is as in `tip.protocols.run_round` with `masking.under(parameters, vectors, entropy=entropy)`: the same
    sum, survivors, faults and reason; the transcript holds only what did not decode. Whoever plays many rounds keeps
    the workers (`Workers`, `enrolled`): a start costs about a second.
    """
    with Workers(processes, Host) as workers:
        protocol = enrolled(workers, parameters, vectors, entropy=entropy)
        return run_round(
            protocol,
            vectors,
            minimum=parameters.minimum,
            modulus_bits=modulus_bits,
            round=round,
            model_hash=model_hash,
            network=network,
        )
