"""Masked rounds fed garbage: bytes that are changed, and well-formed lies signed by their sender."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.protocols.masking_liars import Liars, mutated, without
from tests.protocols.masking_parties import COMPLETE, DRAWN, LIMIT, RING, Scene, remembered
from tip.errors import MalformedMessage, ProtocolMisuse
from tip.protocols import COORDINATOR, AgentId, Round
from tip.protocols.core import Body, Covered, Deadline, Prepared, Resumed, Step, Summed
from tip.protocols.masking import client, judge, server
from tip.protocols.masking.messages import TABLE, Dealing, Keys, MaskedInput, Unmask
from tip.protocols.masking.signing import signed
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.protocols.masking_parties import Party
    from tip.protocols.loopback import Envelope

MEMORY = 1 << 19  # bytes that a step may take, for a state and its messages; decoding takes copies of the frame


class Dice:
    """Numbers for one run of the fuzzer."""

    def __init__(self, seed: int) -> None:
        self._stream = Entropy.seeded(seed).stream("fuzz")
        self._lane = 0
        self._left: list[int] = []

    def below(self, high: int) -> int:
        if not self._left:
            words = self._stream.words(np.array([0]), 1 << 14, dtype=np.uint32, lane=self._lane)
            self._left, self._lane = words[0].tolist(), self._lane + 1
        return self._left.pop() % high


@dataclass(frozen=True)
class Moment:
    """A machine in one of its stages, all frames that were ever sent to it, and those that it is waiting for."""

    scene: Scene
    who: AgentId
    state: Any
    frames: list[Envelope]
    due: list[Envelope]

    def pick(self, dice: Dice) -> Envelope:
        frames = self.due if self.due and dice.below(2) else self.frames
        return frames[dice.below(len(frames))]

    @property
    def advance(self) -> Any:  # noqa: ANN401 - either machine's
        return server.advance if self.who == COORDINATOR else client.advance


def disputed() -> Scene:
    """A round in which everything is said: one agent deals badly, one is gone before its vector comes."""
    scene = Scene(COMPLETE)
    liars = Liars(scene, frozenset({AgentId(0)}), [(Dealing, 3, 1, True)], [(MaskedInput, AgentId(5))])
    scene.meddle = liars.meddle  # type: ignore[method-assign]
    return scene


def moments() -> list[Moment]:
    """Every stage of the coordinator and of some agents."""
    found: list[Moment] = []
    for scene in (disputed(), Scene(DRAWN), Scene(RING)):
        scene.finish()
        for who in (COORDINATOR, AgentId(0), AgentId(2), AgentId(5)):
            frames = [envelope for envelope in scene.seen if envelope.to == who]
            for state in stages(scene.parties[who]):
                due = [envelope for envelope in frames if awaited(scene.parties[who], state, envelope)]
                found.append(Moment(scene, who, state, frames, due))
    return found


def awaited(party: Party, state: Any, envelope: Envelope) -> bool:  # noqa: ANN401 - either machine's
    step = party.advance(state, TABLE.decode(envelope.frame, limit=LIMIT).message)
    return step.state != state or bool(step.sends)


def stages(party: Party) -> Iterator[Any]:
    """The machine's states, one for each stage: the last one, when most is known."""
    state = party.fresh().state
    for event in party.journal:
        after = party.advance(state, event).state
        if type(after.stage) is not type(state.stage):
            yield state
        state = after
    yield state


def garbled(frame: bytes, dice: Dice) -> bytes:
    """The frame with some of its bytes changed, cut, repeated or of another length."""
    data = bytearray(frame)
    match dice.below(6):
        case 0:
            del data[dice.below(len(data)) :]
        case 1:
            at = dice.below(len(data))
            data[at:at] = bytes([dice.below(256)]) * (1 + dice.below(40))
        case 2:
            at = dice.below(len(data))
            del data[at : at + 1 + dice.below(72)]
        case 3:
            at = dice.below(len(data))
            data[at : at + 4] = (0xFFFFFFFF - dice.below(3)).to_bytes(4, "little")
        case _:
            for _ in range(1 + dice.below(3)):
                data[dice.below(len(data))] ^= 1 + dice.below(255)
    if dice.below(2):
        data[:4] = max(len(data) - 4, 0).to_bytes(4, "little")
    return bytes(data)


