"""How long do people sleep? Nobody tells their hours.

Every agent sends 17 bits that hardly depend on its answer (epsilon 1). Run: python examples/local_mean.py
"""

from __future__ import annotations

import numpy as np

from tip.mechanisms.numeric import Duchi
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.randomness import Entropy

AGENTS = 20_000
LOW, HIGH = 0.0, 12.0  # public: it does not come from the data


def main() -> None:
    """Compare three mechanisms on the same made-up population."""
    hours = np.clip(Entropy.seeded(7).generator("population").normal(6.8, 1.2, AGENTS), LOW, HIGH)
    print(f"{AGENTS} agents, true mean {hours.mean():.3f} hours\n")
    print("mechanism  bits  epsilon  estimate   95 % interval     without the normal law  one liar moves the mean by")
    for kind in (Duchi, Piecewise, Hybrid):
        mechanism = kind(LOW, HIGH, epsilon=1.0)
        messages = [mechanism.randomize(part).to_bytes() for part in np.array_split(hours, 4)]  # on the devices
        reports = mechanism.collect(messages).reports
        estimate = mechanism.estimate(mechanism.aggregate(reports))
        low, high = estimate.interval(0.95)
        least, most = mechanism.cautious(estimate).interval(0.95)
        liar = mechanism.max_influence().item * (HIGH - LOW) / 2 / AGENTS
        print(
            f"{kind.__name__:<10} {mechanism.report_bits:>3} {mechanism.guarantee.epsilon:>8.4f} {estimate.value:>9.3f}"
            f"   [{low:.3f}, {high:.3f}]   [{least:.3f}, {most:.3f}]        {liar:.5f} hours"
        )


if __name__ == "__main__":
    main()
