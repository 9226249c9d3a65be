"""Attacks: the weights, what is subtracted, the shift, the law of the score, and what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow import readymade
from tip.flow.attacking import Attack, Moved, attack_of
from tip.flow.evaluation import evaluate
from tip.flow.expressions import parse
from tip.flow.model import (
    EVERYBODY,
    Choice,
    Cohort,
    Flow,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Sampling,
    Secret,
    Wiring,
)
from tip.flow.reasoning import derive
from tip.flow.scores import Normal, Whole
from tip.flow.shapes import over
from tip.noise import DiscreteGaussian
from tip.privacy.statements import Neighboring
from tip.protocols import ideal, local
from tip.protocols.declaring import Sums
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.derivation import Node

TRIALS = 7
REAL = {
    "pairwise": (
        readymade.pairwise(9, readymade.k_out(3, seed=1), own_variance=Fraction(1), pair_variance=Fraction(5)),
        "world",
        [1, 4],
    ),
    "decor": (
        readymade.decor(6, Wiring.RING, steps=3, own_variance=Fraction(2), pair_variance=Fraction(3)),
        "world",
        None,
    ),
    "gossip": (readymade.gossip(6, Wiring.PATH, rounds=3, variance=Fraction(1, 2)), "agent.0", None),
    "tree": (readymade.tree(8, variance=Fraction(2)), "world", None),
    "square root": (readymade.square_root(8, variance=Fraction(1)), "world", None),
    "token": (readymade.token_ring(5, turns=3, variance=Fraction(1)), "agent.2", None),
    "increments": (
        readymade.incremental(
            6, Wiring.RING, increments=3, own_variance=Fraction(1, 2), hiding_variance=Fraction(1)
        ),
        "agent.0",
        None,
    ),
}  # fmt: skip


def attack(name: str) -> Attack:
    flow, against, colluders = REAL[name]
    return attack_of(derive(flow, against, delta=1e-6, colluders=colluders))


def drawn(flow: Flow, seed: int = 1) -> dict[str, NDArray[Any]]:
    generator = Entropy.seeded(seed).generator("values")
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    shapes = {symbol.name: (symbol.rounds, over(flow, symbol.of)[1], TRIALS) for symbol in both}
    return {name: generator.standard_normal(shape) for name, shape in shapes.items()}


def silent(values: dict[str, NDArray[Any]], flow: Flow) -> dict[str, NDArray[Any]]:
    """The same without any noise."""
    noises = {noise.name for noise in flow.noises}
    return {name: value * (name not in noises) for name, value in values.items()}


@pytest.mark.parametrize("name", REAL)
def test_the_test_reaches_the_mu_that_was_derived(name: str) -> None:
    flow, against, colluders = REAL[name]
    mu = derive(flow, against, delta=1e-6, colluders=colluders).guarantee.mu
    assert mu is not None
    found = attack(name)
    assert found.mu == pytest.approx(mu, rel=1e-9)
    assert found.mu <= mu
    laws = found.laws()
    assert isinstance(laws.quiet, Normal)
    assert isinstance(laws.loud, Normal)
    assert (laws.loud.mean - laws.quiet.mean) / laws.quiet.deviation == pytest.approx(mu, rel=1e-9)


@pytest.mark.parametrize("name", REAL)
def test_the_change_moves_the_score_by_the_shift_and_nothing_else_does(name: str) -> None:
    """Whatever the secrets are, and whatever the coalition drew itself."""
    found, flow = attack(name), REAL[name][0]
    values = silent(drawn(flow), flow)
    assert found.score(evaluate(flow, values), values) == pytest.approx(0, abs=1e-12)
    moved = found.changed(values)
    assert found.score(evaluate(flow, moved), values) == pytest.approx(float(found.shift), rel=1e-9)
    noisy = drawn(flow)
    own = found.known(noisy)
    assert found.score(evaluate(flow, own), noisy) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", REAL)
def test_the_noise_of_the_score_is_the_one_that_was_stated(name: str) -> None:
    """Each unknown draw of size 1 alone: the squares of what it does, times its variance, add up to the variance."""
    found, flow = attack(name), REAL[name][0]
    total = 0.0
    for noise in flow.noises:
        zeros = {n: v[:, :, :1] * 0 for n, v in drawn(flow).items()}
        for place in np.ndindex(zeros[noise.name].shape[:2]):
            one = {n: v.copy() for n, v in zeros.items()}
            one[noise.name][place] = 1.0
            total += found.score(evaluate(flow, one), one)[0] ** 2 * float(noise.variance or 0)
    laws = found.laws()
    assert isinstance(laws.quiet, Normal)
    assert total == pytest.approx(laws.quiet.deviation**2, rel=1e-9)


def test_rounds_that_are_alike_are_attacked_one_by_one() -> None:
    """DECOR's view holds one round and stands for three."""
    found = attack("decor")
    assert found.change == tuple(Moved("answer", 0, number, Fraction(1)) for number in range(3))
    by_round = [found.weights[found.row_round == number].tolist() for number in range(3)]
    assert by_round[0] == by_round[1] == by_round[2]
    assert len(found.weights) == 18


