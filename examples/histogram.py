"""A histogram of 1,024 items, and nobody tells what they hold.

Everybody randomizes on their own device (epsilon 1); the server learns shares with intervals, and
nobody's item. The oracle is chosen by its figures: projective geometry response, 11 bits a report.
"""

from __future__ import annotations

import numpy as np

from tip import Entropy
from tip.mechanisms.choosing import Auto

ITEMS, PEOPLE, EPSILON = 1024, 100_000, 1.0


def main() -> None:
    """Choose, randomize, send, collect, estimate; then compare with the truth that nobody else sees."""
    popularity = 1 / np.arange(1, ITEMS + 1) ** 1.1
    generator = Entropy.seeded(7).generator("people")
    held = generator.choice(ITEMS, PEOPLE, p=popularity / popularity.sum())

    auto = Auto(ITEMS, EPSILON, agents=PEOPLE)
    print(auto.why, auto.table, sep="\n\n")

    mechanism = auto.mechanism
    message = mechanism.randomize(held).to_bytes()  # fresh bits of the operating system
    collected = mechanism.collect([message])
    estimate = mechanism.estimate(mechanism.aggregate(collected.reports))
    low, high = estimate.interval(0.95, correction="bonferroni")

    print(f"\n{len(message):,} bytes for {PEOPLE:,} reports; guarantee: epsilon {mechanism.guarantee.epsilon:.6f}")
    truth = np.bincount(held, minlength=ITEMS) / PEOPLE
    print("\nitem  estimate   95 % for all items together    truth")
    for item in np.argsort(-estimate.value)[:8]:
        print(
            f"{item:4}  {estimate.value[item]:8.4f}   [{low[item]:7.4f}, {high[item]:7.4f}]        {truth[item]:7.4f}"
        )
    covered = np.mean((low <= truth) & (truth <= high))
    print(f"\n{covered:.1%} of the intervals hold the truth; mean standard error {estimate.deviation.mean():.4f}")


if __name__ == "__main__":
    main()
