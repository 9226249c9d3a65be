"""The machines give the sums of the vectorized engine to the bit, under every protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.simulation import machines
from tip.simulation.federation import Federation, prepare
from tip.simulation.machines import GivenUp, Machines, protocols
from tip.simulation.rounds import rounds, start
from tip.simulation.run import simulate
from tip.simulation.vectorized import Sum

if TYPE_CHECKING:
    from pathlib import Path

    from tip.plan import Plan
    from tip.report.history import Round

MASKING = ("protocol.kind=masking", "minimum=50", "dropout=0.05")
BARE = ("privacy=none", "budget=none", "protocol.kind=clear", "modulus_bits=64")
FEW = ("rounds=3", "max_participations=3")


def played(plan: Plan) -> tuple[bytes, list[Round]]:
    """The model's bits after all rounds, and the rounds."""
    federation = prepare(plan)
    progress, history = zip(*rounds(federation, start(federation)), strict=True)
    return np.asarray(federation.optimizer.result(progress[-1].server)).tobytes(), list(history)


@pytest.mark.parametrize(
    "settings",
    [
        ("protocol.kind=ideal",),
        ("protocol.kind=clear", "against=10% of agents"),
        BARE,
        MASKING,
        (*MASKING, "coordinator=curious"),
        (*MASKING, "sampling=fixed", "cohort.size=40", "minimum=36", "max_participations=6"),
        (*MASKING, "adversary.kind=scale", "adversary.fraction=0.1"),
        (*MASKING, "modulus_bits=64", "block=200"),
    ],
    ids=["ideal", "clear", "bare", "masking", "curious", "fixed", "liars", "wide ring"],
)
def test_a_seed_gives_one_model_whatever_the_engine(plan: Plan, settings: tuple[str, ...]) -> None:
    plan = plan.replace(*FEW, *settings)
    fast, told = played(plan)
    slow, told_too = played(plan.replace("engine=machines"))
    assert any(r.survivors < r.cohort for r in told)  # drop-outs took part
    assert all(r.released for r in told)
    assert slow == fast
    assert told_too == told


def test_masks_give_the_model_of_an_ideal_adder(plan: Plan) -> None:
    """The engine computes the same whatever hides the vectors, where the noise is the same."""
    masked = prepare(plan.replace(*MASKING, "epsilon=8"))
    ideal = prepare(plan.replace(*MASKING, "epsilon=8", "protocol.kind=ideal"))
    assert masked.settled.masks is not None
    assert masked.settled.masks.left_out > 0
    agents, parameters = np.arange(40), masked.model.initial()
    sent = masked.engine.sent_by(agents, parameters, 1).vectors
    channel: Any = ideal.engine.channel
    alike = replace(ideal.engine, channel=replace(channel, mechanism=masked.settled.mechanism))
    np.testing.assert_array_equal(alike.sent_by(agents, parameters, 1).vectors, sent)


def federation_of(plan: Plan) -> tuple[Federation, Machines]:
    federation = prepare(plan.replace("engine=machines"))
    assert federation.machines is not None
    return federation, federation.machines


def test_who_drops_out_is_silent_and_not_in_the_sum(plan: Plan) -> None:
    federation, slow = federation_of(plan.replace(*MASKING))
    cohort, parameters = np.arange(64), federation.model.initial()
    answering = np.setdiff1d(cohort, [3, 17])
    found = slow.sum_of(cohort, answering, parameters, 1)
    assert isinstance(found, Sum)
    assert np.array_equal(found.total, federation.engine.sum_of(answering, parameters, 1).total)
    mutant = federation.engine.sum_of(cohort, parameters, 1).total
    assert not np.array_equal(found.total, mutant)


def test_a_round_that_the_machines_give_up_releases_nothing(plan: Plan) -> None:
    """More drop out than masks are planned for, or than the minimum leaves."""
    federation, slow = federation_of(plan.replace(*MASKING))
    cohort = np.arange(64)
    found = slow.sum_of(cohort, cohort[:45], federation.model.initial(), 1)
    assert isinstance(found, GivenUp)
    assert found.reason

    def never(*_: object) -> GivenUp:
        return GivenUp("nobody came")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(machines.Machines, "sum_of", never)
        told = [r for _, r in rounds(federation, start(federation))]
    assert {(r.released, r.reason) for r in told} == {(False, "nobody came")}
    assert [r.number for r in told] == list(range(1, 7))


def test_identities_hang_on_the_agent_alone(plan: Plan) -> None:
    federation, _ = federation_of(plan.replace(*MASKING, "sampling=fixed", "cohort.size=40", "minimum=36"))
    made: Any = protocols("masking", federation.settled.masks, federation.entropy)
    one, other = made(np.arange(40)), made(np.arange(20, 60))
    assert made(np.arange(20, 60)) is other
    for agent in range(20, 40):
        assert one.cast.agents[agent].public == other.cast.agents[agent].public


def test_a_protocol_without_machines_is_refused(plan: Plan) -> None:
    with pytest.raises(ConfigurationError, match="no machines are known"):
        protocols("gopa", None, prepare(plan).entropy)


def test_a_whole_run_by_the_machines(plan: Plan, tmp_path: Path) -> None:
    plan = plan.replace(*FEW, *MASKING)
    fast = simulate(plan, folder=tmp_path / "fast")
    slow = simulate(plan.replace("engine=machines"), folder=tmp_path / "slow")
    assert slow.metrics == fast.metrics
    assert slow.guarantees == fast.guarantees
