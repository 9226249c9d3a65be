"""Adding up: ring sums, the masks that cover them, and the fixed-point grid that feeds them."""

from __future__ import annotations

from tip.aggregation.intake import Intake, vector_hash
from tip.aggregation.layout import Layout
from tip.aggregation.masks import cover, expand_into
from tip.aggregation.quantize import Encoded, Grid
from tip.aggregation.sums import MODULUS_BITS, centered, ring_add, ring_sum, ring_type, to_ring

__all__ = [
    "MODULUS_BITS",
    "Encoded",
    "Grid",
    "Intake",
    "Layout",
    "centered",
    "cover",
    "expand_into",
    "ring_add",
    "ring_sum",
    "ring_type",
    "to_ring",
    "vector_hash",
]
