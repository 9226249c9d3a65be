"""Flows for the same question, compared by what they cost."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.flow.alternatives import cheapest, compare
from tip.flow.expressions import parse
from tip.flow.model import Aim, Flow, Message, Requirement, Wiring
from tip.flow.readymade import central_sum, pairwise

AGENTS = 24
WANTED = (Requirement("world", 1.0, 1e-6),)
ONE = Fraction(1)
TINY = Fraction(1, 10**9)


def question(flow: Flow, answer: str, byte: Fraction, *, shown: str = "") -> Flow:
    """An error of 1 in the mean weighs 1; a sum is as many times the mean as there are agents."""
    weight = ONE if answer == "average" else Fraction(1, AGENTS**2)
    aims = [Aim(answer, weight), Aim("", byte, bytes=True)]
    return replace(flow, requirements=WANTED, aims=(*aims, Aim(shown, TINY)) if shown else tuple(aims))


def mean(wiring: Wiring, byte: Fraction) -> Flow:
    named = replace(pairwise(AGENTS, wiring, own_variance=None, pair_variance=None), name=f"in a {wiring}")
    return question(named, "average", byte, shown="published")


def local(byte: Fraction) -> Flow:
    """Everybody's own noise alone hides everybody."""
    flow = pairwise(AGENTS, Wiring.RING, own_variance=None, pair_variance=ONE)
    messages = (Message("published", "agent", parse("answer + own"), ("everybody",)), flow.messages[1])
    own = replace(flow, name="local", graphs=(), noises=flow.noises[:1], messages=messages)
    return question(own, "average", byte)


def trusted(byte: Fraction) -> Flow:
    return question(central_sum(AGENTS, variance=None), "total", byte)


def names(flows: list[Flow]) -> list[str]:
    return [one.flow.name for one in cheapest(flows)]


def test_trust_is_cheapest_and_bytes_turn_the_order() -> None:
    free = [local(TINY), mean(Wiring.COMPLETE, TINY), trusted(TINY)]
    assert names(free) == ["central sum", "in a complete", "local"]
    plans = cheapest(free)
    assert [one.cost for one in plans] == sorted(one.cost for one in plans)
    assert plans[-1].error == pytest.approx(AGENTS * plans[0].error, rel=0.02)  # own noise of everybody, not one
    dear = Fraction(1, 100)
    assert names([mean(Wiring.COMPLETE, dear), local(dear)]) == ["local", "in a complete"]


def test_sparser_graphs_save_bytes_for_error() -> None:
    by_bytes = cheapest([mean(wiring, ONE) for wiring in (Wiring.COMPLETE, Wiring.RING, Wiring.STAR)])
    assert [one.bytes for one in by_bytes] == sorted(one.bytes for one in by_bytes)
    assert by_bytes[-1].flow.name == "in a complete"
    assert by_bytes[-1].bytes - by_bytes[0].bytes == 32 * (AGENTS * (AGENTS - 1) // 2 - (AGENTS - 1))


def test_what_cannot_be_had_is_listed_with_its_reason() -> None:
    naked = replace(trusted(TINY), requirements=(Requirement("coordinator", 1.0, 1e-6),))
    found = compare([naked, local(TINY), trusted(TINY)])
    assert found.least is not None
    assert found.least.flow.name == "central sum"
    assert [one.flow for one in found.refused] == [naked]
    assert "no noise hides a secret" in found.refused[0].reason
    first, second, third = found.sentences
    assert first.startswith("'central sum' costs")
    assert ", the least (error" in first
    assert "24 times as much as the least" in second
    assert third.startswith("'central sum' cannot be had: no noise hides")


def test_nothing_to_compare() -> None:
    naked = replace(trusted(TINY), requirements=(Requirement("coordinator", 1.0, 1e-6),))
    assert compare([naked]).least is None
    with pytest.raises(ConfigurationError, match=r"none of these flows.*no noise hides"):
        cheapest([naked])
    with pytest.raises(ConfigurationError, match="nothing is compared"):
        compare([])
