"""The continuous planar Laplace law: idealized, to compare with.

Andres, Bordenabe, Chatzikokolakis, Palamidessi, CCS 2013, section 4: around a place the density at distance r is
proportional to e^(-epsilon r), so the angle is uniform and the radius is Gamma(2, 1 / epsilon) with

    F(r) = 1 - (1 + epsilon r) e^(-epsilon r),    F^-1(u) = -(W_-1((u - 1) / e) + 1) / epsilon,    mean 2 / epsilon.

It promises epsilon for each meter in real arithmetic only: floating-point coordinates leak (Mironov 2012). What is
proven is `tip.mechanisms.location.PlanarLaplace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np

from tip.mechanisms.base import AES, DEVICE, EVERYBODY, ONCE, PRESENCE
from tip.mechanisms.inputs import as_places
from tip.mechanisms.location import positive_fraction
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.randomness import SYSTEM

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.randomness import Entropy

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolarLaplace:
    """The continuous planar Laplace law of the paper, density ~ e^(-epsilon r): idealized, to compare with.

    Angle uniform, radius Gamma(2, 1 / epsilon) with mean 2 / epsilon meters. Floating-point coordinates leak (Mironov
    2012), so the promise holds in real arithmetic only; for people take `PlanarLaplace`.
    """

    epsilon: float

    def __post_init__(self) -> None:
        positive_fraction("epsilon", self.epsilon)

    @property
    def mean_error(self) -> float:
        """2 / epsilon, meters."""
        return 2 / self.epsilon

    @property
    def guarantee(self) -> Guarantee:
        """Metric privacy, epsilon for each meter of Euclidean distance, in real arithmetic."""
        return Guarantee(
            epsilon=float(self.epsilon),
            delta=Delta(conversion=0.0),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=EVERYBODY,
            scope="one place moved by continuous planar Laplace noise",
            kind=Kind.METRIC,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=Status.IDEALIZED,
            assumptions=(DEVICE, ONCE, PRESENCE, AES),
            distance="meters (euclidean)",
        )

    def move(self, points: ArrayLike, *, entropy: Entropy = SYSTEM) -> Floats:
        """Places `(n, 2)` in meters, each moved by its own noise.

        The radius solves F(r) = u, F(r) = 1 - (1 + epsilon r) e^(-epsilon r): r = -(W_-1((u - 1) / e) + 1) / epsilon.
        """
        from scipy.special import lambertw  # noqa: PLC0415 - scipy is imported where it is needed

        places = as_places(points)
        words = entropy.stream("polar-laplace").words(np.arange(len(places), dtype=np.int64), 2)
        uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        radius = -(lambertw((uniform[:, 0] - 1) / np.e, -1).real + 1) / self.epsilon
        angle = 2 * pi * uniform[:, 1]
        return places + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
