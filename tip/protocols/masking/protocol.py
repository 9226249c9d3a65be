"""Masking, one round of all roles: read it from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.crypto import Identity
from tip.errors import ConfigurationError
from tip.protocols.core import COORDINATOR, AgentId, Deadline
from tip.protocols.loopback import Loopback, Seat, Task
from tip.protocols.masking import client, server
from tip.protocols.masking.course import Failed, Finished
from tip.protocols.masking.flow import FLOW, PROTOCOL
from tip.protocols.masking.messages import TABLE
from tip.protocols.masking.secrets import Secrets
from tip.protocols.masking.signing import Directory
from tip.protocols.masking.stages import Own

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tip.protocols.codec import Table
    from tip.protocols.core import Descriptor, Round, Sight
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.transcript import Outcome
    from tip.randomness import Entropy

DEADLINE: Final = 1  # the index of the loopback's clock at which the first stage ends
STAGES: Final = 7


@dataclass(frozen=True, slots=True)
class Cast:
    """The parties of a federation in one process: identity keys for all rounds, fresh secrets for each."""

    coordinator: Identity
    agents: Mapping[AgentId, Identity]
    directory: Directory
    entropy: Entropy = field(repr=False)

    @classmethod
    def of(cls, agents: Iterable[AgentId], entropy: Entropy) -> Cast:
        """These agents and a coordinator, with identity keys from this source."""
        numbers = sorted(agents)
        stream = entropy.stream("masking identities")
        seeds = stream.words(np.array([COORDINATOR, *numbers], dtype=np.int64), 4)
        first, *others = (Identity.from_seed(row.tobytes()) for row in seeds)
        named = dict(zip(numbers, others, strict=True))
        keys = {agent: identity.public for agent, identity in named.items()}
        return cls(first, named, Directory(first.public, keys), entropy)

    def secrets(self, round: Round) -> dict[AgentId, Secrets]:  # noqa: A002 - the field's word
        """Everybody's secrets of one round."""
        numbers = np.array(list(self.agents), dtype=np.int64)
        seeds = self.entropy.stream("masking round", round).words(numbers, 4)
        return {agent: Secrets(row.tobytes()) for agent, row in zip(self.agents, seeds, strict=True)}


@dataclass(frozen=True, slots=True)
class Masked:
    """The protocol under these parameters, with these parties: what `tip.protocols.run_round` runs."""

    parameters: Parameters
    cast: Cast

    @property
    def PROTOCOL(self) -> Descriptor:  # noqa: N802 - the name that protocols have
        """What plans know of it."""
        return PROTOCOL

    @property
    def TABLE(self) -> Table:  # noqa: N802 - the name that protocols have
        """Its messages."""
        return TABLE

    @property
    def FLOW(self) -> tuple[Sight, ...]:  # noqa: N802 - the name that protocols have
        """Who sees what."""
        return FLOW

    def run(self, loopback: Loopback, task: Task) -> Outcome:
        """One round."""
        # Everybody takes a seat with its identity and fresh secrets; the coordinator announces the round.
        self.seat(loopback, task)

        # Seven questions: who is here; the seeds that draw the graph; keys; shares; masked vectors; a signature
        # under the set of survivors; one kind of secret for each. Each stage ends when all answered, or here, at
        # its deadline: with too few answers the round is given up, and nothing is opened.
        for stage in range(STAGES):
            loopback.settle()
            loopback.tell(COORDINATOR, Deadline(DEADLINE + stage))

        # The masks that are left are taken off, and the sum is named with its agents.
        loopback.settle()
        return ending(loopback)

    def seat(self, loopback: Loopback, task: Task) -> None:
        """The coordinator opens the round; agents wait for one on their terms."""
        terms, parameters, cast = task.terms, self.parameters, self.cast
        if terms.minimum != parameters.minimum or task.vectors.keys() != cast.agents.keys():
            raise ConfigurationError(
                f"the round has {len(task.vectors)} agents and a minimum of {terms.minimum}",
                why=f"Its parameters are for {parameters.agents} agents and a minimum of {parameters.minimum}",
                instead="Plan the parameters for this round: tip.protocols.masking.plan_masking",
            )
        secrets = cast.secrets(terms.round)
        for agent, vector in task.vectors.items():
            own = Own(agent, cast.agents[agent], secrets[agent], terms, parameters, cast.directory)
            loopback.seat(agent, Seat("agent", client.waiting(own), client.advance, vector))
        opened = server.open_round(cast.coordinator, cast.directory, parameters, terms, task.model, DEADLINE)
        loopback.seat(COORDINATOR, Seat("coordinator", opened.state, server.advance))
        loopback.start(COORDINATOR, opened)


def under(parameters: Parameters, agents: Iterable[AgentId], *, entropy: Entropy) -> Masked:
    """The protocol for these agents under these parameters.

    `entropy` draws identity keys and the secrets of every round: a seeded one repeats itself and protects nobody.
    """
    return Masked(parameters, Cast.of(agents, entropy))


def ending(loopback: Loopback) -> Outcome:
    """What the coordinator knows in the end."""
    state = loopback.state(COORDINATOR)
    match state.stage if isinstance(state, server.Coordinator) else None:
        case Finished() as end:
            return loopback.outcome(body=end.body, survivors=end.survivors)
        case Failed() as end:
            return loopback.outcome(body=None, survivors=(), reason=end.reason)
    return loopback.outcome(body=None, survivors=(), reason="the round is still open")
