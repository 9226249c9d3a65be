"""From an outcome to a `Guarantee`: epsilon at a stated delta, and what it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.derivation import Node, Scalar
from tip.flow.outcomes import Outcome, at_most, unproven
from tip.flow.premises import completed, keyed, premises
from tip.privacy import accountant, gaussian
from tip.privacy.checks import probability, whole
from tip.privacy.events import Nothing
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import log_up, raised, sqrt_up, up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.model import Flow
    from tip.privacy.coalitions import Coalition
    from tip.privacy.statements import Assumption

_BITS: Final = 128  # of security of masks and keys


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked: which flow, against whom, at which delta, about whom.

    `failure`: the part of delta that is spent already, since the flow is not what happens with that probability.
    """

    flow: Flow
    coalition: Coalition
    delta: float
    silent: int
    known: bool
    agent: int | None
    failure: float = 0.0

    def __post_init__(self) -> None:
        if probability("delta", self.delta) == 1:
            raise ConfigurationError("delta = 1 promises nothing", instead="a delta far below 1 / agents")
        whole("silent agents", self.silent, least=0)
        if probability("failure", self.failure) and self.failure >= self.delta:
            raise ConfigurationError(
                f"delta = {self.delta:g} holds no failure of probability {self.failure:.3g}", instead="a larger delta"
            )
        if self.agent is not None and whole("the agent", self.agent, least=0) >= self.flow.enrolled:
            raise ConfigurationError(f"agents are 0 to {self.flow.enrolled - 1}, not {self.agent}")
        if len({secret.neighboring for secret in self.flow.secrets}) > 1:
            raise ConfigurationError("the secrets of one flow share one neighboring relation", instead="two flows")

    @property
    def neighboring(self) -> Neighboring:
        """The one relation of all secrets."""
        return self.flow.secrets[0].neighboring if self.flow.secrets else Neighboring.REPLACE_ONE

    def unproven(self, rule: str, missing: str) -> Outcome:
        """An outcome without a number."""
        return unproven(rule, missing)


def loss_of(outcome: Outcome, terms: Terms) -> float:
    """The epsilon of an outcome at the delta that is asked for; infinite where nothing is proven."""
    epsilon = _epsilon(outcome, terms)
    return math.inf if epsilon is None else epsilon


def worst_of(outcomes: Sequence[Outcome], terms: Terms) -> tuple[int, Outcome]:
    """Which of several outcomes is the worst, and what holds for all of them.

    Outcomes of one kind are compared by its exact figure. Those of unlike kinds are compared by epsilon, and only that
    epsilon, at that delta, is then claimed: a pure loss of 5 says nothing about another agent's Gaussian one of 3.
    All failures together may happen (law 7), and what any of them rests on, all do.
    """
    for index, outcome in enumerate(outcomes):
        if outcome.event is None:
            return index, outcome
    some = [index for index, outcome in enumerate(outcomes) if outcome.event != Nothing()]
    if not some:
        return 0, outcomes[0]
    outcomes = _resting(outcomes, some)
    figures = _comparable([outcomes[index] for index in some])
    if figures is not None:
        index = some[max(range(len(some)), key=lambda place: figures[place])]
        return index, outcomes[index]
    loose = {index: replace(outcomes[index], mu_squared=None, mixed=True) for index in some}
    index = max(some, key=lambda place: loss_of(loose[place], terms))
    chosen = outcomes[index]
    if chosen.mu_squared is None and chosen.ratio is None and chosen.rho is not None:
        rhos = [outcomes[place].rho for place in some]
        if all(rho is not None and rho <= chosen.rho for rho in rhos):
            return index, chosen
    return index, loose[index]


def _resting(outcomes: Sequence[Outcome], some: Sequence[int]) -> list[Outcome]:
    """The outcomes, each resting on all that one of `some` rests on."""
    failure = min(1.0, raised(math.fsum(o.failure for o in outcomes)) if any(o.failure for o in outcomes) else 0.0)
    idealized = any(outcomes[index].idealized for index in some)
    masked = any(outcomes[index].masked for index in some)
    mixer = any(outcomes[index].shuffled is not None or outcomes[index].mixer for index in some)
    return [replace(o, failure=failure, idealized=idealized, masked=masked, mixer=mixer) for o in outcomes]


def _comparable(outcomes: Sequence[Outcome]) -> list[Fraction] | None:
    """One exact figure of each, if all are of one kind that has one."""
    first = outcomes[0]
    if all((o.event, o.shuffled, o.mixed) == (first.event, first.shuffled, first.mixed) for o in outcomes):
        return [o.mu_squared or Fraction(0) for o in outcomes]
    for kind in ([o.mu_squared for o in outcomes], [o.ratio if o.shuffled is None else None for o in outcomes]):
        known = [figure for figure in kind if figure is not None]
        if len(known) == len(outcomes):
            return known
    return None


