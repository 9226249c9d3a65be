"""What values fit which kind, and how they are told."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.plan.kinds import (
    Choice,
    Code,
    Flag,
    Kind,
    Listed,
    OneOf,
    Pipeline,
    Range,
    Real,
    Text,
    Whole,
    WholeOr,
    near,
    shown,
)

KINDS: list[Kind] = [
    Whole(1),
    OneOf((16, 32)),
    Real(),
    Real(0, 1, "low high"),
    Flag(),
    Text(),
    Choice(("a", "b"), ("c",)),
    Pipeline(("sum", "nnm")),
    WholeOr("all", Whole(1)),
    Code(),
    Listed(Text()),
    Range(),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.sampled_from(KINDS), ANYTHING)
def test_any_value_is_judged_and_told_without_an_exception(kind: Kind, value: object) -> None:
    assert kind.words
    assert isinstance(kind.hint(value), str)
    assert len(shown(value)) <= 80
    if kind.fits(value):
        assert kind.fits(kind.take(value))
        assert kind.take(kind.take(value)) == kind.take(value)


@pytest.mark.parametrize("kind", [Whole(), Whole(1), OneOf((0, 1)), Real(), Real(0), Code(), WholeOr("all", Whole())])
def test_a_truth_value_is_no_number(kind: Kind) -> None:
    assert not kind.fits(True)
    assert not kind.fits(False)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "1", None, [1.0]])
def test_a_number_is_finite(value: object) -> None:
    assert not Real().fits(value)
    assert not Range().fits([0, value])
    assert not Listed(Real()).fits([value])


def test_ends_are_inside_or_not() -> None:
    assert Real(0, 1).fits(0)
    assert Real(0, 1).fits(1)
    assert not Real(0, 1, "low").fits(0)
    assert not Real(0, 1, "high").fits(1.0)
    assert Real(0, 1, "low high").words == "number > 0 and < 1"
    assert Real(0, 1, "high").words == "number >= 0 and < 1"
    assert Real().words == "finite number"
    assert Whole(1).words == "whole number >= 1"
    assert Whole(1, 9).words == "whole number from 1 to 9"
    assert not Whole(1, 9).fits(10)
    assert not Whole().fits(2**63)


@pytest.mark.parametrize("value", [[1, 1], [2, 1], [1], [1, 2, 3], "12", {"low": 1}, [-1.7e308, 1.7e308], [True, 2]])
def test_a_range_has_two_ends_in_order(value: object) -> None:
    assert not Range().fits(value)
    assert Range().take([1, 2]) == (1.0, 2.0)


def test_a_list_has_no_item_twice_and_becomes_a_tuple() -> None:
    assert not Listed(Text()).fits(["a", "a"])
    assert not Listed(Text(), 1).fits([])
    assert not Listed(Text()).fits("ab")
    assert Listed(Real()).take([1, 2.5]) == (1.0, 2.5)


@pytest.mark.parametrize("value", ["\ud800", "", "x" * 20_000, b"bytes", 3])
def test_text_can_be_written_as_utf8(value: object) -> None:
    assert not Text().fits(value)


def test_choices_know_what_comes_later_and_what_was_meant() -> None:
    kind = Choice(("clear", "ideal"), ("masking",))
    assert kind.fits("masking")
    assert not kind.fits("idael")
    assert kind.hint("idael") == 'Did you mean "ideal"?'
    assert kind.hint(3) == ""
    assert kind.words == '"clear" or "ideal"'
    assert Choice(("csv",), function=True).fits("package.module:function")
    assert not Choice(("csv",), function=True).fits("package.module:")
    assert not Choice(("csv",), function=True).fits("os; rm:x")
    assert Choice(("row",), column=True).fits("CUSTOMER_ID")


def test_a_pipeline_is_made_of_known_names() -> None:
    kind = Pipeline(("sum", "nnm", "trimmed-mean"))
    assert kind.fits("nnm | trimmed-mean")
    assert not kind.fits("nnm |")
    assert not kind.fits("nnm | other")


def test_near_ignores_case_hyphens_and_underscores() -> None:
    assert near("Label_Flip", ("label-flip", "scale")) == "label-flip"
    assert near("zzz", ("label-flip", "scale")) is None


def test_values_are_told_as_they_stand_in_a_plan() -> None:
    assert shown(True) == "true"
    assert shown('say "x"') == '"say \\"x\\""'
    assert shown([1, "a", [2]]) == '[1, "a", [...]]'
    assert shown({"a": 1}) == "a table"
    assert shown(10**5000) == "a whole number beyond 64 bits"
    assert shown("x" * 200).endswith("...")
