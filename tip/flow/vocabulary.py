"""Vocabulary: every table and key of the flow language, with what it means.

One table for the reader, the writer, the builder, the errors and the reference in docs/flow-language.md, which a
test compares with it. A key that decides privacy has no default.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tip.flow.entries import Key, Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
PLANNED: Final = "to be planned"
DOMAINS: Final = ("range", "norm", "squared_norm", "choices")
SIZES: Final = ("variance", "deviation", "scale")

_NAME_OF: Final = "the group that it belongs to"
_TO: Final = "who sees it: parties, groups, everybody, nobody, neighbors in GRAPH, next in GROUP"
_ROUNDS: Final = "in how many rounds there is a new one; 1 if left out"

GRAPH: Final[Keys] = {
    "over": Key("the group whose members it connects", '"patient"'),
    "wiring": Key("who is connected: complete, ring, path, star, k-out or given", '"k-out"'),
    "picks": Key("of a k-out graph: how many others each member picks", "5"),
    "seed": Key("of a k-out graph: the public number that it is drawn from", "1"),
    "edges": Key("of a given graph: its pairs of members, counted from 0", "[[0, 1], [1, 2]]"),
}
TABLE: Final[Keys] = {"rows": Key("its rows of exact numbers", '[["1/2", "1/2"], ["1/2", "1/2"]]')}
COHORT: Final[Keys] = {
    "of": Key("the group that it is drawn from", '"patient"'),
    "least": Key("how many answers a sum holds at least; the agents enforce it", "100", decides_privacy=True),
    "sampling": Key("how it is drawn in each round: all, fixed or poisson; all if left out", '"poisson"'),
    "rate": Key("of a poisson cohort: the chance of each member to be in it", '"1/10"'),
}
SECRET: Final[Keys] = {
    "of": Key(_NAME_OF, '"patient"'),
    "range": Key("what values it can have: numbers between two ends", "[0, 1]", decides_privacy=True),
    "norm": Key("what values it can have: vectors of at most this length", "0.6", decides_privacy=True),
    "squared_norm": Key("the square of norm, where norm is no exact number", '"1/2"', decides_privacy=True),
    "choices": Key("what values it can have: one of so many answers", "3", decides_privacy=True),
    "neighboring": Key(
        "which change has to stay hidden: replace-one, add-remove-one or zero-out",
        '"replace-one"',
        decides_privacy=True,
    ),
    "adaptive": Key("whether its value in a round may depend on what was seen before", "false", decides_privacy=True),
    "dimension": Key("how many numbers it is made of; 1 if left out", "20"),
    "whole": Key("whether these are whole numbers, which integer noise needs; false if left out", "true"),
    "rounds": Key(_ROUNDS, "20"),
    "participations": Key("in how many rounds one agent takes part at most; in all if left out", "5"),
}
NOISE: Final[Keys] = {
    "of": Key("who draws it: each member of a group, each edge of a graph, or a party", '"patient"'),
    "law": Key(
        "how it is drawn: gaussian, discrete gaussian, skellam, laplace, discrete laplace or uniform",
        '"discrete gaussian"',
        decides_privacy=True,
    ),
    "variance": Key(f'how large it is: its variance, or "{PLANNED}"', "4", decides_privacy=True),
    "deviation": Key("how large it is: its standard deviation", "2", decides_privacy=True),
    "scale": Key(f'how large laplace noise is: its scale, or "{PLANNED}"', "2", decides_privacy=True),
    "rounds": Key(_ROUNDS, "20"),
    "known_to": Key("who is told its value, beside who draws it; nobody if left out", '["aggregator"]'),
}
MESSAGE: Final[Keys] = {
    "by": Key("who sends it: a group (each member its own row) or a party (one row)", '"patient"'),
    "says": Key("its formula, of secrets, noises and earlier messages", '"answer + noise"'),
    "to": Key(_TO, '["coordinator"]'),
    "ring": Key("the bits of the ring that it is computed in; 0, plain numbers, if left out", "32"),
}
REPORT: Final[Keys] = {
    "secret": Key("the secret that it reports", '"answer"'),
    "ratio": Key("how far chance may favor a report under one value over another, at most", "3", decides_privacy=True),
    "truth": Key("the same for a secret of choices: the chance that the report is true", '"3/4"', decides_privacy=True),
    "to": Key(_TO, '["coordinator"]'),
    "rounds": Key(_ROUNDS, "20"),
    "shuffled_by": Key("the party that mixes the reports before anybody sees them; nobody if left out", '"mixer"'),
    "least": Key("how many reports are mixed at least", "1000"),
}
FACT: Final[Keys] = {
    "to": Key(_TO, '"everybody"'),
    "what": Key("what it is; it does not depend on anybody's secret", '"the number of the round"'),
}
REQUIREMENT: Final[Keys] = {
    "against": Key("who may pool what they see", '"coordinator + 30% of agents"', decides_privacy=True),
    "epsilon": Key("how much they may learn at most", "1.0", decides_privacy=True),
    "delta": Key("the delta that stands beside this epsilon; 0 for a pure guarantee", "1e-6", decides_privacy=True),
}
AIM: Final[Keys] = {
    "error_of": Key("what counts: the error of this message", '"mean"'),
    "bytes": Key("what counts: true for all bytes that are sent", "true"),
    "weight": Key("how much it counts", "1"),
}

NAMED: Final[Mapping[str, Keys]] = MappingProxyType(
    {
        "graphs": GRAPH, "tables": TABLE, "cohorts": COHORT, "secrets": SECRET, "noises": NOISE,
        "messages": MESSAGE, "reports": REPORT, "facts": FACT,
    }
)  # fmt: skip
LISTED: Final[Mapping[str, Keys]] = MappingProxyType({"requirements": REQUIREMENT, "aims": AIM})
TOP: Final[Keys] = {
    "format": Key("the version of the language", str(FORMAT)),
    "name": Key("the name of the flow", '"survey"'),
    "about": Key("what it is about, in a sentence", '"5,000 people answer one question."'),
    "parties": Key("who takes part beside the agents", '["coordinator"]'),
    "agents": Key("the groups of agents and how many members each has", "{ patient = 4000 }"),
}
SIZE: Final = Key("how many members the group has", "4000")  # of each name in [agents]
EVERY_KEY: Final = (*TOP, *NAMED, *LISTED)
