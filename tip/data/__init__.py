"""Sources, public ranges and partitions: from records to agents.

`load(settings, entropy)` reads a source, turns its columns into features by public ranges and
lists alone, hands the records to agents, and keeps a share of the agents apart for the test.
`tip.data.answers` reads one question's answers.
"""

from __future__ import annotations

from tip.data.asking import Answers, AnswerSettings, answers
from tip.data.loading import Split, load
from tip.data.population import Population
from tip.data.schema import feature_names
from tip.data.settings import DataSettings, NumberRange, Partition

__all__ = [
    "AnswerSettings",
    "Answers",
    "DataSettings",
    "NumberRange",
    "Partition",
    "Population",
    "Split",
    "answers",
    "feature_names",
    "load",
]
