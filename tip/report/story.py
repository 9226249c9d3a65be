"""What a run folder tells: read whole, checked, nothing computed anew.

A report is made from the run folder alone, so that whoever has the folder can make it again. The
plan and the guarantees have to be there; a run that was cut off has no summary yet, and its page
says so. Files may come from anybody: each value is checked for its type before it is used.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError, DataError
from tip.explain.masks import Masked
from tip.files import RunFolder
from tip.flow.files import from_json
from tip.privacy.guarantees import Guarantee
from tip.report.answers import read_answer
from tip.report.finite import finite
from tip.report.history import Round, read_history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tip.flow.derivation import Derivation
    from tip.report.answers import Answer

QUESTIONS: Final = ("histogram", "mean")
_LABELS: Final = {
    "auc": "Test AUC",
    "accuracy": "Test accuracy",
    "log_loss": "Test log loss",
    "mean_squared_error": "Test mean squared error",
}
_SCALES: Final = {
    "auc": "0.5 is chance, 1 is perfect",
    "accuracy": "share of right answers",
    "log_loss": "nats a record, lower is better",
    "mean_squared_error": "of the scaled label, lower is better",
}


@dataclass(frozen=True, slots=True)
class Story:
    """A run as its folder tells it. `figures` and `baseline` are evaluation only, outside every guarantee.

    The first `stated` guarantees are those that the plan asks for; the others are for information.
    """

    folder: str
    plan_text: str
    plan: Mapping[str, Any]
    guarantees: tuple[Guarantee, ...]
    stated: int
    rounds: tuple[Round, ...]
    figures: Mapping[str, float]
    baseline: Mapping[str, float]
    finished: bool
    seeded: bool
    answer: Answer | None = None  # of a plan that asks a question
    mechanism: Mapping[str, Any] = field(default_factory=dict)
    proof: Derivation | None = field(default=None, repr=False)  # of the first guarantee; none in older folders
    masks: Masked | None = None  # of rounds under masks

    @property
    def asks(self) -> bool:
        """Whether the plan asks a question instead of training a model."""
        return self.setting("task", "kind") in QUESTIONS

    @property
    def name(self) -> str:
        """The plan's name."""
        return str(self.plan.get("name") or self.folder)

    @property
    def metric(self) -> str:
        """The metric that the plan asks about."""
        return str(self.setting("task", "metric") or next(iter(self.figures), "metric"))

    @property
    def limit(self) -> float | None:
        """The epsilon that the plan's first requirement allows."""
        limit = self.setting("privacy", "epsilon")
        return float(limit) if finite(limit) else None

    @property
    def asked(self) -> tuple[Guarantee, ...]:
        """The guarantees that the plan asks for; the first one of a plan that asks for none."""
        return self.guarantees[: max(self.stated, 1)]

    @property
    def given_up(self) -> tuple[Round, ...]:
        """The rounds that released nothing."""
        return tuple(round_ for round_ in self.rounds if not round_.released)

    def setting(self, table: str, key: str) -> object:
        """A value of the plan, or None."""
        found = self.plan.get(table)
        return found.get(key) if isinstance(found, dict) else None

    def curve(self) -> list[tuple[float, float]]:
        """(round, value) of the plan's metric, where it is defined."""
        found = ((float(r.number), r.metrics.get(self.metric, math.nan)) for r in self.rounds)
        return [(x, y) for x, y in found if math.isfinite(y)]

    def spending(self) -> list[tuple[float, float]]:
        """(round, epsilon spent so far), from nothing at round 0; empty where nothing bounds it."""
        spent = [(float(r.number), r.epsilon_spent) for r in self.rounds]
        bounded = spent and all(math.isfinite(y) for _, y in spent)
        return [(spent[0][0] - 1, 0.0 if spent[0][0] == 1 else spent[0][1]), *spent] if bounded else []


def label(told: Story) -> str:
    """The plan's metric as readers call it."""
    return _LABELS.get(told.metric, f"test {told.metric}")


