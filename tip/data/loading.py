"""From settings to populations: read, encode, hand out, keep apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.data.partition import held_out, named, partitioned, share
from tip.data.population import Population
from tip.data.schema import encode
from tip.data.sources import read

if TYPE_CHECKING:
    from tip.data.settings import DataSettings
    from tip.randomness import Entropy


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The agents that train and those kept apart for evaluation.

    Each holds its own records alone. Who an agent is (`Population.ids`) does not depend on the split:
    its row in the source, its value in a column, or its number in the partition. `notes` tell what
    preparation left out, for whoever runs the simulation: they count private records, are evaluation
    only, and stand outside every guarantee.
    """

    train: Population
    test: Population
    notes: tuple[str, ...]


def load(settings: DataSettings, entropy: Entropy) -> Split:
    """The populations of a plan's data; the same settings and seed give the same ones to the bit."""
    table = read(settings)
    records = encode(table, settings)
    count = len(records.kept)
    if settings.partition is not None:
        parts = held_out(settings.partition.agents, settings.test, entropy)
        rows, offsets = partitioned(count, settings.partition, parts, share(settings.test, count), entropy)
        ids = None
    else:
        rows, offsets, ids = named(records.owners, records.kept)
        ids = table.numbers[records.kept] if ids is None else ids
        parts = held_out(len(offsets) - 1, settings.test, entropy)
    whole = Population(records.features, records.labels, rows, offsets, records.names, records.classes, ids)
    return Split(whole.take(parts.train).compact(), whole.take(parts.test).compact(), records.notes)
