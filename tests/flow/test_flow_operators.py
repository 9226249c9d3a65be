"""Operators against slow dense twins, in floats, in fractions and by evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import operators
from tip.flow.evaluation import evaluate
from tip.flow.exactly import Exactly
from tip.flow.expressions import parse
from tip.flow.graphs import edges
from tip.flow.model import Cohort, Flow, Graph, Group, Interval, Law, Message, Noise, Secret, Table, Wiring
from tip.flow.operators import Sources
from tip.privacy.statements import Neighboring
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEMBERS = 5
COHORT = np.array([0, 2, 3])
NET = Graph("net", "user", Wiring.K_OUT, 2, 3)
PAIRS = edges(NET, MEMBERS)


def flow(formula: str, rounds: int, by: str = "user") -> Flow:
    """x and eta of five users, e on the edges between them; one message."""
    entries = Entropy.seeded(5).generator("tables").integers(-3, 4, (2, 5, 5)).tolist()
    heavy, plan = (
        Table(name, tuple(tuple(Fraction(entry, 2) for entry in row[:width]) for row in rows))
        for name, rows, width in zip(("heavy", "plan"), entries, (5, rounds), strict=True)
    )
    secrets = (Secret("x", "user", Interval(Fraction(0), Fraction(1)), Neighboring.REPLACE_ONE, False, rounds=rounds),)
    noises = (
        Noise("eta", "user", Law.GAUSSIAN, Fraction(1)),
        Noise("e", "net", Law.GAUSSIAN, Fraction(1), rounds=rounds),
    )
    return Flow(
        "one", "", groups=(Group("user", MEMBERS),), parties=("server",), graphs=(NET,), tables=(heavy, plan),
        cohorts=(Cohort("some", "user", 3),), secrets=secrets, noises=noises,
        messages=(Message("m", by, parse(formula), ("server",)),),
    )  # fmt: skip


# -- slow twins: from (rounds, members) to (rounds, members) --------------------------------------


def signed(e: Floats) -> Floats:
    out = np.zeros((len(e), MEMBERS))
    for number, (lower, upper) in enumerate(PAIRS):
        out[:, lower] += e[:, number]
        out[:, upper] -= e[:, number]
    return out


def metropolis() -> Floats:
    degree = [sum(i in pair for pair in PAIRS.tolist()) for i in range(MEMBERS)]
    w = np.zeros((MEMBERS, MEMBERS))
    for i, j in PAIRS:
        w[i, j] = w[j, i] = 1 / (1 + max(degree[i], degree[j]))
    return w + np.diag(1 - w.sum(axis=1))


def table(name: str, rounds: int) -> Floats:
    return np.array([[float(entry) for entry in row] for row in flow("x", rounds).table(name).rows])


def gossip(x: Floats, w: Floats, rounds: int) -> Floats:
    out = [x[0]]
    for t in range(1, rounds):
        out.append(w @ out[-1] + (x[t] if len(x) > 1 else 0))
    return np.array(out)


def token(x: Floats) -> Floats:
    out, held = np.zeros_like(x), 0.0
    for turn in range(len(x)):
        for member in range(x.shape[1]):
            held += x[turn, member]
            out[turn, member] = held
    return out


def tree(x: Floats) -> Floats:
    rows, width = [], 1
    while width <= len(x):
        rows += [x[first : first + width].sum(axis=0) for first in range(0, len(x), width)]
        width *= 2
    return np.array(rows)


def root(x: Floats) -> Floats:
    out = np.zeros_like(x)
    for t in range(len(x)):
        for s in range(t + 1):
            out[t] += math.comb(2 * (t - s), t - s) / 4 ** (t - s) * x[s]
    return out


TWINS: dict[str, tuple[str, str, Callable[[Floats], Floats]]] = {
    "sum(x)": ("server", "x", lambda x: x.sum(axis=1, keepdims=True)),
    "mean(x)": ("server", "x", lambda x: x.mean(axis=1, keepdims=True)),
    "sum(x, some)": ("server", "x", lambda x: x[:, COHORT].sum(axis=1, keepdims=True)),
    "mean(x, some)": ("server", "x", lambda x: x[:, COHORT].sum(axis=1, keepdims=True) / 3),
    "sum(e)": ("server", "e", lambda e: e.sum(axis=1, keepdims=True)),
    "signed(e)": ("user", "e", signed),
    "signed(2*e)": ("user", "e", lambda e: 2 * signed(e)),
    "mix(x, net)": ("user", "x", lambda x: x @ metropolis().T),
    "mix(x, heavy)": ("user", "x", lambda x: x @ table("heavy", len(x)).T),
    "gossip(x, net)": ("user", "x", lambda x: gossip(x, metropolis(), len(x))),
    "gossip(x, heavy)": ("user", "x", lambda x: gossip(x, table("heavy", len(x)), len(x))),
    "gossip(eta, net, 4)": ("user", "eta", lambda x: gossip(x, metropolis(), 4)),
    "token(x)": ("user", "x", token),
    "previous(x)": ("user", "x", lambda x: np.concatenate([np.zeros((1, MEMBERS)), x[:-1]])),
    "so_far(x)": ("user", "x", lambda x: np.cumsum(x, axis=0)),
    "tree(x)": ("user", "x", tree),
    "root(x)": ("user", "x", root),
    "apply(x, plan)": ("user", "x", lambda x: table("plan", len(x)) @ x),
    "last(x)": ("user", "x", lambda x: x[-1:]),
    "-x/4": ("user", "x", lambda x: -x / 4),
    "x - 2*so_far(x)": ("user", "x", lambda x: x - 2 * np.cumsum(x, axis=0)),
}


def sources(built: Flow) -> Sources:
    """All columns of all symbols."""
    sizes = {"x": built.secrets[0].rounds * MEMBERS, "eta": MEMBERS, "e": built.noises[1].rounds * len(PAIRS)}
    return Sources(built, {name: np.arange(size) for name, size in sizes.items()}, {"some": COHORT})


def numbers(built: Flow, name: str, seed: int) -> NDArray[np.int64]:
    shape = {"x": (built.secrets[0].rounds, MEMBERS), "eta": (1, MEMBERS), "e": (built.noises[1].rounds, len(PAIRS))}
    return Entropy.seeded(seed).generator("numbers").integers(-99, 100, shape[name])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(TWINS)), st.sampled_from([1, 2, 4]), st.integers(0, 999))
def test_every_function_is_its_slow_twin(formula: str, rounds: int, seed: int) -> None:
    by, symbol, twin = TWINS[formula]
    built = flow(formula, rounds, by)
    value = numbers(built, symbol, seed)
    expected = twin(value.astype(float))
    linear = operators.message(sources(built), "m")
    assert (linear.rounds, linear.members) == expected.shape
    np.testing.assert_allclose(linear.parts[symbol] @ value.ravel(), expected.ravel(), rtol=1e-12, atol=1e-12)
    said = evaluate(built, {symbol: value[:, :, None]}, {"some": COHORT})["m"]
    np.testing.assert_allclose(said[:, :, 0].astype(float), expected, rtol=1e-12, atol=1e-12)
    colluders = frozenset({2, 3}) if "some" in formula else frozenset()  # the worst cohort is then {0, 2, 3}
    rows = Exactly(built, colluders, one_round=False).message("m")[1]
    at = {(symbol, i, t): int(v) for (t, i), v in np.ndenumerate(value)}
    exact = [float(sum(entry * at[column] for column, entry in row.items())) for row in rows]
    np.testing.assert_allclose(exact, expected.ravel(), rtol=1e-12, atol=1e-12)


def test_every_function_of_the_language_has_a_twin() -> None:
    assert set(operators._FUNCTIONS) == {formula.split("(")[0] for formula in TWINS if formula[-1] == ")"} - {
        "x - 2*so_far"
    }


@pytest.mark.parametrize("formula", ["x + eta + signed(e)", "so_far(x + eta)", "signed(e + 2*e)", "mix(x, net)"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_only_wanted_columns_are_built_and_they_are_the_same(formula: str, rounds: int) -> None:
    built = flow(formula, rounds)
    whole = sources(built)
    kept = {name: columns[columns % 3 != 1] for name, columns in whole.kept.items()}
    full, part = operators.message(whole, "m"), operators.message(replace(whole, kept=kept, done={}), "m")
    for name in full.parts:
        np.testing.assert_array_equal(full.parts[name].toarray()[:, kept[name]], part.parts[name].toarray())


def test_values_of_one_round_are_the_same_in_all_rounds() -> None:
    linear = operators.message(sources(flow("x + eta", 3)), "m")
    np.testing.assert_array_equal(linear.parts["eta"].toarray(), np.tile(np.eye(MEMBERS), (3, 1)))
    np.testing.assert_array_equal(linear.parts["x"].toarray(), np.eye(3 * MEMBERS))


def test_messages_are_read_through_their_definitions() -> None:
    built = flow("x + eta", 1)
    further = (*built.messages, Message("n", "server", parse("sum(m - 2*eta) + sum(m)"), ("server",)))
    linear = operators.message(sources(replace(built, messages=further)), "n")
    assert linear.parts["x"].toarray().tolist() == [[2.0] * MEMBERS]
    assert abs(linear.parts["eta"]).sum() == 0


def test_mixing_keeps_the_mean_and_is_symmetric() -> None:
    weights = operators.weights(flow("x", 1), "net").toarray()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(weights, weights.T)
    assert (np.diag(weights) > 0).all()


def test_a_token_for_too_many_is_refused() -> None:
    group = (Group("user", 20_000),)
    large = replace(flow("token(x)", 1), groups=group, tables=())
    with pytest.raises(ConfigurationError, match="too many"):
        operators.message(replace(sources(large), kept={"x": np.arange(20_000)}), "m")
