"""Models: gradients against differences, equality to the bit whatever the stack, and extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError
from tip.learning.model import Linear, Logistic, Model, Softmax, shares_of
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

STREAM = Entropy.seeded(3).stream("test of models")
MODELS: tuple[Model, ...] = (Linear(5), Logistic(5), Softmax(5, 2), Softmax(5, 4))


def reals(*shape: int, lane: int = 0) -> Reals:
    """Uniform numbers in [-1, 1)."""
    words = STREAM.words(np.zeros(1, np.int64), int(np.prod(shape)), lane=lane)
    return np.asarray(words.astype(np.float64) * 2.0**-63 - 1).reshape(shape)


def labels_of(model: Model, *shape: int) -> NDArray[np.float64] | NDArray[np.int64]:
    uniform = (reals(*shape, lane=9) + 1) / 2
    return uniform if isinstance(model, Linear) else (uniform * max(model.outputs, 2)).astype(np.int64)


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_the_differences_of_the_loss(model: Model) -> None:
    parameters, features, labels = reals(model.dimension, lane=1), reals(1, 8, 5, lane=2), labels_of(model, 1, 8)
    gradient = model.gradients(parameters, features, labels, np.ones((1, 8)))[0]
    step = 1e-6

    def loss(theta: Reals) -> float:
        return model.loss(theta, features[0], labels[0])

    differences = [
        (loss(parameters + step * e) - loss(parameters - step * e)) / (2 * step) for e in np.eye(model.dimension)
    ]
    assert np.allclose(gradient, differences, rtol=0, atol=1e-8)
    assert not np.allclose(gradient * 1.001, differences, rtol=0, atol=1e-8)


def twin(model: Model, parameters: Reals, features: Reals, labels: Reals, weights: Reals) -> Reals:
    """The slow way: record by record."""
    total = np.zeros(model.dimension)
    for x, y, w in zip(features, labels, weights, strict=True):
        scores = parameters[: -model.outputs].reshape(model.outputs, -1) @ x + parameters[-model.outputs :]
        if isinstance(model, Linear):
            residual = scores - y
        elif isinstance(model, Logistic):
            residual = 1 / (1 + np.exp(-scores)) - y
        else:
            residual = np.exp(scores) / np.exp(scores).sum() - np.eye(model.outputs)[int(y)]
        total += w * np.concatenate([np.outer(residual, x).ravel(), residual])
    return total


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MODELS), st.integers(1, 5), st.integers(1, 9), st.booleans(), st.integers(0, 50))
def test_the_kernel_is_its_slow_twin(model: Model, n: int, m: int, own: bool, lane: int) -> None:  # noqa: FBT001 - drawn
    parameters = reals(n, model.dimension, lane=lane) if own else reals(model.dimension, lane=lane)
    features, labels, weights = reals(n, m, 5, lane=lane + 1), labels_of(model, n, m), reals(n, m, lane=lane + 2) + 1
    sums = model.gradient_sums(parameters, features, labels, weights)
    rows = np.broadcast_to(parameters, (n, model.dimension))
    slow = [twin(model, rows[i], features[i], labels[i], weights[i]) for i in range(n)]
    assert np.allclose(sums, slow, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", [Linear(5), Linear(64), Logistic(40), Softmax(7, 3), Softmax(64, 10), Softmax(1, 10)])
@pytest.mark.parametrize("m", [1, 2, 3, 10, 20, 33])
def test_an_agent_s_gradient_is_the_same_to_the_bit_in_every_stack(model: Model, m: int) -> None:
    n, p = 203, model.features
    features, labels, weights = reals(n, m, p, lane=4), labels_of(model, n, m), np.ones((n, m))
    parameters = reals(n, model.dimension, lane=5)
    for theta in (parameters, np.tile(parameters[0], (n, 1))):
        whole = model.gradients(theta, features, labels, weights)
        for block in (1, 7, 200):
            cuts = [slice(i, i + block) for i in range(0, n, block)]
            parts = [model.gradients(theta[c], features[c], labels[c], weights[c]) for c in cuts]
            assert np.array_equal(np.concatenate(parts), whole)
    shared = model.gradients(parameters[0], features, labels, weights)
    assert np.array_equal(shared, model.gradients(np.tile(parameters[0], (n, 1)), features, labels, weights))


def test_einsum_would_not_do() -> None:
    """The mutant behind rule 1: one large product over all agents' records depends on who else is there."""
    features, matrix = reals(203, 20, 64, lane=4), reals(10, 64, lane=5)
    whole = (features.reshape(-1, 64) @ matrix.T).reshape(203, 20, 10)
    alone = np.stack([np.einsum("mp,kp->mk", x, matrix) for x in features])
    assert np.allclose(whole, alone)
    assert not np.array_equal(whole, alone)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scale", [1e-308, 1e3, 1e150, 1e307])
