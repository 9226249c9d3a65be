"""Writing: a flow as the text that reads back as the same flow.

What stands at its default is left out. Numbers are written as they are read best: 4, 0.25, "1/3"; a ball by its
norm where that is an exact number.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow import expressions
from tip.flow.model import (
    Aim,
    Ball,
    Cohort,
    Fact,
    Graph,
    Interval,
    Law,
    Message,
    Noise,
    Report,
    Requirement,
    Sampling,
    Secret,
    Table,
)
from tip.flow.numbers import plain, root
from tip.flow.vocabulary import FORMAT, LISTED, NAMED, PLANNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.model import Domain, Flow

    Part = Graph | Table | Cohort | Secret | Noise | Message | Report | Fact | Requirement | Aim

_WIDE: Final = 100


def write(flow: Flow) -> str:
    """The text of a flow; `tip.flow.language.read` reads it back."""
    blocks = [_block("", {"format": FORMAT, "name": flow.name, "about": flow.about, "parties": flow.parties})]
    blocks.append(_block("[agents]", {group.name: group.size for group in flow.groups}))
    for kind in NAMED:
        blocks += [_block(f"[{kind}.{_key(part.name)}]", _values(part)) for part in getattr(flow, kind)]
    for kind in LISTED:
        blocks += [_block(f"[[{kind}]]", _values(part)) for part in getattr(flow, kind)]
    return "\n".join(blocks)


def _values(part: Part) -> Mapping[str, object]:
    """The keys of a part in the order of the vocabulary; None and () stand for what is left out."""
    match part:
        case Secret():
            return _secret(part)
        case Noise():
            return _noise(part)
        case Message() | Report() | Fact():
            return _said(part)
        case Requirement():
            return {"against": part.against, "epsilon": float(part.epsilon), "delta": float(part.delta)}
        case Aim():
            return {"error_of": part.error_of or None, "bytes": part.bytes or None, "weight": part.weight}
        case _:
            return _arranged(part)


def _arranged(part: Graph | Table | Cohort) -> Mapping[str, object]:
    match part:
        case Graph():
            seed = part.seed
            return {
                "over": part.over,
                "wiring": part.wiring,
                "picks": part.picks or None,
                "seed": seed,
                "edges": part.edges,
            }
        case Table():
            return {"rows": part.rows}
        case Cohort():
            sampling = None if part.sampling is Sampling.ALL else part.sampling
            return {"of": part.of, "least": part.least, "sampling": sampling, "rate": part.rate}


def _said(part: Message | Report | Fact) -> Mapping[str, object]:
    match part:
        case Message():
            says = expressions.write(part.says)
            return {"by": part.by, "says": says, "to": part.to, "ring": part.ring or None}
        case Report():
            return {
                "secret": part.secret, "ratio": part.ratio, "to": part.to, "rounds": _more(part.rounds),
                "shuffled_by": part.shuffled_by or None, "least": part.least or None,
            }  # fmt: skip
        case Fact():
            return {"to": part.to, "what": part.what}


def _secret(part: Secret) -> Mapping[str, object]:
    key, domain = _domain(part.domain)
    return {
        "of": part.of, key: domain, "neighboring": part.neighboring, "adaptive": part.adaptive,
        "dimension": _more(part.dimension), "whole": part.whole or None, "rounds": _more(part.rounds),
        "participations": part.participations,
    }  # fmt: skip


def _domain(domain: Domain) -> tuple[str, object]:
    match domain:
        case Interval(low, high):
            return "range", (low, high)
        case Ball(squared):
            norm = root(squared)
            return ("squared_norm", squared) if norm is None else ("norm", norm)
        case _:
            return "choices", domain.categories


def _noise(part: Noise) -> Mapping[str, object]:
    key = "scale" if part.law in {Law.LAPLACE, Law.DISCRETE_LAPLACE} else "variance"
    size = PLANNED if part.planned else part.scale if part.variance is None else part.variance
    return {
        "of": part.of, "law": part.law, key: size, "rounds": _more(part.rounds), "known_to": part.known_to,
    }  # fmt: skip


def _more(number: int) -> int | None:
    return number if number > 1 else None


# -- TOML -----------------------------------------------------------------------------------------


def _block(header: str, values: Mapping[str, object]) -> str:
    lines = [header] if header else []
    lines += [f"{_key(key)} = {_value(value)}" for key, value in values.items() if value is not None and value != ()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Fraction():
            text = plain(value)
            return f'"{text}"' if "/" in text else text
        case int() | float():
            return repr(value)
        case tuple():
            items = [_value(item) for item in value]
            short = f"[{', '.join(items)}]"
            return short if len(short) <= _WIDE else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    """A text of TOML: JSON's escapes are TOML's, but for the one letter that TOML alone forbids."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
