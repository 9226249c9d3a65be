"""Each sentence says what the curve says, in the safe direction."""

from __future__ import annotations

import dataclasses
import math
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.explain.sights import NOT_PROTECTED, not_protected, sight
from tip.explain.words import (
    AUDIENCES,
    beyond_words,
    coalition_in_words,
    in_turn,
    in_words,
    out_of,
    rounded_up,
    status_in_words,
    tell,
)
from tip.privacy import gaussian
from tip.privacy.coalitions import Coalition, standard_observers
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho

IDEAL = Assumption("ideal-sum", "the coordinator sees only sums; nothing in this run enforces it")
OWN = Assumption("own noise", "the agents outside the coalition add their noise as the plan says.")


def promise(**changes: Any) -> Guarantee:  # noqa: ANN401 - whatever the test changes
    """An (epsilon, delta) guarantee, changed."""
    base: dict[str, Any] = {
        "epsilon": 1.0,
        "delta": Delta(1e-5),
        "unit": Unit.AGENT,
        "neighboring": Neighboring.REPLACE_ONE,
        "coalition": Coalition.parse("coordinator + 10% of agents"),
        "scope": "the sums of all rounds",
        "kind": Kind.APPROXIMATE,
        "security": Security.STATISTICAL,
        "status": Status.PROVEN,
        "assumptions": (OWN, IDEAL),
    }
    return Guarantee(**{**base, **changes})


def by_rho(rho: Fraction) -> Guarantee:
    return promise(epsilon=epsilon_of_rho(rho, 1e-5), rho=rho)


def by_mu(mu: float) -> Guarantee:
    return promise(epsilon=gaussian.epsilon_of(mu, 1e-5), mu=mu, kind=Kind.GDP)


EXAMPLES = [
    promise(),
    promise(epsilon=0.01, delta=Delta(0.0), kind=Kind.PURE),
    promise(epsilon=4.0),
    by_rho(Fraction(1, 50)),
    by_rho(Fraction(3)),
    by_mu(0.5),
    by_mu(0.25),
]


@pytest.mark.parametrize("guarantee", EXAMPLES)
def test_the_counts_are_those_of_the_curve(guarantee: Guarantee) -> None:
    (sentence,) = [s for s in in_words(guarantee) if s.startswith("Suppose")]
    told = re.search(r"accept ([\d,]+) false alarms? out of ([\d,]+), .* at most ([\d,]+) cases", sentence)
    assert told is not None
    alarms, base, hits = (int(number.replace(",", "")) for number in told.groups())
    assert alarms == base / 100
    rate = guarantee.hit_rate(0.01)
    assert rate <= hits / base <= rate * 1.35 + 1e-12


def test_a_curve_worded_at_another_point_is_seen() -> None:
    """The check above bites: the hit rate of epsilon / 2 is not that of the curve."""
    weaker, stronger = promise(epsilon=2.0), promise(epsilon=1.0)
    hits, base = out_of(stronger.hit_rate(0.01))
    assert hits / base < weaker.hit_rate(0.01)


@pytest.mark.parametrize("guarantee", EXAMPLES)
def test_engineers_read_the_same_curve(guarantee: Guarantee) -> None:
    words = " ".join(in_words(guarantee, "engineer"))
    told = re.search(r"at most (\S+) at 0.01, (\S+) at 0.1\.", words)
    assert told is not None
    for text, alarms in zip(told.groups(), (0.01, 0.1), strict=True):
        assert guarantee.hit_rate(alarms) <= float(text) <= 1.01 * guarantee.hit_rate(alarms)
    figures = re.search(r"epsilon = (\S+), delta = (\S+) \(", words)
    assert figures is not None
    assert float(figures[1]) >= (guarantee.epsilon or 0)
    assert float(figures[2]) >= guarantee.delta.total