def test_scores_up_to_the_end_of_float64_are_safe(model: Model, scale: float) -> None:
    features = np.array([[[1.0, 0, 0, 0, 0], [-1.0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0]]])
    parameters = np.zeros(model.dimension)
    parameters[: model.outputs * 5 : 5] = scale * np.linspace(1, -1, model.outputs) if model.outputs > 1 else scale
    labels = labels_of(model, 1, 3)
    gradient = model.gradients(parameters, features, labels, np.ones((1, 3)))
    assert np.isfinite(gradient).all()
    if not isinstance(model, Linear):
        assert np.abs(gradient).max() <= 1
        assert np.isfinite(model.loss(parameters, features[0], labels[0]))


def test_certain_scores_give_the_limits() -> None:
    features, weights = np.array([[[1.0], [-1.0]]]), np.ones((1, 2))
    logistic = Logistic(1)
    sure = np.array([1e308, 0.0])
    assert logistic.gradients(sure, features, np.array([[1, 0]]), weights).tolist() == [[0.0, 0.0]]
    assert logistic.gradients(sure, features, np.array([[0, 1]]), weights).tolist() == [[1.0, 0.0]]
    softmax = Softmax(1, 2)
    sure = np.array([-1e308, 1e308, 0.0, 0.0])
    assert softmax.gradients(sure, features, np.array([[1, 0]]), weights).tolist() == [[0.0] * 4]
    assert softmax.loss(sure, features[0], np.array([1, 0])) == 0.0


@pytest.mark.parametrize("model", MODELS)
def test_scores_that_are_not_finite_stay_with_their_agent(model: Model) -> None:
    features, labels = reals(3, 4, 5, lane=6), labels_of(model, 3, 4)
    features[1, 2, 3] = np.nan
    features[2, 0, 0] = np.inf
    gradients = model.gradients(reals(model.dimension, lane=7), features, labels, np.ones((3, 4)))
    assert np.isfinite(gradients[0]).all()
    assert not np.isfinite(gradients[1]).all()


@pytest.mark.parametrize("model", MODELS)
def test_records_without_weight_and_agents_without_records_add_nothing(model: Model) -> None:
    theta, features, labels = reals(model.dimension, lane=1), reals(2, 6, 5, lane=2), labels_of(model, 2, 6)
    weights = np.array([[1.0, 1, 1, 0, 0, 0], [0.0] * 6])
    gradients = model.gradients(theta, features, labels, weights)
    assert np.allclose(gradients[0], model.gradients(theta, features[:1, :3], labels[:1, :3], np.ones((1, 3)))[0])
    assert not gradients[1].any()
    nobody = model.gradients(theta, features[:0], labels[:0], weights[:0])
    assert nobody.shape == (0, model.dimension)
    assert model.loss(theta, features[0, :0], labels[0, :0]) == 0.0
    nothing = model.gradients(theta, features[:, :0], labels[:, :0], weights[:, :0])
    assert nothing.shape == (2, model.dimension)
    assert not nothing.any()


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_shares_add_up_to_one_or_zero(weights: list[float]) -> None:
    shares = shares_of(np.array([weights]))
    assert shares.sum() == pytest.approx(1.0 if sum(weights) > 0 else 0.0)


@pytest.mark.parametrize("label", [-1, 4, 10**12, -(10**12)])
def test_labels_beyond_the_classes_are_refused(label: int) -> None:
    model = Softmax(5, 4)
    with pytest.raises(DataError, match="0 to 3"):
        model.gradients(model.initial(), np.zeros((1, 2, 5)), np.array([[0, label]]), np.ones((1, 2)))


def test_shapes_are_checked() -> None:
    model = Logistic(5)
    good = (model.initial(), np.zeros((2, 3, 5)), np.zeros((2, 3)), np.ones((2, 3)))
    assert model.gradients(*good).shape == (2, 6)
    wrong = (np.zeros(5), np.zeros((2, 3, 4)), np.zeros((2, 2)), np.ones((3, 3)))
    for place in range(4):
        with pytest.raises(ConfigurationError, match="does not fit"):
            model.gradients(*(wrong[i] if i == place else good[i] for i in range(4)))
    with pytest.raises(ConfigurationError):
        model.scores(model.initial(), np.zeros((2, 4)))
    for bad in (lambda: Linear(0), lambda: Logistic(0), lambda: Softmax(0, 3), lambda: Softmax(3, 1)):
        with pytest.raises(ConfigurationError):
            bad()


def test_dimensions_count_the_intercepts() -> None:
    assert [model.dimension for model in MODELS] == [6, 6, 12, 24]
    assert Softmax(64, 10).dimension == 650
    assert Logistic(5).scores(np.arange(6.0), np.ones((2, 5))).tolist() == [15.0, 15.0]
    assert Softmax(5, 4).scores(np.zeros(24), np.ones((2, 5))).shape == (2, 4)
