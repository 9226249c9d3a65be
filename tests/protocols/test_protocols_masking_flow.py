"""Masking sends what its flow says: one masked vector an agent, one sum a round, and facts (law 21)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.aggregation.masks import cover
from tip.flow.expressions import parse
from tip.flow.model import Law, Sampling
from tip.flow.reasoning import derive
from tip.flow.verification import verify
from tip.noise import DiscreteGaussian
from tip.protocols import FAITHFUL, AgentId, Network, Round, clear, ideal, masking, run_round
from tip.protocols.conformance import Recorded, Trouble, discrepancies, untold, varying
from tip.protocols.declaring import Sums
from tip.protocols.loopback import Loopback
from tip.protocols.masking.flow import BODY, FLOW, unmasked
from tip.protocols.masking.messages import TABLE
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.model import Flow
    from tip.protocols.core import Cover, Covered, Vector
    from tip.protocols.transcript import Outcome

AGENTS, DIMENSION, ROUNDS = 12, 3, 2
PARAMETERS = masking.plan_masking(AGENTS, "1/12", "1/12", coordinator="malicious")
PROTOCOL = masking.under(PARAMETERS, map(AgentId, range(AGENTS)), entropy=Entropy.seeded(7))
SUMS = Sums(
    agents=AGENTS,
    least=PARAMETERS.minimum,
    dimension=DIMENSION,
    squared_bound=10_000,
    share_variance=Fraction(9),
    modulus_bits=32,
    rounds=ROUNDS,
    participations=ROUNDS,
    sampling=Sampling.ALL,
)
NETWORKS = {
    "faithful": FAITHFUL,
    "every frame twice": Network(copies=2),
    "one silent": Network(silent=frozenset({AgentId(4)})),
    "given up": Network(silent=frozenset(map(AgentId, range(4)))),
}


@dataclass
class Played:
    """Rounds as they were, with all that a simulation can record of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    values: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def recorded(self) -> Recorded:
        numbers = [Round(t) for t in range(ROUNDS)]
        return Recorded(
            values=self.values,
            present={t: o.survivors for t, o in zip(numbers, self.outcomes, strict=True)},
            released={t: (o.total,) for t, o in zip(numbers, self.outcomes, strict=True) if o.total is not None},
        )


def drawn(seed: int) -> dict[str, NDArray[np.int64]]:
    """Updates that depend on the seed, and shares that do not."""
    updates = Entropy.seeded(seed).generator("updates").integers(-50, 51, (ROUNDS, AGENTS, DIMENSION))
    sampler, agents = DiscreteGaussian(Fraction(9)), np.arange(AGENTS)
    shares = [sampler.sample(Entropy.seeded(9).stream("shares", t), agents, DIMENSION) for t in range(ROUNDS)]
    return {"update": updates.astype(np.int64), "share": np.array(shares)}


def played(monkeypatch: pytest.MonkeyPatch, network: Network = FAITHFUL, seed: int = 1) -> Played:
    """All rounds; the masks are recorded where the driver puts them on, from their seeds alone."""
    found, masks = Played(values=drawn(seed)), np.zeros((ROUNDS, AGENTS, DIMENSION), np.uint64)
    put_on, at = Loopback._cover, {"round": 0}

    def recording(loopback: Loopback, party: AgentId, item: Cover) -> Covered:
        masks[at["round"], party] = cover(np.zeros(DIMENSION, np.uint32), item.add, item.subtract)
        return put_on(loopback, party, item)

    monkeypatch.setattr(Loopback, "_cover", recording)
    for t in range(ROUNDS):
        at["round"] = t
        vectors = found.values["update"][t] + found.values["share"][t]
        found.outcomes.append(
            run_round(
                PROTOCOL,
                {AgentId(i): vectors[i] for i in range(AGENTS)},
                minimum=PARAMETERS.minimum,
                modulus_bits=32,
                round=Round(t),
                model_hash=hashlib.sha256(b"model").digest(),
                network=network,
            )
        )
    found.values["mask"] = masks.astype(np.int64)
    return found


def test_table_messages_and_flow_speak_of_the_same_fields() -> None:
    assert untold(masking, masking.flow(SUMS)) == ()
    fields = {(cls.__name__, name) for cls in TABLE.types.values() for name in (*TABLE.fields(cls), "(size)")}
    assert {(row.message, row.field) for row in FLOW} == fields


