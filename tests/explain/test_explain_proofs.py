"""Reviewers read the proof as it stands, and a leak is told as one."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.explain.words import in_words, tell
from tip.flow.derivation import Derivation, Node, Scalar
from tip.flow.expressions import parse
from tip.flow.model import Ball, Flow, Group, Law, Message, Noise, Secret
from tip.flow.reasoning import derive
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit

NOBODY = np.zeros(0, np.int64)
FLOW = Flow(
    "two", "two messages", (Group("agents", 3),), ("coordinator",),
    secrets=(Secret("x", "agents", Ball(Fraction(1)), Neighboring.REPLACE_ONE, adaptive=False),),
    noises=(Noise("g", "agents", Law.GAUSSIAN, Fraction(1)),),
    messages=(
        Message("loud", "agents", parse("x + g"), ("coordinator",)),
        Message("soft", "agents", parse("g"), ("coordinator",)),
    ),
)  # fmt: skip


def promise(**changes: Any) -> Guarantee:  # noqa: ANN401 - whatever the test changes
    base: dict[str, Any] = {
        "epsilon": 1.0, "delta": Delta(1e-5), "unit": Unit.AGENT, "neighboring": Neighboring.REPLACE_ONE,
        "coalition": Coalition.parse("coordinator"), "scope": "all", "kind": Kind.APPROXIMATE,
        "security": Security.STATISTICAL, "status": Status.PROVEN, "assumptions": (),
    }  # fmt: skip
    return Guarantee(**{**base, **changes})


def derivation(root: Node, guarantee: Guarantee) -> Derivation:
    return Derivation(FLOW, guarantee.coalition, NOBODY, 0, guarantee, root)


def proof(value: Fraction) -> Node:
    view = Node("view", "two messages", {"messages": "loud, soft", "rows": 2})
    numbers: dict[str, Scalar] = {"mu_squared": value, "lower": value, "agent": 1}
    inner = Node("linear-gaussian", "its shift is the noise's.", numbers, (view,), "docs/flow-rules.md; law 12")
    return Node("conversion", "x", {"epsilon": 1.25, "delta": 1e-5, "from": "mu", "mu_squared": value}, (inner,))


def test_each_step_is_told_with_its_numbers_and_source() -> None:
    guarantee = promise()
    told = tell(guarantee, "reviewer", derivation=derivation(proof(Fraction(9, 4)), guarantee)).proof
    assert told == (
        (
            "Step 1 [conversion]: mu is at most 1.5, so by the curve of the normal distribution epsilon is at most "
            "1.25 at delta 1e-5. Numbers: epsilon = 1.25, delta = 1e-5, from = mu, mu_squared = 9/4."
        ),
        (
            "Step 1.1 [linear-gaussian]: mu^2 of agent 1 lies between 2.25 and 2.25: the attack z reaches the lower "
            "end, the certificate w proves the upper one. Numbers: mu_squared = 9/4, lower = 9/4, agent = 1. Source: "
            "docs/flow-rules.md; law 12."
        ),
        "Step 1.1.1 [view]: two messages. Numbers: messages = loud, soft, rows = 2.",
    )
    french = tell(guarantee, "reviewer", "fr", derivation=derivation(proof(Fraction(9, 4)), guarantee)).proof
    assert french[0].startswith("Étape 1 [conversion]\u00a0: mu vaut au plus 1,5\u202f; par la courbe")
    assert french[1].endswith("Source\u00a0: docs/flow-rules.md\u202f; loi 12.")
    assert "[view]\u00a0: «\u00a0two messages\u00a0». Nombres" in french[2]  # a number is missing: quoted
    for audience in ("participant", "engineer"):
        assert tell(guarantee, audience, derivation=derivation(proof(Fraction(1)), guarantee)).proof == ()


@given(st.fractions(Fraction(1, 10**30), Fraction(10**30)))
def test_long_fractions_are_enclosed(value: Fraction) -> None:
    guarantee = promise()
    told = tell(guarantee, "reviewer", derivation=derivation(proof(value), guarantee)).proof[1]
    between = re.search(r"mu_squared = between (\S+) and (\S+), lower", told)
    if between is None:
        assert f"mu_squared = {value} lower" in told.replace(",", "")
    else:
        low, high = Fraction(between[1]), Fraction(between[2])
        assert low <= value <= high
        assert high - low <= value / 10**4


def test_what_is_published_stands_beside() -> None:
    published = Node("published", "(1, 1e-5) for 10,000 agents", source="Sabater, Bellet, Ramon 2022")
    guarantee = promise()
    root = Node("conversion", "ours", premises=(published, Node("view", "seen")))
    told = tell(guarantee, "reviewer", derivation=derivation(root, guarantee)).proof
    assert told[-1] == (
        "Published elsewhere, not re-proven here (published): (1, 1e-5) for 10,000 agents. "
        "Source: Sabater, Bellet, Ramon 2022."
    )
    assert [line.split("]")[0] for line in told[:-1]] == ["Step 1 [conversion", "Step 1.2 [view"]


LEAK = Node(
    "leak", "z reads x", {"column": 0, "agent": 0, "ring": 0},
    (Node("view", "seen", {"messages": "loud, soft", "rows": 6}),),
    vectors={"z": tuple(map(Fraction, (0, 1, 0, 0, -1, 0)))},
)  # fmt: skip
UNPROVEN = promise(epsilon=None, status=Status.NOT_PROVEN, missing="a leak: no finite epsilon")


@pytest.mark.parametrize("audience", ["engineer", "reviewer"])
def test_a_leak_names_the_combination_that_reveals(audience: Any) -> None:  # noqa: ANN401
    root = Node("not proven", "a leak", premises=(LEAK,))
    words = " ".join(in_words(UNPROVEN, audience, derivation=derivation(root, UNPROVEN)))
    assert (
        "A leak, the loss is infinite: the combination z = 1 × loud.1 - 1 × soft.1 of the messages loud, soft" in words
    )
    french = " ".join(in_words(UNPROVEN, audience, "fr", derivation=derivation(root, UNPROVEN)))
    assert "la combinaison z = 1 × loud.1 - 1 × soft.1 des messages loud, soft" in french


def test_participants_are_told_that_all_is_read() -> None:
    told = derivation(Node("not proven", "a leak", premises=(LEAK,)), UNPROVEN)
    assert "They can read your answer exactly." in in_words(UNPROVEN, derivation=told)
    assert "Ils peuvent lire exactement votre réponse." in in_words(UNPROVEN, "participant", "fr", derivation=told)
    assert "They can read your answer exactly." not in in_words(UNPROVEN)
    unproven = derivation(Node("not proven", "no rule"), UNPROVEN)
    assert "They can read your answer exactly." not in in_words(UNPROVEN, derivation=unproven)


def test_a_long_or_modular_leak_is_told_short() -> None:
    view = Node("view", "seen", {"messages": "loud", "rows": 40})
    node = Node("leak", "z", {"ring": 16}, (view,), vectors={"z": np.ones(40)})
    told = " ".join(in_words(UNPROVEN, "engineer", derivation=derivation(node, UNPROVEN)))
    assert "1 × [7] + … (40) (mod 2^16)" in told
    assert "[8]" not in told


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_leak_of_a_real_derivation_names_its_rows(rounds: int) -> None:
    """The rows that are named hold the same noise: of one agent, in one round."""
    flow = replace(
        FLOW,
        secrets=(replace(FLOW.secrets[0], rounds=rounds),),
        noises=(replace(FLOW.noises[0], rounds=rounds),),
        messages=(*FLOW.messages, Message("late", "agents", parse("previous(g)"), ("coordinator",))),
    )
    told = derive(flow, "coordinator", delta=1e-6)
    words = " ".join(in_words(told.guarantee, "engineer", derivation=told))
    found = re.search(r"z = -?(\S+) × loud\.(\d)(.*?) [-+] (\S+) × soft\.(\d)(.*?) of the messages", words)
    assert found is not None, words
    assert found[1] == found[4]
    assert (found[2], found[3]) == (found[5], found[6])
    assert ("round" in found[3]) == (rounds > 1)
