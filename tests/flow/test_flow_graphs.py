"""Graphs: edges sorted and distinct, the wirings by definition, the law and the repetition of k-out graphs."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import graphs
from tip.flow.graphs import degrees, edge_count, edges
from tip.flow.model import MOST_AGENTS, Graph, Wiring


def drawn(picks: int, seed: int = 3) -> Graph:
    return Graph("net", "user", Wiring.K_OUT, picks, seed)


@pytest.mark.parametrize("size", [2, 3, 6])
def test_wirings_by_definition(size: int) -> None:
    pairs = list(itertools.combinations(range(size), 2))
    expected = {
        Wiring.COMPLETE: pairs,
        Wiring.PATH: [(i, j) for i, j in pairs if j - i == 1],
        Wiring.RING: [(i, j) for i, j in pairs if j - i in {1, size - 1}],
        Wiring.STAR: [(i, j) for i, j in pairs if i == 0],
    }
    for wiring, wanted in expected.items():
        graph = Graph("net", "user", wiring)
        assert list(map(tuple, edges(graph, size).tolist())) == wanted
        assert edge_count(graph, size) == len(wanted)
        counted = Counter(itertools.chain.from_iterable(wanted))
        assert degrees(graph, size).tolist() == [counted[i] for i in range(size)]


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 60), st.data())
def test_drawn_edges_are_sorted_and_distinct_and_nobody_has_too_few(size: int, data: st.DataObject) -> None:
    graph = drawn(data.draw(st.integers(1, size - 1)), data.draw(st.integers(0, 1000)))
    pairs = list(map(tuple, edges(graph, size).tolist()))
    assert pairs == sorted(set(pairs))
    assert all(0 <= i < j < size for i, j in pairs)
    assert degrees(graph, size).min() >= graph.picks
    assert len(pairs) <= size * graph.picks
    assert edge_count(graph, size) == len(pairs)


def test_a_seed_stands_for_one_graph() -> None:
    """What was drawn once is drawn again: a flow names its graph by the seed alone."""
    assert edges(drawn(1), 6).tolist() == [[0, 1], [1, 2], [1, 4], [1, 5], [3, 5], [4, 5]]
    assert edges(drawn(2), 30).tolist()[:6] == [[0, 5], [0, 16], [0, 21], [0, 27], [1, 12], [1, 29]]
    assert not np.array_equal(edges(drawn(2, 4), 30), edges(drawn(2, 5), 30))


def test_each_pair_is_equally_likely() -> None:
    """An edge of a 2-out graph of 6 stands with probability 1 - (3/5)^2; 6 standard deviations on 4000 draws."""
    seeds = range(4000)
    found = Counter(pair for seed in seeds for pair in map(tuple, edges(drawn(2, seed), 6).tolist()))
    chance = 1 - (3 / 5) ** 2
    assert len(found) == 15
    for count in found.values():
        assert abs(count - chance * len(seeds)) < 6 * (len(seeds) * chance * (1 - chance)) ** 0.5


def test_picks_that_repeat_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, members with fewer neighbors than picks turn up."""
    least = [degrees(drawn(2, seed), 6).min() for seed in range(50)]
    monkeypatch.setattr(graphs, "_repeats", lambda picked: np.zeros(len(picked), np.bool_))
    edges.cache_clear()
    mutant = [degrees(drawn(2, seed), 6).min() for seed in range(50)]
    edges.cache_clear()
    assert min(least) == 2
    assert min(mutant) == 1


def test_more_picks_than_others_are_refused_and_members_fit_a_sort_key() -> None:
    with pytest.raises(ConfigurationError, match="At most 5"):
        edges(drawn(6), 6)
    assert 1 << graphs._BITS > MOST_AGENTS


def test_given_edges_are_taken_as_they_are_and_two_members_make_no_ring() -> None:
    pairs = ((0, 2), (1, 2), (3, 4))
    assert edges(Graph("net", "user", Wiring.GIVEN, edges=pairs), 6).tolist() == [list(pair) for pair in pairs]
    assert degrees(Graph("net", "user", Wiring.GIVEN, edges=pairs), 6).tolist() == [1, 1, 2, 1, 1, 0]
    assert edges(Graph("net", "user", Wiring.RING), 2).tolist() == [[0, 1]]


def test_many_picks_are_distinct_and_each_pair_is_equally_likely() -> None:
    """13 of 39 and 7 of 8 are drawn by ordering all others. Hoeffding's bound at 1e-6 for all pairs together."""
    assert all(degrees(drawn(13, seed), 40).min() >= 13 for seed in range(200))
    size, picks, seeds = 9, 7, 6000
    counts = np.zeros((size, size), np.int64)
    for seed in range(seeds):
        lower, upper = edges(drawn(picks, seed), size).T
        counts[lower, upper] += 1
    found = counts[np.triu_indices(size, 1)]
    allowed = (seeds / 2 * np.log(2 * len(found) / 1e-6)) ** 0.5
    assert np.abs(found - seeds * (1 - (1 - picks / (size - 1)) ** 2)).max() < allowed
    assert np.abs(found - seeds * (1 - (1 - (picks - 1) / (size - 1)) ** 2)).max() > allowed  # one pick too few


def test_the_number_of_edges_of_a_large_graph() -> None:
    """An edge that both ends picked stands once: n k - n (n-1)/2 (k/(n-1))^2 are expected."""
    size, picks = 5000, 10
    expected = size * picks - size * (size - 1) / 2 * (picks / (size - 1)) ** 2
    assert abs(len(edges(drawn(picks), size)) - expected) < 60  # 6 standard deviations of about 10


def test_edges_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        edges(Graph("net", "user", Wiring.RING), 5)[0, 0] = 3
