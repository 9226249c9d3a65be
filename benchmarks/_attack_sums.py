"""Attacks on sums over loopback: one trial in each coordinate.

A flow treats all coordinates of a vector alike, so a vector of a thousand coordinates is a thousand trials of the flow
of numbers. Vectors are made as an agent makes them: reals are rounded on a grid with coins, and a discrete Gaussian
share is added. The agent that is attacked stands at one end of its range, and with the change at the other; both ends
lie on the grid, so that its rounding hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from _attack_runs import EXACT, WIDTH, Run

from tip.aggregation.quantize import Grid
from tip.flow.attacking import attack_of
from tip.flow.evaluation import evaluate
from tip.flow.model import Sampling
from tip.flow.reasoning import derive
from tip.flow.scores import blurred
from tip.mechanisms.distributed import DistributedGaussian
from tip.protocols import COORDINATOR, AgentId, Network, Round, run_round
from tip.protocols.declaring import COHORT, RELEASED, Sums, field_name
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from _attack_runs import Values
    from numpy.typing import NDArray

    from tip.flow.attacking import Attack
    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow
    from tip.protocols.loopback import Runnable
    from tip.protocols.transcript import Outcome

STEP: Final = 0.25  # of the grid
HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Summed:
    """A sum protocol whose agents hold whole numbers in [-`reach`, `reach`], and a coalition.

    Agent 0 is attacked; `colluders` send what they like (law 19) and tell all they know; `silent` agents never answer.
    """

    name: str
    protocol: Any
    against: str
    agents: int
    least: int
    reach: int
    variance: Fraction
    rounds: int = 1
    bits: int = 32
    colluders: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()

    def flow(self) -> Flow:
        """The protocol's own, for numbers."""
        sums = Sums(
            agents=self.agents,
            least=self.least,
            dimension=1,
            squared_bound=self.reach**2,
            share_variance=self.variance,
            modulus_bits=self.bits,
            rounds=self.rounds,
            participations=self.rounds,
            sampling=Sampling.ALL,
        )
        flow: Flow = self.protocol.flow(sums)
        return flow

    def derived(self) -> Derivation:
        """Against the coalition, its members named."""
        return derive(self.flow(), self.against, delta=1e-6, colluders=self.colluders)

    def run(self, trials: int, seed: int) -> Run:
        """All trials, over loopback."""
        derivation = self.derived()
        attack = attack_of(derivation)
        entropy = Entropy.seeded(seed)
        told, scores = True, []
        for loud in (False, True):
            values = self.drawn(attack, trials, entropy, loud=loud)
            present = {COHORT: np.setdiff1d(np.arange(self.agents), self.silent)}
            seen = self.transcripts(values)
            said = evaluate(derivation.flow, values, present)
            told &= all(np.array_equal(seen[name], _answering(said[name], present[COHORT])) for name in seen)
            known = values | {"update": self._still(values["update"])}
            rows = {name: _everybody(value, self.agents, present[COHORT]) for name, value in seen.items()}
            scores.append(blurred(attack.score(rows, known, present), entropy.generator("ties", int(loud))))
        laws, bound = attack.laws(), derivation.guarantee
        mu = None if bound.rho is None else (2 * float(bound.rho)) ** 0.5
        return Run(
            self.name, "loopback", EXACT, mu, attack.mu, laws, laws.hit_rate, bound, scores[0], scores[1], told
        )  # fmt: skip

    def drawn(self, attack: Attack, trials: int, entropy: Entropy, *, loud: bool) -> Values:
        """Rounded updates and shares, `(rounds, agents, trials)`."""
        norm = (self.reach + 0.5) * STEP * WIDTH**0.5
        grid = Grid(STEP, norm, WIDTH, self.bits)
        noise = DistributedGaussian(grid.squared_bound, self.variance, WIDTH, self.least)
        made: dict[str, list[NDArray[np.int64]]] = {"update": [], "share": []}
        blocks = trials // WIDTH
        agents = np.arange(blocks * self.agents)
        for number in range(self.rounds):
            address = 2 * number + int(loud)
            shape = (blocks, self.agents, WIDTH)
            reals = entropy.generator("updates", address).uniform(-self.reach, self.reach, shape) * STEP
            reals[:, attack.agent] = (self.reach if loud else -self.reach) * STEP
            rounded = grid.encode(reals.reshape(-1, WIDTH), entropy.stream("coins", address), agents).vectors
            sent = noise.add_shares(rounded, entropy.stream("shares", address), agents)
            made["update"].append(_flat(rounded, shape))
            made["share"].append(_flat(sent - rounded, shape))
        values = {name: np.stack(parts) for name, parts in made.items()}
        values["update"][:, list(self.colluders)] += (1 << (self.bits - 1)) - 3  # effective inputs: the sum goes around
        return values

    def transcripts(self, values: Values) -> Values:
        """What the coalition sees of the rounds, by message, `(rounds, rows, trials)`."""
        sent = values["update"] + values["share"]
        network = Network(silent=frozenset(map(AgentId, self.silent)))
        columns = []
        for start in range(0, sent.shape[2], WIDTH):
            rounds = [self._seen(row[:, start : start + WIDTH], number, network) for number, row in enumerate(sent)]
            columns.append({name: np.stack([each[name] for each in rounds]) for name in rounds[0]})
        return {name: np.concatenate([part[name] for part in columns], axis=2) for name in columns[0]}

    def _seen(self, sent: NDArray[np.int64], number: int, network: Network) -> Values:
        protocol: Runnable = self.protocol
        outcome = run_round(
            protocol,
            {AgentId(agent): vector for agent, vector in enumerate(sent)},
            minimum=self.least,
            modulus_bits=self.bits,
            round=Round(number),
            model_hash=HASH,
            network=network,
        )
        return dict(_private(outcome, "coordinator" in self.against))

    def _still(self, updates: NDArray[Any]) -> NDArray[Any]:
        """The updates without the change."""
        still = updates.copy()
        still[:, 0] = -self.reach
        return still


def _private(outcome: Outcome, coordinator: bool) -> Iterator[tuple[str, NDArray[Any]]]:  # noqa: FBT001
    """The vectors that the coalition received, as rows in the order of their senders."""
    if outcome.total is None:
        raise ValueError(outcome.reason)
    yield RELEASED, outcome.total.astype(np.uint64)[None]
    if coordinator:
        bodies: dict[str, dict[int, NDArray[Any]]] = {}
        for row in outcome.transcript.of(COORDINATOR):
            for vector in row.vectors.values():
                name = field_name(type(row.message).__name__, "body")
                bodies.setdefault(name, {})[row.message.sender] = vector.astype(np.uint64)
        for name, by in bodies.items():
            yield name, np.stack([by[sender] for sender in sorted(by)])


def _flat(rows: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    """`(blocks * agents, width)` as `(agents, blocks * width)`."""
    return rows.reshape(shape).swapaxes(0, 1).reshape(shape[1], -1)


def _answering(said: NDArray[Any], present: NDArray[np.int64]) -> NDArray[Any]:
    return said[:, present] if said.shape[1] > 1 else said


def _everybody(rows: NDArray[Any], agents: int, present: NDArray[np.int64]) -> NDArray[Any]:
    """Rows of those who answered at their places among all."""
    if rows.shape[1] == 1:
        return rows
    full = np.zeros((len(rows), agents, rows.shape[2]), rows.dtype)
    full[:, present] = rows
    return full
