"""What a language must be able to say: one typed table for each language.

A `Tongue` holds every sentence that `tip.explain` speaks, as text with named places or as a function where
words agree with numbers. English and French are two values of it, so a sentence that one of them lacks is a
type error. No logic and no figure is made here: `tip.explain.words` decides what is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from tip.explain.stepping import Steps
    from tip.privacy.coalitions import Chosen
    from tip.privacy.guarantees import Kind, Neighboring, Security, Status, Unit

Audience: TypeAlias = Literal["participant", "engineer", "reviewer"]
Language: TypeAlias = Literal["en", "fr"]

AUDIENCES: Final[tuple[Audience, ...]] = ("participant", "engineer", "reviewer")
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """How a coalition is named."""

    parties: Mapping[str, str]  # the reserved ones
    does: Mapping[str, str]  # said of one that is alone
    plainly: Mapping[str, str]  # the reserved ones, for participants
    does_plainly: Mapping[str, str]
    chosen: Mapping[Chosen, str]
    agents: Callable[[Fraction, str], str]  # a share of all agents, when it was chosen: for engineers
    people: Callable[[Fraction, str], str]  # the same for participants
    joined: Callable[[list[str]], str]
    pooled: str
    world: str
    against: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Sentences for those who take part: counts, no symbol, no term of the trade."""

    questions: Mapping[Neighboring, str]  # about one of many people
    truths: Mapping[Neighboring, str]
    yours: Mapping[Neighboring, str]  # about the reader
    trade_off: Callable[[int, int, int, str, str], str]  # false alarms, hits, base, question, truth
    no_limit: str
    metric: str
    distances: Mapping[str, str]
    units: Mapping[Unit, str]
    one_report: str
    relations: Mapping[Neighboring, str]
    scope: str
    statuses: Mapping[Status, str]
    strong_cryptography: str
    weak_cryptography: str
    remains: str
    all_remains: str
    unenforced: str
    caveat: str
    relies: str
    relies_again: str  # where others' assumptions were read already
    relies_besides: str
    item: str
    opens: str
    not_proven: str
    leak: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """Sentences for engineers and reviewers."""

    figures: str
    metric_figures: str
    ledger: str
    curves: Mapping[str, str]  # mu, rho
    rates: str
    at: str  # one bound of a list
    odds: str
    pure_odds: str
    scope: str
    assumed: str
    statuses: Mapping[Status, str]
    cryptography: str
    work: str
    units: Mapping[Unit, str]
    kinds: Mapping[Kind, str]
    securities: Mapping[Security, str]
    relations: Mapping[Neighboring, str]
    labels: Mapping[Status, str]
    reviewed: str
    reconstruction: str
    step: str
    numbers: str
    source: str
    between: str
    published: str
    not_proven: str
    leak: str
    in_round: str
    open: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """What observers see, and what no guarantee covers."""

    world: str
    network: str
    agents: str
    local_world: str
    local_agents: str
    coordinator: Mapping[str, str]  # by protocol
    unknown: str
    joined: str
    open: tuple[str, ...]
    open_locally: tuple[str, ...]
    open_in_clear: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The labels of the trade-off plot."""

    title: str
    told: str
    across: str
    along: str
    guessing: str
    bound: str
    attack: str
    marked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The labels of the pictures of flows."""

    title: str
    told: str
    agents: Callable[[int], str]
    world: str
    hidden: str
    noise: str
    laws: Mapping[str, str]
    drawn: str  # before a law
    variance: Callable[[float], str]
    scale: Callable[[float], str]
    rounds: Callable[[int], str]
    report: Callable[[str, Fraction], str]
    mixed: Callable[[int], str]
    nobody: str
    neighbors: str
    following: str
    inside: str
    partly_inside: str
    seen: str
    partly_seen: str
    unseen: str
    facts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """One language, whole."""

    language: Language
    count: Callable[[int], str]
    figure: Callable[[float | Fraction], str]  # rounded up
    least: Callable[[float | Fraction], str]  # rounded down
    written: Callable[[str], str]  # a figure that was written with a point
    quoted: Callable[[str], str]
    comma: str  # between figures
    who: Who
    plain: Plain
    exact: Exact
    steps: Steps
    sights: Sights
    drawn: Drawn
    staged: Staged
