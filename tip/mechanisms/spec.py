"""A mechanism's name, version and exact parameters, and their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError

DIGEST: Final = 16  # bytes of a spec's hash in every report


@dataclass(frozen=True, slots=True)
class Spec:
    """What a report was made by: two mechanisms with one spec have one law and one meaning.

    `parameters`: pairs of a name and an exact value (a whole number, a fraction or a short text), in a fixed
    order. Thresholds stand here as the integers in use; an epsilon that was asked for does not.
    """

    name: str
    version: int
    parameters: tuple[tuple[str, int | Fraction | str], ...]

    def __post_init__(self) -> None:
        for key, value in self.parameters:
            if isinstance(value, bool) or not isinstance(value, int | Fraction | str) or "\n" in f"{key}{value}":
                raise ConfigurationError(f"the parameter {key!r} of a spec is an int, a Fraction or one line of text")

    def to_bytes(self) -> bytes:
        """The canonical text: one line for the name and version, one for each parameter."""
        lines = [f"tip {self.name}/{self.version}", *(f"{key}={value}" for key, value in self.parameters)]
        return "\n".join(lines).encode()

    @property
    def digest(self) -> bytes:
        """The first 16 bytes of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.to_bytes()).digest()[:DIGEST]
