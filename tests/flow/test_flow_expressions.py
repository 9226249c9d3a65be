"""Formulas: what they read as, what they are written as, what they refuse."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.expressions import (
    DEEPEST,
    LONGEST,
    MEMBER_FUNCTIONS,
    ROUND_FUNCTIONS,
    Added,
    Applied,
    Expression,
    Scaled,
    Symbol,
    calls,
    depth,
    names,
    parse,
    write,
)

A, B, C = Symbol("a"), Symbol("b"), Symbol("c")

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}(\.[A-Za-z_][A-Za-z0-9_]{0,5})?", fullmatch=True)
FACTORS = st.fractions(max_denominator=10**9) | st.integers(-5, 5).map(Fraction)


def applied(of: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Every function with every number of arguments that it takes."""
    plain = st.sampled_from(["sum", "mean", "signed", "token", "previous", "so_far", "tree", "root", "last"])
    named = st.sampled_from(["sum", "mean", "mix", "gossip", "apply"])
    return (
        st.builds(Applied, plain, of)
        | st.builds(Applied, named, of, st.tuples(NAMES))
        | st.builds(Applied, st.just("gossip"), of, st.tuples(NAMES, st.integers(0, 10**6)))
    )


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    NAMES.map(Symbol),
    lambda of: (
        st.builds(Scaled, FACTORS, of) | st.builds(Added, st.lists(of, min_size=2, max_size=4).map(tuple)) | applied(of)
    ),
    max_leaves=20,
)


@given(EXPRESSIONS)
def test_what_is_written_reads_back(expression: Expression) -> None:
    assert parse(write(expression)) == expression


@given(EXPRESSIONS)
def test_spaces_and_lines_mean_nothing(expression: Expression) -> None:
    assert parse("\n  " + write(expression).replace("(", " (\t").replace(",", "\n,") + " \n") == expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("a.b", Symbol("a.b")),
        ("from + lambda", Added((Symbol("from"), Symbol("lambda")))),
        ("a + b - c", Added((A, B, Scaled(Fraction(-1), C)))),
        ("a + (b + c)", Added((A, Added((B, C))))),
        ("-a + b", Added((Scaled(Fraction(-1), A), B))),
        ("-(a + b)", Scaled(Fraction(-1), Added((A, B)))),
        ("a - 2*b", Added((A, Scaled(Fraction(-2), B)))),
        ("2*a/3", Scaled(Fraction(2, 3), A)),
        ("2/3*a", Scaled(Fraction(2, 3), A)),
        ("a * -0.5", Scaled(Fraction(-1, 2), A)),
        ("(1/3 + 1)*a", Scaled(Fraction(4, 3), A)),
        ("1e-3*a", Scaled(Fraction(1, 1000), A)),
        ("2*(3*a)", Scaled(Fraction(2), Scaled(Fraction(3), A))),
        ("sum(a)", Applied("sum", A)),
        ("sum(sum)", Applied("sum", Symbol("sum"))),
        ("gossip(a + b, W, 4)", Applied("gossip", Added((A, B)), ("W", 4))),
    ],
)
def test_meaning(text: str, expected: Expression) -> None:
    assert parse(text) == expected


