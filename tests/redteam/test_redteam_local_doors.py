"""Doors of local mechanisms: what is no report, no total, no source of bits, no value is told so."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.randomness import Entropy

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

SEED: Final = Entropy.seeded(21)
MARK: Final = "918273645"
NO_VALUES: Final[Thing] = (
    MARK,
    None,
    918273645 << 70,
    1j,
    [],
    [1, 2],
    [[1, 2], [1, 2]],
    object(),
    float("nan"),
    {MARK: 1},
)


def test_what_is_no_report_or_total_or_entropy_is_refused(attacked: Thing) -> None:
    """By every public door, with an error of ours."""
    mechanism = attacked.mechanism
    aggregate = mechanism.aggregate(mechanism.randomize(attacked.many(3), entropy=SEED))
    for wrong in (None, 1, b"tipR", [1, 2], np.zeros(3), {"digest": mechanism.spec.digest}, aggregate, mechanism):
        for door in (mechanism.validate, mechanism.aggregate):
            with pytest.raises(ConfigurationError):
                door(wrong)
        if wrong is not aggregate:
            with pytest.raises(ConfigurationError):
                mechanism.estimate(wrong)
    for wrong in (None, 7, "seed", np.zeros(2), b"\0" * 32):
        with pytest.raises(ConfigurationError, match="entropy is"):
            mechanism.randomize(attacked.many(1), entropy=wrong)


def test_totals_of_another_shape_or_type_are_refused(attacked: Thing) -> None:
    """The right digest does not make totals right."""
    mechanism = attacked.mechanism
    made = mechanism.aggregate(mechanism.randomize(attacked.many(3), entropy=SEED))
    totals = made.totals
    other = np.float64 if totals.dtype == np.int64 else np.int64
    flat = totals.reshape(-1)
    shapes = flat[:-1], np.append(flat, flat[:1]), totals[None], totals[..., None], flat[:0]
    for wrong in (*shapes, totals.astype(other)):
        with pytest.raises(ConfigurationError):
            mechanism.estimate(Aggregate(made.digest, made.reports, 0, wrong))


def test_what_cannot_be_randomized_has_no_law(lawful: Thing) -> None:
    """`law` takes the one value that `checked` takes."""
    mechanism = lawful.mechanism
    assert mechanism.law(np.asarray(lawful.inputs[0])) == mechanism.law(lawful.inputs[0])
    for wrong in (*NO_VALUES, 0.5, -1, 918273645, True):
        try:
            accepted = len(mechanism.checked(wrong)) == 1  # numbers are cut to their range
        except ConfigurationError:
            accepted = False
        if not accepted:
            with pytest.raises(ConfigurationError) as caught:
                mechanism.law(wrong)
            assert MARK not in str(caught.value)


def test_rows_that_are_not_there_are_an_index_error(attacked: Thing) -> None:
    """As NumPy's."""
    reports = attacked.mechanism.randomize(attacked.many(3), entropy=SEED)
    with pytest.raises(IndexError):
        reports.take(np.array([1000]))
