"""What a requirement costs, in words: whether it decides anything, and what half of its epsilon would cost.

The factor is of a plan that was made, not a guarantee; it is written with three digits, rounded up. Texts are those of
engineers: who plans knows what epsilon is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.explain.tongues import tongue_of
from tip.explain.words import coalition_in_words
from tip.privacy.coalitions import COORDINATOR, NETWORK, WORLD, Coalition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.explain.tongue import Language
    from tip.flow.planning import Price

_SAME: Final = 1.0005  # times the error: no difference that is worth a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentences:
    """One language's sentences about one requirement."""

    decides: str
    decided: str
    dearer: str
    same: str
    never: str


_SENTENCES: Final[Mapping[Language, _Sentences]] = {
    "en": _Sentences(
        decides="Against {who}: this requirement decides how much noise there is.",
        decided="Against {who}: other requirements ask for more noise than this one, so it costs nothing.",
        dearer="Half of its epsilon ({epsilon}) would cost {factor} times the error.",
        same="Half of its epsilon ({epsilon}) would cost no more than now.",
        never="Half of its epsilon ({epsilon}) cannot be had, however large the planned noises are.",
    ),
    "fr": _Sentences(
        decides="Contre {who} : cette exigence décide combien il y a de bruit.",
        decided="Contre {who} : d’autres exigences demandent plus de bruit que celle-ci, qui ne coûte donc rien.",
        dearer="La moitié de son epsilon ({epsilon}) coûterait {factor} fois l’erreur.",
        same="La moitié de son epsilon ({epsilon}) ne coûterait pas plus qu’aujourd’hui.",
        never="La moitié de son epsilon ({epsilon}) ne peut être obtenue, si grands que soient les bruits à prévoir.",
    ),
}


def price_in_words(price: Price, language: Language = "en") -> tuple[str, ...]:
    """Two sentences: whether a requirement decides the noise, and what half of its epsilon would cost."""
    tongue = tongue_of(language)
    words = _SENTENCES[language]
    text = price.requirement.against
    who = coalition_in_words(Coalition.parse(text, names=_names(text)), "engineer", language)
    first = words.decides if price.binding else words.decided
    halved = 0.0 if price.halved is None else price.halved
    second = words.never if price.halved is None else words.dearer if halved > _SAME else words.same
    epsilon, factor = tongue.figure(price.requirement.epsilon / 2), tongue.figure(halved)
    return first.format(who=who), second.format(epsilon=epsilon, factor=factor)


def _names(text: str) -> list[str]:
    """What a coalition's text names beside the reserved words: it was read with its flow already."""
    parts = text.removesuffix(" (adaptive)").split(" + ")
    return [part for part in parts if "%" not in part and part not in {WORLD, COORDINATOR, NETWORK}]
