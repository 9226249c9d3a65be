"""One agent in a hundred lies: what that does to a histogram, and what helps.

20,000 people hold one of 1,024 items; 200 more push ten rare ones by well-formed reports (epsilon 1).
"""

from __future__ import annotations

import numpy as np

from tip import Entropy
from tip.attacks.answers import adaptive_poisoning, gain, output_poisoning
from tip.attacks.screening import screen
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.reports import Reports

ITEMS, PEOPLE, LIARS, EPSILON = 1024, 20_000, 200, 1.0
TARGETS = 101 * np.arange(1, 11)
SEED = Entropy.seeded(7)  # a simulation: real agents draw fresh bits


def main() -> None:
    """Poison three oracles; then switch on what stops it, or bounds it."""
    popularity = 1 / np.arange(1, ITEMS + 1) ** 1.1
    held = SEED.generator("people").choice(ITEMS, PEOPLE, p=popularity / popularity.sum())
    share, fraction = float(np.isin(held, TARGETS).mean()) / len(TARGETS), LIARS / (PEOPLE + LIARS)
    print(f"each target is held by {share:.2%} on average; {fraction:.2%} of the reports are made up\n")
    oracles = (
        GeneralizedRandomizedResponse(ITEMS, EPSILON),
        ProjectiveGeometryResponse(ITEMS, EPSILON),
        LocalHashing(ITEMS, EPSILON),
        LocalHashing(ITEMS, EPSILON, seeds="server", public_seed=20261122),
    )
    print(f"{'':31}seeds   expected   estimated   noise of one item")
    truth, agents = np.bincount(held, minlength=ITEMS)[TARGETS] / PEOPLE, np.arange(PEOPLE, PEOPLE + LIARS)
    for oracle in oracles:
        formula = gain(oracle, TARGETS, fraction=fraction, share=share).output
        honest = oracle.aggregate(oracle.randomize(held, entropy=SEED))
        bent = oracle.aggregate(output_poisoning(oracle, TARGETS, count=LIARS, entropy=SEED, agents=agents))
        estimate, seeds = oracle.estimate(honest + bent), getattr(oracle, "seeds", "-")
        measured = f"{estimate.value[TARGETS].mean():10.2%} {estimate.deviation.mean():15.2%}"
        print(f"{oracle.spec.name:30} {seeds:7} {share + formula:8.2%} {measured}")
        low, high = estimate.interval(0.95, malicious=LIARS)
        inside = int(((low[TARGETS] <= truth) & (truth <= high[TARGETS])).sum())
        print(f"{'':38} intervals for {LIARS} liars hold {inside} of {len(TARGETS)} true shares")

    free = LocalHashing(ITEMS, EPSILON)
    true_reports = free.randomize(held, entropy=SEED)
    for name, sent in (
        ("strongest", output_poisoning(free, TARGETS, count=LIARS, entropy=SEED)),
        ("adaptive", adaptive_poisoning(free, TARGETS, count=LIARS, entropy=SEED, alpha=0.01)),
    ):
        kept = screen(free, Reports.joined([true_reports, sent]), alpha=0.01).accepted
        value = free.estimate(free.aggregate(kept)).value[TARGETS].mean()
        print(f"screened, {name} liars: {PEOPLE + LIARS - len(kept)} reports refused, targets estimated at {value:.2%}")


if __name__ == "__main__":
    main()
