"""Derivations as files: the round trip, and what is refused on reading."""

from __future__ import annotations

import copy
import json
import math
from fractions import Fraction
from typing import Any

import pytest

from tip.errors import ConfigurationError
from tip.flow.files import from_json, to_json
from tip.flow.model import Wiring
from tip.flow.readymade import distributed_sum, pairwise
from tip.flow.reasoning import derive
from tip.flow.verification import verify

FLOW = pairwise(5, Wiring.RING, own_variance=Fraction(1), pair_variance=Fraction(10))
GOOD = to_json(derive(FLOW, "agent.1", delta=1e-6))


def test_what_is_written_is_read_back_and_is_stable() -> None:
    text = json.dumps(GOOD, allow_nan=False)
    again = from_json(json.loads(text))
    assert json.dumps(to_json(again), allow_nan=False) == text
    assert again.flow == FLOW
    assert verify(again).holds


def test_float_vectors_and_nothing_proven_travel_as_well() -> None:
    large = derive(distributed_sum(300, share_variance=Fraction(1, 3)), "summation", delta=1e-6)
    nothing = derive(FLOW, "agent.1", delta=0.0)
    assert nothing.guarantee.epsilon is None
    for found in (large, nothing):
        text = json.dumps(to_json(found), allow_nan=False)
        assert json.dumps(to_json(from_json(json.loads(text)))) == text


def deep(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = copy.deepcopy(GOOD["root"])
    for _ in range(depth):
        node = {**copy.deepcopy(GOOD["root"]), "premises": [node]}
    return node


HOSTILE: list[tuple[str, Any]] = [
    ("format", 2),
    ("format", True),
    ("flow", 7),
    ("flow", "format = 1"),
    ("coalition", None),
    ("coalition", "nobody + nobody"),
    ("colluders", [1, 1]),
    ("colluders", [-1]),
    ("colluders", [99]),
    ("colluders", [1.0]),
    ("colluders", [True]),
    ("colluders", "1"),
    ("agent", 1.5),
    ("agent", 5),
    ("agent", -2),
    ("agent", None),
    ("guarantee", []),
    ("guarantee", {}),
    ("guarantee", {**GOOD["guarantee"], "rho": "1e999999999"}),
    ("guarantee", {**GOOD["guarantee"], "mu": math.inf}),
    ("guarantee", {**GOOD["guarantee"], "epsilon": math.nan}),
    ("guarantee", {**GOOD["guarantee"], "epsilon": "1"}),
    ("root", None),
    ("root", {**GOOD["root"], "further": 1}),
    ("root", {**GOOD["root"], "numbers": {"x": [1]}}),
    ("root", {**GOOD["root"], "numbers": {"x": 10**5000}}),
    ("root", {**GOOD["root"], "numbers": {"x": "9" * 6000 + "/1"}}),
    ("root", {**GOOD["root"], "vectors": {"w": {"float64": "!!!"}}}),
    ("root", {**GOOD["root"], "vectors": {"w": {"exact": [1.5]}}}),
    ("root", deep(70)),
    ("root", deep(400)),
]


@pytest.mark.parametrize(("key", "value"), HOSTILE)
def test_hostile_input_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError):
        from_json({**GOOD, key: value})


@pytest.mark.parametrize(
    "data", [None, [], 1, "x", {}, {**GOOD, "more": 1}, {k: v for k, v in GOOD.items() if k != "agent"}]
)
def test_other_keys_are_refused(data: object) -> None:
    with pytest.raises(ConfigurationError, match="not a derivation"):
        from_json(data)
