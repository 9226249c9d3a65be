"""Senseless keys: what belongs to the other kind of plan, and why it means nothing here.

A plan trains a model, or asks one question. A key of the one in a plan of the other is told apart from a
misspelling: nobody shall believe that it was read and obeyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from tip.locating import Places

_READERS: Final = {"train": "tip.Plan", "histogram": "tip.QuestionPlan", "mean": "tip.QuestionPlan"}  # by task.kind

_ONE_COLUMN: Final = "A question reads one column, question.column"
_ALONE: Final = "Each report hides its answer by itself: nobody else's noise is counted on"
_ALL: Final = "Everybody is asked, once: amplification by sampling is credited to nobody who sees who reports"
_SHUFFLER: Final = (
    'No shuffler stands in the flow of protocol.kind = "local": the coordinator sees who sent which report, so a '
    "smaller epsilon by shuffling cannot be claimed"
)

IN_A_QUESTION: Final[dict[str, str]] = {
    "model": "Nothing is trained",
    "algorithm": "Nothing is trained: agents answer one question, once",
    "partition": "Artificial agents have no answers of their own",
    "task.metric": "The answer comes with its own interval",
    "data.label": _ONE_COLUMN,
    "data.numbers": f"{_ONE_COLUMN}, and its range is question.range",
    "data.categories": f"{_ONE_COLUMN}, and its list is question.categories",
    "data.missing": "question.unlisted and question.missing say what stands for no answer",
    "data.exclude": _ONE_COLUMN,
    "data.test": "Nothing is trained, so nobody is kept apart: all are asked",
    "cohort.colluding": _ALONE,
    "cohort.sampling": _ALL,
    "cohort.size": _ALL,
    "cohort.rate": _ALL,
    "protocol.modulus_bits": "Reports are not summed in a ring",
    "protocol.step": "Reports are whole numbers and bits already, not fixed-point vectors",
    "protocol.shuffler": _SHUFFLER,
    "privacy.amplification": _SHUFFLER,
    "privacy.shuffling": _SHUFFLER,
    "privacy.clipping_norm": "An answer is one of a public list, or a number clipped to question.range",
    "privacy.also": "One report has one guarantee, against every coalition: state the least epsilon",
    "budget.epsilon": "It limits all runs of a ledger together, and a question is accounted for alone",
    "robustness.rule": "Each report moves the estimate by at most its influence; there is nothing else to combine",
    "robustness.influence": "The influence of a report is bounded by its form, and the run says by how much",
    "adversary.start_round": "There is one round",
    "adversary.factor": "A report has no length that could be scaled",
    "execution.block": "The mechanism chooses its blocks itself",
    "execution.threads": "One thread is enough for one round",
    "execution.processes": "One process is enough for one round",
    "simulation.checkpoint_every": "There is one round",
    "service": "A question is asked in simulation only, so far",
}

IN_TRAINING: Final[dict[str, str]] = {
    "question": 'It goes with task.kind = "histogram" or "mean"; this plan trains a model',
}


def reason(known: dict[str, str], name: str) -> str:
    """Why a key means nothing: by its name, the table it stands in, or, for a bare word, its last word."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        stem = ".".join(parts[:end])
        if stem in known:
            return known[stem]
    ends = [why for full, why in known.items() if full.rpartition(".")[2] == name]
    return ends[0] if ends else ""


def task_of(tables: dict[str, Any]) -> str:
    """The task.kind of a plan as TOML has it, or nothing."""
    task = tables.get("task")
    kind = task.get("kind") if isinstance(task, dict) else None
    return kind if isinstance(kind, str) else ""


def refuse_other_task(root: type[Any], tables: dict[str, Any], places: Places) -> None:
    """Refuse a plan that trains a model where one that asks a question is read, and the other way round."""
    kind = task_of(tables)
    mine = getattr(root, "TASKS", ())
    if kind not in _READERS and "question" in tables:
        raise _no_task(kind, places)
    if kind in mine or kind not in _READERS:
        return
    does = "trains a model" if "train" in mine else "asks one question"
    raise ConfigurationError(
        f'task.kind = "{kind}" is for another kind of plan',
        where=places.of("task", "kind"),
        why=f"{root.__name__} {does}",
        instead=f"Use {_READERS[kind]}.read; tip.read_plan reads either.",
    )


def _no_task(kind: str, places: Places) -> ConfigurationError:
    """A plan with a [question] that does not say what is asked for."""
    return ConfigurationError(
        f'task.kind = "{kind}" does not fit' if kind else "task.kind is missing",
        where=places.of("task", "kind") if kind else places.of("task"),
        why="A plan with a [question] asks for the share of each answer, or for the mean of a number",
        instead='Write kind = "histogram" or kind = "mean".',
    )
