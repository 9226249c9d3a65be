"""Masking, the agent: answers seven questions once each, and looks after itself.

What it never takes the coordinator's word for (each rule is a test, and an attack in tip.attacks.protocol):

1. The round: number, ring, parameters and identity keys are its own, or it takes no part. They are inside every
   signature, so agents that were shown different ones, or another model, do not understand each other.
2. The roster: holds the agent itself with its own commitment, nobody unknown, at least the minimum. One roster a round:
   it reveals its graph seed, which draws its holders, after the roster is fixed and once.
3. The keys of its holders are signed by them; no key stands twice, none is its own.
4. It answers each question once. The same question again gets the same bytes again; another one of the same kind is
   evidence, and the end of the round for this agent. To be restarted from what it kept changes nothing.
5. It signs one set of survivors: one that holds itself, at least the minimum, at least the threshold of its own
   holders, and no neighbor with whom it has no mask.
6. It opens that set after it drew at random among the consents that are claimed, at least the minimum of them, and
   found each drawn one genuine. For a survivor it opens the own mask, for any other the pairwise ones: never both.
7. It opens a secret key of its own only for an edge that a *signed* dealing makes unusable: a coordinator that garbles
   what it delivers learns nothing by that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, Cover, Covered, Fault, Prepared, Resumed, Send, Step
from tip.protocols.masking import answers
from tip.protocols.masking.doubts import hear_proof
from tip.protocols.masking.evidence import Case, Claim, exhibit
from tip.protocols.masking.messages import (
    Abandoned,
    Advertise,
    Announce,
    Consents,
    Delivery,
    Graph,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Question,
    Reveal,
    Roster,
    Survivors,
)
from tip.protocols.masking.signing import announced, content, genuine, opening, rostered, signed
from tip.protocols.masking.stages import (
    Advertised,
    Answered,
    Consented,
    Covering,
    Dealt,
    Declined,
    Keyed,
    Masked,
    Own,
    Preparing,
    Revealed,
    Stage,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import Body, Round
    from tip.protocols.masking.answers import Reply


@dataclass(frozen=True, slots=True)
class Said:
    """A question that was answered, and the answer: the same again for the same again."""

    question: Message
    sends: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's whole state of one round: who it is, where it stands, what it said."""

    own: Own
    stage: Stage
    said: Mapping[type[Message], Said] = field(default_factory=dict)

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.own.terms.round

    def context(self, kind: type[Message]) -> bytes | None:
        """Under which context a message of this type is signed, as far as this agent knows."""
        start = opening(self.own.directory)
        if kind is Announce:
            return start
        announcement, roster = self.said.get(Announce), self.said.get(Roster)
        if announcement is None or not isinstance(announcement.question, Announce):
            return None
        begun = announced(start, announcement.question)
        if kind in (Advertise, Roster, Abandoned):
            return begun
        if roster is None or not isinstance(roster.question, Roster):
            return None
        return rostered(begun, roster.question)

    def case(self) -> Case | None:
        """What evidence of this agent begins with."""
        announcement, roster = self.said.get(Announce), self.said.get(Roster)
        if announcement is None or not isinstance(announcement.question, Announce):
            return None
        known = roster.question if roster is not None and isinstance(roster.question, Roster) else None
        return Case(self.round, self.own.me, announcement.question, known)


def waiting(own: Own) -> Agent:
    """An agent before a round."""
    return Agent(own, Waiting())


def advance(agent: Agent, event: Message | Prepared | Covered | Resumed) -> Step[Agent]:
    """The one door for every transport: the next step of an agent."""
    match event:
        case Prepared():
            return _prepared(agent, event.body)
        case Covered():
            return _covered(agent, event.body)
        case Resumed():
            return Step(agent, work=answers.unfinished(agent.own, agent.stage))
        case Announce() | Roster() | Graph() | Peers() | Delivery() | Survivors() | Consents() | Proof() | Abandoned():
            return _hear(agent, event)
        case _:
            return _refused(agent, event, f"may not send {type(event).__name__} to an agent")


def _hear(agent: Agent, message: Question | Proof | Abandoned) -> Step[Agent]:  # noqa: PLR0911 - one for each check
    """Cheap checks first: sender, round, receiver, a repeat; then the signature; then what it says."""
    if message.sender != COORDINATOR:
        return _refused(agent, message, "is not the coordinator")
    if message.round != agent.round:
        return Step(agent)  # another round's message: late, or for a machine that is not this one
    if getattr(message, "to", agent.own.me) != agent.own.me:
        return _refused(agent, message, "delivered what is meant for another agent")
    known = agent.said.get(type(message))
    if known is not None and message == known.question:
        return Step(agent, sends=known.sends)
    context = agent.context(type(message))
    if context is None:
        return Step(agent)  # it came before what it rests on; the coordinator says it again
    if not genuine(agent.own.directory.coordinator, context, message):
        return _refused(agent, message, "delivered what the coordinator did not sign")
    if isinstance(message, Proof):
        return _proof(agent, message, context)
    return _told_otherwise(agent, known.question, message) if known is not None else _new(agent, message, context)


