"""Where do 40,000 people want a ride? Nobody tells their place."""

from __future__ import annotations

import numpy as np

from tip import Entropy
from tip.mechanisms.location import PlanarLaplace

COLUMNS, ROWS, CELL = 16, 10, 250.0  # a city of 4 km by 2.5 km
EPSILON = 0.004  # for each meter: places 250 m apart differ by a factor of at most e
PEOPLE = 40_000
SHADES = " .:-=+*#%@"


def city() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A made-up city's demand: a station, a market, and people everywhere."""
    row, column = np.divmod(np.arange(COLUMNS * ROWS), COLUMNS)
    station = np.exp(-((column - 4) ** 2 + (row - 3) ** 2) / 2)
    market = 0.7 * np.exp(-((column - 11) ** 2 + (row - 6) ** 2) / 4)
    demand = station + market + 0.02
    return np.asarray(demand / demand.sum())


def drawn(title: str, shares: np.ndarray[tuple[int], np.dtype[np.float64]], top: float) -> None:
    """A map in characters, north on top."""
    levels = np.clip(shares / top * (len(SHADES) - 1), 0, len(SHADES) - 1).astype(int).reshape(ROWS, COLUMNS)
    print(f"{title}\n" + "\n".join("  " + "".join(SHADES[level] * 2 for level in line) for line in levels[::-1]))


def main() -> None:
    """Every person reports a perturbed cell; the map, a region's total and the best guesses come from these."""
    mechanism, entropy, truth = PlanarLaplace(COLUMNS, ROWS, CELL, EPSILON), Entropy.seeded(11), city()
    people = entropy.generator("people").choice(len(truth), size=PEOPLE, p=truth)
    held = np.bincount(people, minlength=len(truth)) / PEOPLE
    reports = mechanism.randomize(people, entropy=entropy)
    aggregate = mechanism.aggregate(reports)
    for title, shares in (
        ("where people are", held),
        ("what they report", aggregate.totals / PEOPLE),
        ("estimated demand (biased)", mechanism.demand(aggregate).value),
    ):
        drawn(title, shares, float(held.max()))
    row, column = np.divmod(np.arange(len(truth)), COLUMNS)
    near = (np.abs(column - 4) <= 2) & (np.abs(row - 3) <= 2)
    region = mechanism.region(aggregate, near)
    low, high = region.interval(0.95)
    print(f"around the station  {region.value:.3f}, 95 % in [{low:.3f}, {high:.3f}]; truth {held[near].sum():.3f}")
    centers, table = mechanism.centers(), mechanism.remap(truth)
    errors = [np.hypot(*(centers[c] - centers[people]).T).mean() for c in (reports["cell"], table[reports["cell"]])]
    print(f"mean error          {errors[0]:.0f} m reported, {errors[1]:.0f} m after remapping to a public prior")
    print(f"guarantee           epsilon {mechanism.guarantee.epsilon:.4f} per meter, {mechanism.guarantee.distance}")


if __name__ == "__main__":
    main()
