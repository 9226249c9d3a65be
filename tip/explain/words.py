"""A guarantee in sentences, each tied to the curve that it words.

Rules (docs/laws.md, law 22):

1. Preferred are *trade-off sentences*: an observer who accepts a stated share of false alarms is
   right in at most so many cases. The figure is `Guarantee.hit_rate`, rounded up.
2. Odds sentences use the tail of the privacy loss, `Guarantee.loss_tail`. "The odds change by at
   most e^epsilon, except with probability delta" is not what (epsilon, delta) says and is never
   printed. With (epsilon, delta) alone the tail is at most delta / (1 - e^(epsilon - epsilon')) at
   an epsilon' above epsilon, so odds are then worded at epsilon' = epsilon + 1.
3. Assumptions that nothing enforces come first, and what has no proof has no figure.
4. Each printed figure is rounded so that the sentence stays true: probabilities upward.

Figures for participants are counted out of 100 (or 1,000): people compare those rightly more
often than probabilities and epsilons (Nanayakkara et al. 2023, arXiv 2303.00738).
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Final, Literal

from tip.privacy.coalitions import COORDINATOR, NETWORK, Chosen
from tip.privacy.guarantees import Kind, Neighboring, Security, Status, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from tip.privacy.coalitions import Coalition
    from tip.privacy.guarantees import Assumption, Guarantee

Audience = Literal["participant", "engineer"]

FALSE_ALARMS: Final = 0.01  # the share at which participants read a hit rate
_ENGINEER_FALSE_ALARMS: Final = (0.01, 0.1)
UNENFORCED: Final = "ideal-sum"  # the assumption that nothing in a run enforces
ONCE: Final = "one-report"  # the assumption of what covers one report, not all that an agent ever sends
_BASES: Final = (100, 1_000, 10_000)
_LARGEST_POWER: Final = 700  # of e, below which it is a float
_SLACK: Final = 1.35  # rounding to a whole count may add so much, else a larger base is taken

_UNITS: Final = {
    Unit.AGENT: "It covers everything that you contribute, in all rounds together.",
    Unit.RECORD: "It covers any one of your records, not all of them together.",
}
_ONE_REPORT: Final = "It covers one report; each further one would be charged again."
_RELATIONS: Final = {
    Neighboring.REPLACE_ONE: "It compares your data with any others in their place; that you take part is no secret.",
    Neighboring.ADD_REMOVE_ONE: "It compares taking part with not taking part.",
    Neighboring.ZERO_OUT: "It compares your data with an empty contribution in their place.",
}
_QUESTIONS: Final = {
    Neighboring.REPLACE_ONE: "whether the data in your place are yours or some quite different ones",
    Neighboring.ADD_REMOVE_ONE: "whether you took part",
    Neighboring.ZERO_OUT: "whether you gave your data or nothing",
}
_TRUTHS: Final = {
    Neighboring.REPLACE_ONE: "yours",
    Neighboring.ADD_REMOVE_ONE: "that you did",
    Neighboring.ZERO_OUT: "your data",
}
_STATUSES: Final = {
    Status.PROVEN: "Proven.",
    Status.IDEALIZED: "Idealized: proven for real numbers, not for the rounded numbers of a computer.",
    Status.SIMULATED: "This is a simulation: nothing is promised in earnest, since the seed tells all its noise.",
    Status.NOT_PROVEN: "Not proven.",
}
_NAMES: Final = {COORDINATOR: "the coordinator", NETWORK: "an eavesdropper on the network"}
_DOES: Final = {COORDINATOR: ", who runs the rounds", NETWORK: ", who sees who sends when and how much"}
_CHOSEN: Final = {
    Chosen.BEFORE_RANDOMNESS: "chosen before cohorts are drawn",
    Chosen.ADAPTIVE: "chosen at any time",
}


def in_words(guarantee: Guarantee, audience: Audience = "participant") -> tuple[str, ...]:
    """The guarantee as sentences for those who take part, or for those who build."""
    unenforced = tuple(_assumption(a) for a in guarantee.assumptions if a.name == UNENFORCED)
    others = tuple(_assumption(a) for a in guarantee.assumptions if a.name != UNENFORCED)
    against = f"Against {coalition_in_words(guarantee.coalition)}."
    if guarantee.epsilon is None:
        return (*unenforced, against, _not_proven(guarantee), *others)
    figures = _for_participants(guarantee) if audience == "participant" else _for_engineers(guarantee)
    return (*unenforced, against, *figures, status_in_words(guarantee), *_security(guarantee), *others)


def in_turn(guarantees: Iterable[Guarantee]) -> Iterator[tuple[str, ...]]:
    """Several guarantees, each in words for participants; an assumption that was read already is not read again.

    What nothing enforces is said each time.
    """
    said: set[str] = set()
    for guarantee in guarantees:
        words = in_words(guarantee)
        known = {_assumption(a) for a in guarantee.assumptions if a.name != UNENFORCED}
        yield tuple(sentence for sentence in words if sentence not in said)
        said |= known


def beyond_words(guarantee: Guarantee) -> tuple[str, ...]:
    """What engineers read and participants do not."""
    said = in_words(guarantee)
    return tuple(sentence for sentence in in_words(guarantee, "engineer") if sentence not in said)


def coalition_in_words(coalition: Coalition) -> str:
    """Who they are, without a full stop: `the coordinator and any 10 % of the enrolled agents, ...`."""
    named = [_NAMES.get(party, party) for party in sorted(coalition.parties)]
    agents = f"any {_share(coalition.fraction)} of the enrolled agents ({_CHOSEN[coalition.chosen]})"
    members = [*named, agents] if coalition.fraction else named
    if not members:
        return "anybody who sees all that is published"
    if members == named and len(named) == 1:
        return f"{members[0]}{_DOES.get(min(coalition.parties), '')}"
    return f"{' and '.join(members)}, who pool all that they see"


def status_in_words(guarantee: Guarantee) -> str:
    """What the guarantee's status means, as one or two sentences."""
    return _STATUSES[guarantee.status]


