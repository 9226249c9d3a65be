"""What a command line names: settings, and files that hold a flow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.locating import load

if TYPE_CHECKING:
    from pathlib import Path

_SETTING: Final = re.compile(r"[\w.\[\]-]+=\S")


def parted(text: str) -> list[str]:
    """`rounds=50 seed=2` as two settings; a value with spaces stays whole."""
    words = text.split()
    return words if len(words) > 1 and all(_SETTING.match(word) for word in words) else [text]


def is_flow(path: Path) -> bool:
    """Whether a file holds a flow rather than a plan; false for what cannot be read, which the plan's reader tells."""
    try:
        tables, _ = load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, ConfigurationError):
        return False
    return "agents" in tables and "task" not in tables
