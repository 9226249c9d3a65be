"""The engine: equal bits whatever the blocks, the protocols' own sums, noise of the stated size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tip.aggregation import to_ring
from tip.errors import NotEnoughAgents
from tip.plan import Plan
from tip.protocols import AgentId, Round, clear, ideal, run_round
from tip.simulation.federation import Federation, prepare
from tip.simulation.rounds import rounds, start
from tip.simulation.vectorized import Plain

FEDAVG = ("kind=fedavg", "local_epochs=2", "batch_size=3", "local_learning_rate=0.5")


def final(plan: Plan) -> np.ndarray:
    """The model's parameters after all rounds."""
    federation = prepare(plan)
    last = [progress for progress, _ in rounds(federation, start(federation))][-1]
    return np.asarray(federation.optimizer.result(last.server))


@pytest.mark.parametrize(
    "changes", [(), ("algorithm." + FEDAVG[0], *FEDAVG[1:]), ("adversary.kind=label-flip", "adversary.fraction=0.2")]
)
def test_blocks_of_1_7_and_200_give_one_model_to_the_bit(plan: Plan, changes: tuple[str, ...]) -> None:
    plan = plan.replace(*changes) if changes else plan
    models = [final(plan.replace(f"execution.block={block}")).tobytes() for block in (1, 7, 200)]
    assert models[0] == models[1] == models[2]


def test_threads_change_nothing(plan: Plan) -> None:
    assert final(plan).tobytes() == final(plan.replace("execution.threads=3")).tobytes()


def test_another_seed_gives_another_model(plan: Plan) -> None:
    assert final(plan).tobytes() != final(plan.replace("simulation.seed=4")).tobytes()


@pytest.mark.parametrize("protocol", [clear, ideal])
def test_the_vectorized_sum_is_the_protocols_sum(plan: Plan, protocol: Any) -> None:  # noqa: ANN401 - a protocol is a module
    """DESIGN: given the same integer vectors, the machines' ring sum is bit-equal."""
    federation = prepare(plan)
    agents = np.arange(federation.train.agents)[::2]
    parameters = federation.model.initial()
    sent = federation.engine.sent_by(agents, parameters, 1)
    vectors = {AgentId(int(agent)): vector for agent, vector in zip(agents, sent.vectors, strict=True)}
    outcome = run_round(protocol, vectors, minimum=10, modulus_bits=32, round=Round(1), model_hash=bytes(32))
    assert outcome.total is not None
    np.testing.assert_array_equal(outcome.total, federation.engine.sum_of(agents, parameters, 1).total)
    mutant = federation.engine.sum_of(agents[1:], parameters, 1).total  # one survivor fewer
    assert not np.array_equal(outcome.total, mutant)


def _silent(federation: Federation, dimension: int = 400) -> Any:  # noqa: ANN401 - the channel of the plan, made wide
    channel: Any = federation.engine.channel
    grid = replace(channel.grid, dimension=dimension)
    return replace(channel, grid=grid, mechanism=replace(channel.mechanism, dimension=dimension))


def _fits(samples: np.ndarray, variance: float) -> bool:
    """Whether a sum of squares of near-Gaussian integers has this variance (alpha 1e-6, normal approximation)."""
    n = samples.size
    statistic = float((samples.astype(np.float64) ** 2).sum()) / variance
    return bool(abs(statistic - n) < 4.9 * (2 * n) ** 0.5)


def test_the_noise_in_the_sum_is_that_of_all_who_answered(plan: Plan) -> None:
    """Agents that send zeros: the sum is noise alone, of `answered` shares. Mutants: one share, all enrolled."""
    federation = prepare(plan)
    channel, agents = _silent(federation), np.arange(50)
    totals = []
    for number in range(1, 21):
        sent = channel.encode(np.zeros((50, 400)), agents, number)
        assert not sent.vectors.any()
        totals.append(channel.protect(sent.vectors, agents, number).sum(axis=0))
    noise, share = np.concatenate(totals), float(channel.mechanism.share_variance)
    assert _fits(noise, 50 * share)
    assert not _fits(noise, share)
    assert not _fits(noise, 64 * share)


def test_noise_differs_between_agents_and_rounds(plan: Plan) -> None:
    channel = _silent(prepare(plan), 8)
    zeros = np.zeros((2, 8), dtype=np.int64)
    first, second = (channel.protect(zeros, np.array([4, 9]), number) for number in (1, 2))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, second)


