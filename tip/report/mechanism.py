"""A mechanism in a run folder, and in words for those who report.

`described` writes down what the page needs: the exact spec, the probabilities with which a report tells
the truth, how far one report moves an estimate. The sentences come from these figures alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from tip.explain.words import out_of, rounded_up
from tip.mechanisms.frequency import FrequencyOracle
from tip.privacy.guarantees import Kind
from tip.report.answers import LEVEL
from tip.report.finite import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.mechanisms.base import Mechanism
    from tip.privacy.guarantees import Guarantee

_LARGEST_POWER: Final = 700  # of e, below which it is a float
NAMES_ONE_ITEM: Final = ("generalized-randomized-response", "binary-randomized-response")


def described(mechanism: Mechanism, items: tuple[str, ...], chosen: str) -> dict[str, Any]:
    """What `mechanism.json` holds."""
    influence = mechanism.max_influence()
    told: dict[str, Any] = {
        "name": mechanism.spec.name,
        "spec": mechanism.spec.to_bytes().decode(),
        "chosen": chosen,
        "items": len(items),
        "report_bits": mechanism.report_bits,
        "influence": {"item": influence.item, "euclidean": influence.euclidean},
    }
    if isinstance(mechanism, FrequencyOracle):
        told |= {"p": float(mechanism.p), "q": float(mechanism.q)}
    return told


def for_participants(told: Mapping[str, Any], guarantee: Guarantee) -> tuple[str, ...]:
    """How a report hides the answer, in words for whoever sends one."""
    sentences = ["Your device changes your answer by chance before anything leaves it."]
    p, q = told.get("p"), told.get("q")
    if told.get("name") in NAMES_ONE_ITEM and _probability(p) and _probability(q):
        sentences.append(
            f"What it sends is your true answer in at most {_cases(p)}, and each other one in at most {_cases(q)}."
        )
    elif _probability(p) and _probability(q):
        sentences.append(
            f"What it sends fits your true answer in at most {_cases(p)}; it fits any other one in at most {_cases(q)}."
        )
    epsilon = guarantee.epsilon
    if guarantee.kind is Kind.PURE and epsilon is not None and epsilon < _LARGEST_POWER and not guarantee.delta.total:
        digits = 3 + max(0, math.ceil(-math.log10(epsilon)) - 1) if epsilon else 3  # a factor near 1 needs more
        factor = rounded_up(math.exp(epsilon) * (1 + 1e-15), digits)
        sentences.append(
            "Whoever sees it, and whatever else they know: their odds that you hold one answer rather than another "
            f"change by at most a factor of {factor}."
        )
    return tuple(sentences)


def influence_in_words(
    told: Mapping[str, Any], *, counted: int, malicious: float, scale: float | None
) -> tuple[str, ...]:
    """What liars can do; `scale` is half of the range of a mean, None for shares of people."""
    influence = told.get("influence")
    item = influence.get("item") if isinstance(influence, dict) else None
    if not finite(item) or counted < 1:
        return ()
    one = item * (scale or 1.0)
    if scale is None:
        first = f"One made-up report counts for at most {rounded_up(one)} people in an answer, up or down."
        several = f"make up at most {rounded_up(100 * item * malicious)} percentage points of an answer"
    else:
        first = (
            f"One made-up report moves the mean of {counted:,} reports by at most {rounded_up(one / counted)}, "
            "beside one from the middle of the range."
        )
        several = f"move the mean by at most {rounded_up(one * malicious)}"
    if not malicious:
        return (first,)
    share = rounded_up(100 * malicious)
    return (
        first,
        f"If {share} % of the reports are made up, together they {several}; the {LEVEL:.0%} intervals do not cover it.",
    )


def _probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _cases(value: Any) -> str:  # noqa: ANN401 - a probability that was tested
    hits, base = out_of(float(value))
    return f"{hits:,} cases out of {base:,}"
