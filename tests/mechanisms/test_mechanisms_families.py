"""Hash families: exact pairwise independence, seed by seed; and the counting kernels against a slow twin."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.families import MultiplyShift, count_equal
from tip.randomness import Entropy


def all_seeds(family: MultiplyShift) -> np.ndarray:
    """Every seed of a small word."""
    return np.array(list(product(range(1 << family.word_bits), repeat=family.seed_words)), dtype=family.dtype)


def pairwise_uniform(table: np.ndarray, range_bits: int) -> bool:
    """Whether every two columns of `(seeds, keys)` take every pair of values equally often."""
    keys = table.shape[1]
    for x, y in product(range(keys), range(keys)):
        pairs = np.bincount(table[:, x].astype(int) << range_bits | table[:, y], minlength=1 << 2 * range_bits)
        if x != y and len(set(pairs.tolist())) != 1:
            return False
    return True


@pytest.mark.parametrize(
    ("key_bits", "range_bits", "word_bits"),
    [(3, 2, 4), (4, 1, 4), (3, 3, 5), (5, 2, 6), (4, 2, 4), (3, 2, 3), (3, 3, 4), (2, 1, 8)],
)
def test_all_seeds_together_are_exactly_pairwise_uniform(key_bits: int, range_bits: int, word_bits: int) -> None:
    family = MultiplyShift(key_bits, range_bits, word_bits)
    table = family.hash(all_seeds(family)[:, None], np.arange(1 << key_bits))
    assert pairwise_uniform(table, range_bits)


def test_one_bit_less_than_the_condition_is_not_pairwise_uniform() -> None:
    key_bits, range_bits, word_bits = 4, 2, 4  # w = v + b - 2 for one part, which the class would cut
    a, c = np.indices((1 << word_bits,) * 2).reshape(2, -1, 1)
    table = ((a * np.arange(1 << key_bits) + c) % (1 << word_bits)) >> (word_bits - range_bits)
    assert not pairwise_uniform(table, range_bits)


def test_without_the_constant_a_hash_is_not_pairwise_uniform() -> None:
    family = MultiplyShift(3, 2, 4)
    seeds = all_seeds(family)
    table = family.hash(seeds[seeds[:, -1] == 0][:, None], np.arange(8))
    assert not pairwise_uniform(table, 2)


@pytest.mark.parametrize("sizes", [(10, 4, 32), (31, 2, 32), (31, 8, 32), (64, 6, 32), (20, 12, 64), (64, 16, 64)])
def test_the_hash_is_its_formula_in_unbounded_integers(sizes: tuple[int, int, int]) -> None:
    key_bits, range_bits, word_bits = sizes
    family = MultiplyShift(*sizes)
    seeds = family.seeds(Entropy.seeded(3).stream("seeds"), np.arange(40))
    keys = Entropy.seeded(4).stream("keys").words(np.arange(1), 40)[0] >> np.uint64(64 - key_bits)
    v = family.part_bits
    assert word_bits >= v + range_bits - 1
    assert v * family.parts >= key_bits
    for seed, key, hashed in zip(seeds.tolist(), keys.tolist(), family.hash(seeds, keys).tolist(), strict=True):
        parts = [key >> v * i & ((1 << v) - 1) for i in range(family.parts)]
        total = sum(a * x for a, x in zip(seed, parts, strict=False)) + seed[-1]
        assert hashed == total % (1 << word_bits) >> (word_bits - range_bits)


def test_keys_are_cut_only_where_the_condition_asks_for_it() -> None:
    assert MultiplyShift(31, 2).parts == 1
    assert MultiplyShift(31, 3).parts == 2
    assert MultiplyShift(17, 16).parts == 1
    assert MultiplyShift(64, 6).parts == 3
    assert (MultiplyShift(64, 33, 64).parts, MultiplyShift(64, 34, 64).parts) == (2, 3)


@settings(max_examples=40, deadline=None)
@given(
    key_bits=st.integers(1, 64),
    range_bits=st.integers(1, 16),
    word_bits=st.sampled_from([16, 24, 32, 64]),
    n=st.sampled_from([0, 1, 3, 300, 1023, 1024, 1500]),
    k=st.integers(1, 40),
    start=st.integers(0, 1 << 64),
)
def test_counting_equals_its_slow_twin(
    key_bits: int, range_bits: int, word_bits: int, n: int, k: int, start: int
) -> None:
    family = MultiplyShift(key_bits, range_bits, word_bits)
    stream = Entropy.seeded(start).stream("twin")
    seeds = family.seeds(stream, np.arange(n))
    targets = stream.words(np.arange(n + 1), 2, lane=1)[:n, 0] >> np.uint64(64 - range_bits)
    run = np.array([(start + i) % (1 << key_bits) for i in range(k)], dtype=np.uint64)
    loose = stream.words(np.arange(1), k, lane=2)[0] >> np.uint64(64 - key_bits)
    keys = np.concatenate([run, loose])
    slow = (family.hash(seeds[:, None], keys[None]) == targets[:, None].astype(family.dtype)).sum(axis=0)
    assert np.array_equal(count_equal(family, seeds, targets, keys), slow)


@pytest.mark.parametrize("sizes", [(0, 1, 32), (65, 1, 32), (4, 0, 32), (4, 33, 32), (4, 2, 65), (4.0, 2, 32)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigurationError):
        MultiplyShift(*sizes)