def test_nothing_is_used_of_noise_that_the_coalition_does_not_know() -> None:
    found, flow = attack("pairwise"), REAL["pairwise"][0]
    values = drawn(flow)
    known = found.known(values)
    assert (known["own"][:, [1, 4]] == values["own"][:, [1, 4]]).all()
    assert not known["own"][:, [0, 2, 3, 5, 6, 7, 8]].any()
    assert 0 < (known["pair"] != 0).sum() < known["pair"].size
    assert known["answer"] is values["answer"]
    assert values["own"].all()


# -- whole numbers --------------------------------------------------------------------------------


def summed(rounds: int = 1, bits: int = 16, reach: int = 3) -> Flow:
    return ideal.flow(
        Sums(
            agents=4,
            least=3,
            dimension=1,
            squared_bound=reach**2,
            share_variance=Fraction(5, 2),
            modulus_bits=bits,
            rounds=rounds,
            participations=rounds,
            sampling=Sampling.ALL,
        )
    )


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_sum_in_a_ring_is_centered_after_what_is_known_was_subtracted(bits: int) -> None:
    flow = summed(rounds=2, bits=bits)
    found = attack_of(derive(flow, "coordinator", delta=1e-6, colluders=[3]))
    assert found.whole
    values = {
        "update": np.array([[[-3] * 2, [1] * 2, [0] * 2, [(1 << (bits - 1)) - 1] * 2]] * 2),
        "share": np.array([[[5, -9], [0, 0], [1, 1], [8, 8]], [[0, 0], [0, -1], [0, 0], [7, -7]]]),
    }
    present = {"cohort": np.array([0, 1, 3])}
    quiet = found.score(evaluate(flow, values, present), values, present)
    assert quiet.tolist() == [5, -9 - 1]
    loud = found.score(evaluate(flow, found.changed(values), present), values, present)
    assert (loud - quiet).tolist() == [12, 12]
    assert found.shift == 12


def test_the_law_of_a_whole_score_is_that_of_all_draws() -> None:
    """By enumeration: two rounds of two unknown shares."""
    found = attack_of(derive(summed(rounds=2), "coordinator", delta=1e-6, colluders=[3]))
    laws = found.laws()
    assert isinstance(laws.quiet, Whole)
    share = np.exp(DiscreteGaussian(Fraction(5, 2)).log_mass(np.arange(-12, 13)))
    expected = dict.fromkeys(range(-48, 49), 0.0)
    pairs = [(a + b, share[a + 12] * share[b + 12]) for a, b in itertools.product(range(-12, 13), repeat=2)]
    for (one, p), (other, q) in itertools.product(pairs, repeat=2):
        expected[one + other] += p * q
    for score in range(-15, 16):
        found_mass = laws.quiet.tail(float(score)) - laws.quiet.tail(float(score + 1))
        assert found_mass == pytest.approx(expected[score], abs=1e-12)
    assert laws.loud.tail(12.0) == pytest.approx(laws.quiet.tail(0.0), abs=1e-12)
    assert found.mu == pytest.approx(12 / (4 * 2.5) ** 0.5)


def two_views(law: Law, ring: int) -> Flow:
    """x + a of variance 2 and x + b of variance 3."""
    variances = {"a": Fraction(2), "b": Fraction(3)}
    domain = Interval(Fraction(0), Fraction(1))
    return Flow(
        name="two views",
        about="One number behind two noises.",
        groups=(Group("one", 1),),
        secrets=(Secret("x", "one", domain, Neighboring.REPLACE_ONE, adaptive=False, whole=True),),
        noises=tuple(Noise(name, "one", law, variance=variance) for name, variance in variances.items()),
        messages=tuple(Message(f"m{n}", "one", parse(f"x + {n}"), (EVERYBODY,), ring=ring) for n in variances),
    )


def weights_of(found: Attack) -> list[float]:
    """By message."""
    pairs = sorted(zip(found.row_message.tolist(), found.weights.tolist(), strict=True))
    return [weight for _, weight in pairs]