def promise(
    outcome: Outcome,
    terms: Terms,
    *,
    assumptions: tuple[Assumption, ...],
    status: Status | None,
    scope: str,
) -> tuple[Guarantee, Node]:
    """The guarantee, and the root of its derivation."""
    flow = terms.flow
    epsilon = _epsilon(outcome, terms)
    missing = outcome.missing or ("" if epsilon is not None else _no_epsilon(outcome, terms))
    proven = epsilon is not None and not missing
    conversion = _conversion_delta(outcome, terms) if proven else 0.0
    failures = _failures(outcome, terms) if proven else 0.0
    figures = _figures(outcome) if proven else {}
    computational = proven and (outcome.masked or keyed(flow))
    rho = outcome.rho if proven and outcome.mu_squared is None else None
    guarantee = Guarantee(
        epsilon=epsilon if proven else None,
        delta=Delta(conversion=conversion, failures=failures),
        unit=Unit.AGENT,
        neighboring=terms.neighboring,
        coalition=terms.coalition,
        scope=scope or _scope(terms),
        kind=_kind(outcome),
        security=Security.COMPUTATIONAL if computational else Security.STATISTICAL,
        security_bits=_BITS if computational else None,
        status=(status or (Status.IDEALIZED if outcome.idealized else Status.PROVEN)) if proven else Status.NOT_PROVEN,
        assumptions=_premises(assumptions, terms, outcome) if proven else (),
        missing=missing,
        rho=rho,
        mu=sqrt_up(outcome.mu_squared) if proven and outcome.mu_squared is not None else None,
    )
    if not proven:
        return guarantee, Node("not proven", missing, premises=(outcome.node,))
    return guarantee, _root(guarantee, outcome, figures, flow)


def _premises(said: tuple[Assumption, ...], terms: Terms, outcome: Outcome) -> tuple[Assumption, ...]:
    """What the caller says that it rests on, and what else it does."""
    others = premises(terms.flow, terms.coalition, outcome, silent=terms.silent, known=terms.known)
    return completed(said, others)


def _root(guarantee: Guarantee, outcome: Outcome, figures: dict[str, Scalar], flow: Flow) -> Node:
    epsilon, delta = guarantee.epsilon or 0.0, guarantee.delta
    converted = Node(
        "conversion",
        f"epsilon is at most {at_most(epsilon)} at delta {delta.conversion:g}",
        {"epsilon": epsilon, "delta": delta.conversion, **figures},
        (outcome.node,),
        "docs/privacy.md; docs/flow-rules.md, conversion",
    )
    numbers: dict[str, Scalar] = {"epsilon": epsilon, "conversion": delta.conversion, "failures": delta.failures}
    numbers |= {"distances": delta.distances, "total": delta.total}
    learns = f"epsilon {at_most(epsilon)}, delta {delta.total:g}"
    says = f"in the flow {flow.name!r}, {guarantee.coalition.text} learns at most {learns}"
    return Node("delta ledger", says, numbers, (converted,), "law 7")


def _figures(outcome: Outcome) -> dict[str, Scalar]:
    """From what epsilon follows."""
    if outcome.shuffled is not None:
        return {"from": "shuffling"}
    if outcome.mu_squared is not None:
        return {"from": "mu", "mu_squared": outcome.mu_squared}
    if outcome.ratio is not None:
        return {"from": "ratio", "ratio": outcome.ratio}
    if outcome.rho is not None:
        return {"from": "rho", "rho": outcome.rho}
    return {"from": "events"}


def _conversion_delta(outcome: Outcome, terms: Terms) -> float:
    """What is left of delta for the conversion; a pure guarantee needs none."""
    if _kind(outcome) is Kind.PURE:
        return 0.0
    return left_of(terms.delta, _failures(outcome, terms))


def _failures(outcome: Outcome, terms: Terms) -> float:
    """The probability of all failures together, rounded up."""
    return min(1.0, up(Fraction(outcome.failure) + Fraction(terms.failure)))


def left_of(delta: float, failures: float) -> float:
    """What failures leave of a delta, rounded down; at least 0."""
    return max(0.0, -up(Fraction(failures) - Fraction(delta)))


def _epsilon(outcome: Outcome, terms: Terms) -> float | None:
    """The least proven epsilon at the delta that is left; None where there is none."""
    if outcome.event is None:
        return None
    if outcome.mu_squared == 0:
        return 0.0
    pure = log_up(outcome.ratio) if outcome.ratio is not None and outcome.shuffled is None else None
    delta = _conversion_delta(outcome, terms)
    if delta <= 0 or pure is not None:
        return pure
    return _converted(outcome, terms, delta)


def _converted(outcome: Outcome, terms: Terms, delta: float) -> float | None:
    """Epsilon at a delta above 0."""
    if outcome.event is None or outcome.shuffled is not None:
        return outcome.shuffled
    if outcome.mu_squared is not None:
        return gaussian.epsilon_of(sqrt_up(outcome.mu_squared), delta)
    if accountant.missing_rule(outcome.event, terms.neighboring):
        return None
    return accountant.epsilon(outcome.event, delta, terms.neighboring)


def _no_epsilon(outcome: Outcome, terms: Terms) -> str:
    if outcome.event is not None and (missing := accountant.missing_rule(outcome.event, terms.neighboring)):
        return f"a rule for {missing}"
    if outcome.failure and _failures(outcome, terms) >= terms.delta > 0:
        return f"a delta above the failure probability {_failures(outcome, terms):.3g} of its certificate"
    return "a delta above 0, which noise of this kind needs"


def _kind(outcome: Outcome) -> Kind:
    if outcome.event is not None and outcome.ratio is not None and outcome.shuffled is None:
        return Kind.PURE
    if outcome.mu_squared is not None:
        return Kind.GDP
    return Kind.APPROXIMATE


def _scope(terms: Terms) -> str:
    names = ", ".join(part.name for part in (*terms.flow.messages,)) or ", ".join(r.name for r in terms.flow.reports)
    about = "" if terms.agent is None else f"; about agent {terms.agent} alone"
    return f"all messages of the flow {terms.flow.name!r} ({names}), all rounds{about}"
