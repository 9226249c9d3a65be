"""Noise in shares: each agent adds a part; only the sum is protected.

Theory of operation. Agent i holds an integer vector v_i with |v_i|^2 <= `squared_bound` and sends
v_i + X_i, where the coordinates of X_i are independent exact discrete Gaussians of variance
`share_variance`, behind a protocol that shows nothing but the sum (law 3: who sees a single message
sees a single share). If at least `minimum` agents answer and c of them collude, the sum contains at
least h = `honest_shares(minimum, c)` shares that the coalition does not know. One agent's arbitrary
change moves the sum by at most 2 sqrt(squared_bound), so the release is the event
`DiscreteGaussianSum(4 squared_bound, share_variance, h, dimension)` under replace-one. More
survivors only add independent noise, which is post-processing (docs/distributed-noise.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, NotEnoughAgents
from tip.noise import DiscreteGaussian
from tip.privacy.checks import whole
from tip.privacy.events import DiscreteGaussianSum

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.randomness import Stream

    Vectors = NDArray[np.int64]

_MOST_SQUARED: Final = 1 << 62  # entries stay below 2^31: sums of squares of a row are tested in 64 bits


def honest_shares(minimum: int, colluders: int) -> int:
    """The shares in a sum of at least `minimum` survivors that the coalition does not know (law 4).

    minimum - min(colluders, minimum - 1): colluders never drop out, and the protected agent's own
    share always counts. `colluders` is the most that can be in the cohort, min(floor(f N), cohort).
    """
    whole("minimum", minimum, least=1)
    whole("colluders", colluders, least=0)
    return minimum - min(colluders, minimum - 1)


@dataclass(frozen=True, slots=True)
class DistributedGaussian:
    """Every agent adds an exact discrete Gaussian share; see the top of the file.

    `squared_bound`: the largest squared norm of an integer vector, in squared grid steps, in [1, 2^62).
    `share_variance`: the parameter of one share, a Fraction of at least 2 squared grid steps (law 9).
    `dimension` >= 1; `minimum` >= 1 is the fewest agents whose sum is released. Other values raise
    `ConfigurationError`.

    **Claim.** Against who sees nothing but sums of at least `minimum` agents, c of them colluding, a release
    is rho-zCDP, unit agent, replace-one, with rho = (sqrt(4 squared_bound / (h share_variance)) +
    tau sqrt(dimension))^2 / 2 and h = `honest_shares(minimum, c)` (Kairouz, Liu, Steinke 2021, theorem 1;
    proved in docs/privacy.md and docs/distributed-noise.md).
    """

    squared_bound: int
    share_variance: Fraction
    dimension: int
    minimum: int

    def __post_init__(self) -> None:
        whole("squared_bound", self.squared_bound, least=1)
        whole("minimum", self.minimum, least=1)
        if self.squared_bound >= _MOST_SQUARED:
            raise ConfigurationError(
                f"squared_bound is below 2^62, not {self.squared_bound}", instead="use a coarser grid step"
            )
        self.event(0)  # checks variance and dimension

    def add_shares(self, vectors: Vectors, stream: Stream, agents: Vectors) -> Vectors:
        """Each agent's vector with its noise share, `(agents, dimension) int64`.

        Takes vectors `(agents, dimension)` int64 and agents `(agents,)` int64. Refuses other types and shapes
        and a vector above the bound (`ConfigurationError`): the integer vector carries the guarantee (law 8).
        The noise of an agent is a function of the stream and its index, whatever else is in the call.
        """
        self._check(vectors, agents)
        noise = DiscreteGaussian(self.share_variance).sample(stream, agents, self.dimension)
        return np.add(vectors, noise)

    def event(self, colluders: int) -> DiscreteGaussianSum:
        """One release against a coalition with this many agents in the cohort, under replace-one."""
        shares = honest_shares(self.minimum, colluders)
        return DiscreteGaussianSum(4 * self.squared_bound, self.share_variance, shares, self.dimension)

    def own_share(self) -> DiscreteGaussianSum:
        """One agent's message against who sees it alone (law 3): a single share protects it."""
        return DiscreteGaussianSum(4 * self.squared_bound, self.share_variance, 1, self.dimension)

    def release(self, total: NDArray[Any], survivors: int) -> NDArray[Any]:
        """The sum itself, if enough agents answered; raises `NotEnoughAgents` and releases nothing otherwise."""
        whole("survivors", survivors, least=0)
        if survivors < self.minimum:
            raise NotEnoughAgents(
                f"{survivors} agents answered and the noise is sized for {self.minimum}; nothing was released"
            )
        if np.shape(total) != (self.dimension,):
            raise ConfigurationError(f"a sum has {self.dimension} coordinates, not the shape {np.shape(total)}")
        return total

    def noise_variance(self, survivors: int) -> Fraction:
        """An upper bound of the variance of each coordinate's noise: a discrete Gaussian's is at most its parameter."""
        return whole("survivors", survivors, least=0) * self.share_variance

    def _check(self, vectors: Vectors, agents: Vectors) -> None:
        for name, array, dimensions in (("vectors", vectors, 2), ("agents", agents, 1)):
            if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != dimensions:
                raise ConfigurationError(f"{name} is an int64 array of {dimensions} dimensions")
        if vectors.shape != (len(agents), self.dimension):
            raise ConfigurationError(
                f"vectors have the shape {vectors.shape}, not ({len(agents)}, {self.dimension}): agents, dimension"
            )
        if not within(vectors, self.squared_bound):
            raise ConfigurationError(
                f"a vector's squared norm exceeds the bound {self.squared_bound}",
                why="the noise was sized for vectors within it",
                instead="clip and round with tip.aggregation.quantize first",
            )


def within(vectors: Vectors, squared_bound: int) -> bool:
    """Whether each row's sum of squares is at most the bound (< 2^62), in exact integers.

    Entries are first tested against the root of the bound. Then a sum of squares over as many columns
    as cannot reach 2^63 is exact, and sums that passed are added up as Python integers.
    """
    largest = math.isqrt(squared_bound)
    if vectors.size == 0:
        return True
    if int(vectors.max()) > largest or int(vectors.min()) < -largest:
        return False
    columns = ((1 << 63) - 1) // squared_bound
    if columns >= vectors.shape[1]:
        return bool((np.einsum("ij,ij->i", vectors, vectors) <= squared_bound).all())
    return all(sum(int(entry) ** 2 for entry in row) <= squared_bound for row in vectors)
