"""Refusals: what a check says when a step does not hold, or when it cannot tell."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError, VerificationFailed

if TYPE_CHECKING:
    from tip.flow.derivation import Node, Scalar


def refuse(step: str, what: str, why: str = "") -> VerificationFailed:
    """A step that does not hold."""
    return VerificationFailed(what, where=f"step {step!r}", why=why)


def too_large(what: str) -> ConfigurationError:
    """Nothing is said about a derivation that this check cannot take in."""
    return ConfigurationError(
        f"the derivation is too large to verify here: {what}",
        why="a check that is not finished is not a success",
        instead="verify the same flow at a smaller size, or about one agent",
    )


def want(holds: bool, step: str, what: str, why: str = "") -> None:  # noqa: FBT001 - the outcome of a test
    """Go on only if a condition holds."""
    if not holds:
        raise refuse(step, what, why)


def exact(node: Node, name: str) -> Fraction:
    """A number of a step as a fraction; floats stand for themselves."""
    value = node.numbers.get(name)
    if isinstance(value, bool) or not isinstance(value, Fraction | int | float) or not math.isfinite(value):
        raise refuse(node.rule, f"states no number {name!r}")
    return Fraction(value)


def count(node: Node, name: str) -> int:
    """A whole number of a step."""
    value = node.numbers.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(node.rule, f"states no whole number {name!r}")
    return value


def word(node: Node, name: str) -> str:
    """A text of a step."""
    value: Scalar | None = node.numbers.get(name)
    if not isinstance(value, str):
        raise refuse(node.rule, f"states no text {name!r}")
    return value


def only(node: Node) -> Node:
    """The one premise of a step."""
    want(len(node.premises) == 1, node.rule, f"rests on {len(node.premises)} steps instead of one")
    return node.premises[0]
