"""Each condition against graphs that were drawn and adversaries that attack them, with a careless bound that fails."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest

from tip.protocols.masking.conditions import (
    both_secrets,
    curious_secrets,
    left_out,
    ring_cut,
    small_part,
    too_few_holders,
    two_sets,
)
from tip.protocols.masking.parameters import Parameters, plan_masking
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]

ALPHA = 1e-6
ENTROPY = Entropy.seeded(5)


def weak(**values: Any) -> Parameters:  # noqa: ANN401 - fields of the class
    """Small numbers that fail often enough to be seen failing; agents 0 .. corrupt-1 are corrupt."""
    given = {"coordinator": "malicious", "graph": "drawn", "samples": 0, "dropouts": 0}
    return Parameters.unchecked(**given | {"privacy_bits": 1, "success_bits": 1} | values)


def graphs(p: Parameters, trials: int, purpose: str) -> Iterator[Bools]:
    """Holders of each agent, `(agents, agents)`: row u marks those that hold for u."""
    generator = ENTROPY.generator(purpose)
    for _ in range(trials):
        keys = generator.random((p.agents, p.agents))
        np.fill_diagonal(keys, 2.0)
        yield keys <= np.partition(keys, p.degree - 1, axis=1)[:, p.degree - 1 : p.degree]


def holds(successes: int, trials: int, log2_bound: float) -> bool:
    """Whether the failures that were seen are no evidence against the bound."""
    return bool(binomtest(successes, trials, 2.0**log2_bound, alternative="greater").pvalue > ALPHA)


def parts(holders: Bools, used: Bools, survivors: Bools, signers: Bools, p: Parameters) -> list[Bools]:
    """What a coordinator opens: the honest parts whose sums it learns.

    `used`: row u marks those with whom u masked its vector. Corrupt agents tell all their secrets; signers give their
    shares of the own masks of survivors.
    """
    corrupt = np.arange(p.agents) < p.corrupt
    opened: Bools = np.asarray(survivors & ((holders & (signers | corrupt)).sum(1) >= p.threshold))
    honest = survivors & ~corrupt
    masks = used & honest & honest[:, None]  # masks with the gone and the corrupt are known
    _, label = connected_components(csr_array((masks & masks.T).astype(np.int8)), directed=False)
    one_sided: Bools = np.asarray((masks & ~masks.T).any(1))  # a mask that no other vector takes off again
    found = [honest & (label == name) for name in np.unique(label[honest])]
    return [part for part in found if opened[part].all() and not one_sided[part].any()]


def test_two_views_open_both_secrets_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=30, corrupt=6, minimum=30, degree=9, threshold=7), 4000
    seen = 0
    for holders in graphs(p, trials, "two views"):
        corrupt = holders[p.corrupt :, : p.corrupt].sum(1)
        seen += bool(np.any(corrupt + (p.degree - corrupt) // 2 >= p.threshold))  # the honest ones split in half
    assert seen > 100
    assert holds(seen, trials, both_secrets(p))
    careless = weak(agents=30, corrupt=6, minimum=30, degree=10, threshold=8)  # one corrupt holder more is one too many
    assert not holds(seen, trials, both_secrets(careless))


def test_half_of_the_holders_as_threshold_opens_both_secrets_always() -> None:
    p = weak(agents=30, corrupt=0, minimum=30, degree=10, threshold=5)
    assert both_secrets(p) == 0
    assert both_secrets(weak(agents=30, corrupt=0, minimum=30, degree=10, threshold=6)) == -math.inf


def test_a_curious_coordinator_opens_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=30, corrupt=6, minimum=30, degree=8, threshold=5), 4000
    seen = sum(bool((h[p.corrupt :, : p.corrupt].sum(1) >= 5).any()) for h in graphs(p, trials, "curious"))
    assert seen > 100
    assert holds(seen, trials, curious_secrets(p))
    assert not holds(seen, trials, curious_secrets(weak(agents=30, corrupt=6, minimum=30, degree=8, threshold=6)))


def small_sets(p: Parameters) -> Bools:
    """All honest sets of at most half the honest agents, `(sets, agents)`."""
    honest = range(p.corrupt, p.agents)
    chosen = [s for a in range(1, p.honest_invited // 2 + 1) for s in itertools.combinations(honest, a)]
    marks = np.zeros((len(chosen), p.agents), dtype=bool)
    for row, members in zip(marks, chosen, strict=True):
        row[list(members)] = True
    return marks


def closed(holders: Bools, sets: Bools, p: Parameters) -> Bools:
    """Which sets have, for each member, a threshold of holders in themselves and the corrupt."""
    inside = sets | (np.arange(p.agents) < p.corrupt)
    enough = holders.astype(np.int16) @ inside.T.astype(np.int16) >= p.threshold
    return np.asarray((enough.T | ~sets).all(1))


def test_all_small_sets_tried_a_small_part_is_opened_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=14, corrupt=3, minimum=14, degree=5, threshold=4), 3000
    sets, seen = small_sets(p), 0
    for holders in graphs(p, trials, "small parts"):
        bad = np.flatnonzero(closed(holders, sets, p))
        if not bad.size:
            continue
        seen += 1
        part = sets[bad[0]]
        around = holders[part].any(0) | (holders & part).any(1)
        survivors = part | ~around | (np.arange(p.agents) < p.corrupt)  # drop all neighbors of the part
        found = parts(holders, holders | holders.T, survivors, survivors, p)
        assert any((one <= part).all() for one in found)  # the attack opens it, or a part of it
    assert seen > 50
    assert holds(seen, trials, small_part(p))
    assert not holds(seen, trials, small_part(weak(agents=14, corrupt=3, minimum=14, degree=5, threshold=5)))


def test_whatever_is_opened_is_closed_or_large() -> None:
    p = weak(agents=9, corrupt=2, minimum=4, degree=4, threshold=3)
    generator, opened = ENTROPY.generator("all survivor sets"), 0
    corrupt = np.arange(p.agents) < p.corrupt
    for holders in graphs(p, 40, "all survivor sets"):
        for chosen in itertools.product([False, True], repeat=p.honest_invited):
            survivors = np.concatenate((corrupt[: p.corrupt], chosen))
            able = survivors & ((holders & survivors).sum(1) >= p.threshold)
            signers = (able & (generator.random(p.agents) < 0.9)) | corrupt
            for part in parts(holders, holders | holders.T, survivors, signers, p):
                opened += 1
                assert closed(holders, part[None], p)[0]
                assert not (holders & part)[survivors & ~corrupt & ~part].any()  # E4: no edge to those left out
                assert not holders[part][:, survivors & ~corrupt & ~part].any()
    assert opened > 100


def test_without_the_rule_about_views_what_is_opened_need_not_be_closed() -> None:
    """Agent 2 was shown only 0, 3 and 4, is in the set, and was not asked to sign: 6 helps to open it all the same."""
    p = weak(agents=10, corrupt=2, minimum=8, degree=4, threshold=3)
    chosen = {2: (0, 3, 4, 6), 3: (0, 1, 9, 4), 9: (0, 1, 3, 4), 6: (7, 8, 0, 1), 7: (6, 8, 0, 1), 8: (6, 7, 0, 1)}
    holders = np.zeros((p.agents, p.agents), dtype=bool)
    for agent, others in chosen.items():
        holders[agent, list(others)] = True
    survivors = np.isin(np.arange(p.agents), (0, 1, 2, 3, 6, 7, 8, 9))
    signers = survivors & (np.arange(p.agents) != 2)
    alike = holders | holders.T
    assert [np.flatnonzero(part).tolist() for part in parts(holders, alike, survivors, signers, p)] == [
        [2, 3, 6, 7, 8, 9]  # everybody
    ]
    shown = alike.copy()
    shown[2] = np.isin(np.arange(p.agents), (0, 3, 4))
    (part,) = parts(holders, shown, survivors, signers, p)
    assert np.flatnonzero(part).tolist() == [2, 3, 9]
    assert not closed(holders, part[None], p)[0]


def core(holders: Bools, start: Bools, p: Parameters) -> Bools:
    """The greedy adversary: from a set it takes away who has too few holders inside, until nobody has."""
    part = start.copy()
    while True:
        lacking = part & ((holders & (part | (np.arange(p.agents) < p.corrupt))).sum(1) < p.threshold)
        if not lacking.any():
            return part
        part &= ~lacking


def gathered(holders: Bools, start: Bools, p: Parameters) -> Bools:
    """A set of the same size whose members hold for one another: thirty times the worst one is changed for the best."""
    part, corrupt = start.copy(), np.arange(p.agents) < p.corrupt
    for _ in range(30):
        inside = (holders & (part | corrupt)).sum(1) + (holders.T & part).sum(1) / 2
        members, others = np.flatnonzero(part), np.flatnonzero(~part & ~corrupt)
        part[members[inside[members].argmin()]] = False
        part[others[inside[others].argmax()]] = True
    return part


@pytest.mark.parametrize(("threshold", "least", "most"), [(21, 0, 0), (16, 10, 20)])
def test_the_greedy_adversary_finds_nothing_in_a_plan_and_much_where_half_is_asked(
    threshold: int, least: int, most: int
) -> None:
    plan = plan_masking(100, 0.1, 0.1, coordinator="malicious")
    assert (plan.degree, plan.threshold) == (31, 21)
    p = weak(agents=100, corrupt=10, minimum=90, degree=31, threshold=threshold)
    generator, found = ENTROPY.generator("greedy"), 0
    for holders in graphs(p, 20, "greedy"):
        start = np.zeros(p.agents, dtype=bool)
        start[generator.permutation(np.arange(p.corrupt, p.agents))[:45]] = True
        found += bool(core(holders, gathered(holders, start, p), p).any())
    assert least <= found <= most


def test_a_minority_passes_the_samples_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=24, corrupt=2, minimum=20, degree=5, threshold=4, samples=9), 5000
    signed = np.arange(p.minimum) < (p.agents + p.corrupt) // 2
    order = ENTROPY.generator("consents").random((trials, p.honest_invited, p.minimum)).argsort(-1)
    seen = int(signed[order[..., : p.samples]].all(-1).any(-1).sum())
    assert seen > 200
    assert holds(seen, trials, two_sets(p))
    careless = weak(agents=23, corrupt=1, minimum=20, degree=5, threshold=4, samples=9)  # a corrupt one signs once only
    assert not holds(seen, trials, two_sets(careless))


def test_survivors_are_left_out_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=30, corrupt=3, minimum=24, degree=17, threshold=12, privacy_bits=-20), 6000
    seen = 0
    for holders in graphs(p, trials, "left out"):
        chosen_by = holders[p.corrupt :, p.corrupt :].sum(0)
        seen += bool((chosen_by <= p.agents - p.minimum).any())  # whoever chose one of them is dropped
    number, bound = left_out(p)
    assert number == 0  # so few bits are asked that a single one counts
    assert seen > 20
    assert holds(seen, trials, bound)
    by_chance = bound - math.log2(math.comb(26, 20))  # as if the coordinator did not choose who drops out
    assert not holds(seen, trials, by_chance)


def test_a_ring_is_cut_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=30, corrupt=6, minimum=24, degree=8, threshold=5, coordinator="curious", graph="ring"), 4000
    distance = np.abs(np.subtract.outer(np.arange(p.agents), np.arange(p.agents)))
    ring = np.minimum(distance, p.agents - distance) <= p.degree // 2
    order, cut, gaps = ENTROPY.generator("ring").random((trials, p.agents)).argsort(-1), 0, 0
    for places in order:
        good = np.sort(places[12:])  # 6 corrupt, 6 gone
        cut += connected_components(csr_array(ring[np.ix_(good, good)].astype(np.int8)), directed=False)[0] > 1
        gaps += bool((np.diff(np.append(good, good[0] + p.agents)) > p.degree // 2).any())
    assert cut > 10
    assert holds(cut, trials, ring_cut(p))
    assert gaps > 10 * cut  # one gap is common, and cuts nothing
    assert not holds(cut, trials, ring_cut(p) - math.log2((p.agents - 1) / 2))  # as if one of two gaps were given


def test_holders_are_too_few_no_more_often_than_bounded() -> None:
    p, trials = weak(agents=30, corrupt=0, dropouts=6, minimum=24, degree=10, threshold=6), 4000
    seen = sum(bool((h[:, : p.dropouts].sum(1) > 4).any()) for h in graphs(p, trials, "holders"))
    assert seen > 500
    assert holds(seen, trials, too_few_holders(p))
    careless = weak(agents=30, corrupt=0, dropouts=6, minimum=24, degree=10, threshold=5)
    assert not holds(seen, trials, too_few_holders(careless))