@pytest.mark.parametrize("guarantee", [g for g in EXAMPLES if g.kind is not Kind.PURE])
def test_odds_are_worded_by_the_tail(guarantee: Guarantee) -> None:
    words = " ".join(in_words(guarantee, "engineer"))
    told = re.search(r"more than e\^(\S+) = (\S+) with probability at most (\S+) ", words)
    assert told is not None
    beyond, odds, tail = (float(number) for number in told.groups())
    assert guarantee.loss_tail(beyond) <= tail <= 1.02 * guarantee.loss_tail(beyond)
    assert odds >= math.exp(beyond)
    assert beyond >= (guarantee.epsilon or 0)


def test_delta_alone_is_not_the_tail() -> None:
    """Law 22: at mu = 0.5 and epsilon = 1.993 the tail is about nine times delta = 1e-5."""
    guarantee = by_mu(0.5)
    words = " ".join(in_words(guarantee, "engineer"))
    told = re.search(r"more than e\^(\S+) = \S+ with probability at most (\S+) ", words)
    assert told is not None
    exact = 0.5 * math.erfc((float(told[1]) / 0.5 - 0.25) / math.sqrt(2))
    assert float(told[2]) >= exact > 5e-5


@pytest.mark.parametrize("guarantee", EXAMPLES)
def test_what_law_22_forbids_is_never_said(guarantee: Guarantee) -> None:
    for audience in AUDIENCES:
        words = " ".join(in_words(guarantee, audience)).lower()
        assert "except with probability" not in words
        if guarantee.kind is not Kind.PURE:
            assert "no observation" not in words


def test_with_epsilon_and_delta_alone_the_odds_stand_above_epsilon() -> None:
    words = " ".join(in_words(promise(epsilon=1.0), "engineer"))
    assert "e^2 = 7.39" in words
    tail = 1e-5 / (1 - math.exp(-1))
    told = re.search(r"at most (\S+) \(tail", words)
    assert told is not None
    assert tail <= float(told[1]) <= 1.02 * tail


def test_pure_privacy_bounds_the_odds_themselves() -> None:
    words = in_words(promise(epsilon=0.5, delta=Delta(0.0), kind=Kind.PURE), "engineer")
    assert "No observation raises the odds of one alternative by more than e^0.5." in words


def test_no_privacy_is_no_number() -> None:
    guarantee = promise(epsilon=None, status=Status.NOT_PROVEN, missing="rule for gossip")
    for audience in AUDIENCES:
        words = in_words(guarantee, audience)
        assert not [s for s in words if "epsilon" in s or "Suppose" in s]
        missing = "Nothing is promised here: not proven. What is missing: rule for gossip."
        assert (missing in words) == (audience != "participant")
    assert "Nothing is promised here, because nothing is proven: act as if they could learn your data." in in_words(
        guarantee
    )


def test_a_weak_guarantee_says_that_it_is_none() -> None:
    question = "whether the data in your place are yours or some quite different ones"
    assert not [s for s in in_words(promise(epsilon=30.0)) if "this is a limit" in s]
    assert "What remains: everything" in " ".join(in_words(promise(epsilon=30.0)))
    assert f"It does not limit how surely these observers can tell {question}." in in_words(promise(epsilon=30.0))


def test_what_nothing_enforces_comes_first() -> None:
    first = in_words(promise())[0]
    assert first.startswith("Beware, nothing enforces this: whoever runs the rounds sees only totals")
    words = in_words(promise())
    assert words[-2:] == ("It relies on the following:", f"– T{OWN.sentence[1:]}")
    for audience in ("engineer", "reviewer"):
        words = in_words(promise(), audience)
        assert words[0] == f"Assumed (ideal-sum): {IDEAL.sentence}."
        assert words[-1] == f"Assumed (own noise): {OWN.sentence}"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.PROVEN, "Proven"),
        (Status.IDEALIZED, "exact numbers"),
        (Status.SIMULATED, "nothing is promised in earnest"),
    ],
)
def test_the_status_is_told(status: Status, word: str) -> None:
    guarantee = promise(status=status)
    assert word in status_in_words(guarantee)
    for audience in AUDIENCES:
        assert status_in_words(guarantee, audience) in in_words(guarantee, audience)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("relation", Neighboring)
