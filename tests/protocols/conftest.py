"""The helpers beside these tests are imported by their full name, `tests.protocols.masking_parties`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
