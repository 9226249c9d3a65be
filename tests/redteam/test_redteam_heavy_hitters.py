"""Hostile reports against the search for heavy hitters: it ends, stays small and names no number of people too many."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms import PrefixExtendingMethod
from tip.mechanisms.reports import Reports
from tip.randomness import Entropy

SEED = Entropy.seeded(11)


def made_up(mechanism: PrefixExtendingMethod, count: int, fill: int | None) -> Reports:
    """Well-formed reports, all alike or drawn at random."""
    generator, columns = SEED.generator("made up"), []
    for column in mechanism.layout:
        shape, top = column.shape(count), int(getattr(column, "high", 1 << 8 * column.dtype.itemsize)) - 1
        if fill is None:
            columns.append(generator.integers(0, top, shape, dtype=column.dtype, endpoint=True))
        else:
            columns.append(np.full(shape, min(fill, top), dtype=column.dtype))
    return Reports(mechanism.digest, mechanism.layout, tuple(columns))


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("fill", [0, (1 << 64) - 1, None])
def test_hostile_reports_end_in_a_small_answer(bits: int, fill: int | None) -> None:
    mechanism = PrefixExtendingMethod(bits, 2.0, top=8)
    honest = mechanism.randomize(np.arange(2000), entropy=SEED)
    tracemalloc.start()
    found = mechanism.decode(Reports.joined([honest, made_up(mechanism, 20_000, fill)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.items) <= mechanism.top * 4
    assert np.isfinite(found.share).all()
    assert peak < 200 << 20


def test_liars_cannot_hide_a_string_that_many_hold() -> None:
    mechanism = PrefixExtendingMethod(32, 4.0, top=8)
    honest = mechanism.randomize(np.full(8000, 123456789), entropy=SEED)
    found = mechanism.decode(Reports.joined([honest, made_up(mechanism, 1000, None)]))
    assert found.items[0] == 123456789
    assert 0.6 < found.share[0] < 1.2


def test_no_reports_are_an_error() -> None:
    mechanism = PrefixExtendingMethod(16, 1.0)
    with pytest.raises(ConfigurationError):
        mechanism.decode(made_up(mechanism, 0, 0))