def lied(moment: Moment, envelope: Envelope, dice: Dice) -> bytes | None:
    """A message of other content, signed by its sender; sometimes not signed, or of another round."""
    message: Any = TABLE.decode(envelope.frame, limit=LIMIT).message
    for _ in range(1 + dice.below(2)):
        change = (mutated, without)[dice.below(4) == 3]
        message = change(message, dice.below(16), dice.below(1 << 16)) or message
    if not dice.below(16):
        message = replace(message, round=Round(dice.below(9)))
    context = moment.scene.context(message, moment.who) if dice.below(8) else None
    try:
        if context is not None:
            message = signed(moment.scene.identity(envelope.sender), context, message)
        return TABLE.encode(message, moment.scene.parties[envelope.sender].held)
    except ProtocolMisuse:
        return None  # a number that does not fit its field: no such frame exists


def fed(moment: Moment, sender: AgentId, frame: bytes) -> str:
    """What a machine makes of a frame: nothing but a step, that names nobody but who sent it."""
    try:
        decoded = TABLE.decode(frame, limit=LIMIT)
    except MalformedMessage:
        return "refused by the codec"
    if decoded.message.sender != sender:
        return "refused by the link"
    step: Step[Any] = moment.advance(moment.state, decoded.message)
    assert type(step.state) is type(moment.state)
    for fault in step.faults:
        assert set(fault.culprits) <= {sender} | implied(decoded.message), fault
    for send in step.sends:
        TABLE.encode(send.message, moment.scene.parties[moment.who].held)
    return "blamed" if step.faults else "accepted" if step.state != moment.state else "ignored"


def implied(message: object) -> set[AgentId]:
    """Whom a message may convict beside its sender: a dealer that dealt badly."""
    return {AgentId(0)} if type(message).__name__ in ("Complaint", "Unmask") else set()


def fuzz(count: int, seed: int) -> Counter[str]:
    """Feed so many mutated messages; count what became of them."""
    dice, found, places = Dice(seed), Counter[str](), moments()
    while found.total() < count:
        moment = places[dice.below(len(places))]
        envelope = moment.pick(dice)
        if dice.below(2):
            found[fed(moment, envelope.sender, garbled(envelope.frame, dice))] += 1
        elif (frame := lied(moment, envelope, dice)) is not None:
            found[fed(moment, envelope.sender, frame)] += 1
    return found


def test_every_stage_is_fuzzed() -> None:
    reached = {(moment.who == COORDINATOR, type(moment.state.stage).__name__) for moment in moments()}
    names = {name for _, name in reached}
    assert len([name for coordinator, name in reached if coordinator]) == 9  # all but Failed
    assert {"Waiting", "Advertised", "Revealed", "Keyed", "Dealt", "Preparing", "Covering"} <= names
    assert {"Masked", "Consented", "Answered"} <= names


def test_garbage_leads_to_steps_and_nothing_else() -> None:
    found = fuzz(6_000, 1)
    assert set(found) == {"refused by the codec", "refused by the link", "blamed", "accepted", "ignored"}


@pytest.mark.slow
def test_much_garbage() -> None:
    assert fuzz(250_000, 2).total() == 250_000


def decode(frame: bytes) -> None:
    with suppress(MalformedMessage):
        TABLE.decode(frame, limit=LIMIT)