def scale(told: Story) -> str:
    """How to read the plan's metric, where its scale is known."""
    return _SCALES.get(told.metric, "")


def figure(value: float | None) -> str:
    """A figure with three decimals, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def story(path: Path) -> Story:
    """Read a run folder. Raises `ConfigurationError` for what is missing, `DataError` for what is damaged."""
    folder = RunFolder.open(path)
    folder.require("plan.toml", "guarantee.json")
    text = folder.read_text("plan.toml")
    plan = _toml(text, str(folder.at("plan.toml")))
    summary = folder.read_json("summary.json") if folder.has("summary.json") else {}
    run = summary.get("run")
    asks = isinstance(plan.get("task"), dict) and plan["task"].get("kind") in QUESTIONS
    played, guarantees = folder.has("history.jsonl"), _guarantees(folder)
    return Story(
        folder=path.resolve().name,
        plan_text=text,
        plan=plan,
        guarantees=guarantees,
        stated=_stated(folder.read_json("guarantee.json").get("required"), plan),
        rounds=read_history(folder.at("history.jsonl")) if played and not asks else (),
        figures=_numbers(summary.get("metrics")),
        baseline=_numbers(summary.get("baseline")),
        finished=isinstance(run, dict) and run.get("interrupted") is False,
        seeded="simulation" in plan,
        answer=read_answer(folder.at("history.jsonl")) if played and asks else None,
        mechanism=folder.read_json("mechanism.json") if asks and folder.has("mechanism.json") else {},
        proof=_proof(folder, guarantees),
        masks=_masks(folder),
    )


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"is not TOML: {error}", file=file) from error


def _guarantees(folder: RunFolder) -> tuple[Guarantee, ...]:
    file = str(folder.at("guarantee.json"))
    entries = folder.read_json("guarantee.json").get("guarantees")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("has no list of guarantees", file=file)
    try:
        return tuple(Guarantee.from_json(entry) for entry in entries)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(f"holds what is no guarantee: {error}", file=file) from error


def _proof(folder: RunFolder, guarantees: tuple[Guarantee, ...]) -> Derivation | None:
    """The derivation of the first guarantee, where the folder holds one; that of another promise is refused."""
    if not folder.has("derivation.json"):
        return None
    file = str(folder.at("derivation.json"))
    try:
        proof = from_json(folder.read_json("derivation.json"))
    except ConfigurationError as error:
        raise DataError(f"holds no derivation: {error}", file=file) from error
    first = guarantees[0] if guarantees else None
    if first is None or (proof.coalition, proof.guarantee.epsilon) != (first.coalition, first.epsilon):
        raise DataError("proves another promise than the first one of guarantee.json", file=file)
    return proof


def _masks(folder: RunFolder) -> Masked | None:
    """The public numbers of the masks, where the folder holds them."""
    if not folder.has("masks.json"):
        return None
    try:
        return Masked.from_json(folder.read_json("masks.json"))
    except ConfigurationError as error:
        raise DataError(f"holds no masks: {error}", file=str(folder.at("masks.json"))) from error


def _stated(told: object, plan: Mapping[str, Any]) -> int:
    """How many guarantees the plan asks for: as the folder says, else one for each requirement and ledger."""
    if isinstance(told, int) and not isinstance(told, bool) and told >= 0:
        return told
    privacy, budget = plan.get("privacy"), plan.get("budget")
    if not isinstance(privacy, dict):
        return 0
    also = privacy.get("also")
    ledger = isinstance(budget, dict) and budget.get("ledger", "none") != "none"
    return 1 + (len(also) if isinstance(also, list) else 0) + ledger


def _numbers(figures: object) -> dict[str, float]:
    """The finite numbers of a table of figures; whatever else stands there is left out."""
    if not isinstance(figures, dict):
        return {}
    return {name: float(value) for name, value in figures.items() if finite(value)}
