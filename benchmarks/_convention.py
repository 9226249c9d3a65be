"""How every benchmark prints: a table, or JSON lines (--json)."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Case:
    """One measured value beside a reference that was measured in the same run (or a stated peer)."""

    case: str
    metric: str
    value: float
    unit: str
    reference: tuple[str, float]
    goal: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The line's object; `goal` only where one is stated."""
        fields = asdict(self)
        name, value = fields.pop("reference")
        goal = fields.pop("goal")
        fields |= {"reference": {"name": name, "value": value}, "ratio": self.value / value}
        return fields if goal is None else fields | {"goal": goal}


def quick() -> bool:
    """Whether `--quick` was given: small sizes and single calls, to see that a benchmark works; no figures."""
    return "--quick" in sys.argv[1:]


def best_seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """The least wall time of several calls: what the machine can do when nobody disturbs it."""
    times = []
    for _ in range(1 if quick() else repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


def report(cases: Iterable[Case]) -> None:
    """Print each case as it comes: JSON lines with --json, else a table."""
    if "--json" in sys.argv[1:]:
        for case in cases:
            print(json.dumps(case.as_json()), flush=True)
        return
    print(f"{'case':<50}{'metric':<18}{'value':>12} {'unit':<16}{'reference':<28}{'value':>12}{'ratio':>9}{'goal':>10}")
    for case in cases:
        name, value = case.reference
        goal = "" if case.goal is None else f"{case.goal:.4g}"
        print(
            f"{case.case:<50}{case.metric:<18}{case.value:>12.4g} {case.unit:<16}"
            f"{name:<28}{value:>12.4g}{case.value / value:>9.3g}{goal:>10}",
            flush=True,
        )