def test_each_unit_and_relation_has_words(unit: Unit, relation: Neighboring) -> None:
    assert len(in_words(promise(unit=unit, neighboring=relation))) == 10


def test_security_and_distance_are_told() -> None:
    computational = promise(security=Security.COMPUTATIONAL, security_bits=128)
    assert "It holds against all who cannot break the cryptography in use (that takes about 2^128 steps)." in in_words(
        computational, "engineer"
    )
    assert "beyond all computers of today" in " ".join(in_words(computational))
    weak = promise(security=Security.COMPUTATIONAL, security_bits=60)
    assert "It holds only against those who cannot break the encryption in use." in in_words(weak)
    metric = promise(kind=Kind.METRIC, distance="kilometers", delta=Delta(0.0))
    assert "kilometers" in " ".join(in_words(metric))
    streets = promise(kind=Kind.METRIC, distance="meters (manhattan)", delta=Delta(0.0))
    assert "in meters, along the streets of a grid" in " ".join(in_words(streets))
    assert "for each unit of kilometers" in " ".join(in_words(metric, "engineer"))


def test_engineers_are_not_told_twice() -> None:
    guarantee = promise()
    more = beyond_words(guarantee)
    assert more
    assert not set(more) & set(in_words(guarantee))
    assert set(more) | set(in_words(guarantee)) >= set(in_words(guarantee, "engineer"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("coordinator + 10% of agents", "whoever runs the rounds and any group of 10 out of every 100 participants"),
        ("99.999% of agents", "any group of 99,999 out of every 100,000 participants"),
        ("12.5% of agents", "any group of 1 out of every 8 participants"),
        ("helper", "“helper”"),
        ("coordinator", "whoever runs the rounds"),
        ("network", "whoever listens in on the network and so sees who sends"),
        (
            "coordinator + network + helper",
            "whoever runs the rounds, “helper” and whoever listens in on the network, who",
        ),
    ],
)
def test_participants_read_shares_as_counts(text: str, words: str) -> None:
    assert coalition_in_words(Coalition.parse(text, names=("helper",)), "participant").startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("world", "anybody who sees all that is published"),
        ("coordinator", "the coordinator, who runs the rounds"),
        ("network", "an eavesdropper on the network, who sees who sends when and how much"),
        ("10% of agents", "any 10 % of the enrolled agents (chosen before anything is drawn by lot), who pool"),
        ("0.5% of agents", "any 0.5 % of"),
        ("100/3% of agents", "any 1 out of 3 of"),
        (
            "coordinator + 10% of agents (adaptive)",
            "the coordinator and any 10 % of the enrolled agents (chosen",
        ),
        ("coordinator + network", "the coordinator and an eavesdropper on the network, who pool all that they see"),
        ("helper", "helper"),
        ("coordinator + helper", "the coordinator and helper, who pool"),
    ],
)
def test_coalitions_have_words(text: str, words: str) -> None:
    assert coalition_in_words(Coalition.parse(text, names=("helper",))).startswith(words)


def test_adaptive_agents_are_told() -> None:
    assert "at any time" in coalition_in_words(Coalition.parse("5% of agents (adaptive)"))


@given(st.floats(0, 1))
def test_counts_are_rounded_up(probability: float) -> None:
    count, base = out_of(probability)
    assert base in {100, 1_000, 10_000}
    assert count / base >= probability - 1e-15
    assert count / base <= max(1.35 * probability, probability + 1e-4) + 1e-15


@pytest.mark.parametrize(
    ("value", "told"), [(-1.0, (0, 100)), (2.0, (100, 100)), (0.027, (3, 100)), (0.0101, (11, 1000))]
)
def test_counts_outside_are_cut(value: float, told: tuple[int, int]) -> None:
    assert out_of(value) == told


