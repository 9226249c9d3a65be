"""The mechanisms that a question may name: one line for each.

A line says for which task the mechanism is, where its class stands and how it is made; the class is imported
when a plan names it. `auto` chooses from public sizes alone and says why: among oracles by `tip.mechanisms.choosing`,
for a mean by the least standard deviation at the worst answer of the range's ends and middle.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fractions import Fraction

    from tip.mechanisms.base import Mechanism

AUTO: Final = "auto"
BINARY: Final = "binary-randomized-response"


@dataclass(frozen=True, slots=True)
class Line:
    """For which task, and where: a module of `tip.mechanisms` and a class in it."""

    task: str
    module: str
    name: str

    @property
    def there(self) -> bool:
        """Whether this tip has it."""
        full = f"tip.mechanisms.{self.module}"
        return find_spec(full) is not None and hasattr(importlib.import_module(full), self.name)

    def of(self, **parameters: Any) -> Any:  # noqa: ANN401 - whatever the class takes; they differ in `variance`
        """The mechanism with these parameters."""
        return getattr(importlib.import_module(f"tip.mechanisms.{self.module}"), self.name)(**parameters)


TABLE: Final[dict[str, Line]] = {
    BINARY: Line("histogram", "categorical", "BinaryRandomizedResponse"),
    "generalized-randomized-response": Line("histogram", "categorical", "GeneralizedRandomizedResponse"),
    "optimized-unary-encoding": Line("histogram", "unary", "OptimizedUnaryEncoding"),
    "symmetric-unary-encoding": Line("histogram", "unary", "SymmetricUnaryEncoding"),
    "subset-selection": Line("histogram", "subset", "SubsetSelection"),
    "hadamard-response": Line("histogram", "hadamard", "HadamardResponse"),
    "local-hashing": Line("histogram", "hashing", "LocalHashing"),
    "projective-geometry-response": Line("histogram", "projective", "ProjectiveGeometryResponse"),
    "laplace": Line("mean", "additive", "LocalLaplace"),
    "duchi": Line("mean", "numeric", "Duchi"),
    "piecewise": Line("mean", "piecewise", "Piecewise"),
    "hybrid": Line("mean", "piecewise", "Hybrid"),
}
NAMES: Final = tuple(TABLE)
SHORT: Final = (  # as papers and other packages call them
    ("rr", BINARY),
    ("warner", BINARY),
    ("grr", "generalized-randomized-response"),
    ("krr", "generalized-randomized-response"),
    ("oue", "optimized-unary-encoding"),
    ("sue", "symmetric-unary-encoding"),
    ("rappor", "symmetric-unary-encoding"),
    ("ss", "subset-selection"),
    ("hr", "hadamard-response"),
    ("olh", "local-hashing"),
    ("pgr", "projective-geometry-response"),
    ("pm", "piecewise"),
    ("hm", "hybrid"),
)
_CHOOSER: Final = Line("histogram", "choosing", "Auto")


def fitting(task: str) -> tuple[str, ...]:
    """The names of a task's mechanisms that this tip has."""
    return tuple(name for name, line in TABLE.items() if line.task == task and line.there)


def histogram(name: str, *, categories: int, epsilon: Fraction, agents: int) -> tuple[Mechanism, str]:
    """A mechanism over so many items, and why this one where `name` is "auto"."""
    if name == AUTO:
        auto = _CHOOSER.of(categories=categories, epsilon=epsilon, agents=agents)
        return auto.mechanism, auto.why
    return TABLE[name].of(epsilon=epsilon, **({} if name == BINARY else {"categories": categories})), ""


def mean(name: str, *, low: float, high: float, epsilon: Fraction, agents: int) -> tuple[Mechanism, str]:
    """A mechanism over a public range, and why this one where `name` is "auto"."""
    if name != AUTO:
        return TABLE[name].of(low=low, high=high, epsilon=epsilon), ""
    made = {n: TABLE[n].of(low=low, high=high, epsilon=epsilon) for n in fitting("mean")}
    ends = (low, low / 2 + high / 2, high)
    spread = {n: max(m.variance(ends, reports=agents).tolist()) ** 0.5 for n, m in made.items()}
    best, *others = sorted(made, key=lambda n: (spread[n], made[n].report_bits))
    rest = f" (others: {', '.join(f'{n} {spread[n]:.3g}' for n in others)})" if others else ""
    return made[best], f"{best} has the least standard deviation at its worst answer, {spread[best]:.3g}{rest}"
