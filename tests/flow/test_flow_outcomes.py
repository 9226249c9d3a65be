"""Outcomes: how what is learned adds up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from tip.flow.derivation import Node
from tip.flow.outcomes import Outcome, at_most, gaussian, pure_ratio, repeated, together, unproven
from tip.privacy.events import Composed, Concentrated, Gaussian, Nothing, PureLoss, Repeated

NODE = Node("view", "what is seen")


def test_squares_add_and_ratios_multiply() -> None:
    assert together([gaussian(NODE, Fraction(1, 3)), gaussian(NODE, Fraction(1, 6))]).mu_squared == Fraction(1, 2)
    pure = together([Outcome(NODE, PureLoss(Fraction(3))), repeated(Outcome(NODE, PureLoss(Fraction(2))), 3)])
    assert (pure.ratio, pure.mu_squared) == (Fraction(24), None)
    mixed = together([gaussian(NODE, Fraction(1)), Outcome(NODE, Concentrated(Fraction(1, 4)))])
    assert (mixed.mu_squared, mixed.ratio, mixed.rho) == (None, None, Fraction(3, 4))
    assert together([]).mu_squared == 0


def test_rounds_alike() -> None:
    assert repeated(gaussian(NODE, Fraction(1, 3)), 6).mu_squared == 2
    assert repeated(Outcome(NODE, Concentrated(Fraction(1, 4))), 8).rho == 2
    once = gaussian(NODE, Fraction(1))
    assert repeated(once, 1) is once
    assert repeated(replace(once, failure=0.25), 3).failure == 0.75


def test_one_missing_rule_is_missing_in_all() -> None:
    found = together([gaussian(NODE, Fraction(1)), unproven("not proven", "a rule"), unproven("not proven", "a rule")])
    assert (found.event, found.missing, found.mu_squared) == (None, "a rule", None)
    assert repeated(found, 5) is found


def test_marks_of_any_part_stand_on_the_whole() -> None:
    parts = [Outcome(NODE, Concentrated(Fraction(1)), masked=True), replace(gaussian(NODE, Fraction(1)), failure=0.25)]
    whole = together(parts)
    assert (whole.masked, whole.idealized, whole.failure) == (True, True, 0.25)


def test_the_worst_of_unlike_kinds_has_no_figure() -> None:
    mixed = Outcome(NODE, PureLoss(Fraction(3)), mixed=True)
    assert (mixed.ratio, mixed.rho) == (None, None)


def test_pure_ratios() -> None:
    assert pure_ratio(Nothing()) == 1
    assert pure_ratio(Composed((PureLoss(Fraction(2)), Repeated(PureLoss(Fraction(3)), 2)))) == 18
    assert pure_ratio(Gaussian(1.0)) is None
    assert pure_ratio(Composed((PureLoss(Fraction(2)), Gaussian(1.0)))) is None


def test_told_figures_are_never_below() -> None:
    for value in (1 / 3, 0.1234567891, 1e-300, 12345678.91234, 2.0, 0.0):
        assert float(at_most(value)) >= value
