"""A step of a proof in words: from its rule and its numbers, each rounded to the safe side.

Bounds from above are rounded up, those from below (`_FROM_BELOW`) down; counts are exact. A rule that is not known, or
a step that lacks a number, is told by the English text that stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.explain.reasons import reason_in_words
from tip.explain.stepping import Steps
from tip.privacy.rounding import sqrt_up

if TYPE_CHECKING:
    from tip.explain.tongue import Tongue
    from tip.flow.derivation import Node, Scalar

_HELPERS: Final = frozenset(
    {"counted", "bounds", "joined", "begun", "unless", "alike", "hidden", "modulo", "values", "sources"}
)
RULES: Final = tuple(part.name for part in fields(Steps) if part.name not in _HELPERS)
_FROM_BELOW: Final = frozenset({"lower", "own_variance", "connectivity", "share_variance"})


def rule_name(rule: str) -> str:
    """The name of a rule in the tables: `every_agent` of "every agent"."""
    return rule.replace(" ", "_").replace("-", "_")


def step_in_words(node: Node, tongue: Tongue) -> str:
    """What a step says, without a full stop."""
    template = _template(node, tongue.steps)
    if template is None:
        return reason_in_words(node.says.rstrip("."), tongue)
    try:
        return template.format(**_places(node, tongue))
    except KeyError:
        return reason_in_words(node.says.rstrip("."), tongue)


def source_in_words(source: str, tongue: Tongue) -> str:
    """Where a rule is told, without a full stop."""
    told = source.rstrip(".")
    for english, other in tongue.steps.sources.items():
        told = told.replace(english, other)
    return told


def _template(node: Node, steps: Steps) -> str | None:
    """The sentence of the rule, in the variant that the numbers call for; None for what is not known."""
    name, numbers = rule_name(node.rule), node.numbers
    if name not in RULES:
        return None
    if name == "every_coalition" and "own_variance" in numbers:
        name = "every_coalition_of_a_graph"
    found: object = getattr(steps, name)
    if isinstance(found, str):
        return found
    variants = {
        "conversion": numbers.get("from"),
        "composition": {0: "none", 1: "one"}.get(_whole(numbers.get("blocks")), "several"),
        "integer_sum": "one" if "shares" in numbers else "several",
    }
    variant = variants.get(name, numbers.get("why"))
    template: object = found.get(variant) if isinstance(found, Mapping) else None
    return template if isinstance(template, str) else None


def _places(node: Node, tongue: Tongue) -> dict[str, str]:
    """All that a sentence may name."""
    steps, numbers = tongue.steps, node.numbers
    places = {name: _written(name, value, tongue) for name, value in numbers.items()}
    if "from" in numbers and isinstance(squared := numbers.get("mu_squared"), int | Fraction):
        places["mu"] = tongue.figure(sqrt_up(Fraction(squared)))
    known = steps.joined.join(text.format(**places) for name, text in steps.bounds.items() if name in numbers)
    places["bounds"] = f"{steps.begun}{known}" if known else ""
    places["unless"] = steps.unless.format(**places) if numbers.get("failure") else ""
    places["alike"] = steps.alike.format(**places) if _whole(numbers.get("times")) > 1 else ""
    places["hidden"] = steps.hidden.format(**places) if _whole(numbers.get("covered")) > 0 else ""
    places["modulo"] = steps.modulo.format(**places) if numbers.get("ring") else ""
    if node.rule == "not proven":
        places["reason"] = reason_in_words(node.says.rstrip("."), tongue)
    return places


def _written(name: str, value: Scalar, tongue: Tongue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and name in tongue.steps.counted:
        one, several = tongue.steps.counted[name]
        return one if value == 1 else several.format(tongue.count(value))
    if isinstance(value, int):
        return tongue.count(value)
    return tongue.least(value) if name in _FROM_BELOW else tongue.figure(value)


def _whole(value: Scalar | None) -> int:
    return value if isinstance(value, int) else -1
