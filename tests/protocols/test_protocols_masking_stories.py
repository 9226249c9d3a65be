"""Laws of masked rounds with a coordinator that tells each agent what it likes, and signs it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.protocols import masking_mutants as mutants
from tests.protocols.masking_liars import Liars, collected
from tests.protocols.masking_parties import DRAWN, Scene, remembered, tiny
from tests.protocols.masking_rules import Watch
from tests.protocols.masking_views import Opened
from tip.protocols import COORDINATOR, AgentId, Round
from tip.protocols.core import Step
from tip.protocols.masking import checking, server
from tip.protocols.masking.messages import (
    Announce,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Graph,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.protocol import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tip.protocols.masking import Parameters
    from tip.protocols.masking.server import Coordinator

ENDINGS: Counter[str] = Counter()
SAFE = tiny("complete", agents=6, degree=5, threshold=4, minimum=4, corrupt=1)  # 2t > n-1+c, 2m > n+c
assert 2 * SAFE.threshold > 5 + SAFE.corrupt
assert 2 * SAFE.minimum > 6 + SAFE.corrupt

INDEX = st.integers(0, 60)
HOW = st.integers(0, 1 << 16)
AGENT = st.integers(0, 5).map(AgentId)
QUESTIONS = st.sampled_from((Announce, Roster, Graph, Peers, Peers, Delivery, Proof, Survivors))
LIES = st.sampled_from((Keys, Dealing, Dealing, Consent, Unmask))
Plot = tuple[type[Message], int, int, bool]
Slow = tuple[type[Message], AgentId]
SLOW = st.lists(st.tuples(st.sampled_from((MaskedInput, Dealing, Consent)), AGENT), max_size=2)
CHANCE = st.lists(st.tuples(st.one_of(QUESTIONS, LIES), st.integers(0, 8), HOW, st.booleans()), max_size=4)
ALL = 63  # the receivers of a lie, one bit each
PLANS = st.one_of(  # sets that differ, keys of the coordinator's own, and all that makes them fit; garbled dealings
    st.tuples(
        st.tuples(st.just(Survivors), st.just(1), HOW, st.just(True)),
        st.tuples(st.just(Consents), st.integers(0, 1), st.just(ALL), st.just(True)),
    ),
    st.just(((Peers, 1, ALL, True), (Delivery, 0, ALL, True))),
    st.tuples(st.tuples(st.just(Delivery), st.just(1), HOW.map(lambda how: how | ALL), st.just(True))),
    st.just(()),
)
PLOTS = st.tuples(PLANS, CHANCE).map(lambda both: [*both[0], *both[1]])


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield


def careless(state: Coordinator, event: Any) -> Step[Coordinator]:  # noqa: ANN401 - the machine's own events
    """The coordinator's machine without its checks: what it accepts is its own affair."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "check", lambda *_: None)
        try:
            return server.advance(state, event)
        except Exception:  # noqa: BLE001 - it broke its own rules
            return Step(state)


