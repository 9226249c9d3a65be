"""Which words do people type most? Nobody learns a person's word.

A made-up population: 20,000 words of up to 8 letters, a few of them frequent. A fresh run draws fresh noise.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from tip import Entropy
from tip.mechanisms.heavy_hitters import PrefixExtendingMethod, keys_of

PEOPLE, WORDS = 100_000, 20_000


def population() -> np.ndarray:
    """What each person types: Zipf's law of exponent 1.3 over made-up words, the first of which are English."""
    generator = Entropy.seeded(1).generator("words")
    letters = generator.integers(ord("a"), ord("z") + 1, (WORDS, 8))
    words = ["".join(map(chr, row)) for row in letters]
    words[:8] = ["the", "weather", "news", "train", "doctor", "football", "flu", "rent"]
    weights = np.arange(1, WORDS + 1) ** -1.3
    return np.array(words)[generator.choice(WORDS, PEOPLE, p=weights / weights.sum())]


def main() -> None:
    """Randomize, find, and compare with the truth, which only a simulation knows."""
    typed = population()
    truth = Counter(typed.tolist())
    mechanism = PrefixExtendingMethod(bits=64, epsilon=4.0, top=12)
    reports = mechanism.randomize(keys_of(typed.tolist()))
    start = time.perf_counter()
    found = mechanism.decode(reports)
    seconds = time.perf_counter() - start

    print(f"{PEOPLE:,} people, one report of {mechanism.report_bits} bits each, {mechanism.guarantee.epsilon} a person")
    print(f"{mechanism.groups} groups for prefixes of {mechanism.lengths} bits; found in {seconds:.2f} s\n")
    low, high = found.interval(0.95)
    print(f"{'word':10} {'estimate':>9} {'95 % for all':>17} {'truth':>7}")
    for word, share, least, most in zip(found.texts(), found.share, low, high, strict=True):
        interval = f"{max(least, 0) * PEOPLE:,.0f} to {most * PEOPLE:,.0f}"
        print(f"{word!a:10} {share * PEOPLE:9,.0f} {interval:>17} {truth[word]:7,}")
    print(f"\nToo high on average: {found.biased}.")


if __name__ == "__main__":
    main()
