"""Files: a derivation as plain data and back; whoever reads it trusts nothing in it.

The flow travels as its text, so that what is checked is what a person can read. JSON has no infinities; every field
is checked on reading, and numbers are bounded in length before they are made.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.derivation import FORMAT, Derivation, node_from_json
from tip.flow.language import read, write
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Guarantee

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["from_json", "to_json"]

_KEYS: Final = frozenset({"format", "flow", "coalition", "colluders", "agent", "guarantee", "root"})
_LONGEST: Final = 4_000  # characters of one number
_WIDEST: Final = 1_000  # bits of a whole number: a float holds it
_MOST: Final = 10_000_000  # numbers and texts in all
_DEEPEST: Final = 160
_FRACTION: Final = re.compile(r"[0-9]{1,4000}/[0-9]{1,4000}")
_INSTEAD: Final = "use what `to_json` wrote"


def to_json(derivation: Derivation) -> dict[str, Any]:
    """Plain data without infinities, the same for the same derivation."""
    return {
        "format": FORMAT,
        "flow": write(derivation.flow),
        "coalition": derivation.coalition.text,
        "colluders": [int(agent) for agent in derivation.colluders],
        "agent": int(derivation.agent),
        "guarantee": derivation.guarantee.to_json(),
        "root": derivation.root.to_json(),
    }


def from_json(data: object) -> Derivation:
    """The derivation that `to_json` wrote; `ConfigurationError` for anything else."""
    if not isinstance(data, dict) or set(data) != _KEYS:
        raise _not_one("it has other keys")
    _plain(data)
    if data["format"] != FORMAT or isinstance(data["format"], bool):
        raise _not_one(f"its format is not {FORMAT}")
    flow = read(data["flow"], "the flow of the derivation")
    text = data["coalition"]
    if not isinstance(text, str):
        raise _not_one("its coalition is no text")
    coalition = Coalition.parse(text, names=text.removesuffix(" (adaptive)").split(" + "))
    if coalition.text != text:
        raise _not_one(f"its coalition is written {coalition.text!r}")
    colluders = _agents(data["colluders"], flow.enrolled)
    agent = data["agent"]
    if isinstance(agent, bool) or not isinstance(agent, int) or not -1 <= agent < flow.enrolled:
        raise _not_one("its agent is none of the flow's")
    _rho(data["guarantee"])
    try:
        guarantee, root = Guarantee.from_json(data["guarantee"]), node_from_json(data["root"])
    except (OverflowError, ValueError, TypeError) as error:
        raise error if isinstance(error, ConfigurationError) else _not_one(str(error)) from error
    return Derivation(flow, coalition, colluders, agent, guarantee, root)


def _rho(guarantee: object) -> None:
    """A fraction "n/d" and no other form: "1e999999999" is short, and a number that no computer holds."""
    rho = guarantee.get("rho") if isinstance(guarantee, dict) else None
    if rho is not None and not (isinstance(rho, str) and _FRACTION.fullmatch(rho)):
        raise _not_one("its rho is no fraction")


def _agents(values: object, enrolled: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if not isinstance(values, list) or len(values) > enrolled:
        raise _not_one("its colluders are no list of agents")
    if any(isinstance(v, bool) or not isinstance(v, int) or not 0 <= v < enrolled for v in values):
        raise _not_one("its colluders are no agents of the flow")
    if any(a >= b for a, b in pairwise(values)):
        raise _not_one("its colluders are not sorted, each once")
    return np.array(values, np.int64)


def _plain(data: object) -> None:
    """Only texts, numbers and what holds them; not too deep, not too many, no number too long, none infinite."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > _MOST or depth > _DEEPEST:
            raise _not_one("it is too large or nested too deep")
        _leaf(value)
        waiting += [(inner, depth + 1) for inner in _inner(value)]


def _inner(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _not_one("a key is no text")
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _leaf(value: object) -> None:
    if value is None or isinstance(value, bool | dict | list):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _not_one("a number is not finite")
    elif isinstance(value, int):
        if value.bit_length() > _WIDEST:
            raise _not_one("a number has hundreds of digits")
    elif not isinstance(value, str):
        raise _not_one(f"it holds a {type(value).__name__}")


def _not_one(why: str) -> ConfigurationError:
    return ConfigurationError("this is not a derivation written by tip", why=why, instead=_INSTEAD)
