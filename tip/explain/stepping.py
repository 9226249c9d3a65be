"""The sentences of proof steps: one table for each language.

A step is worded from its rule and its numbers, never from the English text that stands in it, so that both languages
say the same. Places in braces are names of the step's numbers (`docs/flow-rules.md`); beside those there are `{mu}`
(the root of `mu_squared`), `{bounds}` (what is known of `mu_squared`, `rho` and `ratio`), `{unless}` (the probability
of a failure, where there is one), `{alike}` (how many rounds a view stands for), `{hidden}` (rows that masks cover) and
`{modulo}`. A rule that a table lacks is a type error; a variant that it lacks is found by
`tests/explain/test_explain_steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """One sentence for each rule; a mapping where what a rule says depends on its `why`, `from` or count."""

    delta_ledger: str
    conversion: Mapping[str, str]  # by `from`
    every_coalition: Mapping[str, str]  # by `why`
    every_coalition_of_a_graph: Mapping[str, str]  # by `why`, where one bound of a graph stands for all
    every_agent: Mapping[str, str]  # by `why`
    composition: Mapping[str, str]  # none, one, several
    fresh_rounds: str
    linear_gaussian: str
    leak: str
    integer_sum: Mapping[str, str]  # one sum of shares, or several together
    integer_certificate: str
    additive_laplace: str
    ring_masks: str
    local_report: str
    shuffling: str
    sampling: str
    view: str
    not_proven: str

    counted: Mapping[str, tuple[str, str]]  # what is counted by a number of that name: one, several
    bounds: Mapping[str, str]
    joined: str  # between bounds
    begun: str  # before bounds
    unless: str
    alike: str
    hidden: str
    modulo: str
    values: Mapping[str, str]  # of `why` and `from`, where the numbers are listed
    sources: Mapping[str, str]  # words in the sources of rules