def _new(agent: Agent, message: Question | Abandoned, context: bytes) -> Step[Agent]:  # noqa: PLR0911 - the table
    """The one place that decides what a question leads to."""
    own = agent.own
    match agent.stage, message:
        case ((Declined() | Answered()), _):
            return Step(agent)
        case _, Abandoned():
            return Step(replace(agent, stage=Declined("the coordinator gave the round up")))
        case Waiting(), Announce():
            return _reply(agent, message, answers.announce(own, message))
        case Advertised() as stage, Roster():
            return _reply(agent, message, answers.roster(own, stage, message))
        case Revealed() as stage, Graph():
            return _reply(agent, message, answers.graph(own, stage, message))
        case Keyed() as stage, Peers():
            return _reply(agent, message, answers.peers(own, stage, message))
        case Dealt() as stage, Delivery():
            return _reply(agent, message, answers.delivery(own, stage, message))
        case Masked() as stage, Survivors():
            return _reply(agent, message, answers.survivors(own, stage, message))
        case Consented() as stage, Consents():
            return _reply(agent, message, answers.consents(own, stage, message, context))
    return Step(agent)  # out of order: not answered, so that it can be asked when it is due


def _reply(agent: Agent, question: Question, reply: Reply) -> Step[Agent]:
    """Take the stage that a question led to, sign the answers, remember both."""
    said = {**agent.said, type(question): Said(question, ())}
    now = replace(agent, stage=reply.stage, said=said)
    context = now.context(type(reply.messages[0])) if reply.messages else None
    sends = tuple(_send(now.own, context, message) for message in reply.messages)
    now = replace(now, said={**said, type(question): Said(question, sends)})
    if not isinstance(reply.stage, Declined) or not reply.blamed:
        return Step(now, sends=sends, work=reply.work)
    return Step(now, sends=sends, faults=(_blamed(now, question, reply, reply.stage.reason),))


def _blamed(agent: Agent, question: Question, reply: Reply, reason: str) -> Fault:
    """The coordinator asked what an honest one does not ask; with evidence, if the question shows it to anybody."""
    case = agent.case()
    if case is None or reply.claim is None:
        return Fault((COORDINATOR,), f"the coordinator {reason}")
    shown = [exhibit(question)]
    if isinstance(question, Peers):
        (revealed,) = (send.message for send in agent.said[Roster].sends if isinstance(send.message, Reveal))
        shown.append(exhibit(revealed))  # it says who its holders are
    if isinstance(question, Consents):
        shown += [exhibit(agent.said[kind].question) for kind in (Survivors, Delivery)]  # consents to what
    return case.fault(COORDINATOR, reply.claim, reason, *shown)


def _send(own: Own, context: bytes | None, message: Message) -> Send:
    if context is None:
        raise ProtocolMisuse("an answer has no context to be signed in")
    return Send(COORDINATOR, signed(own.identity, context, message))


def _told_otherwise(agent: Agent, first: Message, second: Message) -> Step[Agent]:
    """Two different signed questions of one kind: evidence, and the end of the round for this agent."""
    if content(first) == content(second):
        return Step(agent)  # the same words, signed twice
    reason = f"told agent {agent.own.me} two stories: two different {type(first).__name__}"
    case = agent.case()
    if case is None:
        return Step(agent)
    fault = case.fault(COORDINATOR, Claim.TWO_STORIES, reason, exhibit(first), exhibit(second))
    over = isinstance(agent.stage, Answered | Declined)
    return Step(agent if over else replace(agent, stage=Declined(reason)), faults=(fault,))


def _proof(agent: Agent, message: Proof, context: bytes) -> Step[Agent]:
    """What a neighbor signed: it is bad, or what was delivered is."""
    case = agent.case()
    if case is None or not isinstance(agent.stage, Preparing | Covering | Masked | Consented):
        return Step(agent)
    told = agent.said[Peers].question
    heard = hear_proof(agent.own, agent.stage, message, context, replace(case, told=exhibit(told)))
    sends = tuple(_send(agent.own, context, complaint) for complaint in heard.complaints)
    stage = agent.stage if heard.reason is None else Declined(heard.reason)
    return Step(replace(agent, stage=stage), sends=sends, faults=heard.faults)


def _prepared(agent: Agent, body: Body) -> Step[Agent]:
    """The vector is made: now the masks."""
    match agent.stage:
        case Preparing() as stage:
            terms = agent.own.terms
            if (body.dimension, body.modulus_bits) != (terms.dimension, terms.modulus_bits):
                raise ProtocolMisuse("the vector that was prepared is not the one that was asked for")
            add, subtract = answers.masks(agent.own, stage)
            covering = Covering(stage.dealt, stage.view, body)
            return Step(replace(agent, stage=covering), work=(Cover(body, add, subtract),))
        case Covering() | Masked() | Consented() | Answered() | Declined():
            return Step(agent)
    raise ProtocolMisuse(f"a vector was prepared in {type(agent.stage).__name__}")


def _covered(agent: Agent, body: Body) -> Step[Agent]:
    """The masks are on: the vector leaves, once."""
    match agent.stage:
        case Covering() as stage:
            own = agent.own
            sent = _send(own, stage.dealt.rostered.context, MaskedInput(agent.round, own.me, body))
            asked = agent.said[Delivery]
            said = {**agent.said, Delivery: replace(asked, sends=(*asked.sends, sent))}
            masked = Masked(stage.dealt, stage.view, body)
            return Step(replace(agent, stage=masked, said=said), sends=(sent,))
        case Masked() | Consented() | Answered() | Declined():
            return Step(agent)
    raise ProtocolMisuse(f"a vector was covered in {type(agent.stage).__name__}")


def _refused(agent: Agent, message: Message, reason: str) -> Step[Agent]:
    """What the link's other end must not send: it is named, nothing else changes, nobody else can check it."""
    return Step(agent, faults=(Fault((message.sender,), f"party {message.sender} {reason}"),))
