"""Adding up: ring sums and the fixed-point grid that feeds them."""

from __future__ import annotations

from tip.aggregation.quantize import Encoded, Grid
from tip.aggregation.sums import MODULUS_BITS, centered, ring_add, ring_sum, ring_type, to_ring

__all__ = ["MODULUS_BITS", "Encoded", "Grid", "centered", "ring_add", "ring_sum", "ring_type", "to_ring"]
