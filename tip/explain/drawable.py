"""Text that may stand in a picture or a page: no character that breaks or disguises it.

Names and sentences come from anybody. XML forbids most control characters even as entities, so that one of them
makes a whole SVG file unreadable; terminals obey them; and a character that turns the direction of writing lets a
line say something else than it holds. Each becomes U+FFFD, which readers see.
"""

from __future__ import annotations

import re
from typing import Final

_FORBIDDEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff\\ufffe\\uffff]"
)


def drawable(said: str) -> str:
    """The text with U+FFFD in place of what XML forbids, terminals obey, or turns the direction of writing."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", said)
