"""The local mechanisms' contract against an attacker, over the whole catalog."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from tip.mechanisms.reports import Reports

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

SEED = Entropy.seeded(20261122)
COUNT = 400


def same(one: Reports, other: Reports) -> bool:
    """Whether two batches hold the same bits."""
    columns = all(np.array_equal(a, b) for a, b in zip(one.columns, other.columns, strict=True))
    ids = one.ids is other.ids or np.array_equal(one.ids, other.ids)  # type: ignore[arg-type]
    return one.digest == other.digest and one.layout == other.layout and columns and ids


def test_no_mechanism_is_forgotten(forgotten: set[type], catalog: list[Thing]) -> None:
    """Whatever is exported is attacked below; and no two entries of the catalog are one."""
    assert not forgotten
    assert len({one.mechanism.spec.digest for one in catalog}) == len(catalog)


def test_a_mechanism_is_data_without_a_secret(attacked: Thing) -> None:
    """Frozen, hashable, comparable, pickled with its digest; what was sent never prints."""
    mechanism = attacked.mechanism
    with pytest.raises((AttributeError, TypeError)):
        mechanism.epsilon = 100.0
    with pytest.raises((AttributeError, TypeError)):
        mechanism.invented = 1
    again = pickle.loads(pickle.dumps(mechanism))  # noqa: S301 - our own bytes
    assert again == mechanism
    assert hash(again) == hash(mechanism)
    assert again.spec == mechanism.spec
    assert again.layout == mechanism.layout
    reports = mechanism.randomize(attacked.many(40), entropy=SEED)
    assert "array" not in repr(reports)
    assert "array" not in repr(mechanism.aggregate(reports))
    assert len(repr(mechanism)) < 400


def test_a_digest_stands_for_one_law(attacked: Thing) -> None:
    """Whoever changes a parameter changes the digest: reports of two laws are never added up."""
    mechanism = attacked.mechanism
    assert replace(mechanism).spec.digest == mechanism.spec.digest
    aggregate = mechanism.aggregate(mechanism.randomize(attacked.many(3), entropy=SEED))
    for name, value in attacked.others.items():
        other = replace(mechanism, **{name: value})
        assert other.spec.digest != mechanism.spec.digest, name
        with pytest.raises(ConfigurationError):
            other.estimate(aggregate)
        with pytest.raises(ConfigurationError):
            other.aggregate(mechanism.randomize(attacked.many(3), entropy=SEED))
        alien = Aggregate(other.spec.digest, 1, 0, aggregate.totals)
        with pytest.raises(ConfigurationError):
            aggregate + alien


def test_an_agents_bits_depend_on_its_index_alone(attacked: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order, in any batch, in blocks of any size, one agent by itself: the same report."""
    mechanism, values = attacked.mechanism, attacked.many(COUNT)
    agents = np.arange(COUNT) * 1_000_003 + (np.arange(COUNT) % 7) * min(1 << 40, attacked.agents >> 4)
    whole = mechanism.randomize(values, entropy=SEED, agents=agents)
    order = SEED.stream("order").permutation(COUNT)
    assert same(whole.take(order), mechanism.randomize(values[order], entropy=SEED, agents=agents[order]))
    for row in (0, 5, COUNT - 1):
        alone = mechanism.randomize(values[row : row + 1], entropy=SEED, agents=agents[row : row + 1])
        assert same(whole.take(slice(row, row + 1)), alone)
        single = mechanism.randomize(values[row], entropy=SEED, agents=agents[row : row + 1])
        assert same(alone, single)  # a single value is a batch of one
    monkeypatch.setattr(type(mechanism), "block", property(lambda _: 7))
    assert same(whole, mechanism.randomize(values, entropy=SEED, agents=agents))


def test_rounds_and_system_entropy_do_not_repeat(attacked: Thing) -> None:
    """Another round, another call of the system's generator: other bits."""
    mechanism, values = attacked.mechanism, attacked.many(COUNT)
    first = mechanism.randomize(values, entropy=SEED)
    assert same(first, mechanism.randomize(values, entropy=SEED))
    repeats = type(mechanism).__name__ == "BitFlip"  # its reports are one remembered answer
    assert same(first, mechanism.randomize(values, entropy=SEED, round=1)) == repeats
    assert not same(mechanism.randomize(values), mechanism.randomize(values, entropy=SYSTEM))


def test_simulation_names_its_randomness(attacked: Thing) -> None:
    """`simulate` has no default source: nobody simulates on the system's generator, or on a seed, unawares."""
    simulate = getattr(attacked.mechanism, "simulate", None)
    if simulate is None:
        return
    with pytest.raises(TypeError):
        simulate(np.array([1, 2]))


def test_wire_round_trip_and_no_reports(attacked: Thing) -> None:
    """What was packed is unpacked, with ids and without, for 0 reports and for many."""
    mechanism = attacked.mechanism
    reports = mechanism.randomize(attacked.many(COUNT), entropy=SEED)
    for some in (reports, reports.take(slice(0, 0)), reports.take(slice(3, 4))):
        for sent in (some, some.with_ids(np.arange(len(some)) + (1 << 62))):
            read = mechanism.read(sent.to_bytes())
            assert same(read, sent)
    empty = mechanism.randomize(attacked.many(COUNT)[:0], entropy=SEED)
    assert len(empty) == 0
    nothing = mechanism.aggregate(reports.take(slice(0, 0)))
    assert (nothing.reports, nothing.refused) == (0, 0)
    with pytest.raises(ConfigurationError):
        mechanism.estimate(nothing)


def test_aggregates_merge_in_any_grouping(attacked: Thing) -> None:
    """Totals of parts add up to the whole's, in any order; the honest are never refused."""
    mechanism = attacked.mechanism
    reports = mechanism.randomize(attacked.many(COUNT), entropy=SEED)
    whole = mechanism.aggregate(reports)
    assert (whole.reports, whole.refused) == (COUNT, 0)
    a, b, c = (mechanism.aggregate(reports.take(rows)) for rows in (slice(0, 1), slice(1, 150), slice(150, None)))
    for merged in ((a + b) + c, a + (c + b), (c + a) + b):
        assert merged.reports == COUNT
        if whole.totals.dtype == np.int64:
            assert merged == whole
        else:  # idealized mechanisms add up floats
            assert np.allclose(merged.totals, whole.totals)
    assert Aggregate.from_bytes(whole.to_bytes()) == whole
