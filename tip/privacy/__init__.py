"""Guarantees, coalitions, privacy events and their accounting."""

from tip.privacy.budget import Ledger, MuFilter, RhoFilter
from tip.privacy.calibration import share_variance_for
from tip.privacy.coalitions import Chosen, Coalition, standard_observers
from tip.privacy.composition import compose
from tip.privacy.guarantees import Guarantee
from tip.privacy.statements import (
    Assumption,
    Delta,
    Kind,
    Neighboring,
    Security,
    Status,
    Unit,
    distance_charge,
)

__all__ = [
    "Assumption",
    "Chosen",
    "Coalition",
    "Delta",
    "Guarantee",
    "Kind",
    "Ledger",
    "MuFilter",
    "Neighboring",
    "RhoFilter",
    "Security",
    "Status",
    "Unit",
    "compose",
    "distance_charge",
    "share_variance_for",
    "standard_observers",
]
