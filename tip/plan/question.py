"""The plan of one question: `QuestionPlan`, one frozen class that holds a class for each table.

A question is asked once, under local privacy: each agent randomizes its answer on its own device and sends
one report. So there is no model, no round to repeat, no ring and no norm; keys for these are refused with
the reason (senseless.py). The tables stand in asked.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from tip.data.asking import AnswerSettings
from tip.data.settings import NumberRange
from tip.errors import ConfigurationError
from tip.locating import Places
from tip.plan import reading
from tip.plan.asked import (
    OTHER,
    Alone,
    Asked,
    Carrier,
    Carrying,
    FalseClaims,
    LocalRequirement,
    People,
    Question,
    Seeded,
    Standing,
    Turnout,
)
from tip.plan.keys import KeyRow, key, part, rows, settle
from tip.plan.kinds import Text, Whole
from tip.plan.senseless import IN_A_QUESTION

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["OTHER", "QuestionPlan"]

_NAME: Final = Text(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", told="a name of letters, digits, '.', '_' and '-'")


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """Everything that one question does, in one frozen value: `QuestionPlan.read("question.toml")`.

    The form is that of `Plan` (docs/plan.md): each field is a table of the file, a value that does not fit its key
    raises `ConfigurationError`, and `tip.plan.posing.check` tells whether the tables can hold together.
    """

    TASKS: ClassVar[tuple[str, ...]] = ("histogram", "mean")
    SENSELESS: ClassVar[Mapping[str, str]] = IN_A_QUESTION
    format: int = field(metadata=key(Whole(1), "the version of the plan's own form", example="1"))
    name: str = field(metadata=key(_NAME, "the plan's name, and that of its run folder", example='"question"'))
    task: Asked = field(metadata=part(lambda: Asked, "what is asked for"))
    question: Question = field(metadata=part(lambda: Question, "the question and its possible answers"))
    data: People = field(metadata=part(lambda: People, "where the answers come from and who is asked"))
    cohort: Turnout = field(metadata=part(lambda: Turnout, "how many answers are wanted"))
    protocol: Carrier = field(metadata=part(lambda: Carrier, "how reports reach the coordinator"))
    privacy: LocalRequirement = field(metadata=part(lambda: LocalRequirement, "the privacy requirement"))
    budget: Alone = field(metadata=part(lambda: Alone, "what agents may spend over several questions"))
    about: str = field(default="", metadata=key(Text(0), "a sentence for people"))
    robustness: Standing = field(default_factory=Standing, metadata=part(lambda: Standing, "what liars could do"))
    adversary: FalseClaims | None = field(default=None, metadata=part(lambda: FalseClaims, "simulated liars"))
    execution: Carrying = field(default_factory=Carrying, metadata=part(lambda: Carrying, "speed only"))
    simulation: Seeded | None = field(default=None, metadata=part(lambda: Seeded, "present: seeded and simulated"))
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def __post_init__(self) -> None:
        settle(self, "")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> QuestionPlan:
        """The plan in a TOML file (UTF-8). Raises `ConfigurationError` with file and line."""
        return reading.read(cls, path)

    @classmethod
    def parse(cls, text: str, where: str = "plan") -> QuestionPlan:
        """The plan in a TOML text; `where` stands for the file in what errors say."""
        return reading.parse(cls, text, where)

    def replace(self, *settings: str) -> QuestionPlan:
        """The plan with settings changed: `plan.replace("epsilon=2")`; see `Plan.replace`."""
        return reading.replaced(self, settings)

    def to_toml(self) -> str:
        """The resolved plan, every default written out; reading it yields an equal plan."""
        return reading.written(self)

    @classmethod
    def keys(cls) -> tuple[KeyRow, ...]:
        """All keys in the order of the file, with help."""
        return rows(cls)

    def place(self, key: str) -> str:
        """Where a key was said ("question.toml:52"), or the table it would stand in."""
        return self.places.of(*reading.split(key))

    @property
    def public_text(self) -> str:
        """What is asked, in lines that nobody can read in two ways: part of what agents agree to."""
        asked = self.question
        lines = {"task": self.task.kind, "column": asked.column, "text": asked.text, "unlisted": asked.unlisted}
        answers = {"categories": asked.categories, "codes": asked.codes, "range": asked.range, "missing": asked.missing}
        return json.dumps(lines | answers, ensure_ascii=False, indent=0)

    def answer_settings(self) -> AnswerSettings:
        """What `tip.data.answers` needs. Raises `ConfigurationError` with the line."""
        given, asked = self.data, self.question
        bounds = NumberRange(*asked.range, asked.missing) if asked.range is not None else None
        try:
            return AnswerSettings(
                source=given.source,
                column=asked.column,
                agent=given.agent,
                path=given.path or "",
                among=given.among or "",
                listed=asked.codes or asked.categories or (),
                bounds=bounds,
            )
        except ConfigurationError as error:
            where = f"{self.place(error.where or 'data')} {error.where}".strip()
            raise ConfigurationError(error.what, where=where, why=error.why, instead=error.instead) from error
