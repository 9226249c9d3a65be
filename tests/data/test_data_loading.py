"""Loading: agents are wholly in one part, and a seed repeats itself."""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.data import DataSettings, NumberRange, Partition, Population, Split, load
from tip.errors import DataError
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from pathlib import Path

SEEDED = Entropy.seeded(3)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> DataSettings:
    """60 rows of 13 persons; the feature is the row's own number, so that rows can be followed."""
    path = tmp_path_factory.mktemp("loading") / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(f"p{row % 13}", row, "" if row % 13 == 5 else row % 2) for row in range(60)]
        csv.writer(file).writerows([("who", "x", "y"), *rows])
    return DataSettings("csv", "y == 1", path=str(path), test=0.25, numbers={"x": NumberRange(-60, 60)})


def values(population: Population) -> list[int]:
    return [round(60 * feature) for feature in population.features[population.rows, 0].tolist()]


def same(a: Split, b: Split) -> bool:
    pairs = [(a.train, b.train), (a.test, b.test)]
    return all(
        np.array_equal(getattr(x, name), getattr(y, name))
        for x, y in pairs
        for name in ("features", "labels", "rows", "offsets")
    )


def test_rows(people: DataSettings) -> None:
    split = load(people, SEEDED)
    labeled = [row for row in range(60) if row % 13 != 5]
    assert split.test.agents == len(labeled) // 4
    assert sorted(values(split.train) + values(split.test)) == labeled
    assert split.notes == ("5 records without a label were left out.",)
    assert all(label == row % 2 for label, row in zip(split.train.labels, values(split.train), strict=True))


@pytest.mark.parametrize("entropy", [SEEDED, SYSTEM])
def test_persons_are_wholly_in_one_part(people: DataSettings, entropy: Entropy) -> None:
    split = load(replace(people, agent="who"), entropy)
    assert (split.train.agents, split.test.agents) == (10, 3)
    assert not {v % 13 for v in values(split.train)} & {v % 13 for v in values(split.test)}
    assert 0 in [*split.train.sizes, *split.test.sizes]  # p5 answered nothing and takes part
    for part in (split.train, split.test):
        for first, last in zip(part.offsets[:-1], part.offsets[1:], strict=True):
            assert len({v % 13 for v in values(part)[first:last]}) <= 1


@pytest.mark.parametrize("samples", [None, 7])
@pytest.mark.parametrize("entropy", [SEEDED, SYSTEM])
def test_partitions(people: DataSettings, samples: int | None, entropy: Entropy) -> None:
    split = load(replace(people, agent="partition", partition=Partition("iid", 20, samples)), entropy)
    assert (split.train.agents, split.test.agents) == (15, 5)
    assert not set(values(split.train)) & set(values(split.test))
    for part in (split.train, split.test):
        assert set(range(len(part.features))) == set(part.rows.tolist())  # nobody else's records are in reach
        assert samples is None or part.sizes.tolist() == [samples] * part.agents


@pytest.mark.parametrize("seed", [1, 2])
def test_who_an_agent_is_does_not_depend_on_the_split(people: DataSettings, seed: int) -> None:
    """Row numbers of the file, counted from 1, also where rows without a label were left out; names; numbers."""
    split = load(people, Entropy.seeded(seed))
    for population in (split.train, split.test):
        assert population.ids is not None
        assert [value + 1 for value in values(population)] == population.ids.tolist()
    split = load(replace(people, agent="who"), Entropy.seeded(seed))
    for population in (split.train, split.test):
        assert population.ids is not None
        for agent, name in enumerate(population.ids.tolist()):
            mine = values(population)[population.offsets[agent] : population.offsets[agent + 1]]
            assert {f"p{value % 13}" for value in mine} <= {name}
    split = load(replace(people, agent="partition", partition=Partition("iid", 20, 7)), Entropy.seeded(seed))
    numbers = [i for p in (split.train, split.test) for i in ([] if p.ids is None else p.ids.tolist())]
    assert sorted(numbers) == list(range(20))


@pytest.mark.parametrize("agent", ["row", "who", "partition"])
def test_a_seed_repeats_itself(people: DataSettings, agent: str) -> None:
    partition = Partition("iid", 20, 7) if agent == "partition" else None
    settings = replace(people, agent=agent, partition=partition)
    assert same(load(settings, Entropy.seeded(5)), load(settings, Entropy.seeded(5)))
    assert not same(load(settings, Entropy.seeded(5)), load(settings, Entropy.seeded(6)))


def test_too_few_records_to_deal(people: DataSettings) -> None:
    with pytest.raises(DataError, match="55 records are too few for 100 agents"):
        load(replace(people, agent="partition", partition=Partition("iid", 100)), SEEDED)


@given(st.binary(max_size=80))
def test_any_bytes_load_or_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path: Path = tmp_path_factory.mktemp("bytes") / "a.csv"
    path.write_bytes(b"x,y\n1,1\n" + raw)
    settings = DataSettings("csv", "y > 0", path=str(path), numbers={"x": NumberRange(0, 1)})
    with suppress(DataError):
        assert np.isfinite(load(settings, SEEDED).train.features).all()
