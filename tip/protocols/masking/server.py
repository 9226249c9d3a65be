"""Masking, the coordinator: asks seven questions, sums what comes, takes off the masks that are left.

It waits in each stage (`course`) for one type of answer from those that it asked. An answer counts if its sender is
asked, its signature is genuine and its content fits (`checking`); a repeat is no fault, a second different one is
evidence, one that comes after its stage is too late and changes nothing: a vector that comes after the survivors were
fixed is dropped, not added. `settle` is the one place that decides how the round goes on.

A coordinator that was restarted replays the answers that it had accepted, and asks again those that have not answered
(`Resumed`): it asks the same, for all that it says follows from what it heard.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, Add, Deadline, Discard, Fault, Resumed, Send, Step, Summed, Total, Uncover
from tip.protocols.masking import checking, questions
from tip.protocols.masking.course import (
    Collecting,
    Consenting,
    Coordinator,
    Desk,
    Failed,
    Finished,
    Gathering,
    Inviting,
    Keying,
    Masking,
    Revealing,
    Stage,
    Summing,
    Unmasking,
    masking_of,
)
from tip.protocols.masking.evidence import Claim, exhibit
from tip.protocols.masking.messages import (
    Abandoned,
    Advertise,
    Announce,
    Answer,
    Complaint,
    Consent,
    Dealing,
    Keys,
    MaskedInput,
    Message,
    Query,
    Reveal,
    Unmask,
)
from tip.protocols.masking.opening import Books, Stuck
from tip.protocols.masking.signing import announced, configuration, content, genuine, opening, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.crypto import Identity
    from tip.protocols.core import AgentId, Terms
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.signing import Directory

__all__ = ["Coordinator", "advance", "fail", "open_round", "settle"]


def open_round(
    identity: Identity, directory: Directory, parameters: Parameters, terms: Terms, model: bytes, deadline: int
) -> Step[Coordinator]:
    """The first step of a round: everybody in the directory is told. The first stage ends at the clock's `deadline`."""
    announcement = Announce(
        terms.round,
        COORDINATOR,
        model,
        configuration(parameters, directory),
        terms.dimension,
        terms.modulus_bits,
        deadline,
    )
    announcement = signed(identity, opening(directory), announcement)
    context = announced(opening(directory), announcement)
    desk = Desk(identity, directory, parameters, terms, announcement, context)
    invited = frozenset(directory.agents)
    return _ask(
        Coordinator(desk, Inviting(invited), {}, {}), Inviting(invited), dict.fromkeys(sorted(invited), announcement)
    )


def _ask(state: Coordinator, stage: Stage, questions: Mapping[AgentId, Message]) -> Step[Coordinator]:
    """Enter a stage with these questions, signed already."""
    sends = tuple(Send(agent, question) for agent, question in questions.items())
    return Step(replace(state, stage=stage, asked=questions), sends=sends)


def advance(state: Coordinator, event: Message | Deadline | Summed | Resumed) -> Step[Coordinator]:
    """The one door for every transport: the next step of the coordinator."""
    match event:
        case Deadline():
            return settle(state, deadline=True) if _passed(state, event) else Step(state)
        case Summed():
            return _summed(state, event)
        case Resumed():
            return Step(state, sends=_again(state))
        case Advertise() | Reveal() | Keys() | Dealing() | MaskedInput() | Consent() | Unmask():
            return _receive(state, event)
        case Query() | Complaint():
            return _beside(state, event)
        case _:
            return _refused(state, event, f"may not send {type(event).__name__} to the coordinator")


def _passed(state: Coordinator, event: Deadline) -> bool:
    """Whether a deadline ends the stage: each stage has the next index of the clock."""
    first = state.desk.announcement.deadline
    return isinstance(state.stage, Collecting) and event.index >= first + state.stage.number


def _again(state: Coordinator) -> tuple[Send, ...]:
    """The last questions, to those that have not answered."""
    if not isinstance(state.stage, Collecting):
        return ()
    missing = state.stage.asked - state.of(state.stage.answer).keys()
    return tuple(Send(agent, state.asked[agent]) for agent in sorted(missing))


def _receive(state: Coordinator, message: Answer) -> Step[Coordinator]:
    """Cheap checks first: round, sender, a repeat, whether it is due; then the signature; then what it says."""
    kind, sender = type(message), message.sender
    if message.round != state.desk.terms.round:
        return Step(state)
    if sender not in state.desk.directory.agents:
        return _refused(state, message, "is not enrolled")
    known = state.of(kind).get(sender)
    if known == message or not isinstance(state.stage, Collecting):
        return Step(state)  # a repeat, or the round is over
    due = kind is state.stage.answer and sender in state.stage.asked
    if known is None and not due:
        return Step(state)  # too late for its stage, or not asked
    if not genuine(state.desk.directory.key(sender), state.context(kind), message):
        return _refused(state, message, "sent what it did not sign")
    return _accept(state, message) if known is None else _told_otherwise(state, known, message)


def _accept(state: Coordinator, message: Answer) -> Step[Coordinator]:
    """Take an answer that is due and signed, if its content fits."""
    fault = checking.check(state, message)
    if fault is not None:
        return Step(state, faults=(fault,))
    kind = type(message)
    heard = {**state.heard, kind: {**state.of(kind), message.sender: message}}
    settled = settle(replace(state, heard=heard))
    work = (Add(message.sender, message.body),) if isinstance(message, MaskedInput) else ()
    return replace(settled, work=(*work, *settled.work))