def out_of(probability: float) -> tuple[int, int]:
    """A probability as a count out of 100, 1,000 or 10,000, rounded up: 0.027 is (3, 100).

    The base grows until rounding up adds at most about a third (or no larger base is left).
    """
    exact = Decimal(repr(min(max(float(probability), 0.0), 1.0)))
    for base in _BASES:
        count = int((exact * base).to_integral_value(ROUND_CEILING))
        if count <= exact * base * Decimal(_SLACK):
            break
    return count, base


def rounded_up(value: float, digits: int = 3) -> str:
    """A figure with so many digits, never less than the number as Python writes it; `not bounded` for infinity."""
    if not math.isfinite(value):
        return "not bounded"
    if value == 0:
        return "0"
    exact = Decimal(repr(float(value)))
    up = exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), rounding=ROUND_CEILING)
    return f"{up.normalize():e}".replace("e-0", "e-") if exact.adjusted() < -3 else f"{up.normalize():f}"


def _for_participants(guarantee: Guarantee) -> tuple[str, ...]:
    return (
        _trade_off(guarantee, FALSE_ALARMS),
        _ONE_REPORT if any(a.name == ONCE for a in guarantee.assumptions) else _UNITS[guarantee.unit],
        _RELATIONS[guarantee.neighboring],
        f"What is covered: {guarantee.scope}.",
    )


def _for_engineers(guarantee: Guarantee) -> tuple[str, ...]:
    figures = f"epsilon = {rounded_up(guarantee.epsilon or 0.0)}, delta = {rounded_up(guarantee.delta.total)}"
    if guarantee.kind is Kind.METRIC:
        return (
            f"{figures} for each unit of {guarantee.distance}; unit {guarantee.unit}.",
            f"Scope: {guarantee.scope}.",
        )
    rates = (f"{rounded_up(guarantee.hit_rate(rate))} at {rate:g}" for rate in _ENGINEER_FALSE_ALARMS)
    return (
        f"{figures} ({guarantee.kind}; unit {guarantee.unit}; {guarantee.neighboring}; {guarantee.coalition.text}).",
        f"Hit rate of the best test at a false-alarm rate: at most {', '.join(rates)}.",
        _odds(guarantee),
        f"Scope: {guarantee.scope}.",
    )


def _trade_off(guarantee: Guarantee, false_alarms: float) -> str:
    if guarantee.kind is Kind.METRIC:
        return f"How well they can tell two answers apart grows with how far these lie apart ({guarantee.distance})."
    hits, base = out_of(guarantee.hit_rate(false_alarms))
    question = _QUESTIONS[guarantee.neighboring]
    if hits >= base:
        return f"It does not limit how surely they can tell {question}."
    alarms = round(false_alarms * base)
    return (
        f"Suppose they want to tell {question}. If they accept {alarms:,} false "
        f"{'alarm' if alarms == 1 else 'alarms'} out of {base:,}, they notice {_TRUTHS[guarantee.neighboring]} "
        f"in at most {hits:,} cases out of {base:,} (blind guessing: {alarms:,})."
    )


def _odds(guarantee: Guarantee) -> str:
    epsilon = guarantee.epsilon or 0.0
    if guarantee.kind is Kind.PURE and not guarantee.delta.total:
        return f"No observation raises the odds of one alternative by more than e^{rounded_up(epsilon)}."
    curve_known = epsilon > 0 and (guarantee.rho is not None or guarantee.mu is not None)
    beyond = float(rounded_up(epsilon if curve_known else epsilon + 1))
    tail = rounded_up(guarantee.loss_tail(beyond))
    factor = f"e^{beyond:g}" + (f" = {rounded_up(math.exp(beyond))}" if beyond < _LARGEST_POWER else "")
    return (
        f"The odds of one alternative rise by more than {factor} with probability at most {tail} "
        "(tail of the privacy loss)."
    )


def _assumption(assumption: Assumption) -> str:
    return f"Assumed ({assumption.name}): {assumption.sentence.rstrip('.')}."


def _not_proven(guarantee: Guarantee) -> str:
    return f"Nothing is promised here: not proven. What is missing: {guarantee.missing.rstrip('.')}."


def _security(guarantee: Guarantee) -> tuple[str, ...]:
    if guarantee.security is Security.STATISTICAL:
        return ()
    work = f" (that takes about 2^{guarantee.security_bits} steps)" if guarantee.security_bits else ""
    return (f"It holds against all who cannot break the cryptography in use{work}.",)


def _share(fraction: Fraction) -> str:
    """`10 %`; what is no short decimal number stands as a count, `1 out of 3`."""
    percent = 100 * fraction
    if (percent * 100).denominator == 1:
        return f"{Decimal(percent.numerator) / Decimal(percent.denominator):f} %"
    return f"{fraction.numerator:,} out of {fraction.denominator:,}"
