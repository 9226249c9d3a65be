"""Either kind of plan: a file that trains a model or asks a question, read by what it says."""

from __future__ import annotations

import os
from typing import TypeAlias

from tip.errors import ConfigurationError
from tip.locating import load
from tip.plan import reading
from tip.plan.question import QuestionPlan
from tip.plan.senseless import task_of
from tip.plan.tables import Plan

AnyPlan: TypeAlias = Plan | QuestionPlan


def read_plan(path: str | os.PathLike[str]) -> AnyPlan:
    """The plan in a TOML file: a `QuestionPlan` where task.kind is "histogram" or "mean", else a `Plan`.

    Raises `ConfigurationError` with file and line, also for a missing file.
    """
    where = os.fspath(path)
    return parse_plan(reading.text_of(where), where)


def parse_plan(text: str, where: str = "plan") -> AnyPlan:
    """The plan in a TOML text; `where` stands for the file in what errors say."""
    tables, _ = load(text, where)
    if "agents" in tables and "task" not in tables:
        raise ConfigurationError(
            "is a flow, which says who sees what and has nothing to run",
            where=where,
            instead=f"for what it promises: tip explain {where}",
        )
    if task_of(tables) in QuestionPlan.TASKS:
        return QuestionPlan.parse(text, where)
    return Plan.parse(text, where)