@given(st.floats(1e-300, 1e300), st.integers(1, 6))
def test_figures_are_rounded_up(value: float, digits: int) -> None:
    assert value <= float(rounded_up(value, digits)) <= value * (1 + 1.0001 * 10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0"),
        (1e-5, "1e-5"),
        (1.00001e-5, "1.01e-5"),
        (2.0, "2"),
        (1.9991, "2"),
        (1234.5, "1240"),
        (math.inf, "not bounded"),
        (5.1961e20, "5.2e20"),
        (123456789.0, "124000000"),
    ],
)
def test_figures_read_well(value: float, told: str) -> None:
    assert rounded_up(value) == told


def test_each_standard_observer_sees_what_the_protocol_shows() -> None:
    seen = {c.text: sight(c, "ideal") for c in standard_observers(Fraction(1, 10))}
    assert "noisy sum" in seen["coordinator"]
    assert "noisy sum" not in seen["world"]
    assert "each agent's noisy vector" in sight(Coalition.parse("coordinator"), "clear")
    assert "whatever" in sight(Coalition.parse("coordinator"), "unheard-of")
    assert all("released models" in what for what in seen.values())


def test_clear_protects_less() -> None:
    assert set(not_protected("clear")) > set(NOT_PROTECTED) == set(not_protected("ideal"))


def test_the_examples_differ() -> None:
    """The examples reach several bases, so that the counts above are not all out of 100."""
    assert len({out_of(g.hit_rate(0.01))[1] for g in EXAMPLES}) > 1
    assert dataclasses.replace(EXAMPLES[0]) == EXAMPLES[0]


def test_several_guarantees_say_an_assumption_once_and_what_nothing_enforces_each_time() -> None:
    other = Assumption("aes-256", "the keystream cannot be told from random bits")
    first, second, third = in_turn(
        [promise(), promise(epsilon=2.0), promise(epsilon=3.0, assumptions=(OWN, other, IDEAL))]
    )
    assert first == in_words(promise())
    item = f"– T{OWN.sentence[1:]}"
    assert item in first
    assert item not in (*second, *third)
    for words in (second, third):
        assert words[0].startswith("Beware, nothing enforces this")
    assert second[-1] == "It relies on what is named above."
    assert third[-2] == "It relies on what is named above and on the following:"
    assert third[-1].startswith("– The encryption")


def test_odds_beyond_the_floats_are_told_as_a_power() -> None:
    """The mutant computes e^5000 and overflows."""
    words = " ".join(in_words(promise(epsilon=5000.0), "engineer"))
    assert re.search(r"more than e\^50\d\d with probability at most", words)


def test_the_parts_are_the_whole_in_order() -> None:
    told = tell(promise(), protocol="clear")
    assert told.sentences == in_words(promise(), protocol="clear")
    assert len(told.open) == 1 + len(NOT_PROTECTED)
    assert told.open[0].startswith("What you send against the coordinator")
    assert told.sentences[: len(told.sentences) - len(told.open) - 1] == in_words(promise())
    assert told.sentences[-len(told.open) - 1] == "This is not protected:"
    engineers = tell(promise(), "engineer", protocol="clear").open
    assert engineers[0].startswith("Not protected: what you send against the coordinator")
    assert len(told.premises) == 1


@pytest.mark.parametrize(("audience", "language"), [("nobody", "en"), ("participant", "de")])
def test_who_is_nobody_is_refused(audience: Any, language: Any) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(ConfigurationError, match="Known are"):
        in_words(promise(), audience, language)


def test_a_seeded_run_is_warned_of_and_not_relied_on() -> None:
    seeded = Assumption("seeded", "all randomness follows from the plan's seed")
    words = in_words(promise(assumptions=(seeded,), status=Status.SIMULATED))
    assert words[0].startswith("This is a simulation: nothing is promised in earnest")
    assert "starting number" not in " ".join(words[1:])  # once is enough
    earlier = Assumption("seeded-before", "an earlier run was seeded")
    (warned,) = tell(promise(assumptions=(OWN, earlier))).warnings
    assert warned.startswith("Beware: an earlier run drew its chance from one starting number")
    for assumption in (seeded, earlier):
        assert not tell(promise(assumptions=(assumption,))).premises
        assert tell(promise(assumptions=(assumption,)), "engineer").premises