def _told_otherwise(state: Coordinator, first: Message, second: Message) -> Step[Coordinator]:
    """Two different signed answers of one type are evidence; the first one counts."""
    if content(first) == content(second):
        return Step(state)
    reason = f"answered twice: two different {type(first).__name__}"
    fault = state.case.fault(second.sender, Claim.TWO_STORIES, reason, exhibit(first), exhibit(second))
    return Step(state, faults=(fault,))


def _beside(state: Coordinator, message: Query | Complaint) -> Step[Coordinator]:
    """An agent could not use what a neighbor dealt: show it the neighbor's words, or decide on its complaint."""
    masking = masking_of(state.stage)
    if message.round != state.desk.terms.round or masking is None or message.sender not in state.of(Dealing):
        return Step(state)
    if not genuine(state.desk.directory.key(message.sender), masking.drawn.fixed.context, message):
        return _refused(state, message, "sent what it did not sign")
    if message.about not in state.of(Dealing) or message.about not in masking.drawn.around(message.sender):
        return _refused(state, message, "speaks of an agent that dealt it nothing")
    if isinstance(message, Query):
        return Step(state, sends=(questions.proof(state, message),))
    decided = checking.decided(state, message)
    if decided is None:
        return _refused(state, message, "complains of other words than it was shown")
    opened = {**state.opened, **decided.opened}
    return Step(replace(state, opened=opened), faults=(decided.fault,))


def _summed(state: Coordinator, event: Summed) -> Step[Coordinator]:
    match state.stage:
        case Summing() as stage:
            return Step(replace(state, stage=Finished(stage.survivors, event.body)))
        case Finished() as stage if stage.body == event.body:
            return Step(state)
    raise ProtocolMisuse(f"a sum was finished in {type(state.stage).__name__}")


def settle(state: Coordinator, *, deadline: bool = False) -> Step[Coordinator]:
    """The one place that decides how the round goes on."""
    stage = state.stage
    if not isinstance(stage, Collecting):
        return Step(state)
    answered = state.of(stage.answer).keys()
    if not deadline and len(answered) < len(stage.asked):
        return Step(state)
    least = state.desk.parameters.minimum
    if len(answered) < least and not isinstance(stage, Unmasking):
        return fail(
            state, f"{len(answered)} agents answered with {stage.answer.__name__} in time; the minimum is {least}"
        )
    return _next(state, stage)


def _next(state: Coordinator, stage: Collecting) -> Step[Coordinator]:  # noqa: PLR0911 - the table
    """The next stage and its questions."""
    match stage:
        case Inviting():
            return _ask(state, *questions.roster(state))
        case Revealing():
            return _ask(state, *questions.graph(state, stage))
        case Keying():
            return _keyed(state, stage)
        case Gathering():
            return _ask(state, *questions.deliveries(state, stage))
        case Masking():
            lonely = checking.lonely(state, stage)
            if lonely is not None:
                return fail(state, f"too few holders of agent {lonely} survived")
            return _ask(state, *questions.survivors(state, stage))
        case Consenting():
            return _ask(state, *questions.consents(state, stage))
        case Unmasking():
            return _open(state, stage)


def _keyed(state: Coordinator, stage: Keying) -> Step[Coordinator]:
    """Everybody gets its neighbors' keys; who copied another's, or was copied, takes no further part."""
    copied = checking.copied(state)
    keys = {agent: message for agent, message in state.of(Keys).items() if agent not in copied}
    reason = f"agents {', '.join(map(str, sorted(copied)))} share keys: some copied those of others"
    faults = (Fault((), reason),) if copied else ()
    state = replace(state, heard={**state.heard, Keys: keys})
    least = state.desk.parameters.minimum
    if len(keys) < least:
        return replace(fail(state, f"{len(keys)} agents have keys of their own; the minimum is {least}"), faults=faults)
    return replace(_ask(state, *questions.peers(state, stage)), faults=faults)


def _open(state: Coordinator, stage: Unmasking) -> Step[Coordinator]:
    """Rebuild the masks that are left on the sum, and have them taken off."""
    drawn = stage.masking.drawn
    books = Books(
        drawn.fixed.context,
        stage.masking.here,
        state.desk.parameters.threshold,
        state.of(Keys),
        state.of(Dealing),
        state.of(Unmask),
        state.opened,
        state.case,
    )
    found = books.open(stage.survivors, {agent: drawn.around(agent) for agent in state.of(Dealing)})
    if isinstance(found, Stuck):
        failed = fail(state, found.reason)
        return replace(failed, faults=found.faults)
    work = (Uncover(found.add, found.subtract), Total(stage.survivors))
    return Step(replace(state, stage=Summing(stage.survivors), asked={}), work=work)


def fail(state: Coordinator, reason: str) -> Step[Coordinator]:
    """Give the round up: everybody is told, nothing is opened."""
    over = Abandoned(state.desk.terms.round, COORDINATOR)
    over = signed(state.desk.identity, state.desk.context, over)
    sends = tuple(Send(agent, over) for agent in sorted(state.desk.directory.agents))
    return Step(replace(state, stage=Failed(reason), asked={}), sends=sends, work=(Discard(),))


def _refused(state: Coordinator, message: Message, reason: str) -> Step[Coordinator]:
    """What the link's other end must not send: it is named, nothing else changes, nobody else can check it."""
    return Step(state, faults=(Fault((message.sender,), f"party {message.sender} {reason}"),))
