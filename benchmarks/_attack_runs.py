"""Attacks on reports over loopback and on flows of real noise: a trial in each agent, or in each coordinate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tip.flow.attacking import attack_of
from tip.flow.evaluation import evaluate
from tip.flow.model import Choice, Interval
from tip.flow.reasoning import derive
from tip.flow.scores import Pair, Whole, blurred
from tip.flow.shapes import over
from tip.mechanisms import BinaryRandomizedResponse
from tip.privacy import gaussian
from tip.protocols import COORDINATOR, AgentId, Round, local
from tip.protocols.local.messages import Report
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.flow.attacking import Attack
    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow
    from tip.privacy.guarantees import Guarantee

    Values: TypeAlias = dict[str, NDArray[Any]]
    Floats = NDArray[np.float64]

WIDTH: Final = 1_000  # coordinates of a vector
CHUNK: Final = 10_000  # trials of an evaluated flow at a time
EXACT, GAUSSIAN, RATIO = "exact law of whole numbers", "Gaussian", "pure ratio"


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What an attack scored without and with the change, and what was said of it before.

    `laws` fix the thresholds; `predicted` is the curve that the attack is to reach, `shape` says which; `bound` is what
    was proven, and `mu` belongs to it (the root of 2 rho for whole numbers), while `reached` is the test's own.
    `told`: whether what was seen is what the flow says (law 21).
    """

    name: str
    over: str
    shape: str
    mu: float | None
    reached: float | None
    laws: Pair
    predicted: Callable[[float], float] = field(repr=False)
    bound: Guarantee = field(repr=False)
    quiet: Floats = field(repr=False)
    loud: Floats = field(repr=False)
    told: bool


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

        return Run(self.name, "loopback", RATIO, None, None, laws, predicted, bound, scores[0], scores[1], True)

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
            self.name, "evaluated", GAUSSIAN, mu, attack.mu, attack.laws(), lambda a: gaussian.hit_rate(mu, a),
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