def test_decimals_are_exact() -> None:
    """A float would keep 17 digits of it, and 0.1 would be another number."""
    expected = Fraction(10**20 + 1, 10**21)
    assert parse("0.100000000000000000001 * a") == Scaled(expected, A)
    assert expected != Fraction(0.1)
    assert parse("0.1*a") == Scaled(Fraction(1, 10), A)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends too early"),
        ("a +", "ends too early"),
        ("a b", "'b' cannot stand there"),
        ("2a", "'a' cannot stand there"),
        ("(a", "ends too early"),
        ("a)", "')' cannot stand there"),
        ("a ** 2", "cannot stand there"),
        ("a; b", "';' cannot stand there"),
        ("a if b else c", "cannot stand there"),
        ("a # comment", "'#' cannot stand there"),
        ("\N{CYRILLIC SMALL LETTER A}", "cannot stand there"),
        ("a\0", "cannot stand there"),
        ("a*b", "not linear"),
        ("1/a", "not linear"),
        ("2/sum(a)", "not linear"),
        ("a/0", "divides by zero"),
        ("a/(1 - 1)", "divides by zero"),
        ("a + 1", "the number 1"),
        ("3", "the number 3"),
        ("sum(2)", "the number 2"),
        ("sums(a)", "did you mean 'sum'"),
        ("a(b)", "no function of a message"),
        ("sum()", "is not a formula"),
        ("mix(a)", "mix(formula, name)"),
        ("mix(a, 2)", "mix(formula, name)"),
        ("gossip(a, 2, W)", "gossip(formula, name, whole number)"),
        ("gossip(a, W, 2.5)", "a name or a whole number"),
        ("previous(a, W)", "previous(formula)"),
        ("gossip(a, W, 4, 5)", "takes other arguments"),
        ("1e999999*a", "no exact number"),
        ("1e999999999999*a", "no exact number"),
        ("9" * 5000 + "*a", "no exact number"),
        ("1e1000*1e1000*a", "thousands of digits"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(text)
    assert says.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000, "sum(" * 20_000, "-" * 99_999, "a" * 200_000, "1+" * 49_999, "a-" * 49_999, "((a)" * 20_000],
)
def test_hostile_texts_are_refused_and_never_crash(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(text)


def test_long_sums_are_read() -> None:
    many = parse(" + ".join(["a"] * 20_000))
    assert isinstance(many, Added)
    assert len(many.parts) == 20_000
    assert depth(many) == 1


def test_a_text_is_wanted() -> None:
    for wrong in (None, 3, b"a", "a" + " " * LONGEST):
        with pytest.raises(ConfigurationError, match="a text of at most"):
            parse(wrong)  # type: ignore[arg-type] # the wrong type is the point


def test_names_and_calls_from_left_to_right() -> None:
    expression = parse("sum(b + 2*a, C) - signed(previous(b))")
    assert list(names(expression)) == ["b", "a", "b"]
    assert [call.function for call in calls(expression)] == ["sum", "signed", "previous"]


def test_depth_counts_the_longest_way_down() -> None:
    assert [depth(parse(text)) for text in ("a", "2*a", "sum(a) + b", "a + 2*(b + c)")] == [0, 1, 2, 3]
    deep: Expression = A
    for _ in range(100_000):
        deep = Scaled(Fraction(2), deep)
    assert depth(deep) == DEEPEST + 1


def test_parentheses_up_to_the_limit() -> None:
    assert parse("(" * DEEPEST + "a" + ")" * DEEPEST) == A
    with pytest.raises(ConfigurationError, match="more than 50 deep"):
        parse("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1))


def test_parts_check_themselves() -> None:
    for wrong in (
        lambda: Added((A,)),
        lambda: Added([A, B]),  # type: ignore[arg-type] # the wrong type is the point
        lambda: Scaled(0.5, A),  # type: ignore[arg-type] # the wrong type is the point
        lambda: Scaled(Fraction(1, 3**5000), A),
        lambda: Applied("product", A),
        lambda: Applied("gossip", A, (3, "W")),
        lambda: Applied("gossip", A, ("W", True)),
        lambda: Applied("mix", A),
    ):
        with pytest.raises(ConfigurationError):
            wrong()


def test_every_function_is_listed_once() -> None:
    assert not set(MEMBER_FUNCTIONS) & set(ROUND_FUNCTIONS)
    for function in (*MEMBER_FUNCTIONS, *ROUND_FUNCTIONS):
        arguments = ("W",) if function in {"mix", "gossip", "apply"} else ()
        assert parse(write(Applied(function, A, arguments))) == Applied(function, A, arguments)