def test_blocks_that_share_no_noise_are_weighted_by_their_variances() -> None:
    """mu^2 = 1/2 + 1/3, and the weights are the shifts over the variances."""
    found = attack_of(derive(two_views(Law.GAUSSIAN, 0), "world", delta=1e-6))
    assert weights_of(found) == pytest.approx([1 / 2, 1 / 3])
    assert found.shift == pytest.approx(5 / 6)
    assert found.mu == pytest.approx((5 / 6) ** 0.5)


def altered(node: Node, message: str, names: str, factor: int) -> Node:
    """The same proof with vectors of one block's step multiplied."""
    vectors = dict(node.vectors)
    if node.rule == "linear-gaussian" and node.find("view").numbers["messages"] == message:
        for name in names:
            vectors[name] = tuple(entry * factor for entry in vectors[name])
    premises = tuple(altered(premise, message, names, factor) for premise in node.premises)
    return replace(node, vectors=vectors, premises=premises)


@pytest.mark.parametrize(("names", "factor"), [("z", 7), ("z", -2), ("d", -1), ("zd", -1)])
def test_a_multiple_of_a_test_is_the_same_attack(names: str, factor: int) -> None:
    """Blocks that look for opposite changes are turned around: the agent makes one change."""
    derivation = derive(two_views(Law.GAUSSIAN, 0), "world", delta=1e-6)
    found = attack_of(replace(derivation, root=altered(derivation.root, "mb", names, factor)))
    assert weights_of(found) == pytest.approx([1 / 2, 1 / 3])
    assert found.change == (Moved("x", 0, 0, Fraction(1)),)
    assert found.shift == pytest.approx(5 / 6)


def test_changes_that_no_agent_makes_at_once_are_refused() -> None:
    derivation = derive(two_views(Law.GAUSSIAN, 0), "world", delta=1e-6)
    with pytest.raises(ConfigurationError, match="at once"):
        attack_of(replace(derivation, root=altered(derivation.root, "mb", "d", 2)))


def test_members_of_a_second_group_are_counted_within_it() -> None:
    flow = two_views(Law.GAUSSIAN, 0)
    flow = replace(flow, groups=(Group("others", 3), *flow.groups))
    found = attack_of(derive(flow, "world", delta=1e-6))
    assert found.agent == 3
    values = {name: np.zeros((1, 1, 1)) for name in ("x", "a", "b")}
    seen = evaluate(flow, found.changed(values))
    assert found.score(seen, values) == pytest.approx(5 / 6)


def test_whole_weights_have_no_common_divisor() -> None:
    found = attack_of(derive(two_views(Law.DISCRETE_GAUSSIAN, 32), "world", delta=1e-6))
    assert weights_of(found) == [3, 2]
    assert found.shift == 5
    assert found.mu == pytest.approx((5 / 6) ** 0.5)
    laws = found.laws()
    assert isinstance(laws.quiet, Whole)
    places = np.arange(len(laws.quiet.masses)) + laws.quiet.first
    assert (laws.quiet.masses * places**2).sum() == pytest.approx(9 * 2 + 4 * 3, rel=1e-6)


# -- refused --------------------------------------------------------------------------------------


def test_what_has_no_test_is_refused() -> None:
    reports = derive(local.flow(agents=3, domain=Choice(2), ratio=Fraction(3)), "coordinator", delta=0.0)
    with pytest.raises(ConfigurationError, match="no test to run"):
        attack_of(reports)
    leaking = derive(readymade.central_sum(3, variance=Fraction(1)), "coordinator", delta=1e-6)
    with pytest.raises(ConfigurationError, match="no test to run"):
        attack_of(leaking)


def test_a_whole_value_moves_by_whole_numbers_only() -> None:
    flow = readymade.tree(2, variance=Fraction(2))
    halves = replace(flow.secrets[0], domain=Interval(Fraction(0), Fraction(1, 2)))
    found = attack_of(derive(replace(flow, secrets=(halves,)), "world", delta=1e-6))
    values = {"answer": np.zeros((2, 2, 1), np.int64), "noise": np.zeros((3, 1, 1), np.int64)}
    with pytest.raises(ConfigurationError, match="its values are whole"):
        found.changed(values)


def test_a_cohort_is_scored_for_those_who_were_there() -> None:
    assert summed().cohorts == (Cohort("cohort", "agent", 3, Sampling.ALL, None),)
    found = attack_of(derive(summed(), "world", delta=1e-6))
    values = {"update": np.arange(4).reshape(1, 4, 1), "share": np.zeros((1, 4, 1), np.int64)}
    present = {"cohort": np.array([0, 2, 3])}
    said = evaluate(summed(), values, present)
    assert found.score(said, values, present).tolist() == [0]
    assert found.score(said, values).tolist() == [-1]
