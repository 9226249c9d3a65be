"""Which values of a run folder's files are numbers that a page can show.

JSON and TOML know whole numbers of any size, and `math.isfinite` raises for one that no float holds.
"""

from __future__ import annotations

import math
import sys
from typing import TypeGuard


def finite(value: object) -> TypeGuard[float]:
    """Whether it is a number, neither a truth value nor infinite nor beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max if isinstance(value, int) else math.isfinite(value)
