"""Attacks on transcripts and on evaluated flows: one trial in each coordinate.

A flow treats all coordinates of a vector alike, so a vector of a thousand coordinates is a thousand trials of the flow of
numbers. Vectors that go over loopback are made as an agent makes them: reals are rounded on a grid with coins, and a
discrete Gaussian share is added. The agent that is attacked stands at one end of its range, and with the change at the
other; both ends lie on the grid, so that its rounding hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.aggregation.quantize import Grid
from tip.flow.attacking import attack_of
from tip.flow.evaluation import evaluate
from tip.flow.model import Choice, Interval, Sampling
from tip.flow.reasoning import derive
from tip.flow.scores import Pair, Whole, blurred
from tip.flow.shapes import over
from tip.mechanisms import BinaryRandomizedResponse
from tip.mechanisms.distributed import DistributedGaussian
from tip.privacy import gaussian
from tip.protocols import COORDINATOR, AgentId, Network, Round, local, run_round
from tip.protocols.declaring import COHORT, RELEASED, Sums, field_name
from tip.protocols.local.messages import Report
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.flow.attacking import Attack
    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow
    from tip.privacy.guarantees import Guarantee
    from tip.protocols.loopback import Runnable
    from tip.protocols.transcript import Outcome

    Values = dict[str, NDArray[Any]]
    Floats = NDArray[np.float64]

WIDTH: Final = 1_000  # coordinates of a vector
STEP: Final = 0.25  # of the grid
CHUNK: Final = 10_000  # trials of an evaluated flow at a time
HASH: Final = bytes(32)
EXACT, GAUSSIAN, RATIO = "exact law of whole numbers", "Gaussian", "pure ratio"


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What an attack scored without and with the change, and what was said of it before.

    `laws` fix the thresholds; `predicted` is the curve that the attack is to reach, `shape` says which; `bound` is what was
    proven. `told`: whether what was seen is what the flow says (law 21).
    """

    name: str
    over: str
    shape: str
    mu: float | None
    laws: Pair
    predicted: Callable[[float], float] = field(repr=False)
    bound: Guarantee = field(repr=False)
    quiet: Floats = field(repr=False)
    loud: Floats = field(repr=False)
    told: bool


# -- sums over loopback ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summed:
    """A sum protocol whose agents hold whole numbers in [-`reach`, `reach`], and a coalition.

    `agents` 0 is attacked; `colluders` send what they like (law 19) and tell all they know; `silent` agents never answer.
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
        laws = attack.laws()
        return Run(
            self.name, "loopback", EXACT, attack.mu, laws, laws.hit_rate, derivation.guarantee, scores[0], scores[1], told
        )  # fmt: skip

    def drawn(self, attack: Attack, trials: int, entropy: Entropy, *, loud: bool) -> Values:
        """Rounded updates and shares, `(rounds, agents, trials)`."""
        norm = (self.reach + 0.5) * STEP * WIDTH**0.5
        grid = Grid(STEP, norm, WIDTH, self.bits)
        noise = DistributedGaussian(grid.squared_bound, self.variance, WIDTH, self.least)
        blocks, made = trials // WIDTH, {"update": [], "share": []}
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


# -- reports over loopback ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Yes or no by randomized response: each agent is a trial, and the coordinator reads each report."""

    name: str
    epsilon: Fraction

    def run(self, trials: int, seed: int) -> Run:
        """All trials, over loopback; of two answers the likelihood ratio rises with the report."""
        mechanism = BinaryRandomizedResponse(self.epsilon)
        flow = local.flow(agents=WIDTH, domain=Choice(2), ratio=mechanism.ratio)
        bound = derive(flow, "coordinator", delta=0.0).guarantee
        entropy = Entropy.seeded(seed)
        scores = [
            blurred(self._reported(mechanism, answer, trials, entropy), entropy.generator("ties", answer))
            for answer in (0, 1)
        ]
        p = float(mechanism.p)
        laws = Pair(Whole(0, np.array([p, 1 - p])), Whole(0, np.array([1 - p, p])))
        ratio = float(mechanism.ratio)

        def predicted(a: float) -> float:
            return min(ratio * a, 1 - (1 - a) / ratio)

        return Run(self.name, "loopback", RATIO, None, laws, predicted, bound, scores[0], scores[1], told=True)

    def _reported(self, mechanism: BinaryRandomizedResponse, answer: int, trials: int, entropy: Entropy) -> Floats:
        found = []
        for block in range(trials // WIDTH):
            number = 2 * block + answer
            made = mechanism.randomize(np.full(WIDTH, answer), entropy=entropy, round=number)
            reports = {AgentId(i): made.take(slice(i, i + 1)).to_bytes() for i in range(WIDTH)}
            poll = local.ask(local.Agreement(Round(number), "Yes or no?", mechanism, minimum=1), reports)
            read = {text: float(mechanism.read(text)["answer"][0]) for text in set(reports.values())}
            rows = [row.message for row in poll.transcript.of(COORDINATOR)]
            found += [read[message.report] for message in rows if isinstance(message, Report)]
        return np.array(found)


# -- flows of real noise --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A flow with real Gaussian noise, evaluated message by message."""

    name: str
    flow: Flow
    against: str
    colluders: tuple[int, ...] | None = None
    agent: int | None = None

    def derived(self) -> Derivation:
        """Against the coalition."""
        return derive(self.flow, self.against, delta=1e-6, colluders=self.colluders, agent=self.agent)

    def run(self, trials: int, seed: int) -> Run:
        """All trials, a chunk at a time."""
        derivation = self.derived()
        attack, mu = attack_of(derivation), derivation.guarantee.mu
        if mu is None:
            raise ValueError(derivation.guarantee.missing)
        entropy = Entropy.seeded(seed)
        scores: tuple[list[Floats], list[Floats]] = ([], [])
        for number, start in enumerate(range(0, trials, CHUNK)):
            for loud in (False, True):
                values = self.drawn(attack, min(CHUNK, trials - start), entropy, 2 * number + int(loud))
                real = attack.changed(values) if loud else values
                scores[loud].append(attack.score(evaluate(self.flow, real), values))
        quiet, loud_ = (np.concatenate(part) for part in scores)
        return Run(
            self.name, "evaluated", GAUSSIAN, mu, attack.laws(), lambda a: gaussian.hit_rate(mu, a),
            derivation.guarantee, quiet, loud_, told=True,
        )  # fmt: skip

    def drawn(self, attack: Attack, trials: int, entropy: Entropy, number: int) -> Values:
        """Secrets without the change, those of the agent such that the change stays inside; and all noise."""
        generator, values = entropy.generator("values", number), {}
        for secret in self.flow.secrets:
            assert isinstance(secret.domain, Interval)
            low, high = float(secret.domain.low), float(secret.domain.high)
            shape = (secret.rounds, self.flow.group(secret.of).size, trials)
            values[secret.name] = generator.uniform(low, high, shape)
            for part in attack.change:
                if part.secret == secret.name:
                    values[secret.name][part.round, part.member] = low if part.by > 0 else high
        for noise in self.flow.noises:
            shape = (noise.rounds, over(self.flow, noise.of)[1], trials)
            values[noise.name] = generator.standard_normal(shape) * float(noise.variance or 0) ** 0.5
        return values
