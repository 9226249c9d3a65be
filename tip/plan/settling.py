"""A plan, its data and its noise brought together: what both `explain` and a run begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tip.data import load
from tip.errors import DataError
from tip.plan.building import model_of
from tip.plan.coherence import check, check_sizes
from tip.plan.guarantee import Settled, settle
from tip.plan.sizing import Sizes
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.data import Split
    from tip.learning import Model
    from tip.plan.tables import Plan


@dataclass(frozen=True, slots=True)
class Ready:
    """The people of a plan, the model that fits them, and the settled noise."""

    split: Split = field(repr=False)
    model: Model
    settled: Settled


def ready(plan: Plan) -> Ready:
    """Check the plan, load its data, fit the model, settle the noise.

    Raises `ConfigurationError` for a plan that cannot hold, `DataError` for data that cannot be used.
    """
    check(plan)
    split = load(plan.data_settings(), public_choices(plan))
    train = split.train
    if train.agents == 0:
        raise DataError("no agent is left to train", instead="Check data.test, the label and the source")
    model = model_of(plan, features=len(train.names), classes=train.classes)
    sizes = Sizes(enrolled=train.agents, dimension=model.dimension)
    check_sizes(plan, sizes.enrolled, sizes.dimension)
    return Ready(split, model, settle(plan, sizes))


def public_choices(plan: Plan) -> Entropy:
    """For what is no secret and stays when a run goes on: who is kept apart for the test, who plays the liar."""
    return Entropy.seeded(plan.simulation.seed if plan.simulation else 0)
