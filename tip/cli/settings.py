"""Settings as they are written on a command line."""

from __future__ import annotations

import re
from typing import Final

_SETTING: Final = re.compile(r"[\w.\[\]-]+=\S")


def parted(text: str) -> list[str]:
    """`rounds=50 seed=2` as two settings; a value with spaces stays whole."""
    words = text.split()
    return words if len(words) > 1 and all(_SETTING.match(word) for word in words) else [text]
