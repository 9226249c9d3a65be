"""Verification: a derivation checked again by somebody who does not trust the reasoner.

`verify` goes through the tree from the root to its leaves. What the coalition sees is multiplied out anew from the
flow, witnesses are put into their equations in exact arithmetic, sums, conversions and the ledger are recomputed, and
why one case stands for all others is argued again; wherever others have to be no worse off, each of them is
computed. Nothing of the reasoner is imported: the flow, the tree, and the closed formulas of `tip.privacy` are
all that both share. What is still taken on trust is listed by name. docs/flow-verification.md tells the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.checking import pairs, promised
from tip.flow.checking import reached as results
from tip.flow.checking.answers import answer, reports
from tip.flow.checking.blocks import block, recount, refuse_hidden, sheets
from tip.flow.checking.cohorts import stand_in
from tip.flow.checking.comparing import Claim
from tip.flow.checking.covers import Case, alike_in, cases, tells_apart
from tip.flow.checking.others import Others
from tip.flow.checking.refusal import count, exact, only, refuse, want, word
from tip.flow.checking.watching import Crowd, Watch
from tip.flow.checking.witnesses import leak
from tip.flow.derivation import Derivation
from tip.privacy.guarantees import Status

if TYPE_CHECKING:
    from tip.flow.checking.reached import Reached
    from tip.flow.checking.sheets import Sheet
    from tip.flow.derivation import Node

__all__ = ["Verified", "verify"]

_MATRIX: Final = "the matrix Chernoff bound (Tropp 2012), from which the failure of a random graph is computed"
_PLD: Final = "privacy loss distributions of dp_accounting, by which a conversion may be made"
_FLOATS: Final = (
    "floats of LAPACK, to a relative 1e-6, by which other agents and coalitions are found to be no worse off"
)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked, in order, and what was taken on trust; `holds` for a guarantee with a number."""

    claims: tuple[str, ...]
    trusted: tuple[str, ...]
    holds: bool


def verify(derivation: Derivation) -> Verified:
    """Check a derivation from its flow alone.

    Raises `VerificationFailed` for the first step that does not hold, and `ConfigurationError` for a derivation that
    is too large to be checked here. A derivation that says "not proven" holds nothing, and promises nothing.
    """
    if not isinstance(derivation, Derivation):
        raise ConfigurationError(
            f"{type(derivation).__name__} is no derivation",
            instead="verify what tip.derive gave, or tip.flow.files read",
        )
    return _Check(derivation).run()


