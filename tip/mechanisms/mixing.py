"""What a report promises once a shuffler has mixed it with others.

The bound knows two things of a mechanism: its exact ratio (clones), and where it has been worked out its
two most unlike laws over their common part (`worst_pair`, the blanket). The better of the two is
promised. To whom it may be credited: `tip.privacy.amplification`; the mathematics: docs/local-shuffling.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.privacy.amplification import why_not_shuffled
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind
from tip.privacy.shuffling import blanket_epsilon, epsilon_of

if TYPE_CHECKING:
    from tip.mechanisms.base import PureMechanism
    from tip.privacy.coalitions import Coalition


def shuffled(mechanism: PureMechanism, *, shuffler: str, reports: int, delta: float, coalition: Coalition) -> Guarantee:
    """The guarantee of one report among `reports` honest ones that the party `shuffler` mixes.

    `reports`: honest, non-colluding reports sure to be in the batch, the agent's own included
    (`amplification.honest_reports`). Never more than the report alone costs. Raises `ConfigurationError` with the
    reason where shuffling may not be credited to the coalition.
    """
    if reason := why_not_shuffled(coalition, shuffler=shuffler, identifying=mechanism.identifying, releases=1):
        raise ConfigurationError("shuffling hides nothing here", why=reason, instead="promise mechanism.guarantee")
    pair = mechanism.worst_pair
    if pair is None:
        epsilon = epsilon_of(delta, ratio=mechanism.ratio, reports=reports)
    else:
        epsilon = blanket_epsilon(delta, pair, reports=reports)
    alone = mechanism.guarantee
    mixed = Assumption(
        "shuffler",
        f"{shuffler} mixes at least {reports:,} honest reports before it hands them on, without names, times or sizes, "
        "and tells nobody what it saw",
    )
    return replace(
        alone,
        epsilon=min(epsilon, alone.epsilon if alone.epsilon is not None else epsilon),
        delta=Delta(conversion=delta),
        kind=Kind.APPROXIMATE,
        coalition=coalition,
        scope=f"{alone.scope}, mixed with others by {shuffler}",
        assumptions=(*alone.assumptions, mixed),
    )
