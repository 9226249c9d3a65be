"""A guarantee in sentences, each tied to the curve that it words.

Rules (docs/laws.md, law 22; the mathematics behind each sentence: docs/explain.md):

1. Preferred are *trade-off sentences*: an observer who accepts a stated share of false alarms is
   right in at most so many cases. The figure is `Guarantee.hit_rate`, rounded up.
2. Odds sentences use the tail of the privacy loss, `Guarantee.loss_tail`. "The odds change by at
   most e^epsilon, except with probability delta" is not what (epsilon, delta) says and is never
   printed. With (epsilon, delta) alone the tail is at most delta / (1 - e^(epsilon - epsilon')) at
   an epsilon' above epsilon, so odds are then worded at epsilon' = epsilon + 1.
3. Assumptions that nothing enforces come first, and what has no proof has no figure.
4. Each printed figure is rounded so that the sentence stays true: probabilities upward.

Three audiences: *participants* read counts, no symbol and no term of the trade; *engineers* read the
figures; *reviewers* read all of that, what it means exactly, and the proof. The sentences themselves
stand in one table for each language (`tip.explain.tongue`); this file decides which of them are said.

Figures for participants are counted out of 100 (or 1,000): people compare those rightly more
often than probabilities and epsilons (Nanayakkara et al. 2023, arXiv 2303.00738).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tip.explain import proofs
from tip.explain.figures import out_of, rounded_up
from tip.explain.grounds import UNENFORCED, listed, premises, warnings
from tip.explain.reasons import reason_in_words
from tip.explain.scopes import scope_in_words
from tip.explain.sights import not_protected
from tip.explain.tongue import AUDIENCES, LANGUAGES, Audience, Language, Tongue
from tip.explain.tongues import check_audience, tongue_of
from tip.privacy.guarantees import Kind, Security, Status
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tip.flow.derivation import Derivation
    from tip.privacy.coalitions import Coalition
    from tip.privacy.guarantees import Guarantee

__all__ = [
    "AUDIENCES",
    "FALSE_ALARMS",
    "LANGUAGES",
    "UNENFORCED",
    "Audience",
    "Language",
    "Told",
    "beyond_words",
    "coalition_in_words",
    "in_turn",
    "in_words",
    "out_of",
    "rounded_up",
    "status_in_words",
    "tell",
]

FALSE_ALARMS: Final = 0.01  # the share at which participants read a hit rate
_ENGINEER_FALSE_ALARMS: Final = (0.01, 0.1)
ONCE: Final = "one-report"  # the assumption of what covers one report, not all that an agent ever sends
_LARGEST_POWER: Final = 700  # of e, below which it is a float
_BEYOND_COMPUTERS: Final = 100  # bits: 2^100 steps are more than all computers together can do


@dataclass(frozen=True, slots=True)
class Told:
    """A guarantee's sentences, parted by what they are about; `sentences` are all of them in their order.

    `warnings`: what nothing enforces, and that nobody is protected where that is so. `against`: whom. `figures`: how
    much, and of what. `standing`: how sure it is, and what remains possible. `proof`: for reviewers. `premises`: one
    sentence for each further assumption. `open`: what no guarantee covers. For participants these two are lists:
    `relies` and `opens` are the lines above them, `item` is what stands below such a line.
    """

    warnings: tuple[str, ...]
    against: tuple[str, ...]
    figures: tuple[str, ...]
    standing: tuple[str, ...]
    proof: tuple[str, ...]
    relies: str
    premises: tuple[str, ...]
    opens: str
    open: tuple[str, ...]
    item: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, in the order in which they are read."""
        rests, opened = listed(self.relies, self.premises, self.item), listed(self.opens, self.open, self.item)
        told = (self.warnings, self.against, self.figures, self.standing, self.proof, rests, opened)
        return tuple(sentence for part in told for sentence in part)


def in_words(
    guarantee: Guarantee,
    audience: Audience = "participant",
    language: Language = "en",
    *,
    derivation: Derivation | None = None,
    protocol: str = "",
) -> tuple[str, ...]:
    """The guarantee as sentences for those who take part, who build or who review, in English or French.

    With its `derivation`, reviewers read the proof step by step, and a leak is told as one. With the `protocol`,
    what no guarantee covers comes last.
    """
    return tell(guarantee, audience, language, derivation=derivation, protocol=protocol).sentences