class _Check:
    """One walk through a derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation, self.flow = derivation, derivation.flow
        self.crowd = Crowd(derivation.flow)
        self.claims: list[str] = []
        self.trusted: list[str] = []
        self.counted: list[Sheet] | None = None
        colluders = [int(agent) for agent in derivation.colluders]
        ordered = all(a < b for a, b in pairwise(colluders))
        inside = not colluders or 0 <= colluders[0] <= colluders[-1] < self.crowd.enrolled
        want(ordered and inside, "derivation", "its colluders are not agents of the flow, sorted, each once")
        self.parties, self.fixed = self.crowd.members(derivation.coalition)
        self.stated = Case(frozenset(colluders), (derivation.agent,))
        self.sampled = any(node.rule == "sampling" for node in derivation.root.walk())

    def run(self) -> Verified:
        root, guarantee = self.derivation.root, self.derivation.guarantee
        if guarantee.status is Status.NOT_PROVEN or root.rule == "not proven":
            return self._nothing()
        want(root.rule == "delta ledger", root.rule, "a derivation begins with its delta ledger")
        converted = only(root)
        want(converted.rule == "conversion", converted.rule, 'stands where a step "conversion" is wanted')
        coalition = only(converted)
        want(coalition.rule == "every coalition", coalition.rule, 'stands where a step "every coalition" is wanted')
        reached = self._every_coalition(coalition, loosely=word(converted, "from") == "events")
        self._claim(f"{self.derivation.coalition.text} sees what was counted again, and the witnesses hold")
        promised.conversion(converted, reached, guarantee, self.flow)
        promised.ledger(root, guarantee, reached)
        promised.fields(self.derivation, reached, self.flow)
        why = word(coalition, "why")
        promised.assumptions(
            self.derivation, reached, known=why == "named" and self._beyond_text(), drawn=why == "random graph"
        )
        self._claim(f"epsilon {guarantee.epsilon:.9g} at delta {guarantee.delta.total:g} follows")
        if why == "random graph":
            self.trusted.append(_MATRIX)
        if reached.mu_squared is None and reached.ratio is None and reached.shuffled is None:
            self.trusted.append(_PLD)
        self.trusted += [f"{a.name}: {a.sentence}" for a in guarantee.assumptions]
        return Verified(tuple(self.claims), tuple(dict.fromkeys(self.trusted)), holds=True)

    def _claim(self, sentence: str) -> None:
        self.claims.append(sentence)

    def _beyond_text(self) -> bool:
        """Whether the colluders are known otherwise than by the coalition's text."""
        wanted = int(self.derivation.coalition.fraction * self.crowd.enrolled)
        return wanted > 0 or self.stated.colluders != self.fixed

    def _watch(self, colluders: frozenset[int]) -> Watch:
        return Watch(self.crowd, self.parties, colluders)

    def _sheets(self, watch: Watch) -> list[Sheet]:
        """What a coalition sees, counted once where it is that of the proof."""
        if watch.agents != self.stated.colluders:
            return sheets(watch)
        if self.counted is None:
            self.counted = sheets(watch)
        return self.counted

    # -- every coalition --------------------------------------------------------------------------

    def _every_coalition(self, node: Node, *, loosely: bool) -> Reached:
        if not node.premises:
            want(self.stated.colluders == self.fixed, node.rule, "its bound needs no colluders beside those named")
            found = pairs.bound(node, self._watch(self.fixed), self.derivation.coalition)
            self._claim(f"{word(node, 'why')}: a closed bound for all coalitions and all agents")
            return found
        agents = only(node)
        want(agents.rule == "every agent", agents.rule, 'stands where a step "every agent" is wanted')
        reached = self._every_agent(agents)
        reached = results.loose(reached) if loosely else reached
        alone = word(agents, "why") == "this agent"
        looked = 0
        for case in cases(node, self.crowd, self.derivation.coalition, self.fixed, self.stated):
            if alone and self.derivation.agent in case.colluders:
                continue
            reached = self._no_worse(case, reached, alone=alone)
            looked += 1
        told = "1 coalition was" if looked == 1 else f"{looked:,} coalitions were"
        self._claim(f"{word(node, 'why')}: {told} looked at, and none learns more")
        return reached

    def _no_worse(self, case: Case, reached: Reached, *, alone: bool) -> Reached:
        """No agent of a case loses more than what was reached; what is reached rests on what theirs rest on."""
        agents = (self.derivation.agent,) if alone else case.agents
        if case.colluders == self.stated.colluders and agents == (self.derivation.agent,):
            return reached
        self.trusted.append(_FLOATS)
        claim = Claim(reached, self.derivation.guarantee.epsilon or 0.0, self.derivation.guarantee.delta.conversion)
        watch, coalition = self._watch(case.colluders), self.derivation.coalition
        others = Others.of(self._sheets(watch), watch, coalition, delta=claim.delta, sampled=self.sampled)
        for agent in agents:
            if case.colluders == self.stated.colluders and agent == self.derivation.agent:
                continue
            found = others.loss(agent)
            if found is not None and not claim.bounds(found, self.flow):
                found = others.loss(agent, thorough=True)
            if found is None or not claim.bounds(found, self.flow):
                raise refuse(
                    "every agent",
                    f"agent {agent} loses more than is claimed, or otherwise, if {len(case.colluders)} agents collude",
                )
            reached = results.beside(reached, found)
        return reached

    # -- every agent ------------------------------------------------------------------------------

    def _every_agent(self, node: Node) -> Reached:
        why, agent = word(node, "why"), self.derivation.agent
        want(count(node, "agent") == agent, node.rule, f"the derivation is about agent {agent}")
        want(0 <= agent < self.crowd.enrolled, node.rule, f"there is no agent {agent}")
        want(agent not in self.stated.colluders, node.rule, f"agent {agent} colludes")
        self._right_agents(node, why, agent)
        reached = self._composition(only(node), agent)
        if why == "spectral":
            stated, failure = exact(node, "mu_squared"), float(exact(node, "failure"))
            want(
                reached.mu_squared is not None and reached.mu_squared <= stated,
                node.rule,
                "is below what its own agent loses",
            )
            want(0 <= failure < 1, node.rule, "its failure is no probability")
            whole = results.gaussian(stated)
            reached = results.Reached(whole.event, stated, idealized=True, failure=failure)
        return reached

    def _right_agents(self, node: Node, why: str, agent: int) -> None:
        """The agents that were looked at are those that have to be."""
        honest = [a for a in self.crowd.owners() if a not in self.stated.colluders]
        agents = count(node, "agents")
        if why == "this agent":
            told = f"agent {agent} alone" in self.derivation.guarantee.scope
            want(told and agents == 1, node.rule, f"the guarantee does not say that it is about agent {agent} alone")
        elif why == "alike":
            apart = tells_apart(self.flow)
            alone = honest == [agent] and agents == 1
            few = 1 <= agents <= len(alike_in(self.flow, self.crowd, self.stated.colluders))
            want(alone or (not apart and few), node.rule, "the flow tells members of a group apart", apart)
        else:
            want(why in {"each", "spectral"}, node.rule, f"{why!r} is no reason that is known")
            want(agents == len(honest), node.rule, f"there are {len(honest)} honest agents with a secret")

    def _composition(self, node: Node, agent: int) -> Reached:
        want(node.rule == "composition", node.rule, 'stands where a step "composition" is wanted')
        watch = self._watch(self.stated.colluders)
        found = self._sheets(watch)
        refuse_hidden(found, watch)
        placed = [(some, stand_in(some, watch, agent)) for some in found]
        seen = [(some, who) for some, who in placed if who in some.agent_of]
        answers = reports(watch, agent)
        number = len(seen) + len(answers)
        want(
            count(node, "blocks") == number == len(node.premises),
            node.rule,
            f"there are {number} blocks about agent {agent}",
        )
        coalition = self.derivation.coalition
        parts = [
            block(premise, some, who, watch, coalition)
            for premise, (some, who) in zip(node.premises, seen, strict=False)
        ]
        later = node.premises[len(seen) :]
        parts += [answer(premise, watch, report, coalition) for premise, report in zip(later, answers, strict=True)]
        reached = results.composed(parts)
        reached = replace(reached, masked=reached.masked or any(some.covered > 0 for some in found))
        results.stated(node, reached)
        told = "1 block" if number == 1 else f"{number} blocks"
        self._claim(f"{told} about agent {agent} compose{'s' if number == 1 else ''}")
        return reached

    # -- not proven -------------------------------------------------------------------------------

    def _nothing(self) -> Verified:
        """Nothing is promised; where a leak is shown, it is one."""
        guarantee, root = self.derivation.guarantee, self.derivation.root
        want(guarantee.status is Status.NOT_PROVEN, "guarantee", "promises what its derivation says is not proven")
        want(root.rule == "not proven", root.rule, "proves what its guarantee does not promise")
        claims = [f"nothing is promised: {guarantee.missing}"]
        watch = self._watch(self.stated.colluders)
        for node in root.walk():
            if node.rule == "leak":
                premise = only(node)
                fitting = [s for s in sheets(watch) if ", ".join(s.messages) == premise.numbers.get("messages")]
                if not fitting:
                    raise refuse(node.rule, "is about no block of the flow")
                recount(premise, fitting[0])
                leak(node, fitting[0])
                claims.append("the leak is one")
        return Verified(tuple(claims), (), holds=False)
