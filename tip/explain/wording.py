"""Other rooms' English texts in plain words, and in French: tables of patterns.

Assumptions and scopes are worded where they are made, for engineers and in English. A `Wording` knows such a text
by a pattern and says it again: plainly for participants in both languages, exactly in French. Groups of the pattern
are handed over in turn, numbers as each language writes them. A text that no pattern knows stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.explain.tongue import Audience, Tongue

_COUNT: Final = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
_DECIMAL: Final = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True, slots=True)
class Wording:
    """One text: its pattern, and how it reads for participants (English, French) and for French engineers."""

    pattern: str
    english: str
    french: str
    exact: str  # in French

    def read(self, text: str, audience: Audience, tongue: Tongue) -> str | None:
        """The text in these words; None if it is another one."""
        found = re.fullmatch(self.pattern, text, re.DOTALL)
        if found is None:
            return None
        if audience == "participant":
            template = self.french if tongue.language == "fr" else self.english
        else:
            template = self.exact if tongue.language == "fr" else text.replace("{", "{{").replace("}", "}}")
        return template.format(*(_written(group or "", tongue) for group in found.groups()))


def reword(known: Iterable[Wording], text: str, audience: Audience, tongue: Tongue) -> str | None:
    """The text by the first wording that knows it; None where none does."""
    for wording in known:
        said = wording.read(text, audience, tongue)
        if said is not None:
            return said
    return None


def _written(group: str, tongue: Tongue) -> str:
    """A count with its thousands, a decimal figure with its point or comma; all else as it is."""
    if _COUNT.fullmatch(group):
        return tongue.count(int(group.replace(",", "")))
    return tongue.written(group) if _DECIMAL.fullmatch(group) else group