def test_liars_change_the_model_and_leave_the_charge_alone(plan: Plan) -> None:
    honest = prepare(plan)
    for kind in ("label-flip", "sign-flip", "scale"):
        lying = prepare(plan.replace(f"adversary.kind={kind}", "adversary.fraction=0.3"))
        assert lying.settled.guarantees == honest.settled.guarantees
        assert lying.engine.liars is not None
        assert lying.engine.liars.agents.sum() == int(0.3 * honest.train.agents)
        assert final(lying.plan).tobytes() != final(plan).tobytes()


def test_liars_wait_for_their_round(plan: Plan) -> None:
    waiting = prepare(plan.replace("adversary.kind=sign-flip", "adversary.fraction=0.3", "adversary.start_round=4"))
    honest = prepare(plan)
    agents, parameters = np.arange(honest.train.agents), honest.model.initial()
    for number, same in ((3, True), (4, False)):
        first, second = (f.engine.sum_of(agents, parameters, number).total for f in (waiting, honest))
        assert np.array_equal(first, second) == same


def test_a_scaling_liar_moves_the_sum_by_its_factor(plan: Plan) -> None:
    """Law 19: what leaves a liar is not bounded by the clipping norm."""
    lying = prepare(plan.replace("adversary.kind=scale", "adversary.fraction=0.3", "adversary.factor=1000"))
    honest = prepare(plan)
    agents = np.arange(honest.train.agents)
    parameters = honest.model.initial()
    far = lying.engine.sent_by(agents, parameters, 1).vectors - honest.engine.sent_by(agents, parameters, 1).vectors
    assert lying.engine.liars is not None
    norms = np.linalg.norm(far.astype(float), axis=1)
    bound = honest.settled.grid.squared_bound**0.5 if honest.settled.grid else 0.0
    assert norms[~lying.engine.liars.agents].max() == 0
    assert norms[lying.engine.liars.agents].max() > 100 * bound


def test_without_privacy_the_sum_is_exact_and_promises_nothing(plan: Plan) -> None:
    text = plan.to_toml()
    bare = Plan.parse(text[: text.index("[privacy]")] + text[text.index("[execution]") :]).replace(
        "protocol.kind=clear"
    )
    federation = prepare(bare)
    assert all(g.epsilon is None for g in federation.settled.guarantees)
    models = [final(bare.replace(f"execution.block={block}")).tobytes() for block in (1, 7, 200)]
    assert models[0] == models[1] == models[2]


def test_plain_sums_are_the_sums_and_what_is_beyond_the_ring_is_left_out() -> None:
    """Mutants: usable rows left out, unusable ones kept, another scale."""
    channel = Plain(agents=4, step=2.0**-40)
    updates = np.array([[1.5, -0.25], [1e-12, 3e5], [-1e4, 0.0], [0.0, 0.0]])
    sent = channel.encode(updates.copy(), np.arange(4), 1)
    total = to_ring(sent.vectors.sum(axis=0), 64)
    assert np.abs(channel.release(total, 4) - updates.sum(axis=0)).max() <= 4 * 2.0**-41
    assert (sent.clipped, sent.nonfinite) == (0, 0)
    most = 2.0**62 / 4 * channel.step  # four such rows fill the ring: none of them is used
    for bad in (most, -most, 1e300, np.inf, -np.inf, np.nan):
        sent = channel.encode(np.array([[1.0, 2.0], [0.5, bad]]), np.arange(2), 1)
        assert sent.nonfinite == 1
        assert (sent.vectors * channel.step).tolist() == [[1.0, 2.0], [0.0, 0.0]]
    sent = channel.encode(np.array([[0.99 * most, -0.99 * most]]), np.arange(1), 1)
    assert sent.nonfinite == 0
    assert sent.vectors.all()


def test_the_only_way_out_of_a_round_refuses_too_few_survivors(plan: Plan) -> None:
    channel: Any = prepare(plan).engine.channel
    total = np.zeros(5, dtype=np.uint32)
    assert channel.release(total, 40).shape == (5,)
    with pytest.raises(NotEnoughAgents, match="39 agents answered"):
        channel.release(total, 39)


def test_an_update_that_is_not_finite_counts_as_zero(plan: Plan) -> None:
    federation = prepare(plan)
    channel: Any = federation.engine.channel
    updates = np.full((3, 5), 0.01)
    updates[1, 2], updates[2, 0] = np.nan, np.inf
    sent = channel.encode(updates, np.arange(3), 1)
    assert sent.nonfinite == 2
    assert not sent.vectors[1:].any()
