"""What a guarantee stands on, in words: what to beware of first, then what it relies on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.explain.premises import premise
from tip.privacy.guarantees import Status

if TYPE_CHECKING:
    from tip.explain.tongue import Audience, Tongue
    from tip.privacy.guarantees import Assumption, Guarantee

UNENFORCED: Final = "ideal-sum"  # the assumption that nothing in a run enforces
SEEDED: Final = "seeded"
_CAVEATS: Final = (SEEDED, "seeded-before")  # assumptions that say that nobody is protected


def warnings(guarantee: Guarantee, audience: Audience, tongue: Tongue) -> tuple[str, ...]:
    """What nothing enforces; for participants also that nobody is protected, where that is so, once."""
    unenforced = [a for a in guarantee.assumptions if a.name == UNENFORCED]
    if audience != "participant":
        return tuple(_assumed(a, audience, tongue) for a in unenforced)
    simulated = guarantee.status is Status.SIMULATED
    caveats = [a for a in guarantee.assumptions if a.name in _CAVEATS and not (simulated and a.name == SEEDED)]
    plain = tongue.plain
    return (
        *((plain.statuses[guarantee.status],) if simulated else ()),
        *(plain.unenforced.format(sentence=premise(a, audience, tongue)) for a in unenforced),
        *(plain.caveat.format(sentence=premise(a, audience, tongue)) for a in caveats),
    )


def premises(guarantee: Guarantee, audience: Audience, tongue: Tongue) -> tuple[str, ...]:
    """All that something in a run enforces or people answer for, a sentence each."""
    assumed = (a for a in guarantee.assumptions if a.name != UNENFORCED)
    if audience != "participant":
        return tuple(_assumed(a, audience, tongue) for a in assumed)
    sentences = (_sentence(premise(a, audience, tongue)) for a in assumed if a.name not in _CAVEATS)
    return tuple(dict.fromkeys(sentences))  # one sentence may word several assumptions


def listed(head: str, sentences: tuple[str, ...], item: str) -> tuple[str, ...]:
    """The sentences below their head line; as they are where there is none."""
    if not head:
        return sentences
    if not sentences:
        return () if head.endswith(":") else (head,)
    return (head, *(item.format(sentence=sentence) for sentence in sentences))


def _assumed(assumption: Assumption, audience: Audience, tongue: Tongue) -> str:
    return tongue.exact.assumed.format(name=assumption.name, sentence=premise(assumption, audience, tongue))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
