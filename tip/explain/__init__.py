"""How a guarantee becomes words."""

from tip.explain.sights import not_protected, sight
from tip.explain.tongue import AUDIENCES, LANGUAGES
from tip.explain.words import (
    Audience,
    Language,
    Told,
    beyond_words,
    coalition_in_words,
    in_words,
    status_in_words,
    tell,
)

__all__ = [
    "AUDIENCES",
    "LANGUAGES",
    "Audience",
    "Language",
    "Told",
    "beyond_words",
    "coalition_in_words",
    "in_words",
    "not_protected",
    "sight",
    "status_in_words",
    "tell",
]
