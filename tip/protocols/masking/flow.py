"""Masking, who sees what: masked vectors, and one ring sum a round.

Of all fields one depends on an agent's data: `MaskedInput.body`, the vector under masks that nobody is told. What the
coordinator learns when masks come off is the ring sum of one set of agents, which it releases; why that is all stands
in docs/flow-masking.md, what it rests on in `ASSUMPTIONS`. Not hidden: who takes part, and differences of the sums of
different rounds, whose cohorts may differ by one agent. `flow` says the same as mathematics, from the same table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.model import EVERYBODY, Law, Noise
from tip.privacy.guarantees import Assumption
from tip.protocols.core import CoordinatorSees, Descriptor, Sight
from tip.protocols.declaring import AGENT, COHORT, RELEASED, receivers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.model import Flow, Requirement
    from tip.protocols.declaring import Sums

MASK: Final = "mask"
BODY: Final = "MaskedInput.body"

ASSUMPTIONS: Final = (
    Assumption(
        "x25519",
        "the gap Diffie-Hellman problem is hard on Curve25519: keys that HKDF makes of X25519 secrets cannot be told "
        "from random ones",
    ),
    Assumption(
        "masks-pseudorandom", "masks are keystreams of AES-256 under such keys and cannot be told from uniform ones"
    ),
    Assumption("aes-256-gcm", "what AES-256-GCM seals nobody without the key reads or makes"),
    Assumption("ed25519", "nobody without an agent's Ed25519 key makes a signature that verifies under it"),
    Assumption(
        "sha-256", "nobody finds two inputs of one SHA-256 hash, and HKDF over it behaves like a random function"
    ),
    Assumption(
        "identity-keys", "each agent knows the true identity keys of all others from enrollment, one for each of them"
    ),
    Assumption("graph-drawn-before", "which agents are corrupt was fixed before the graph of a round was drawn"),
)

CURIOUS: Final = (
    Assumption("follows-protocol", "the coordinator follows the protocol, whatever it keeps and pools"),
    Assumption(
        "chance-dropouts", "agents drop out by chance, apart from the graph, and no larger share of them than planned"
    ),
)

PROTOCOL: Final = Descriptor("masking", CoordinatorSees.SUM, ASSUMPTIONS)

_TO_AGENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Announce": {
        "model": "the hash of the released model",
        "configuration": "the hash of parameters and identity keys, from plan and enrollment",
        "dimension": "the length of the vectors, from the plan",
        "modulus_bits": "the ring, from the plan",
        "deadline": "when the round closes",
    },
    "Roster": {
        "agents": "who is here: presence is public (law 18)",
        "commitments": "hashes of fresh seeds",
    },
    "Graph": {
        "to": "for whom it is",
        "chosen_by": "who drew it as a holder, by fresh seeds",
    },
    "Peers": {
        "to": "for whom it is",
        "peers": "its neighbors in the graph of fresh seeds",
        "channel": "their public keys for its edges' channels",
        "mask": "their public keys for its edges' masks",
        "proofs": "its holders' signatures under their keys",
    },
    "Delivery": {
        "to": "for whom it is",
        "here": "who dealt: presence is public (law 18)",
        "peers": "its neighbors that dealt: presence is public",
        "seeds": "hashes of pairwise seeds",
        "dealers": "who dealt it shares",
        "sealed": "sealed shares of fresh secrets",
        "shares": "hashes of these shares",
        "keys": "hashes of the keys that seal them",
    },
    "Proof": {
        "to": "for whom it is",
        "keys": "a neighbor's Keys, as it signed them",
        "dealing": "a neighbor's Dealing, as it signed it",
        "told": "the public keys that the neighbor was told for its edges",
    },
    "Survivors": {
        "agents": "whose vectors came: presence is public (law 18)",
    },
    "Consents": {
        "agents": "who agreed: presence is public (law 18)",
        "signatures": "their signatures under the set",
    },
    "Abandoned": {},
}

_TO_COORDINATOR: Final[Mapping[str, Mapping[str, str]]] = {
    "Advertise": {
        "commitment": "the hash of a fresh seed",
    },
    "Reveal": {
        "seed": "the fresh seed that draws the agent's holders",
    },
    "Keys": {
        "peers": "the agent's neighbors, from fresh seeds",
        "channel": "fresh public keys",
        "mask": "fresh public keys",
    },
    "Dealing": {
        "peers": "the agent's neighbors",
        "seeds": "hashes of pairwise seeds",
        "holders": "whom it dealt to",
        "sealed": "sealed shares of fresh secrets",
        "shares": "hashes of these shares",
        "keys": "hashes of the keys that seal them",
        "own": "the hash of the seed of its own mask",
        "told": "the hash of the public keys that it was told",
    },
    "Query": {
        "about": "which neighbor's words did not fit: nobody's data do that",
    },
    "Complaint": {
        "about": "which neighbor's signed words are bad: nobody's data make them so",
        "purpose": "channel or mask",
        "secret": "the secret key of one edge with a party that broke the protocol",
        "words": "the hash of the words that it speaks of",
    },
    "MaskedInput": {},  # beside its body
    "Consent": {
        "survivors": "the hash of the one set that may be opened",
    },
    "Unmask": {
        "delivery": "the hash of what was delivered to the agent",
        "alive": "the survivors for whom it holds shares",
        "own_shares": "shares of the seeds of their own masks; of an agent these or the next, never both",
        "gone": "the others for whom it holds shares",
        "mask_shares": "shares of the seeds of their pairwise masks",
        "edges": "its own neighbors that are gone",
        "seeds": "the pairwise seeds of these edges",
    },
}

_SIGNED: Final = "a signature: a function of the message that it stands under"
_MASKED: Final = Sight(
    "coordinator",
    "MaskedInput",
    "body",
    "the agent's update with its share, under masks that nobody is told",
    private=True,
    noise="a uniform mask; when masks come off, the shares of all survivors",
)


def _rows(party: str, told: Mapping[str, Mapping[str, str]]) -> tuple[Sight, ...]:
    """The table of one role: for each message what all have, then its own fields."""
    common = {"round": "the number of the round", "sender": "who speaks: presence is public (law 18)"}
    return tuple(
        Sight(party, message, field, what, private=False)
        for message, own in told.items()
        for field, what in {
            **common,
            **own,
            "signature": _SIGNED,
            "(size)": "the length of the frame, fixed by plan and sets",
        }.items()
    )


_NETWORK: Final = tuple(
    Sight("network", message, "(size)", "who is told, when, how much; plan and sets fix it", private=False)
    for message in (*_TO_AGENTS, *_TO_COORDINATOR)
)

FLOW: Final = (*_rows(AGENT, _TO_AGENTS), *_rows("coordinator", _TO_COORDINATOR), _MASKED, *_NETWORK)


def flow(sums: Sums, *, requirements: tuple[Requirement, ...] = ()) -> Flow:
    """What everybody sees in all rounds of a run with these public numbers.

    `mask` is the total of an agent's masks in a round: uniform in the ring to whoever is not told the secrets behind
    them, and taken off nowhere but in the sum (docs/flow-masking.md).
    """
    mask = Noise(MASK, AGENT, Law.UNIFORM, rounds=sums.rounds)
    return _flow(sums, (f"{sums.vector} + {MASK}", sums.total), requirements, masks=(mask,))


def unmasked(sums: Sums, *, requirements: tuple[Requirement, ...] = ()) -> Flow:
    """The same if masks hid nothing: what is sure against agents that the parameters were not planned for."""
    return _flow(sums, (sums.vector, f"sum({BODY}, {COHORT})"), requirements)


def _flow(
    sums: Sums, says: tuple[str, str], requirements: tuple[Requirement, ...], *, masks: tuple[Noise, ...] = ()
) -> Flow:
    """A flow in which an agent's vector and the released sum say this."""
    body, total = says
    return sums.flow(
        name=PROTOCOL.name,
        about="Agents' vectors under masks that cancel in the sum of one set a round, which is released.",
        parties=("coordinator",),
        messages=(
            sums.message(BODY, AGENT, body, receivers(FLOW, BODY)),
            sums.message(RELEASED, "coordinator", total, (EVERYBODY,)),
        ),
        table=FLOW,
        requirements=requirements,
        masks=masks,
    )
