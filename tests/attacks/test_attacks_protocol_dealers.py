"""Two stories about who dealt open nothing, as the keys of masks depend on them; without that they open a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.attacks.protocol import Attempt, TwoDealerSets
from tip.protocols.core import COORDINATOR, AgentId, Round, Terms
from tip.protocols.loopback import Task
from tip.protocols.masking import plan_masking, secrets, under
from tip.protocols.masking.parameters import Parameters
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = Entropy.seeded(20261130)
DRAWN = Parameters.unchecked(
    agents=10, corrupt=2, dropouts=2, coordinator="malicious", graph="drawn", degree=4, threshold=3, minimum=8,
    samples=8, privacy_bits=1, success_bits=1,
)  # fmt: skip
HOLDERS = {
    0: (1, 5, 7, 8),
    1: (0, 5, 7, 8),
    2: (0, 3, 4, 6),  # the victim: 6 is hidden from it, 4 will have dropped out
    3: (0, 1, 4, 9),
    4: (0, 1, 3, 9),
    5: (0, 1, 6, 7),
    6: (0, 1, 7, 8),
    7: (0, 1, 6, 8),
    8: (0, 1, 6, 7),
    9: (0, 1, 3, 4),
}
ATTACK = TwoDealerSets(AgentId(2), frozenset({AgentId(2), AgentId(3), AgentId(9)}), frozenset({AgentId(0), AgentId(1)}))


def played(attack: TwoDealerSets, parameters: Parameters) -> Attempt:
    agents = [AgentId(i) for i in range(parameters.agents)]
    words = SEED.stream("vectors").words(np.arange(len(agents)), 9, dtype=np.uint32)
    task = Task(Terms(Round(1), parameters.minimum, 9, 32), bytes(32), dict(zip(agents, words, strict=True)))
    attempt = attack.play(under(parameters, agents, entropy=SEED), task)
    for part in attempt.knowledge.parts:  # whatever it computes is a true sum: the knowledge is no guess
        assert (part.total == sum(task.vectors[agent] for agent in part.agents)).all()
    assert attempt.named <= {COORDINATOR}
    return attempt


def unlucky(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holders are drawn as in the table."""

    def drawn(_: Parameters, __: tuple[AgentId, ...], me: AgentId, *___: bytes) -> tuple[AgentId, ...]:
        return tuple(map(AgentId, HOLDERS[me]))

    for module in ("answers", "questions"):
        monkeypatch.setattr(f"tip.protocols.masking.{module}.holders_of", drawn)


def test_two_sets_of_dealers_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky(monkeypatch)
    attempt = played(ATTACK, DRAWN)
    assert attempt.knowledge.parts == ()
    assert attempt.knowledge.both == ()
    assert {2, 3, 9} <= attempt.knowledge.own.keys()  # all that it wanted was opened: only the masks do not fit
    assert 4 in attempt.knowledge.mask
    assert attempt.convicted == set()


def test_two_sets_of_dealers_open_a_part_where_keys_do_not_depend_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky(monkeypatch)
    real = secrets.mask_keys

    def careless(seeds: Iterable[bytes], here: bytes) -> tuple[bytes, ...]:
        return real(seeds, here[:0])

    for module in ("protocols.masking.answers", "protocols.masking.opening", "attacks.protocol.knowledge"):
        monkeypatch.setattr(f"tip.{module}.mask_keys", careless)
    monkeypatch.setattr("tip.attacks.protocol.knowledge._here", lambda *_: b"")  # what it knows, it knows of all alike
    attempt = played(ATTACK, DRAWN)
    assert attempt.knowledge.agents() == ((2, 3, 9),)
    assert attempt.stolen == ("the sum of agents (2, 3, 9) alone",)


def test_one_story_opens_everybody_or_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same survivors where the victim is told the truth: what is opened then is no small part."""
    unlucky(monkeypatch)
    monkeypatch.setattr("tip.attacks.protocol.substitutions.narrowed", lambda _, true, __: true)
    assert played(ATTACK, DRAWN).knowledge.agents() == ((2, 3, 5, 6, 7, 8, 9),)


@pytest.mark.parametrize("agents", [12, 40])
def test_within_a_plan_the_part_has_too_many_neighbors(agents: int) -> None:
    planned = plan_masking(agents, 0.1, 0.17 if agents == 12 else 0.1, coordinator="malicious")
    attempt = played(TwoDealerSets(AgentId(4), frozenset(map(AgentId, (4, 7, 9))), frozenset({AgentId(0)})), planned)
    assert attempt.stolen == ()
    assert attempt.knowledge.parts == ()
