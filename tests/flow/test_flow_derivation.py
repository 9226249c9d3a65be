"""Derivations travel as JSON and come back the same; what nobody wrote is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.derivation import (
    Node,
    node_from_json,
    scalar_from_json,
    scalar_to_json,
    vector_from_json,
    vector_to_json,
)

WORDS = st.text(max_size=20)
PLAIN = WORDS.filter(lambda text: "/" not in text)  # "n/d" is how a fraction travels
SCALARS = st.fractions() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PLAIN
EXACT = st.lists(st.fractions(), max_size=6).map(tuple)
FLOATS = st.lists(st.floats(), max_size=6).map(lambda found: np.array(found, np.float64))

NODES: st.SearchStrategy[Node] = st.recursive(
    st.builds(Node, WORDS, WORDS, st.dictionaries(WORDS, SCALARS, max_size=4)),
    lambda below: st.builds(
        Node, WORDS, WORDS, st.dictionaries(WORDS, SCALARS, max_size=4), st.lists(below, max_size=3).map(tuple), WORDS,
        st.dictionaries(WORDS, EXACT | FLOATS, max_size=2),
    ),
    max_leaves=6,
)  # fmt: skip


def same(one: Node, other: Node) -> bool:
    """Equal to the last bit, and of the same types: 1 is not 1.0 in a proof."""
    numbers = {name: (type(value), value) for name, value in one.numbers.items()}
    return (
        (one.rule, one.says, one.source) == (other.rule, other.says, other.source)
        and numbers == {name: (type(value), value) for name, value in other.numbers.items()}
        and one.vectors.keys() == other.vectors.keys()
        and all(same_vector(value, other.vectors[name]) for name, value in one.vectors.items())
        and len(one.premises) == len(other.premises)
        and all(map(same, one.premises, other.premises))
    )


def same_vector(one: Any, other: Any) -> bool:  # noqa: ANN401 - either kind of vector
    if isinstance(one, tuple) or isinstance(other, tuple):
        return type(one) is type(other) and one == other
    return bool(one.dtype == other.dtype == np.float64 and one.tobytes() == other.tobytes())


@given(NODES)
def test_a_derivation_comes_back_as_it_went(node: Node) -> None:
    assert same(node_from_json(json.loads(json.dumps(node.to_json()))), node)


@given(NODES)
def test_any_change_is_noticed(node: Node) -> None:
    """The comparison above is no empty one: a changed number, premise or vector makes another node."""
    changed = [
        Node(node.rule, node.says, {**node.numbers, "new": 1}, node.premises, node.source, node.vectors),
        Node(node.rule, node.says, node.numbers, (*node.premises, node), node.source, node.vectors),
        Node(node.rule, node.says, node.numbers, node.premises, node.source, {**node.vectors, "new": (Fraction(1),)}),
        Node(node.rule + "x", node.says, node.numbers, node.premises, node.source, node.vectors),
    ]
    assert not any(same(node_from_json(other.to_json()), node) for other in changed if "new" not in node.numbers)


@given(SCALARS)
def test_scalars_keep_their_kind(value: Fraction | float | str) -> None:
    back = scalar_from_json(json.loads(json.dumps(scalar_to_json(value))))
    assert type(back) is type(value)
    assert back == value


def test_text_of_the_form_of_a_fraction_is_one() -> None:
    assert scalar_from_json("-3/4") == Fraction(-3, 4)
    for text in ("3/0", "a/b", "1/2/3", "/", "1/", "/2", "--", "gossip"):
        assert scalar_from_json(text) == text


@given(EXACT | FLOATS)
def test_vectors_keep_every_bit(vector: Any) -> None:  # noqa: ANN401 - either kind of vector
    assert same_vector(vector_from_json(json.loads(json.dumps(vector_to_json(vector)))), vector)


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}])
def test_what_is_no_scalar_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="no number of a derivation"):
        scalar_from_json(value)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"exact": "1/2"},
        {"exact": ["x"]},
        {"exact": [1]},
        {"exact": ["1/2"], "float64": ""},
        {"float64": [1.0]},
        {"float64": "AAAA"},
        {"float64": "not base64!"},
        {"float64": "\xe9"},
        {"float32": ""},
    ],
)
def test_what_is_no_vector_is_refused(data: object) -> None:
    with pytest.raises(ConfigurationError):
        vector_from_json(data)


@pytest.mark.parametrize(
    "change",
    [
        {"rule": 3},
        {"says": None},
        {"numbers": []},
        {"numbers": {"a": None}},
        {"premises": {}},
        {"premises": [3]},
        {"vectors": {"w": []}},
        {"source": 1},
        {"extra": 1},
    ],
)
def test_what_is_no_node_is_refused(change: dict[str, object]) -> None:
    data = {**Node("view", "says", {"a": 1}).to_json(), **change}
    with pytest.raises(ConfigurationError):
        node_from_json(data)


@pytest.mark.parametrize("missing", ["rule", "says", "numbers", "source", "vectors", "premises"])
def test_every_part_of_a_node_is_wanted(missing: str) -> None:
    data = Node("view", "says").to_json()
    del data[missing]
    with pytest.raises(ConfigurationError, match="no step of a derivation"):
        node_from_json(data)


def test_endless_trees_are_refused() -> None:
    node = Node("view", "says")
    for _ in range(63):
        node = Node("view", "says", premises=(node,))
    assert len(list(node_from_json(node.to_json()).walk())) == 64
    with pytest.raises(ConfigurationError, match="no step"):
        node_from_json(Node("view", "says", premises=(node,)).to_json())


def test_steps_are_found_by_their_rule() -> None:
    leaf = Node("leak", "below")
    root = Node("composition", "above", premises=(Node("view", "first"), Node("conversion", "x", premises=(leaf,))))
    assert [node.rule for node in root.walk()] == ["composition", "view", "conversion", "leak"]
    assert root.find("leak") is leaf
    with pytest.raises(ConfigurationError, match="no step 'sampling'"):
        root.find("sampling")


def test_numbers_of_a_node_cannot_be_changed() -> None:
    numbers = {"epsilon": 1.0}
    node = Node("view", "says", numbers)
    numbers["epsilon"] = 2.0
    assert node.numbers == {"epsilon": 1.0}
    with pytest.raises(TypeError):
        node.numbers["epsilon"] = 2.0  # type: ignore[index] # that it cannot be set is the point