def tell(
    guarantee: Guarantee,
    audience: Audience = "participant",
    language: Language = "en",
    *,
    derivation: Derivation | None = None,
    protocol: str = "",
) -> Told:
    """The sentences of `in_words`, parted."""
    check_audience(audience)
    tongue, proven = tongue_of(language), guarantee.epsilon is not None
    figures = _figures(guarantee, audience, tongue) if proven else _nothing(guarantee, audience, derivation, tongue)
    standing = _standing(guarantee, audience, tongue) if proven else ()
    reviewed = audience == "reviewer"
    plain, missed = audience == "participant", not_protected(protocol, language) if protocol else ()
    return Told(
        warnings=warnings(guarantee, audience, tongue),
        against=(tongue.who.against.format(who=coalition_in_words(guarantee.coalition, audience, language)),),
        figures=figures,
        standing=(*standing, *(proofs.meaning(guarantee, tongue) if reviewed else ())),
        proof=proofs.steps(derivation, tongue) if reviewed and derivation is not None else (),
        relies=tongue.plain.relies if plain else "",
        premises=premises(guarantee, audience, tongue),
        opens=tongue.plain.opens if plain else "",
        open=missed if plain else tuple(tongue.exact.open.format(sentence=_lower(sentence)) for sentence in missed),
        item=tongue.plain.item,
    )


def in_turn(guarantees: Iterable[Guarantee], language: Language = "en") -> Iterator[tuple[str, ...]]:
    """Several guarantees, each in words for participants; an assumption that was read already is not read again.

    What nothing enforces is said each time.
    """
    said: set[str] = set()
    plain = tongue_of(language).plain
    for guarantee in guarantees:
        told = tell(guarantee, "participant", language)
        new = tuple(sentence for sentence in told.premises if sentence not in said)
        if len(new) < len(told.premises):
            told = replace(told, relies=plain.relies_besides if new else plain.relies_again, premises=new)
        yield told.sentences
        said.update(told.premises)


def beyond_words(guarantee: Guarantee, language: Language = "en") -> tuple[str, ...]:
    """What engineers read and participants do not."""
    said = in_words(guarantee, "participant", language)
    return tuple(sentence for sentence in in_words(guarantee, "engineer", language) if sentence not in said)


def coalition_in_words(coalition: Coalition, audience: Audience = "engineer", language: Language = "en") -> str:
    """Who they are, without a full stop: `the coordinator and any 10 % of the enrolled agents, ...`."""
    who = tongue_of(language).who
    plain = audience == "participant"
    quoted = tongue_of(language).quoted if plain or language != "en" else str
    parties, does = (who.plainly, who.does_plainly) if plain else (who.parties, who.does)
    named = [parties.get(party) or quoted(party) for party in sorted(coalition.parties)]
    share = who.people if plain else who.agents
    members = [*named, share(coalition.fraction, who.chosen[coalition.chosen])] if coalition.fraction else named
    if not members:
        return who.world
    if members == named and len(named) == 1:
        return f"{members[0]}{does.get(min(coalition.parties), '')}"
    return f"{who.joined(members)}{who.pooled}"


def status_in_words(guarantee: Guarantee, audience: Audience = "participant", language: Language = "en") -> str:
    """What the guarantee's status means, as one or two sentences."""
    tongue = tongue_of(language)
    return (tongue.plain if audience == "participant" else tongue.exact).statuses[guarantee.status]


# -- how much -------------------------------------------------------------------------------------


def _figures(guarantee: Guarantee, audience: Audience, tongue: Tongue) -> tuple[str, ...]:
    scope = scope_in_words(guarantee.scope, audience, tongue)
    if audience != "participant":
        return (*_for_engineers(guarantee, tongue), tongue.exact.scope.format(scope=scope))
    plain = tongue.plain
    return (
        _trade_off(guarantee, tongue),
        plain.one_report if any(a.name == ONCE for a in guarantee.assumptions) else plain.units[guarantee.unit],
        plain.relations[guarantee.neighboring],
        plain.scope.format(scope=scope),
    )


def _trade_off(guarantee: Guarantee, tongue: Tongue) -> str:
    plain, relation = tongue.plain, guarantee.neighboring
    if guarantee.kind is Kind.METRIC:
        distance = plain.distances.get(guarantee.distance, tongue.quoted(guarantee.distance))
        return plain.metric.format(distance=distance)
    hits, base = out_of(guarantee.hit_rate(FALSE_ALARMS))
    if _unlimited(guarantee):
        return plain.no_limit.format(question=plain.yours[relation])
    return plain.trade_off(round(FALSE_ALARMS * base), hits, base, plain.questions[relation], plain.truths[relation])


