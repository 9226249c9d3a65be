"""The model of an information flow: who holds, adds, sends and sees what.

A `Flow` is a declaration, small even for a million agents: groups are numbers, not objects. It says
nothing about how it is computed. `tip.flow.view` makes matrices of it, `tip.flow.reasoning` makes
guarantees, and `tip.flow.verification` checks those against the declaration alone.

Conventions that all rooms share:

1. *Agents* are counted through all groups in their order: member i of a group is agent offset + i. The
   enrolled population N (law 2) is all of them. A party of its own name is no agent; a group of one
   member is both, and its name may stand in a coalition. Member i of a group g is the name `g.i`.
2. A *value* has a row for each member (of a group, of a graph's edges, or one row) and a column for each
   round. Where values of one round and of T rounds are added, the former is the same in all rounds; a
   value of one row (of a party or of a group of one) is added to values of one row only.
3. *Changes.* Two neighboring inputs differ in all secrets of one agent: in each round t of secret s by d_t
   with |d_t|^2 <= s.squared_reach (L2, the relation's own reach; law 12). Of each secret
   the rounds in which an agent takes part, at most `participations`, change; rounds that are alike hold for all
   secrets of a block together, so there the largest number of them counts.
4. *Noise* is independent in each member, round and coordinate. It is known to the agent that draws it, to
   both ends of an edge, or to the party that draws it, and to `known_to`.
5. *Seeing.* Who sends a message knows it; who is named in `to` sees it; "everybody" is the world.
6. All numbers are exact. Variances are those of one coordinate; None says "to be planned".
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from tip.errors import ConfigurationError
from tip.flow.actors import MOST_AGENTS, MOST_SEED, Cohort, Graph, Group, Sampling, Table, Wiring
from tip.flow.coherence import check
from tip.flow.declared import Declared
from tip.flow.hidden import MOST_ROUNDS, Ball, Choice, Domain, Interval, Law, Noise, Secret
from tip.flow.messages import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Aim, Fact, Message, Report, Requirement

__all__ = [
    "EVERYBODY",
    "MOST_AGENTS",
    "MOST_ROUNDS",
    "MOST_SEED",
    "NEIGHBORS",
    "NEXT",
    "NOBODY",
    "Aim",
    "Ball",
    "Choice",
    "Cohort",
    "Domain",
    "Fact",
    "Flow",
    "Graph",
    "Group",
    "Interval",
    "Law",
    "Message",
    "Noise",
    "Report",
    "Requirement",
    "Sampling",
    "Secret",
    "Table",
    "Wiring",
]


@dataclass(frozen=True, slots=True)
class Flow(Declared):
    """A whole information flow; see the top of the file. Checked when it is made: names, shapes, who exists."""

    def __post_init__(self) -> None:
        for part in fields(self):
            if part.name not in {"name", "about"} and not isinstance(getattr(self, part.name), tuple):
                raise ConfigurationError(f"{part.name} of a flow is a tuple")
        check(self)
