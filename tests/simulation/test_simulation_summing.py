"""The secure sum: the true protocol behind one call, its promise, its refusals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tip.errors import ConfigurationError, NotEnoughAgents
from tip.protocols import COORDINATOR, AgentId, Network
from tip.randomness import Entropy
from tip.simulation.summing import SecureSum, secure_sum

WHOLE = np.arange(20 * 5).reshape(20, 5) % 17
REALS = np.linspace(-0.4, 0.4, 20 * 5).reshape(20, 5)
ASKED: dict[str, Any] = {"bound": 40.0, "malicious": 0.1, "dropout": 0.1, "entropy": Entropy.seeded(5)}


def summed(vectors: Any = WHOLE, **changed: Any) -> SecureSum:  # noqa: ANN401 - as the door takes them
    return secure_sum(vectors, **{**ASKED, **changed})


def silent(count: int) -> Network:
    return Network(silent=frozenset(AgentId(3 * i) for i in range(count)))


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("kind", ["malicious", "curious"])
def test_whole_numbers_are_summed_exactly_over_those_who_answered(bits: int, kind: str) -> None:
    result = summed(modulus_bits=bits, coordinator=kind, network=silent(2))
    assert set(result.agents) == set(range(20)) - {0, 3}
    assert (result.value == WHOLE[list(result.agents)].sum(axis=0)).all()
    assert result.faults == ()
    assert result.clipped == 0


def test_reals_are_rounded_to_a_fine_grid() -> None:
    result = summed(REALS, bound=2.0)
    assert np.abs(result.value - REALS.sum(axis=0)).max() <= 20 * 2.0 * 2**-20


def test_an_exact_sum_promises_nothing_and_says_why() -> None:
    told = summed().guarantee
    assert told.epsilon is None
    assert told.status == "not proven"
    assert told.missing.startswith("noise: no epsilon")


def test_noise_is_sized_for_the_fewest_honest_survivors_and_delta_holds_the_masks_failure() -> None:
    result = summed(REALS, bound=2.0, epsilon=1.5, delta=1e-6)
    told, parameters = result.guarantee, result.parameters
    assert told.epsilon is not None
    assert told.epsilon <= 1.5
    assert told.delta.total <= 1e-6
    assert told.delta.failures >= parameters.failure > 0
    assert told.security == "computational"
    assert told.status == "simulated"
    assert told.coalition.fraction == Fraction(2, 20)
    named = {assumption.name for assumption in told.assumptions}
    assert {"x25519", "aes-256-gcm", "ed25519", "graph-drawn-before"} <= named
    assert "ideal-sum" not in named


def test_the_noise_is_there_and_as_large_as_the_survivors_shares() -> None:
    results = [summed(REALS, bound=2.0, epsilon=1.5, delta=1e-6, entropy=Entropy.seeded(s)) for s in range(3)]
    errors = np.array([result.value - REALS.sum(axis=0) for result in results])
    quiet = summed(REALS, bound=2.0).value - REALS.sum(axis=0)
    assert errors.std() > 1000 * np.abs(quiet).max()


def test_long_vectors_are_clipped_and_counted() -> None:
    result = summed(REALS * 100, bound=2.0)
    assert result.clipped > 15
    assert np.linalg.norm(result.value) < np.linalg.norm(REALS.sum(axis=0) * 100)


def test_too_few_answers_release_nothing() -> None:
    with pytest.raises(NotEnoughAgents, match="no sum was released: 15 agents answered with MaskedInput"):
        summed(network=silent(5))


def test_lost_frames_are_a_drop_out_and_nobody_s_fault() -> None:
    """The coordinator's frames to agent 0 are lost: the round goes on without it."""
    lost = Network(tamper={(COORDINATOR, AgentId(0)): lambda _: None})
    assert 0 not in summed(network=lost).agents


def test_the_same_entropy_gives_the_same_sum() -> None:
    one, other = (summed(REALS, bound=2.0, epsilon=1.0, delta=1e-6) for _ in range(2))
    assert (one.value == other.value).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"vectors": np.zeros(3)}, "an array .agents, dimension."),
        ({"vectors": np.zeros((1, 3))}, "at least 2 agents"),
        ({"vectors": np.array([["a"], ["b"]])}, "vectors are numbers"),
        ({"vectors": np.full((3, 2), 2**53 + 1)}, "above 2.53"),
        ({"epsilon": 1.0}, "given together"),
        ({"epsilon": 1.0, "delta": 1e-20}, "used up by the masks"),
        ({"malicious": 0.9}, "."),
        ({"modulus_bits": 8}, "16, 32 or 64"),
        ({"bound": 1e9, "modulus_bits": 16}, "modulus_bits"),
    ],
)
def test_what_cannot_be_met_is_refused(changed: dict[str, Any], words: str) -> None:
    vectors = changed.pop("vectors", WHOLE)
    with pytest.raises(ConfigurationError, match=words):
        summed(vectors, **changed)