def _unlimited(guarantee: Guarantee) -> bool:
    """Whether the count that participants would read is all of them."""
    hits, base = out_of(guarantee.hit_rate(FALSE_ALARMS))
    return hits >= base and guarantee.kind is not Kind.METRIC


def _for_engineers(guarantee: Guarantee, tongue: Tongue) -> tuple[str, ...]:
    exact, figure, delta = tongue.exact, tongue.figure, guarantee.delta
    metric = guarantee.kind is Kind.METRIC
    first = (exact.metric_figures if metric else exact.figures).format(
        epsilon=figure(guarantee.epsilon or 0.0),
        delta=figure(delta.total),
        kind=exact.kinds[guarantee.kind],
        unit=exact.units[guarantee.unit],
        neighboring=exact.relations[guarantee.neighboring],
        coalition=guarantee.coalition.text,
        distance=guarantee.distance,
    )
    ledger = exact.ledger.format(
        conversion=figure(delta.conversion), failures=figure(delta.failures), distances=figure(delta.distances)
    )
    told = (first, *([ledger] if delta.total else []), *_curves(guarantee, tongue))
    if metric:
        return told
    rates = (
        exact.at.format(bound=figure(guarantee.hit_rate(rate)), where=tongue.written(f"{rate:g}"))
        for rate in _ENGINEER_FALSE_ALARMS
    )
    return (*told, exact.rates.format(rates=tongue.comma.join(rates)), _odds(guarantee, tongue))


def _curves(guarantee: Guarantee, tongue: Tongue) -> tuple[str, ...]:
    known = {"mu": guarantee.mu, "rho": None if guarantee.rho is None else up(guarantee.rho)}
    curves = tongue.exact.curves
    return tuple(curves[n].format(value=tongue.figure(value)) for n, value in known.items() if value is not None)


def _odds(guarantee: Guarantee, tongue: Tongue) -> str:
    exact, epsilon = tongue.exact, guarantee.epsilon or 0.0
    if guarantee.kind is Kind.PURE and not guarantee.delta.total:
        return exact.pure_odds.format(epsilon=tongue.figure(epsilon))
    curve_known = epsilon > 0 and (guarantee.rho is not None or guarantee.mu is not None)
    beyond = float(rounded_up(epsilon if curve_known else epsilon + 1))
    factor = f"e^{tongue.written(f'{beyond:g}')}"
    factor += f" = {tongue.figure(math.exp(beyond))}" if beyond < _LARGEST_POWER else ""
    return exact.odds.format(factor=factor, tail=tongue.figure(guarantee.loss_tail(beyond)))


def _nothing(
    guarantee: Guarantee, audience: Audience, derivation: Derivation | None, tongue: Tongue
) -> tuple[str, ...]:
    """Where nothing is proven: that, or that all is known to leak."""
    leaks = proofs.leaks(derivation, tongue) if derivation is not None else ()
    if audience == "participant":
        return (tongue.plain.leak if leaks else tongue.plain.not_proven,)
    return (*leaks, tongue.exact.not_proven.format(missing=reason_in_words(guarantee.missing.rstrip("."), tongue)))


# -- how sure -------------------------------------------------------------------------------------


def _standing(guarantee: Guarantee, audience: Audience, tongue: Tongue) -> tuple[str, ...]:
    plain = audience == "participant"
    status = (tongue.plain if plain else tongue.exact).statuses[guarantee.status]
    warned = plain and guarantee.status is Status.SIMULATED  # that is said first of all
    bits = guarantee.security_bits
    if guarantee.security is Security.STATISTICAL:
        security: tuple[str, ...] = ()
    elif plain:
        strong = bits is not None and bits >= _BEYOND_COMPUTERS
        security = (tongue.plain.strong_cryptography if strong else tongue.plain.weak_cryptography,)
    else:
        security = (tongue.exact.cryptography.format(work=tongue.exact.work.format(bits=bits) if bits else ""),)
    if not plain:
        return (status, *security)
    return (
        *(() if warned else (status,)),
        *security,
        tongue.plain.all_remains if _unlimited(guarantee) else tongue.plain.remains,
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
