"""Derivations: the proof of a guarantee as a tree of data.

A `Derivation` holds all that its check needs: the flow itself, the coalition, who of the agents colludes in the
case that was computed, the guarantee, and the tree of `Node`s. Each node names its rule, what it concludes, the
numbers in that conclusion, the premises that it rests on, and the source of the rule; leaves carry the
witnesses. `tip.flow.verification` checks every node from the flow alone; what each rule means and which numbers
it states is told in docs/flow-rules.md.

Numbers are exact: fractions travel as text "n/d"; floats only where a bound was computed in floats, in the safe
direction. Vectors are tuples of fractions, or float64 arrays where they are too long for that.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.model import Flow
    from tip.privacy.coalitions import Coalition
    from tip.privacy.guarantees import Guarantee

Scalar: TypeAlias = Fraction | int | float | str
Vector: TypeAlias = tuple[Fraction, ...] | NDArray[np.float64]

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One step of a proof: by this rule, from these premises, with these numbers."""

    rule: str
    says: str
    numbers: Mapping[str, Scalar] = field(default_factory=dict)
    premises: tuple[Node, ...] = ()
    source: str = ""
    vectors: Mapping[str, Vector] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))
        object.__setattr__(self, "vectors", MappingProxyType(dict(self.vectors)))

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for premise in self.premises:
            yield from premise.walk()

    def find(self, rule: str) -> Node:
        """The first node of a rule."""
        for node in self.walk():
            if node.rule == rule:
                return node
        raise ConfigurationError(f"the derivation has no step {rule!r}")

    def to_json(self) -> dict[str, Any]:
        """Plain data; `node_from_json` reads it back."""
        return {
            "rule": self.rule,
            "says": self.says,
            "numbers": {name: scalar_to_json(value) for name, value in self.numbers.items()},
            "source": self.source,
            "vectors": {name: vector_to_json(value) for name, value in self.vectors.items()},
            "premises": [premise.to_json() for premise in self.premises],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Derivation:
    """A guarantee with its proof; see the top of the file.

    `colluders`: the indices of the agents that collude in the case that was computed, sorted (int64 array);
    `agent`: the protected agent of that case. The node "every agent" or "every coalition" says why the case stands for
    all others.
    """

    flow: Flow
    coalition: Coalition
    colluders: NDArray[np.int64]
    agent: int
    guarantee: Guarantee
    root: Node


def scalar_to_json(value: Scalar) -> str | int | float:
    """A fraction as text "n/d"; all else as it is."""
    return f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value


def scalar_from_json(value: object) -> Scalar:
    """What `scalar_to_json` wrote: text of the form "n/d" is a fraction."""
    if isinstance(value, str):
        over, slash, under = value.partition("/")
        if slash and over.lstrip("-").isdecimal() and under.isdecimal() and int(under):
            return Fraction(int(over), int(under))
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ConfigurationError(f"{value!r} is no number of a derivation")


def vector_to_json(vector: Vector) -> dict[str, Any]:
    """Exact entries as texts, floats as base64 of little-endian float64."""
    if isinstance(vector, tuple):
        return {"exact": [scalar_to_json(entry) for entry in vector]}
    return {"float64": base64.b64encode(np.ascontiguousarray(vector, "<f8").tobytes()).decode("ascii")}


def vector_from_json(data: object) -> Vector:
    """What `vector_to_json` wrote."""
    match data:
        case {"exact": list(entries), **rest} if not rest:
            exact = tuple(scalar_from_json(entry) for entry in entries)
            if all(isinstance(entry, Fraction) for entry in exact):
                return exact  # type: ignore[return-value] # just tested
        case {"float64": str(text), **rest} if not rest:
            try:
                return np.frombuffer(base64.b64decode(text, validate=True), "<f8").astype(np.float64)
            except ValueError as error:
                raise ConfigurationError("a vector of a derivation is damaged", why=str(error)) from error
    raise ConfigurationError("this is no vector of a derivation")


def node_from_json(data: object, depth: int = 0) -> Node:
    """The node that `Node.to_json` wrote; anything else is refused."""
    match data:
        case {
            "rule": str(rule), "says": str(says), "numbers": Mapping() as numbers, "source": str(source),
            "vectors": Mapping() as vectors, "premises": list(premises), **rest,
        } if not rest and depth < _DEEPEST:  # fmt: skip
            return Node(
                rule,
                says,
                {str(name): scalar_from_json(value) for name, value in numbers.items()},
                tuple(node_from_json(premise, depth + 1) for premise in premises),
                source,
                {str(name): vector_from_json(value) for name, value in vectors.items()},
            )
    raise ConfigurationError("this is no step of a derivation", instead="use what `tip explain --derivation` wrote")


_DEEPEST: Final = 64
