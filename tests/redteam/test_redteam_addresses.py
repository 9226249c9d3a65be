"""No random word serves twice: addresses read in whole runs are disjoint."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from tip.aggregation import Grid
from tip.errors import ConfigurationError
from tip.learning import FedSGD, Logistic, Records
from tip.mechanisms.distributed import DistributedGaussian
from tip.noise import DiscreteGaussian, DiscreteLaplace
from tip.randomness import Entropy, Stream
from tip.simulation.cohorts import Cohorts, Participation
from tip.simulation.vectorized import Engine, Private

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS: Final = 30
Address = tuple[str, int, int, int, int]  # purpose, round, agent, lane, place of a 32-bit half word


class Watch:
    """Writes down each 32-bit word that streams give out, and which were given out twice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[Address] = set()
        self.twice: set[Address] = set()
        self.labels: dict[int, tuple[str, int]] = {}
        self._alive: list[Stream] = []
        self._watch(monkeypatch)

    def note(self, stream: Stream, found: Iterator[tuple[int, int, int]]) -> None:
        for agent, lane, place in found:
            address = (*self.labels.get(id(stream), ("?", 0)), agent, lane, place)
            (self.twice if address in self.seen else self.seen).add(address)

    def _watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        take, words, words_at = Entropy.stream, Stream.words, Stream.words_at

        def stream(entropy: Entropy, purpose: str, round: int = 0) -> Stream:  # noqa: A002 - the field's word
            made = take(entropy, purpose, round)
            self.labels[id(made)] = (purpose, round)
            self._alive.append(made)  # so that no other stream gets its id
            return made

        def rows(stream: Stream, agents: np.ndarray, count: int, **how: Any) -> np.ndarray:  # noqa: ANN401
            halves = np.dtype(how.get("dtype", np.uint64)).itemsize // 4
            first, lane = halves * how.get("start", 0), how.get("lane", 0)
            places = range(first, first + halves * count)
            self.note(stream, ((int(agent), lane, place) for agent in agents for place in places))
            return words(stream, agents, count, **how)

        def scattered(stream: Stream, agents: np.ndarray, positions: np.ndarray, *, lane: int = 0) -> np.ndarray:
            pairs = zip(*np.broadcast_arrays(agents, positions), strict=True)
            self.note(stream, ((int(a), lane, 2 * int(p) + half) for a, p in pairs for half in (0, 1)))
            return words_at(stream, agents, positions, lane=lane)

        monkeypatch.setattr(Entropy, "stream", stream)
        monkeypatch.setattr(Stream, "words", rows)
        monkeypatch.setattr(Stream, "words_at", scattered)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


class OnePurpose(Entropy):
    """The mutant: one key for all purposes of a round."""

    __slots__ = ()

    def stream(self, _: str, round: int = 0) -> Stream:  # noqa: A002 - the field's word
        return Entropy.stream(self, "all", round)


class OneRound(Entropy):
    """The mutant: the same bits in each round."""

    __slots__ = ()

    def stream(self, purpose: str, _: int = 0) -> Stream:
        return Entropy.stream(self, purpose, 0)


def play(entropy: Entropy, *, block: int, rounds: int = 3) -> None:
    """Some rounds as a run plays them: a Poisson cohort, drop-outs, coarse rounding with redraws, noise."""
    words = Entropy.seeded(1).stream("data of the test").words(np.arange(AGENTS), 12) * 2.0**-63 - 1
    features, every = words.reshape(AGENTS, 12)[:, :7], np.arange(AGENTS)
    data = Records(features, (words[:, 11] > 0).astype(np.int64), every, np.arange(AGENTS + 1))
    grid = Grid(0.05, 0.2, 8, 32)  # four steps: many draws miss the bound
    channel = Private(grid, DistributedGaussian(grid.squared_bound, Fraction(50), 8, 5), entropy)
    engine = Engine(Logistic(7), FedSGD(), data, channel, block=block)
    cohorts = Cohorts(AGENTS, "poisson", 0, Fraction(3, 4), Fraction(1, 10), rounds)
    entropy.stream("data/test").choose(AGENTS, 10)
    entropy.stream("liars").choose(AGENTS, 3)
    for number in range(1, rounds + 1):
        cohort = cohorts.drawn(entropy, number)
        answering = cohorts.answering(cohort, Participation.none_yet(AGENTS), entropy, number)
        engine.sum_of(answering, np.zeros(8), number)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_no_word_of_a_run_serves_twice(watch: Watch, block: int) -> None:
    """Cohort, drop-outs, liars, test split, rounding coins (redraws too) and noise: no address is read again."""
    play(Entropy.seeded(7), block=block)
    assert {label[0] for label in watch.seen} >= {"cohort", "dropout", "rounding", "noise", "liars", "data/test"}
    assert any(lane for purpose, _, _, lane, _ in watch.seen if purpose == "rounding")  # there were redraws
    assert not watch.twice


@pytest.mark.parametrize("mutant", [OnePurpose, OneRound])
def test_one_key_for_two_draws_is_caught(watch: Watch, mutant: type[Entropy]) -> None:
    play(mutant(bytes(32)), block=7)
    assert watch.twice


@pytest.mark.parametrize(
    "law",
    [
        DiscreteGaussian(Fraction(1, 3)),
        DiscreteGaussian(Fraction(280576)),
        DiscreteGaussian(Fraction(1 << 41, 3)),
        DiscreteLaplace(Fraction(5, 2)),
        DiscreteLaplace(Fraction(1 << 35)),
    ],
    ids=lambda law: f"{law}",
)
def test_no_word_of_a_sampler_serves_twice(watch: Watch, law: Any) -> None:  # noqa: ANN401 - two laws
    """Words, ties, digits, attempts and exact tests of the samplers live in lanes of their own."""
    law.sample(Entropy.seeded(2).stream("noise"), np.arange(200), 50)
    assert watch.seen
    assert not watch.twice


def test_addresses_end_where_the_next_lane_begins() -> None:
    """A position beyond the lane's 2^48 blocks would be the next lane's word: refused, not given."""
    stream, five = Entropy.seeded(1).stream("x"), np.array([5])
    lane_1 = stream.words(five, 4, lane=1)
    with pytest.raises(ConfigurationError):
        stream.words(five, 4, start=1 << 49)
    with pytest.raises(ConfigurationError):
        stream.words(five, 4, start=(1 << 49) - 2)  # begins in its lane and ends outside
    last = stream.words(five, 2, start=(1 << 49) - 2)
    assert not np.isin(last, lane_1).any()
    for position in (1 << 49, -2):
        with pytest.raises(ConfigurationError):
            stream.words_at(five, np.array([position]))
    for lane in (-1, 1 << 16):
        with pytest.raises(ConfigurationError):
            stream.words_at(five, np.array([0]), lane=lane)
        with pytest.raises(ConfigurationError):
            stream.fill(np.empty(4, dtype=np.uint64), lane=lane)
