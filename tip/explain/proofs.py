"""What reviewers read: what a guarantee means exactly, its proof step by step, and leaks.

The bound on reconstruction (Hayes, Mahloujifar, Balle 2023, there for one training run) is proven in
docs/explain.md from the trade-off curve alone: that a reconstruction succeeds is an event, so a test, and the
curve is concave. It is told for real-arithmetic Gaussian guarantees only (law 10).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.explain.steps import source_in_words, step_in_words
from tip.privacy.guarantees import Kind, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.explain.tongue import Tongue
    from tip.flow.derivation import Derivation, Node, Scalar
    from tip.privacy.guarantees import Guarantee

BASELINES: Final = (0.001, 0.01, 0.1)
PUBLISHED: Final = "published"
LEAK: Final = "leak"
_SHORT: Final = 24  # characters of a fraction that is told exactly
_DIGITS: Final = 6  # of the two decimals that a longer one lies between
_MOST_TERMS: Final = 8


def meaning(guarantee: Guarantee, tongue: Tongue) -> tuple[str, ...]:
    """Status, security, relation, kind and coalition in one sentence, and the bound on reconstruction."""
    exact = tongue.exact
    reviewed = exact.reviewed.format(
        status=exact.labels[guarantee.status],
        security=exact.securities[guarantee.security],
        neighboring=exact.relations[guarantee.neighboring],
        kind=exact.kinds[guarantee.kind],
        coalition=guarantee.coalition.text,
    )
    return (reviewed, *_reconstruction(guarantee, tongue))


def reconstruction_bound(guarantee: Guarantee, baseline: float) -> float | None:
    """The greatest probability of a reconstruction that succeeds with `baseline` without the release; rounded up.

    None where it is not proven: only for Gaussian guarantees in real arithmetic.
    """
    if guarantee.kind is not Kind.GDP or guarantee.status is not Status.IDEALIZED or guarantee.mu is None:
        return None
    return replace(guarantee, rho=None).hit_rate(baseline)


def _reconstruction(guarantee: Guarantee, tongue: Tongue) -> tuple[str, ...]:
    exact, bounds = tongue.exact, [(kappa, reconstruction_bound(guarantee, kappa)) for kappa in BASELINES]
    told = [
        exact.at.format(bound=tongue.figure(bound), where=f"kappa = {tongue.written(f'{kappa:g}')}")
        for kappa, bound in bounds
        if bound is not None
    ]
    mu = tongue.figure(guarantee.mu or 0.0)
    return (exact.reconstruction.format(rates=tongue.comma.join(told), mu=mu),) if told else ()


# -- the proof ------------------------------------------------------------------------------------


def steps(derivation: Derivation, tongue: Tongue) -> tuple[str, ...]:
    """Rule by rule, conclusion first; what is only published comes last and is marked."""
    nodes = list(_numbered(derivation.root, "1"))
    own = (_step(number, node, tongue) for number, node in nodes if node.rule != PUBLISHED)
    published = (node for _, node in nodes if node.rule == PUBLISHED)
    return (*own, *(_published(node, tongue) for node in published))


def leaks(derivation: Derivation, tongue: Tongue) -> tuple[str, ...]:
    """Which combinations of messages reveal a secret."""
    return tuple(_leak(derivation, node, tongue) for node in derivation.root.walk() if node.rule == LEAK)


def _numbered(node: Node, number: str) -> Iterator[tuple[str, Node]]:
    yield number, node
    for place, premise in enumerate(node.premises, 1):
        yield from _numbered(premise, f"{number}.{place}")


def _step(number: str, node: Node, tongue: Tongue) -> str:
    exact = tongue.exact
    told = exact.step.format(number=number, rule=node.rule, says=step_in_words(node, tongue))
    if node.numbers:
        listed = tongue.comma.join(f"{name} = {_value(name, value, tongue)}" for name, value in node.numbers.items())
        told += exact.numbers.format(numbers=listed)
    return told + _source(node, tongue)


def _source(node: Node, tongue: Tongue) -> str:
    return tongue.exact.source.format(source=source_in_words(node.source, tongue)) if node.source else ""


def _value(name: str, value: Scalar, tongue: Tongue) -> str:
    """Why something stands for all and from what epsilon follows are words of the language."""
    if name in {"why", "from"} and isinstance(value, str):
        return tongue.steps.values.get(value, value)
    return _scalar(value, tongue)


def _published(node: Node, tongue: Tongue) -> str:
    says = node.says.rstrip(".")
    told = says if tongue.language == "en" else tongue.quoted(says)
    return tongue.exact.published.format(says=told) + _source(node, tongue)


def _leak(derivation: Derivation, node: Node, tongue: Tongue) -> str:
    """The nonzero entries of z, each with the row of the view that it multiplies: a message and who sent it."""
    messages = ", ".join(str(p.numbers.get("messages", "")) for p in node.walk() if p.rule == "view")
    weights = list(node.vectors.get("z", ()))
    rows = _rows(derivation, tuple(messages.split(", ")), tongue) if messages else []
    labels = rows if len(rows) == len(weights) else [f"[{row}]" for row in range(len(weights))]
    terms = [f"{_scalar(_plain(w), tongue)} × {label}" for w, label in zip(weights, labels, strict=True) if w]
    shown = " + ".join(terms[:_MOST_TERMS]).replace(" + -", " - ") + (
        f" + … ({len(terms)})" if len(terms) > _MOST_TERMS else ""
    )
    ring = node.numbers.get("ring", 0)
    told = f"z = {shown}" + (f" (mod 2^{ring})" if ring else "")
    return tongue.exact.leak.format(combination=told, messages=messages or "?")


def _rows(derivation: Derivation, messages: tuple[str, ...], tongue: Tongue) -> list[str]:
    """What each row of the view is: `loud.3`, the row of member 3."""
    from tip.flow.seeing import members_of  # noqa: PLC0415 - matrices are wanted for leaks alone
    from tip.flow.seen import seen  # noqa: PLC0415

    flow = derivation.flow
    if not {message.name for message in flow.messages} >= set(messages):
        return []
    parties, _ = members_of(flow, derivation.coalition)
    view = seen(flow, messages, parties=parties, colluders=derivation.colluders).view
    places = zip(view.row_message.tolist(), view.row_member.tolist(), view.row_round.tolist(), strict=True)
    names = list[str]()
    for message, member, turn in places:
        row = flow.messages[message].name + (f".{member}" if member >= 0 else "")
        names.append(row if not view.row_round.any() else tongue.exact.in_round.format(row=row, round=turn + 1))
    return names


def _plain(weight: Fraction | float) -> Scalar:
    return weight if isinstance(weight, Fraction) else float(weight)


def _scalar(value: Scalar, tongue: Tongue) -> str:
    """A number of a proof: exact where it is short, else between two decimals that enclose it."""
    match value:
        case str():
            return value
        case float():
            return tongue.written(repr(value).removesuffix(".0").replace("e-0", "e-"))
        case int():
            return tongue.count(value)
        case Fraction():
            text = str(value)
            if len(text) <= _SHORT:
                return tongue.count(int(value)) if value.denominator == 1 else text
            low, high = (_decimal(value, rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING))
            return tongue.exact.between.format(low=tongue.written(low), high=tongue.written(high))


def _decimal(value: Fraction, rounding: str) -> str:
    with localcontext() as context:
        context.prec, context.rounding = _DIGITS, rounding
        return f"{Decimal(value.numerator) / Decimal(value.denominator):g}"
