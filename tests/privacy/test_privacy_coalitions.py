"""The grammar of coalitions, their order, and the standard observers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy.coalitions import Chosen, Coalition, standard_observers

NAMES = ("hospital-3", "auditor", "Bank_1.x")
SHARES = st.one_of(
    st.just(Fraction(0)),
    st.fractions(min_value=0, max_value=Fraction(999, 1000)),
    st.integers(1, 9999).map(lambda n: Fraction(n, 10000)),
)


@st.composite
def coalitions(draw: st.DrawFn) -> Coalition:
    parties = frozenset(draw(st.sets(st.sampled_from((*NAMES, "coordinator", "network")))))
    share = draw(SHARES)
    chosen = draw(st.sampled_from(Chosen)) if share else Chosen.BEFORE_RANDOMNESS
    return Coalition(parties, share, chosen)


@settings(max_examples=100, deadline=None)
@given(coalitions())
def test_round_trip(c: Coalition) -> None:
    assert Coalition.parse(c.text, names=NAMES) == c


@settings(max_examples=100, deadline=None)
@given(coalitions(), coalitions(), coalitions())
def test_contains_is_a_partial_order_with_the_world_at_the_bottom(a: Coalition, b: Coalition, c: Coalition) -> None:
    assert a.contains(a)
    assert a.contains(Coalition.parse("world"))
    assert not (a.contains(b) and b.contains(a)) or a == b
    assert not (a.contains(b) and b.contains(c)) or a.contains(c)
    if a.contains(b):
        assert a.colluders(1000) >= b.colluders(1000)
        assert a.sees_roster >= b.sees_roster
        assert a.includes_coordinator >= b.includes_coordinator


def test_texts() -> None:
    c = Coalition.parse("coordinator + 10% of agents")
    assert c == Coalition(frozenset({"coordinator"}), Fraction(1, 10), Chosen.BEFORE_RANDOMNESS)
    assert c.text == "coordinator + 10% of agents"
    assert c.includes_coordinator
    assert c.sees_roster
    assert c.colluders(5018) == 501
    assert Coalition.parse("10% of agents + coordinator") == c
    assert Coalition.parse("world + coordinator").text == "coordinator"
    assert Coalition.parse("12.5% of agents (adaptive)").chosen is Chosen.ADAPTIVE
    assert Coalition.parse("100/3% of agents").colluders(10) == 3
    assert Coalition.parse("100/3% of agents").text == "100/3% of agents"
    assert Coalition.parse("0.10% of agents").text == "0.1% of agents"
    assert not Coalition.parse("world").sees_roster
    assert Coalition.parse("auditor + coordinator", names=NAMES).text == "coordinator + auditor"


def test_the_floor_is_exact() -> None:
    """In floats 0.29 * 100 is 28.999..."""
    assert Coalition.parse("29% of agents").colluders(100) == 29


def test_a_named_party_may_be_an_agent() -> None:
    c = Coalition.parse("hospital-3 + 10% of agents", names=NAMES)
    assert c.names == {"hospital-3"}
    assert c.colluders(100) == 11
    assert Coalition.parse("hospital-3", names=NAMES).colluders(0) == 0


def test_adaptive_is_stronger() -> None:
    before, after = Coalition.parse("10% of agents"), Coalition.parse("10% of agents (adaptive)")
    assert after.contains(before)
    assert not before.contains(after)


def test_standard_observers() -> None:
    assert [c.text for c in standard_observers(Fraction(1, 10))] == [
        "world",
        "10% of agents",
        "coordinator",
        "coordinator + 10% of agents",
        "network",
    ]
    assert [c.text for c in standard_observers(Fraction(0))] == ["world", "coordinator", "network"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a known party"),
        ("cordinator", 'did you mean "coordinator"'),
        ("Coordinator", 'did you mean "coordinator"'),
        ("coordinator+10% of agents", '"10% of agents"'),
        ("coordinator + ", "not a known party"),
        ("coordinator + coordinator", "twice"),
        ("10% of agents + 5% of agents", "their sum"),
        ("10% of the agents", '"10% of agents"'),
        ("10 percent of agents", '"10% of agents"'),
        ("ten agents", '"10% of agents"'),
        ("-10% of agents", '"10% of agents"'),
        ("nan% of agents", '"10% of agents"'),
        ("1e1% of agents", '"10% of agents"'),
        ("0% of agents", "nobody"),
        ("0.000% of agents", "nobody"),
        ("1/0% of agents", "nobody"),
        ("100% of agents", "below 100%"),
        ("250% of agents", "below 100%"),
        ("coordinator (adaptive)", "leave it out"),
        ("10% of agents (Adaptive)", '"10% of agents"'),
        ("(adaptive)", "not a known party"),
        ("auditor", "not a known party"),
        ("world\n", 'did you mean "world"'),
    ],
)
def test_errors_say_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        Coalition.parse(text)
    assert words.lower() in str(error.value).lower()


@pytest.mark.parametrize("name", ["Coordinator", "NETWORK", "World", "a b", "", "10%", "x + y", "ä"])
def test_names_that_would_mislead_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Coalition(frozenset({name}), Fraction(0), Chosen.BEFORE_RANDOMNESS)
    with pytest.raises(ConfigurationError):
        Coalition.parse(name, names=[name])


def test_wrong_types_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Fraction"):
        Coalition(frozenset(), 0.1, Chosen.BEFORE_RANDOMNESS)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigurationError, match="frozenset"):
        Coalition({"coordinator"}, Fraction(0), Chosen.BEFORE_RANDOMNESS)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigurationError):
        Coalition.parse("world").colluders(-1)
    with pytest.raises(ConfigurationError, match="a text"):
        Coalition.parse(5)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("share", ["1/00", "0/00", "0." + "1" * 5000, "9" * 5000])
def test_shares_that_are_no_numbers(share: str) -> None:
    with pytest.raises(ConfigurationError):
        Coalition.parse(f"{share}% of agents")