class MaliciousCoordinator(RuleBasedStateMachine):
    """One round; the coordinator and one agent lie to every agent as hypothesis likes."""

    @initialize(parameters=st.sampled_from((SAFE, SAFE, DRAWN)), liar=AGENT, plots=PLOTS, slow=SLOW)
    def begin(self, parameters: Parameters, liar: AgentId, plots: list[Plot], slow: list[Slow]) -> None:
        self.scene = Scene(parameters)
        self.scene.parties[COORDINATOR].advance = careless
        self.liars = Liars(self.scene, frozenset({liar}), plots, list(slow))
        self.scene.meddle = self.liars.meddle  # type: ignore[method-assign]
        self.watch = Watch(self.scene, self.liars, trusted=False)

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def deliver(self, index: int) -> None:
        self.scene.deliver(self.scene.take(index))

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def lose(self, index: int) -> None:
        self.scene.take(index)

    @precondition(lambda self: self.scene.seen)
    @rule(index=INDEX)
    def replay(self, index: int) -> None:
        self.scene.deliver(self.scene.seen[-1 - index % len(self.scene.seen)])

    @rule(turns=st.integers(1, 3))
    def play(self, turns: int) -> None:
        for _ in range(turns):
            self.scene.settle()

    @rule()
    def play_a_stage(self) -> None:
        self.scene.settle()
        self.scene.deadline(DEADLINE + getattr(self.scene.coordinator.stage, "number", 9))
        self.scene.release()

    @rule(who=AGENT, replay=st.booleans())
    def restart(self, who: AgentId, replay: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
        self.scene.restart(who, replay=replay)

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX, which=st.integers(0, 8), how=HOW, instead=st.booleans())
    def lie(self, index: int, which: int, how: int, instead: bool) -> None:  # noqa: FBT001 - as above
        envelope = self.scene.pending[index % len(self.scene.pending)]
        if envelope.sender not in {COORDINATOR, *self.liars.names}:
            return
        message = self.liars.lie(envelope, which, how)
        if message is not None and self.liars.say(message, envelope.to, instead=instead) and instead:
            self.scene.pending.remove(envelope)

    @rule(to=st.sets(AGENT, min_size=1), survivors=st.sets(AGENT, min_size=3))
    def tell_survivors(self, to: set[AgentId], survivors: set[AgentId]) -> None:
        """A set of its choice, to those of its choice: to be alive for some and dead for others."""
        for agent in sorted(to):
            self.liars.say(Survivors(Round(7), COORDINATOR, tuple(sorted(survivors))), agent)

    @rule(to=st.sets(AGENT, min_size=1), forged=st.booleans())
    def show_consents(self, to: set[AgentId], forged: bool) -> None:  # noqa: FBT001 - as above
        """All that were given to the set that an agent signed."""
        self.consents_to(to, forged=forged)

    def consents_to(self, agents: set[AgentId], *, forged: bool = False) -> None:
        for agent in sorted(agents):
            message = collected(self.scene, agent, self.liars.names, forged=forged)
            if message is not None:
                self.liars.say(message, agent)

    @invariant()
    def the_laws_hold(self) -> None:
        if hasattr(self, "watch"):
            self.watch.look()

    def teardown(self) -> None:
        if not hasattr(self, "watch"):
            return
        self.scene.finish()
        self.consents_to(set(self.scene.agents))
        self.scene.finish()
        self.watch.look()
        self.liars.afterthoughts()
        self.watch.frame_up()
        if self.scene.parameters is SAFE:
            self.nothing_is_open()
        ending = "opened" if self.watch.opened else "nothing opened"
        ENDINGS[ending] += 1
        ENDINGS.update(f"convicted: {claim}" for _, claim in self.watch.convicted)
        event(ending)

    def nothing_is_open(self) -> None:
        """One set is answered for, and no sum of fewer honest vectors than the minimum less the corrupt is open."""
        assert len({self.watch.signed[agent] for agent in self.watch.opened}) <= 1
        opened = Opened(self.watch)
        assert not opened.own & opened.mask
        for part in opened.sums():
            assert len(part) >= SAFE.minimum - SAFE.corrupt, part


QUICK = settings(max_examples=100, stateful_step_count=30, deadline=None)

TestMaliciousCoordinator = MaliciousCoordinator.TestCase
TestMaliciousCoordinator.settings = QUICK


def test_the_coordinator_gets_somewhere() -> None:
    if not ENDINGS:
        pytest.skip("the machine did not run")
    assert ENDINGS["opened"]
    assert ENDINGS["nothing opened"]


@pytest.mark.slow
def test_many_rounds() -> None:
    run_state_machine_as_test(MaliciousCoordinator, settings=settings(QUICK, max_examples=2000))


@pytest.mark.parametrize(
    "mutant",
    [
        mutants.signs_two_sets,
        mutants.complains_of_what_was_delivered,
        mutants.complains_of_who_was_misled,
        mutants.asks_no_minimum,
        mutants.takes_unproven_keys,
        mutants.checks_no_consent,
    ],
)
def test_the_laws_catch_a_mutant(mutant: Callable[[], mutants.Patch], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*mutant())
    searching = settings(
        QUICK, max_examples=2500, phases=[Phase.generate], database=None, derandomize=True, report_multiple_bugs=False
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(MaliciousCoordinator, settings=searching)


def asked_twice() -> None:
    """Everybody signs a set, is restarted, and is asked to sign another one: the shortest way to both secrets."""
    machine = MaliciousCoordinator()
    machine.begin(SAFE, AgentId(5), [], [])
    scene, everybody = machine.scene, set(machine.scene.agents)
    while any(scene.stage(agent) != "Consented" for agent in everybody):
        if scene.todo:
            scene.work()
        else:
            scene.deliver(scene.take(0))
    scene.pending.clear()
    for agent in sorted(everybody):
        machine.restart(agent, replay=False)
    machine.tell_survivors(everybody, everybody - {AgentId(0)})
    scene.settle()
    machine.watch.look()


def test_a_restart_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_twice()
    monkeypatch.setattr(*mutants.forgets_after_a_restart())
    with pytest.raises(AssertionError):
        asked_twice()
