"""Masked rounds from end to end: the sum is that of the named agents, whoever drops out and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.protocols import COORDINATOR, AgentId, Network, Round, run_round
from tip.protocols.masking import Parameters, plan_masking, run_groups, under
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tip.protocols import Outcome
    from tip.protocols.masking import Masked

ENTROPY = Entropy.seeded(5)
ANSWERS = {2: "Advertise", 4: "Reveal", 6: "Keys", 8: "Dealing", 10: "MaskedInput", 12: "Consent", 14: "Unmask"}


def vectors(agents: range, dimension: int = 5, bits: int = 32) -> dict[AgentId, np.ndarray]:
    words = ENTROPY.stream("vectors").words(np.arange(agents.start, agents.stop), dimension)
    return {AgentId(i): row.astype(f"u{bits // 8}") for i, row in zip(agents, words, strict=True)}


def leaving_at(step: int) -> Callable[[bytes], bytes | None]:
    """An agent that answers no more from this type of message on."""
    return lambda frame: None if frame[7] >= step else frame


def leavers(when: Mapping[AgentId, int]) -> Network:
    return Network(tamper={(agent, COORDINATOR): leaving_at(step) for agent, step in when.items()})


def played(protocol: Masked, held: Mapping[AgentId, np.ndarray], network: Network, number: int = 1) -> Outcome:
    word = next(iter(held.values())).itemsize
    return run_round(
        protocol,
        held,
        minimum=protocol.parameters.minimum,
        modulus_bits=8 * word,
        round=Round(number),
        model_hash=bytes(32),
        network=network,
    )


def assert_right(outcome: Outcome, held: Mapping[AgentId, np.ndarray]) -> None:
    assert outcome.total is not None, outcome.reason
    total = np.zeros_like(outcome.total)
    for agent in outcome.survivors:
        total += held[agent]
    assert (outcome.total == total).all()
    assert not outcome.faults


@pytest.mark.parametrize("step", ANSWERS, ids=ANSWERS.values())
@pytest.mark.parametrize("kind", ["malicious", "curious"])
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_drop_outs_at_every_step(step: int, kind: str, bits: int) -> None:
    parameters = plan_masking(12, 0.1, 0.2, coordinator=kind)
    held = vectors(range(12), bits=bits)
    gone = [AgentId(1), AgentId(8)]
    outcome = played(under(parameters, held, entropy=ENTROPY), held, leavers(dict.fromkeys(gone, step)))
    assert_right(outcome, held)
    assert set(outcome.survivors) == set(held) - (set(gone) if step <= 10 else set())


def test_drop_outs_at_all_steps_of_one_round() -> None:
    parameters = plan_masking(40, 0.05, 0.25, coordinator="malicious")
    held = vectors(range(40))
    when = {AgentId(5 * place): step for place, step in enumerate(ANSWERS)}
    outcome = played(under(parameters, held, entropy=ENTROPY), held, leavers(when))
    assert_right(outcome, held)
    assert set(outcome.survivors) == set(held) - {agent for agent, step in when.items() if step <= 10}


@pytest.mark.parametrize("step", ANSWERS, ids=ANSWERS.values())
def test_too_many_drop_outs_end_the_round_with_a_reason_and_without_a_sum(step: int) -> None:
    parameters = plan_masking(12, 0.1, 0.2, coordinator="malicious")
    held = vectors(range(12))
    gone = dict.fromkeys(list(held)[:9], step)
    outcome = played(under(parameters, held, entropy=ENTROPY), held, leavers(gone))
    assert outcome.total is None
    assert outcome.survivors == ()
    assert ("answered" if step < 14 else "too few shares") in outcome.reason
    assert not outcome.faults


def test_a_survivor_that_does_not_open_is_helped_by_the_others_end() -> None:
    """Agent 3 drops out after it dealt, its neighbor 4 after it signed: nobody tells the seed between them."""
    parameters = plan_masking(12, 0.1, 0.2, coordinator="malicious")
    held = vectors(range(12))
    network = leavers({AgentId(3): 10, AgentId(4): 14})
    outcome = played(under(parameters, held, entropy=ENTROPY), held, network)
    assert_right(outcome, held)
    assert AgentId(4) in outcome.survivors
    assert AgentId(3) not in outcome.survivors


def test_two_rounds_of_one_federation_have_nothing_in_common_but_the_identities() -> None:
    parameters = plan_masking(6, 0.0, 0.2, coordinator="malicious")
    held = vectors(range(6))
    protocol = under(parameters, held, entropy=ENTROPY)
    one, two = (played(protocol, held, Network(), number) for number in (1, 2))
    assert np.array_equal(one.total, two.total)  # type: ignore[arg-type] # both are there
    bodies = [
        {row.message.sender: value for row in outcome.transcript.of(COORDINATOR) for value in row.vectors.values()}
        for outcome in (one, two)
    ]
    assert all((bodies[0][agent] != bodies[1][agent]).any() for agent in held)
    assert all((bodies[0][agent] != held[agent]).any() for agent in held)


def test_a_round_under_other_parameters_than_planned_is_refused() -> None:
    parameters = plan_masking(6, 0.0, 0.2, coordinator="malicious")
    held = vectors(range(6))
    with pytest.raises(ConfigurationError, match="Its parameters are for 6 agents and a minimum of 5"):
        run_round(
            under(parameters, held, entropy=ENTROPY),
            held,
            minimum=4,
            modulus_bits=32,
            round=Round(1),
            model_hash=bytes(32),
        )


def test_groups_are_summed_apart_in_one_round() -> None:
    first, second = vectors(range(6)), vectors(range(6, 14), dimension=3)
    groups = {
        "young": under(plan_masking(6, 0.0, 0.2, coordinator="malicious"), first, entropy=ENTROPY),
        "old": under(plan_masking(8, 0.1, 0.2, coordinator="curious"), second, entropy=ENTROPY),
    }
    outcomes = run_groups(
        groups,
        first | second,
        modulus_bits=32,
        round=Round(1),
        model_hash=bytes(32),
        network=leavers({AgentId(2): 10}),
    )
    assert_right(outcomes["young"], first)
    assert_right(outcomes["old"], second)
    assert (len(outcomes["young"].survivors), len(outcomes["old"].survivors)) == (5, 8)


def test_groups_that_overlap_or_lack_a_vector_are_refused() -> None:
    held = vectors(range(6))
    protocol = under(plan_masking(6, 0.0, 0.2, coordinator="malicious"), held, entropy=ENTROPY)
    with pytest.raises(ConfigurationError, match="in two groups"):
        run_groups({"a": protocol, "b": protocol}, held, modulus_bits=32, round=Round(1), model_hash=bytes(32))
    with pytest.raises(ConfigurationError, match="every agent of a group has a vector"):
        run_groups({"a": protocol}, vectors(range(5)), modulus_bits=32, round=Round(1), model_hash=bytes(32))


@pytest.mark.slow
def test_a_thousand_agents_with_three_hundred_drop_outs_over_all_steps() -> None:
    """The true protocol, all frames and signatures: 300 of 1,000 leave, about as many at each of the seven steps."""
    parameters = Parameters(
        agents=1000,
        corrupt=0,
        dropouts=300,
        coordinator="curious",  # type: ignore[arg-type] # read as the choice
        graph="ring",  # type: ignore[arg-type]
        degree=100,
        threshold=38,
        minimum=700,
        samples=0,
        privacy_bits=40,
        success_bits=30,
    )
    held = vectors(range(1000), dimension=1000)
    steps = list(ANSWERS)
    when = {AgentId(1000 * i // 300): steps[i % len(steps)] for i in range(300)}
    outcome = played(under(parameters, held, entropy=ENTROPY), held, leavers(when))
    assert_right(outcome, held)
    assert set(outcome.survivors) == set(held) - {agent for agent, step in when.items() if step <= 10}
