"""Laws of masked rounds with a coordinator that follows the protocol, whatever network and malicious agents do."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

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
from tests.protocols.masking_liars import Liars
from tests.protocols.masking_parties import COMPLETE, DRAWN, RING, Scene, remembered
from tests.protocols.masking_rules import Watch
from tip.errors import ProtocolMisuse
from tip.protocols import COORDINATOR, AgentId, Round
from tip.protocols.loopback import Envelope
from tip.protocols.masking.messages import (
    CHANNEL,
    MASK,
    Advertise,
    Consent,
    Dealing,
    Keys,
    MaskedInput,
    Message,
    Query,
    Reveal,
    Unmask,
)
from tip.protocols.masking.protocol import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tip.protocols.masking import Parameters

ENDINGS: Counter[str] = Counter()
PAIRS = [frozenset(map(AgentId, pair)) for pair in combinations(range(6), 2)]
AGENT = st.integers(0, 5).map(AgentId)
INDEX = st.integers(0, 60)
HOW = st.integers(0, 1 << 16)
Plot = tuple[type[Message], int, int, bool]
ANSWERS = st.sampled_from((Advertise, Reveal, Keys, Dealing, Dealing, MaskedInput, Consent, Unmask))
Slow = tuple[type[Message], AgentId]
SLOW = st.lists(st.tuples(st.sampled_from((MaskedInput, MaskedInput, Keys, Consent, Unmask)), AGENT), max_size=2)
CHANCE = st.lists(st.tuples(ANSWERS, st.integers(0, 8), HOW, st.sampled_from((True, True, False))), max_size=3)
PLANS = st.sampled_from(  # keys in common, a second version of keys, seeds that both liars made up and tell
    (
        (),
        (),
        ((Keys, 2, 0, True),),
        ((Keys, 0, 1, False),),
        ((Dealing, 0, 1, True), (Unmask, 1, 0, True)),
    )
)
PLOTS = st.tuples(PLANS, CHANCE).map(lambda both: [*both[0], *both[1]])


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield


class MaskedRound(RuleBasedStateMachine):
    """One round; network, clock, restarts and two malicious agents are hypothesis."""

    @initialize(
        parameters=st.sampled_from((COMPLETE, DRAWN, RING)), liars=st.sampled_from(PAIRS), plots=PLOTS, slow=SLOW
    )
    def begin(self, parameters: Parameters, liars: frozenset[AgentId], plots: list[Plot], slow: list[Slow]) -> None:
        self.scene = Scene(parameters)
        self.liars = Liars(self.scene, liars, plots, list(slow))
        self.scene.meddle = self.liars.meddle  # type: ignore[method-assign]
        self.watch = Watch(self.scene, self.liars, trusted=True)

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def deliver(self, index: int) -> None:
        self.scene.deliver(self.scene.take(index))

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def lose(self, index: int) -> None:
        self.scene.take(index)

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def copy(self, index: int) -> None:
        self.scene.pending.append(self.scene.pending[index % len(self.scene.pending)])

    @precondition(lambda self: self.scene.seen)
    @rule(index=INDEX)
    def replay(self, index: int) -> None:
        self.scene.deliver(self.scene.seen[-1 - index % len(self.scene.seen)])

    @precondition(lambda self: self.scene.todo)
    @rule(index=INDEX)
    def work(self, index: int) -> None:
        self.scene.work(index)

    @rule(turns=st.integers(1, 3))
    def play(self, turns: int) -> None:
        for _ in range(turns):
            self.scene.settle()

    @rule()
    def play_a_stage(self) -> None:
        self.scene.settle()
        self.scene.deadline(DEADLINE + getattr(self.scene.coordinator.stage, "number", 9))
        self.scene.release()

    @precondition(lambda self: self.scene.pending)
    @rule(index=INDEX)
    def delay(self, index: int) -> None:
        self.scene.late.append(self.scene.take(index))

    @rule(index=st.integers(0, 9))
    def deadline(self, index: int) -> None:
        self.scene.deadline(index)

    @rule(who=st.integers(-1, 5), replay=st.booleans())
    def restart(self, who: int, replay: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
        self.scene.restart(AgentId(who), replay=replay)

    def of_liars(self) -> list[Envelope]:
        return [envelope for envelope in self.scene.pending if envelope.sender in self.liars.names]

    @precondition(lambda self: self.of_liars())
    @rule(index=INDEX, place=HOW, flip=st.integers(1, 255))
    def tamper(self, index: int, place: int, flip: int) -> None:
        envelopes = self.of_liars()
        envelope = envelopes[index % len(envelopes)]
        self.scene.pending.remove(envelope)
        frame = bytearray(envelope.frame)
        frame[place % len(frame)] ^= flip
        self.scene.deliver(Envelope(envelope.sender, envelope.to, bytes(frame)))

    @precondition(lambda self: self.of_liars())
    @rule(index=INDEX, which=st.integers(0, 8), how=HOW, instead=st.sampled_from((True, True, False)))
    def lie(self, index: int, which: int, how: int, instead: bool) -> None:  # noqa: FBT001 - as above
        envelopes = self.of_liars()
        envelope = envelopes[index % len(envelopes)]
        message = self.liars.lie(envelope, which, how)
        if message is not None and self.liars.say(message, envelope.to, instead=instead) and instead:
            self.scene.pending.remove(envelope)

    @rule(which=st.integers(0, 9), how=HOW)
    def lie_much(self, which: int, how: int) -> None:
        """All that the liars have under way becomes a lie."""
        for envelope in self.of_liars():
            message = self.liars.lie(envelope, which, how)
            if message is not None and self.liars.say(message, envelope.to):
                self.scene.pending.remove(envelope)

    @rule(
        liar=st.integers(0, 1),
        about=st.integers(0, 5),
        purpose=st.sampled_from((CHANNEL, MASK)),
        kind=st.integers(0, 2),
    )
    def complain(self, liar: int, about: int, purpose: int, kind: int) -> None:
        sender = sorted(self.liars.names)[liar]
        complaint = self.liars.complaint(sender, AgentId(about), purpose, kind)
        if complaint is not None:
            self.liars.say(complaint, COORDINATOR)

    @rule(liar=st.integers(0, 1), about=st.integers(0, 6))
    def ask(self, liar: int, about: int) -> None:
        self.liars.say(Query(Round(7), sorted(self.liars.names)[liar], AgentId(about)), COORDINATOR)

    @invariant()
    def the_laws_hold(self) -> None:
        if hasattr(self, "watch"):
            self.watch.look()

    def teardown(self) -> None:
        if not hasattr(self, "watch"):
            return
        self.scene.finish()
        self.watch.look()
        self.liars.afterthoughts()
        self.watch.frame_up()
        ending = self.scene.stage(COORDINATOR)
        ENDINGS[ending] += 1
        ENDINGS.update(f"convicted: {claim}" for _, claim in self.watch.convicted)
        ENDINGS["somebody blamed"] += bool(self.scene.found)
        event(ending)


QUICK = settings(max_examples=120, stateful_step_count=30, deadline=None)

TestMaskedRound = MaskedRound.TestCase
TestMaskedRound.settings = QUICK


def test_the_rounds_end_in_all_ways() -> None:
    if not ENDINGS:
        pytest.skip("the machine did not run")
    assert ENDINGS["Finished"]
    assert ENDINGS["Failed"]


@pytest.mark.slow
def test_many_rounds() -> None:
    run_state_machine_as_test(MaskedRound, settings=settings(QUICK, max_examples=3000))


@pytest.mark.parametrize(
    "mutant",
    [
        mutants.adds_late_vectors,
        mutants.opens_survivors_masks,
        mutants.believes_complaints,
        mutants.takes_masks_off_twice,
        mutants.takes_copied_keys,
        mutants.trusts_the_accuser,
        mutants.takes_any_words,
        mutants.takes_any_key,
    ],
)
def test_the_laws_catch_a_mutant(mutant: Callable[[], mutants.Patch], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*mutant())
    searching = settings(
        QUICK, max_examples=2500, phases=[Phase.generate], database=None, derandomize=True, report_multiple_bugs=False
    )
    with pytest.raises((AssertionError, ProtocolMisuse)):
        run_state_machine_as_test(MaskedRound, settings=searching)