def test_one_field_depends_on_data_and_goes_to_the_coordinator_alone() -> None:
    private = [row for row in FLOW if row.private]
    assert [(row.party, row.message, row.field) for row in private] == [("coordinator", "MaskedInput", "body")]
    assert not [row for row in FLOW if row.party == "agent" and row.message == "MaskedInput"]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_what_is_sent_is_what_the_flow_says(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    found = played(monkeypatch, network)
    transcripts = [outcome.transcript for outcome in found.outcomes]
    assert discrepancies(masking, masking.flow(SUMS), transcripts, found.recorded) == ()
    bodies = [row for t in transcripts for row in t.received if type(row.message).__name__ == "MaskedInput"]
    assert bodies
    vectors = found.values["update"] + found.values["share"]
    if found.outcomes[0].survivors:
        here = list(found.outcomes[0].survivors)
        total = found.outcomes[0].total
        assert total is not None
        assert np.array_equal(total, vectors[0, here].sum(axis=0).astype(np.uint32))
        assert found.values["mask"][0, here].any(axis=1).all()


def test_masks_are_new_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = played(monkeypatch).values["mask"]
    assert not (masks[0] == masks[1]).all(axis=1).any()


def test_a_mask_that_is_left_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: agent 2 sends its bare vector; its recorded masks say otherwise."""
    put_on = Loopback._cover

    def bare(loopback: Loopback, party: AgentId, item: Cover) -> Covered:
        return put_on(loopback, party, replace(item, add=(), subtract=()) if party == 2 else item)

    monkeypatch.setattr(Loopback, "_cover", bare)
    found = played(monkeypatch)
    wrong = discrepancies(masking, masking.flow(SUMS), [o.transcript for o in found.outcomes], found.recorded)
    assert {(d.trouble, d.field) for d in wrong} >= {(Trouble.VALUE, BODY)}


def test_facts_do_not_depend_on_anybodys_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same keys and coins, other data change bodies, and the signatures under them, alone."""
    one, other = played(monkeypatch, seed=1), played(monkeypatch, seed=2)
    flow = masking.flow(SUMS)
    for left, right in zip(one.outcomes, other.outcomes, strict=True):
        assert varying(flow, left.transcript, right.transcript) == ()
    told = replace(flow, messages=(), noises=(), cohorts=())  # the mutant: the body a fact as well
    found = varying(told, one.outcomes[0].transcript, other.outcomes[0].transcript)
    assert {d.field for d in found} == {BODY, "MaskedInput.signature"}


def test_vectors_of_masking_are_those_of_clear_and_ideal(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors: dict[AgentId, Vector | NDArray[np.int64]] = {}
    found = played(monkeypatch)
    both = found.values["update"][0] + found.values["share"][0]
    vectors = {AgentId(i): both[i] for i in range(AGENTS)}
    total = found.outcomes[0].total
    assert total is not None
    for protocol in (clear, ideal):
        other = run_round(
            protocol, vectors, minimum=2, modulus_bits=32, round=Round(0), model_hash=hashlib.sha256(b"m").digest()
        )
        assert other.total is not None
        assert np.array_equal(other.total, total)


def test_the_reasoner_gives_the_sums_loss_and_the_check_agrees() -> None:
    masked = derive(masking.flow(SUMS), "coordinator + 8.5% of agents", delta=1e-6)
    summed = derive(ideal.flow(SUMS), "coordinator + 8.5% of agents", delta=1e-6)
    assert masked.guarantee.rho == summed.guarantee.rho is not None
    assert verify(masked).holds
    open_ = derive(unmasked(SUMS), "coordinator + 8.5% of agents", delta=1e-6)
    single = derive(clear.flow(SUMS), "coordinator + 8.5% of agents", delta=1e-6)
    assert open_.guarantee.rho == single.guarantee.rho
    assert open_.guarantee.rho is not None
    assert masked.guarantee.rho is not None
    assert open_.guarantee.rho > masked.guarantee.rho
    assert verify(open_).holds


def _summed_by_half(flow: Flow) -> Flow:
    """The mutant: the coordinator also gets the bare sum of vectors over another cohort."""
    half = replace(flow.cohorts[0], name="half", least=2)
    more = replace(flow.message("released"), name="more", says=parse("sum(update + share, half)"))
    return replace(flow, cohorts=(*flow.cohorts, half), messages=(*flow.messages, more))


def test_two_sums_over_different_sets_are_not_proven() -> None:
    """Law 17: what masks do not hide. Their difference shows single agents."""
    flow = masking.flow(SUMS)
    assert flow.noise("mask").law is Law.UNIFORM
    found = derive(_summed_by_half(flow), "coordinator", delta=1e-6)
    assert found.guarantee.epsilon is None
    assert "cohort" in found.guarantee.missing
