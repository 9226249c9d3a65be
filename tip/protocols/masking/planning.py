"""The cheapest graph that meets the conditions, and what would do where none does."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.protocols.masking.candidates import Candidate, Coordinator, Graph
from tip.protocols.masking.conditions import (
    both_secrets,
    curious_secrets,
    log2_failure,
    too_few_holders,
    two_sets,
)
from tip.protocols.masking.tails import log2_tails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLING_BITS: Final = 2  # Q may take a quarter of the failure that is allowed
_COARSE: Final = 64  # one step of the coarse search is a 64th of the degree
_LARGEST: Final = 1 << 17  # agents, in the search for what would be possible


def cheapest(setting: Candidate) -> Candidate | None:
    """The candidate of fewest mask edges, then of least threshold, that meets all conditions; None if there is none.

    `setting` tells all but graph, degree, threshold and samples. Degrees up to 128 are tried one by one; above, the
    search takes steps of a 64th and then every degree of the last two steps.
    """
    sampled = _with_samples(setting)
    if sampled is None:
        return None
    found = [made for made in (_complete(sampled), _sparse(sampled)) if made is not None]
    return min(found, key=lambda made: (made.mean_degree, made.threshold), default=None)


def meets(candidate: Candidate) -> bool:
    """Whether all conditions hold; the cheap ones are looked at first."""
    malicious = candidate.coordinator is Coordinator.MALICIOUS
    first = both_secrets(candidate) if malicious else curious_secrets(candidate)
    return (
        first <= -candidate.privacy_bits
        and too_few_holders(candidate) <= -candidate.success_bits
        and log2_failure(candidate) <= -candidate.privacy_bits
    )


def _with_samples(setting: Candidate) -> Candidate | None:
    """The least number of consents for which Q takes its part of the failure; None if no number does."""
    if setting.coordinator is Coordinator.CURIOUS:
        return replace(setting, samples=0)
    limit = -(setting.privacy_bits + SAMPLING_BITS)
    samples = _least(lambda count: two_sets(replace(setting, samples=count)) <= limit, 0, setting.minimum)
    return None if samples is None else replace(setting, samples=samples)


def _complete(setting: Candidate) -> Candidate | None:
    degree = setting.agents - 1
    curious = setting.coordinator is Coordinator.CURIOUS
    threshold = setting.corrupt + 1 if curious else (degree + setting.corrupt) // 2 + 1
    made = replace(setting, graph=Graph.COMPLETE, degree=degree, threshold=threshold)
    return made if threshold <= degree and meets(made) else None


def _sparse(setting: Candidate) -> Candidate | None:
    curious = setting.coordinator is Coordinator.CURIOUS
    graph, step = (Graph.RING, 2) if curious else (Graph.DRAWN, 1)
    base, earlier = replace(setting, graph=graph), [step]
    for degree in _coarse(step, setting.minimum):
        if _strictest(replace(base, degree=degree)) is not None:
            found = (_strictest(replace(base, degree=d)) for d in range(earlier[0], degree + 1, step))
            return _lowest(next(made for made in found if made is not None))
        earlier = [*earlier, degree][-2:]
    return None


def _coarse(step: int, end: int) -> Iterator[int]:
    degree = step
    while degree < end:
        yield degree
        degree += step * max(1, degree // (_COARSE * step))


def _strictest(made: Candidate) -> Candidate | None:
    """The candidate with the highest threshold at which E3 holds, if the conditions hold there; else None."""
    tails = log2_tails(made.agents - 1, made.dropouts, made.degree) + math.log2(made.agents)
    spare = np.flatnonzero(tails[1:] <= -made.success_bits)
    if not spare.size or spare[0] >= made.degree:
        return None
    strict = replace(made, threshold=made.degree - int(spare[0]))
    return strict if meets(strict) else None


def _lowest(made: Candidate) -> Candidate:
    """The candidate with the least threshold at which the conditions hold: they are monotone up to the strictest."""
    threshold = _least(lambda t: meets(replace(made, threshold=t)), 1, made.threshold)
    return made if threshold is None else replace(made, threshold=threshold)


def _least(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The least whole number in [low, high] from which on a monotone condition holds; None if it does not at `high`."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def possible(setting: Candidate) -> str:
    """What would do instead of a setting that fails: each fact was found by search."""
    best = cheapest(setting)
    if best is not None:
        return f"a {_told(best)} would do"
    facts = (_curious(setting), _fewer_corrupt(setting), _fewer_dropouts(setting), _more_agents(setting))
    return "; ".join(fact for fact in facts if fact) or "fewer drop-outs together with fewer corrupt agents"


def _told(made: Candidate) -> str:
    verified = f", {made.samples} consents verified" if made.samples else ""
    return f"{made.graph} graph with {made.degree} holders, threshold {made.threshold}{verified}"


def _curious(setting: Candidate) -> str:
    if setting.coordinator is Coordinator.CURIOUS:
        return ""
    best = cheapest(replace(setting, coordinator=Coordinator.CURIOUS))
    return "" if best is None else f"with a curious coordinator: a {_told(best)}"


def _fewer_corrupt(setting: Candidate) -> str:
    fewer = _least(lambda less: _works(replace(setting, corrupt=setting.corrupt - less)), 0, setting.corrupt)
    return "" if fewer is None else f"at most {setting.corrupt - fewer} corrupt agents"


def _fewer_dropouts(setting: Candidate) -> str:
    def with_fewer(less: int) -> bool:
        return _works(replace(setting, dropouts=setting.dropouts - less, minimum=setting.minimum + less))

    room = min(setting.dropouts, setting.agents - setting.minimum)
    fewer = _least(with_fewer, 0, room)
    return "" if fewer is None else f"at most {setting.dropouts - fewer} drop-outs, minimum {setting.minimum + fewer}"


def _more_agents(setting: Candidate) -> str:
    def scaled(agents: int) -> bool:
        corrupt, dropouts = (agents * count // setting.agents for count in (setting.corrupt, setting.dropouts))
        minimum = -(-agents * setting.minimum // setting.agents)
        return _works(replace(setting, agents=agents, corrupt=corrupt, dropouts=dropouts, minimum=minimum))

    top = 2 * setting.agents
    while top <= _LARGEST:
        enough = _least(scaled, setting.agents + 1, top)
        if enough is not None:
            return f"{enough} agents with the same shares"
        top *= 4
    return ""


def _works(setting: Candidate) -> bool:
    return setting.minimum - setting.corrupt >= 2 and cheapest(setting) is not None
