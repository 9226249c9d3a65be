"""How a guarantee becomes words."""

from tip.explain.sights import not_protected, sight
from tip.explain.words import Audience, beyond_words, coalition_in_words, in_words, status_in_words

__all__ = [
    "Audience",
    "beyond_words",
    "coalition_in_words",
    "in_words",
    "not_protected",
    "sight",
    "status_in_words",
]
