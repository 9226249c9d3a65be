"""The builder: the same flows as the text, with the same keys, defaults and errors."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.building import FlowBuilder
from tip.flow.language import read, read_file, write
from tip.flow.model import Aim, Ball, Interval

if TYPE_CHECKING:
    from collections.abc import Callable

FLOWS = Path(__file__).parents[2] / "examples" / "flows"


def builder() -> FlowBuilder:
    return FlowBuilder("n", about="").agents(person=5).party("coordinator")


def test_the_builder_and_the_text_make_the_same_flow() -> None:
    text = read_file(FLOWS / "federated_averaging.toml")
    built = (
        FlowBuilder(text.name, about=text.about)
        .agents(phone=4000)
        .party("aggregator", "coordinator")
        .cohort("answering", of="phone", least=500)
        .secret(
            "update", of="phone", norm=1000, neighboring="replace-one", adaptive=True,
            dimension=100, whole=True, rounds=20,
        )
        .noise("share", of="phone", law="discrete gaussian", deviation=1500, rounds=20)
        .message("vector", by="phone", says="update + share", to="aggregator", ring=32)
        .message("total", by="aggregator", says="sum(vector, answering)", to=["coordinator"], ring=32)
        .message("model", by="coordinator", says="total", to=("everybody",), ring=32)
        .fact("round", to="everybody", what="the number of the round")
        .require(against="coordinator + 10% of agents", epsilon=4, delta=1e-6)
        .build()
    )  # fmt: skip
    assert built == text


def test_graphs_reports_tables_and_aims() -> None:
    built = (
        builder()
        .party("mixer")
        .graph("pairs", over="person", wiring="k-out", picks=2, seed=7)
        .graph("line", over="person", wiring="given", edges=[(0, 1), (1, 2)])
        .table("half", [["1/2", 0.5], [1, 0]])
        .secret("answer", of="person", choices=2, neighboring="replace-one", adaptive=False)
        .secret("x", of="person", range=(0, "1/3"), neighboring="replace-one", adaptive=False)
        .noise("pair", of="pairs", law="laplace", scale="to be planned")
        .message("value", by="person", says="x + signed(pair)", to="everybody")
        .report("reply", secret="answer", truth="3/4", to="coordinator", shuffled_by="mixer", least=3)  # noqa: S106 - no password
        .minimize_error_of("value", weight="1/5")
        .minimize_bytes(weight=1e-6)
        .build()
    )
    assert built.reports[0].ratio == 3
    assert built.tables[0].rows == ((Fraction(1, 2), Fraction(1, 2)), (Fraction(1), Fraction(0)))
    assert built.secrets[1].domain == Interval(Fraction(0), Fraction(1, 3))
    assert built.noises[0].planned
    assert built.aims == (Aim("value", Fraction(1, 5)), Aim("", Fraction(1, 10**6), bytes=True))
    assert read(write(built)) == built


@pytest.mark.parametrize("norm", [0.1, "0.1", "1/10", Fraction(1, 10), np.float64(0.1)])
def test_a_float_is_the_decimal_that_python_prints(norm: float | str | Fraction) -> None:
    built = builder().secret("u", of="person", norm=norm, neighboring="zero-out", adaptive=False).build()
    assert built.secrets[0].domain == Ball(Fraction(1, 100))


def test_defaults_are_those_of_the_text() -> None:
    built = builder().secret("u", of="person", norm=1, neighboring="zero-out", adaptive=False).build()
    lines = '[secrets.u]\nof = "person"\nnorm = 1\nneighboring = "zero-out"\nadaptive = false'
    text = f'format = 1\nname = "n"\nabout = ""\nparties = ["coordinator"]\n[agents]\nperson = 5\n{lines}'
    assert built == read(text)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: builder().secret("s", of="person", norm=float("nan"), neighboring="zero-out", adaptive=False),
        "secrets.s.norm is an exact number",
    ),
    (
        lambda: builder().secret("s", of="person", norm=10**5000, neighboring="zero-out", adaptive=False),
        "thousands of digits",
    ),
    (
        lambda: builder().secret("s", of="person", neighboring="zero-out", adaptive=False),
        "secrets.s has none of range, norm, squared_norm, choices",
    ),
    (
        lambda: builder().secret("s", of="person", norm=1, neighboring="swap", adaptive=False),
        "secrets.s.neighboring is 'swap', which it cannot be",
    ),
    (
        lambda: builder().secret("s", of="person", norm=1, nrom=1, neighboring="zero-out", adaptive=False),  # type: ignore[call-arg] # the misspelling is the point
        "Did you mean norm?",
    ),
    (lambda: builder().agents(patient=0), "agents.patient: the size of a group"),
    (lambda: builder().message("m", by="person", says="a *", to="everybody"), "messages.m.says"),
    (lambda: builder().message("m", by="person", says="a", to=[]), "messages.m.to is a list of at least one text"),
    (lambda: builder().message("m", by="person", says="a", to="everybody").build(), "messages.m.says speaks of 'a'"),
    (lambda: builder().require(against="world", epsilon=0, delta=0), "requirements[0].epsilon: epsilon is a finite"),
    (lambda: builder().require(against="wold", epsilon=1, delta=0).build(), "requirements[0].against"),
    (lambda: builder().party("person").build(), "uses the name 'person' twice"),
    (lambda: FlowBuilder("", about="").agents(a=1).build(), "the name of a flow"),
    (lambda: FlowBuilder("n", about="").build(), "has no agents"),
]


@pytest.mark.parametrize(("mistake", "says"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_name_the_key_once(mistake: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mistake()
    told = str(refused.value)
    assert says in told
    assert told.count(says) == 1
