"""How a guarantee becomes words."""

from tip.explain.words import Audience, coalition_in_words, in_words, out_of, rounded_up, status_in_words

__all__ = ["Audience", "coalition_in_words", "in_words", "out_of", "rounded_up", "status_in_words"]
