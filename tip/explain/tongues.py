"""The languages that are spoken, by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.explain.english import ENGLISH
from tip.explain.french import FRENCH
from tip.explain.tongue import AUDIENCES, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.explain.tongue import Audience, Language, Tongue

_TONGUES: Final[Mapping[str, Tongue]] = {"en": ENGLISH, "fr": FRENCH}


def tongue_of(language: Language) -> Tongue:
    """The table of a language; another one is refused."""
    if language not in _TONGUES:
        known = ", ".join(LANGUAGES)
        raise ConfigurationError(f"{language!r} is no language that tip speaks", instead=f"known are {known}")
    return _TONGUES[language]


def check_audience(audience: Audience) -> None:
    """Refuse an audience that nobody is."""
    if audience not in AUDIENCES:
        known = ", ".join(AUDIENCES)
        raise ConfigurationError(f"{audience!r} is no audience of tip's words", instead=f"known are {known}")
