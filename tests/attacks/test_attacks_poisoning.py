"""What liars do to labels and vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tip.attacks import LabelFlip, Scale, SignFlip, attack_of
from tip.errors import ConfigurationError


@given(arrays(np.int64, st.integers(0, 20), elements=st.integers(0, 4)))
def test_flipping_twice_is_honest_and_stays_a_class(labels: np.ndarray) -> None:
    flipped = LabelFlip().labels(labels, 5)
    assert flipped.dtype == labels.dtype
    assert ((flipped >= 0) & (flipped < 5)).all()
    np.testing.assert_array_equal(LabelFlip().labels(flipped, 5), labels)
    np.testing.assert_array_equal(flipped, 4 - labels)


def test_a_number_flips_its_sign() -> None:
    np.testing.assert_array_equal(LabelFlip().labels(np.array([0.5, -2.0]), None), [-0.5, 2.0])


@pytest.mark.parametrize("attack", [SignFlip(), Scale(10.0), LabelFlip()])
def test_attacks_change_either_labels_or_vectors_and_never_their_input(attack: LabelFlip | SignFlip | Scale) -> None:
    labels, vectors = np.array([0, 1, 1]), np.array([[3, -4], [0, 7]])
    before = labels.copy(), vectors.copy()
    moved = (
        not np.array_equal(attack.labels(labels, 2), labels),
        not np.array_equal(attack.vectors(vectors), vectors),
    )
    assert sum(moved) == 1
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(vectors, before[1])


def test_scaling_rounds_and_stays_within_64_bits() -> None:
    np.testing.assert_array_equal(Scale(2.5).vectors(np.array([[3, -5]])), [[8, -12]])
    far = Scale(1e30).vectors(np.array([[3, -5, 0]]))
    assert far.dtype == np.int64
    assert far.tolist() == [[2**62, -(2**62), 0]]


def test_unknown_attacks_and_factors_are_refused() -> None:
    assert attack_of("scale", {"factor": 3.0}) == Scale(3.0)
    assert attack_of("label-flip") == LabelFlip()
    assert attack_of("sign-flip") == SignFlip()
    with pytest.raises(ConfigurationError, match=r"'rage' is no attack.*There are: label-flip, sign-flip, scale"):
        attack_of("rage")
    with pytest.raises(ConfigurationError, match="finite"):
        Scale(float("nan"))