def peak(action: Callable[[], object]) -> int:
    """The most memory that an action takes beside what it found."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    action()
    return tracemalloc.get_traced_memory()[1] - before


def test_a_frame_takes_no_memory_but_its_own() -> None:
    dice, places = Dice(3), moments()
    tracemalloc.start()
    try:
        for _ in range(1_500):
            moment = places[dice.below(len(places))]
            envelope = moment.pick(dice)
            frame = garbled(envelope.frame, dice)
            assert peak(lambda: decode(frame)) < 8192 + 8 * len(frame)  # noqa: B023 - called at once
            assert peak(lambda: fed(moment, envelope.sender, frame)) < MEMORY  # noqa: B023 - called at once
    finally:
        tracemalloc.stop()


class Long(bytes):
    """A frame that says how long it is and cannot be read."""

    def __len__(self) -> int:
        return 1 << 40

    def __buffer__(self, flags: int) -> memoryview:
        raise AssertionError("it was read")


def test_a_frame_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(MalformedMessage, match="limit"):
        TABLE.decode(Long(), limit=LIMIT)


def test_lengths_that_lie_allocate_nothing() -> None:
    unmask = Unmask(Round(7), AgentId(0), bytes(32), (), b"", (), b"", (), b"")
    frame = TABLE.encode(unmask)
    for place in range(56, 80, 4):  # the lengths of its six lists
        lying = frame[:place] + b"\xff\xff\xff\x7f" + frame[place + 4 :]
        tracemalloc.start()
        try:
            with pytest.raises(MalformedMessage, match="ends early"):
                TABLE.decode(lying, limit=LIMIT)
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("event", [Prepared, Covered, Summed, Deadline, Resumed])
def test_the_own_driver_is_told_when_it_misuses_a_machine(event: type[Any]) -> None:
    seen = set()
    for moment in moments():
        told = event(3) if event is Deadline else event() if event is Resumed else event(Body(bytes(32), 2, 16))
        if (event in (Prepared, Covered)) == (moment.who == COORDINATOR) and event is not Resumed:
            continue
        if event in (Deadline, Summed) and moment.who != COORDINATOR:
            continue
        try:
            step = moment.advance(moment.state, told)
        except ProtocolMisuse:
            seen.add("misuse")
        else:
            seen.add("step")
            assert not step.faults
    assert "step" in seen or event is Summed
    assert ("misuse" in seen) == (event in (Prepared, Covered, Summed))


@pytest.mark.parametrize("peers", [(AgentId(-1),), (AgentId(-(1 << 63)), AgentId((1 << 63) - 1)), ()])
def test_keys_for_agents_that_cannot_be(peers: tuple[AgentId, ...]) -> None:
    honest = Keys(
        Round(7), AgentId(0), tuple(map(AgentId, range(len(peers)))), bytes(32 * len(peers)), bytes(32 * len(peers))
    )
    frame, ids = TABLE.encode(honest), b"".join(peer.to_bytes(8, "little", signed=True) for peer in peers)
    frame = frame[:28] + ids + frame[28 + len(ids) :]
    for moment in moments():
        if moment.who == COORDINATOR:
            found = fed(moment, AgentId(0), frame)
            assert found == "refused by the codec" if peers else found in ("ignored", "blamed")


def shown() -> tuple[Scene, list[bytes]]:
    """A round with evidence of its own."""
    scene = disputed()
    scene.finish()
    found = [found.fault.evidence for found in scene.found if found.fault.evidence]
    assert found
    return scene, found


def sentenced(count: int, seed: int) -> Counter[str]:
    """Feed the judge evidence with changed bytes; it convicts the liar or nobody."""
    dice, found, (scene, base) = Dice(seed), Counter[str](), shown()
    while found.total() < count:
        try:
            guilty = judge(garbled(base[dice.below(len(base))], dice), scene.cast.directory, scene.parameters)
        except MalformedMessage:
            found["shows nothing"] += 1
            continue
        assert guilty == (AgentId(0),)
        found["convicted"] += 1
    return found


def test_changed_evidence_convicts_nobody_else() -> None:
    assert sentenced(1_500, 4)["shows nothing"]


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield
