"""Noise in shares: 1,000 people add up a vector, 100 of them are spies, and the sum stays private."""

from __future__ import annotations

import numpy as np

from tip import Entropy
from tip.aggregation import Grid, ring_sum
from tip.mechanisms.distributed import DistributedGaussian, honest_shares
from tip.privacy import share_variance_for
from tip.privacy.integer import epsilon_of_rho, rho_of_sum

PEOPLE, SPIES, MINIMUM, DIMENSION = 1000, 100, 900, 5
DELTA = 1e-6


def main() -> None:
    """Clip, round, add noise shares, sum in the ring; then say what the sum gives away."""
    grid = Grid(step=0.01, clipping_norm=1.0, dimension=DIMENSION, modulus_bits=32)
    variance = share_variance_for(
        epsilon=1.0,
        delta=DELTA,
        squared_sensitivity=4 * grid.squared_bound,  # one person's vector is replaced by any other
        shares=honest_shares(MINIMUM, SPIES),  # the spies' shares hide nothing from the spies
        dimension=DIMENSION,
        rounds=1,
    )
    mechanism = DistributedGaussian(grid.squared_bound, variance, DIMENSION, MINIMUM)

    agents, entropy = np.arange(PEOPLE), Entropy.seeded(7)
    truth = np.tile(np.array([0.3, -0.2, 0.0, 0.1, 0.5]), (PEOPLE, 1))
    vectors = grid.encode(truth, entropy.stream("rounding"), agents).vectors
    sent = mechanism.add_shares(vectors, entropy.stream("noise"), agents)
    mean = grid.decode(ring_sum(sent, 32)) / PEOPLE

    rho = rho_of_sum(mechanism.event(SPIES))
    print(f"mean        {np.round(mean, 3)}")
    print(f"truth       {truth[0]}")
    print(f"one share   standard deviation {float(variance) ** 0.5 * grid.step:.3f}")
    print(f"guarantee   epsilon {epsilon_of_rho(rho, DELTA):.4f} at delta {DELTA:g}, replace-one, against the spies")


if __name__ == "__main__":
    main()
