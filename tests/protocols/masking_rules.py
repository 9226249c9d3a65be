"""What must hold at every moment of a masked round, whoever lies: checked over all that was said and found."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tests.protocols.masking_liars import told_here
from tip.aggregation.masks import cover
from tip.errors import MalformedMessage
from tip.protocols.core import COORDINATOR, AgentId, Body, Fault
from tip.protocols.masking import judge
from tip.protocols.masking.course import Finished
from tip.protocols.masking.evidence import EVIDENCE, Case, Claim, exhibit
from tip.protocols.masking.findings import edge_key
from tip.protocols.masking.messages import (
    HASH,
    MASK,
    ONCE,
    Complaint,
    Consent,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Message,
    Proof,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.secrets import mask_keys, pairwise_seed, seed_hash
from tip.protocols.masking.signing import content, survivors_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.protocols.masking_liars import Liars
    from tests.protocols.masking_parties import Found, Scene
    from tip.protocols.core import Vector


class Watch:
    """The laws of one round. `liars` are the agents that may lie; the coordinator may, too, if `trusted` is false."""

    def __init__(self, scene: Scene, liars: Liars, *, trusted: bool) -> None:
        self.scene, self.liars, self.trusted = scene, liars, trusted
        self.honest = set(scene.agents) - liars.names | ({COORDINATOR} if trusted else set())
        self.sums: set[tuple[tuple[AgentId, ...], Body]] = set()
        self.contents: dict[tuple[AgentId, type[Message], AgentId | None], bytes] = {}
        self.opened: dict[AgentId, Unmask] = {}
        self.told: set[tuple[AgentId, ...]] = set()
        self.sets: dict[bytes, tuple[AgentId, ...]] = {}
        self.signed: dict[AgentId, bytes] = {}
        self.convicted: set[tuple[AgentId, str]] = set()
        self._said = self._found = 0

    def look(self) -> None:
        """Check all laws over what is new."""
        for said in self.scene.said[self._said :]:
            self._hear(said)
        for found in self.scene.found[self._found :]:
            self._weigh(found)
        self._said, self._found = len(self.scene.said), len(self.scene.found)
        self._sum()

    def _hear(self, said: Message) -> None:
        if isinstance(said, Survivors):
            self.told.add(said.agents)
        if said.sender not in self.honest:
            return
        if isinstance(said, ONCE):  # one story
            key = (said.sender, type(said), getattr(said, "to", None))
            assert self.contents.setdefault(key, content(said)) == content(said)
        match said:
            case Complaint():  # an edge with an honest agent stays secret
                assert said.about in self.liars.names
            case Consent():
                here = told_here(self.scene, said.sender)
                self.sets |= {survivors_root(agents, here): agents for agents in self.told}
                self.signed[said.sender] = said.survivors
                assert len(self.sets[said.survivors]) >= self.scene.parameters.minimum
            case Unmask():
                self._opened(said)

    def _opened(self, said: Unmask) -> None:
        """One kind of secret for each agent, as the one set says that was signed."""
        survivors = set(self.sets[self.signed[said.sender]])
        assert set(said.alive) <= survivors
        assert not survivors & {*said.gone, *said.edges}
        self.opened[said.sender] = said

    def _weigh(self, found: Found) -> None:
        fault = found.fault
        if found.by in self.honest:
            assert not set(fault.culprits) & self.honest, fault
        if fault.evidence:
            self._judge(fault, certain=found.by in self.honest)

    def _judge(self, fault: Fault, *, certain: bool) -> None:
        """Anybody decides the same from the bytes alone."""
        guilty = verdict(self.scene, fault.evidence)
        assert not set(guilty) & self.honest, fault
        if certain:
            assert guilty == fault.culprits, fault
            claim = Claim(EVIDENCE.decode(fault.evidence, limit=1 << 20).message.claim)  # type: ignore[attr-defined]
            self.convicted.add((guilty[0], claim.name))

    def _sum(self) -> None:
        """At most one sum, of the effective inputs of the agents that it names."""
        state = self.scene.coordinator
        if not self.trusted or not isinstance(state.stage, Finished):
            assert not self.sums or not self.trusted
            return
        survivors = state.stage.survivors
        if self.sums == {(survivors, state.stage.body)}:
            return
        self.sums.add((survivors, state.stage.body))
        assert len(self.sums) == 1
        assert len(survivors) >= self.scene.parameters.minimum
        expected = np.zeros(2, dtype=np.uint16)
        for agent in survivors:
            expected += self.scene.vectors[agent] if agent in self.honest else self.effective(agent)
        total = self.scene.total()
        assert total is not None
        assert np.array_equal(total, expected)

    def effective(self, agent: AgentId) -> Vector:
        """A liar's signed masked vector, less the masks that follow from what it signed."""
        state, scene = self.scene.coordinator, self.scene
        y = scene.parties[COORDINATOR].held[state.of(MaskedInput)[agent].body.digest]
        around = [peer for peer in state.of(Dealing)[agent].peers if peer in state.of(Dealing)]
        here = told_here(scene, agent)
        seeds = {peer: mask_keys([self.seed(agent, peer)], here)[0] for peer in around}
        add = [scene.secrets[agent].own, *(seed for peer, seed in seeds.items() if agent < peer)]
        return cover(y, [seed for peer, seed in seeds.items() if peer < agent], add)

    def seed(self, agent: AgentId, peer: AgentId) -> bytes:
        """The pairwise seed that two agents' signed keys give, or what they signed in its place and told."""
        state, context = self.scene.coordinator, self.scene.parties[agent].state.context(Keys)
        answer, theirs = state.of(Unmask).get(agent), state.of(Dealing)[peer]
        if answer is not None and peer in answer.edges:
            at = answer.edges.index(peer) * HASH
            told = answer.seeds[at : at + HASH]
            place = theirs.peers.index(agent) * HASH
            if theirs.seeds[place : place + HASH] == seed_hash(told):
                return told
        for one, other in ((agent, peer), (peer, agent)):
            mine = edge_key(state.of(Keys)[one], MASK, other) or b""
            pair = self.scene.secrets[one].pairs((other,))[other].mask
            pair = pair if pair.public == mine else self.liars.pairs.get(mine, pair)
            if pair.public == mine:
                return pairwise_seed(pair, edge_key(state.of(Keys)[other], MASK, one) or b"", context)
        raise AssertionError("both ends of an edge have keys that nobody made")

    def frame_up(self) -> None:
        """Nobody can make evidence against an honest party of all that was ever signed."""
        for accused in self.honest:
            for claim, exhibits in self.accusations(accused):
                assert accused not in verdict(self.scene, self.case.against(accused, claim, *exhibits)), claim

    @property
    def case(self) -> Case:
        rosters = [said for said in self.scene.said if isinstance(said, Roster)]
        return Case(self.scene.terms.round, AgentId(0), self.scene.coordinator.desk.announcement, rosters[0])

    def accusations(self, accused: AgentId) -> Iterator[tuple[Claim, tuple[bytes, ...]]]:
        """Exhibits of the right kind, of all versions that were signed."""
        said = _versions(self.scene.said)
        yield from self._of_dealings(accused, said)
        if accused == COORDINATOR:
            yield from self._of_questions(said)
        mine = [one for one in said if isinstance(one, Unmask) and one.sender == accused]
        for unmask in mine:
            for other in said:
                if isinstance(other, Delivery | Dealing):
                    yield Claim.BAD_SHARE, (exhibit(unmask), exhibit(other))
                    yield Claim.BAD_SEED, (exhibit(unmask), exhibit(other))

    def _of_dealings(self, accused: AgentId, said: list[Message]) -> Iterator[tuple[Claim, tuple[bytes, ...]]]:
        """Every complaint, with all that its two sides ever signed."""
        keys = [one for one in said if isinstance(one, Keys)]
        dealings = [one for one in said if isinstance(one, Dealing)]
        for complaint in [one for one in said if isinstance(one, Complaint)]:
            if accused in (complaint.about, complaint.sender):
                theirs = [one for one in keys if one.sender == complaint.about]
                own = [one for one in keys if one.sender == complaint.sender]
                for dealing in [one for one in dealings if one.sender == complaint.about]:
                    for other, mine in product(theirs, own):
                        yield (
                            Claim.BAD_DEALING,
                            (*[exhibit(one) for one in (other, dealing, mine, complaint)], self._told(dealing)),
                        )

    @staticmethod
    def _of_questions(said: list[Message]) -> Iterator[tuple[Claim, tuple[bytes, ...]]]:
        """What an honest coordinator asks, beside what others signed."""
        for one in said:
            if isinstance(one, Delivery):
                for other in said:
                    if isinstance(other, Proof | Dealing):
                        yield Claim.GARBLED, (exhibit(one), exhibit(other))
            elif isinstance(one, Roster | Survivors):
                yield Claim.TOO_FEW, (exhibit(one),)

    def _told(self, dealing: Dealing) -> bytes:
        """The keys that a dealer was told."""
        keys = self.scene.coordinator.of(Keys)
        here = [peer for peer in dealing.peers if peer in keys]
        return b"".join(edge_key(keys[peer], purpose, dealing.sender) or b"" for purpose in (0, 1) for peer in here)


def _versions(said: Iterable[Message]) -> list[Message]:
    found: dict[tuple[type[Message], AgentId, AgentId | None, bytes], Message] = {}
    for one in said:
        found.setdefault((type(one), one.sender, getattr(one, "to", None), exhibit(one)), one)
    return list(found.values())


def verdict(scene: Scene, evidence: bytes) -> tuple[AgentId, ...]:
    """What the judge says; bytes that show nothing convict nobody."""
    try:
        return judge(evidence, scene.cast.directory, scene.parameters)
    except MalformedMessage:
        return ()
