"""Poisoning: liars that change their labels or the vector they send.

Each attack is a frozen class with the same two doors. `labels` changes what a liar learns from:
the update is then computed, clipped and masked as the protocol says, so nobody can tell it from an
honest one. `vectors` changes the integers that leave the agent, after clipping: without proofs about
inputs a liar's effective input is any ring element (law 19), and `Scale` shows it. These liars add their
noise share like everybody else; no guarantee counts on the shares of as many liars as the plan expects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Labels = NDArray[Any]
    Vectors = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelFlip:
    """Class c becomes `classes - 1 - c`; a regression label becomes its opposite."""

    def labels(self, labels: Labels, classes: int | None) -> Labels:
        """The labels that a liar learns from, same shape and dtype."""
        flipped = -labels if classes is None else classes - 1 - labels
        return flipped.astype(labels.dtype)

    def vectors(self, vectors: Vectors) -> Vectors:
        """What is sent is what was computed."""
        return vectors


@dataclass(frozen=True, slots=True)
class Scale:
    """The clipped vector times a factor: the liar ignores the clipping norm."""

    factor: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.factor):
            raise ConfigurationError(f"a factor is a finite number, not {self.factor}", where="adversary.factor")

    def labels(self, labels: Labels, _: int | None) -> Labels:
        """The labels are true."""
        return labels

    def vectors(self, vectors: Vectors) -> Vectors:
        """Scaled and rounded, held inside 62 bits so that the ring's own wrapping decides the rest."""
        scaled = np.clip(np.rint(vectors * self.factor), -(2.0**62), 2.0**62)
        sent: Vectors = scaled.astype(np.int64)
        return sent


@dataclass(frozen=True, slots=True)
class SignFlip:
    """The opposite of the honest vector: pushes the model away from what the liar's data say."""

    def labels(self, labels: Labels, _: int | None) -> Labels:
        """The labels are true."""
        return labels

    def vectors(self, vectors: Vectors) -> Vectors:
        """The negative of the vector."""
        return -vectors


Attack = LabelFlip | SignFlip | Scale
_KINDS: Final = ("label-flip", "sign-flip", "scale")


def attack_of(kind: str, settings: Mapping[str, float] | None = None) -> Attack:
    """The attack that a plan names, `settings` holding `factor` for "scale" (default 10)."""
    match kind:
        case "label-flip":
            return LabelFlip()
        case "sign-flip":
            return SignFlip()
        case "scale":
            return Scale(factor=float((settings or {}).get("factor", 10.0)))
        case _:
            raise ConfigurationError(
                f"{kind!r} is no attack", where="adversary.kind", instead=f"There are: {', '.join(_KINDS)}"
            )
