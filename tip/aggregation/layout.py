"""Several arrays in one vector: what one agent sends in a round is one sum.

Update, control variate, counts and clip bits of one agent travel as one vector under one joint
bound (GUARANTEES, law 16). A `Layout` says where in the vector each of them lies: one after another
in the order of their names, each in row-major order, so that two layouts with the same names and
shapes are the same layout, however they were written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, init=False)
class Layout:
    """Names and shapes of the parts of a vector: `Layout({"weights": (10, 64), "bias": (10,)})`.

    `()` is the shape of a single number. No part, an empty part and a name that is not a string of at least one
    character raise `ConfigurationError`.

    **Law.** `unpack(pack(parts))` has the names, shapes and values of `parts`, for all int64 arrays.
    """

    parts: tuple[tuple[str, tuple[int, ...]], ...]

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if not shapes:
            raise ConfigurationError("a layout has at least one part")
        for name, shape in shapes.items():
            if not isinstance(name, str) or not name or not all(type(n) is int and n >= 1 for n in shape):
                raise ConfigurationError(f"{name!r} of shape {shape!r} is no part: lengths are whole numbers >= 1")
        object.__setattr__(self, "parts", tuple((name, tuple(shapes[name])) for name in sorted(shapes)))

    @property
    def dimension(self) -> int:
        """The length of the whole vector."""
        return sum(prod(shape) for _, shape in self.parts)

    def pack(self, arrays: Mapping[str, Integers]) -> Integers:
        """The parts as one vector `(dimension,)` int64. Missing, unknown, misshapen or other parts are refused."""
        self._same_names(arrays)
        for name, shape in self.parts:
            if arrays[name].shape != shape or arrays[name].dtype != np.int64:
                given = f"{arrays[name].dtype} of shape {arrays[name].shape}"
                raise ConfigurationError(f"part {name!r} is int64 of shape {shape}, not {given}")
        return np.concatenate([arrays[name].ravel() for name, _ in self.parts])

    def unpack(self, vector: NDArray[Number]) -> dict[str, NDArray[Number]]:
        """The parts of a vector `(dimension,)` of any type (a sum, residues, decoded numbers), as views of it."""
        if vector.shape != (self.dimension,):
            raise ConfigurationError(f"this layout fills a vector ({self.dimension},), not {vector.shape}")
        return {name: vector[place].reshape(shape) for name, place, shape in self._places()}

    def _places(self) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        start = 0
        for name, shape in self.parts:
            yield name, slice(start, start + prod(shape)), shape
            start += prod(shape)

    def _same_names(self, arrays: Mapping[str, Integers]) -> None:
        expected = {name for name, _ in self.parts}
        if arrays.keys() != expected:
            missing, unknown = sorted(expected - arrays.keys()), sorted(arrays.keys() - expected, key=repr)
            raise ConfigurationError(f"the layout misses {missing} and has no place for {unknown}")
