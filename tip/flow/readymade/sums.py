"""Ready-made sums: of one round, and of all rounds so far."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError
from tip.flow.expressions import parse
from tip.flow.model import EVERYBODY, Cohort, Flow, Group, Message, Noise, Table
from tip.flow.readymade.parts import AGENT, COORDINATOR, agents_flow, answer, gaussian
from tip.privacy.checks import whole

_MOST_PREFIXES: Final = 1_024


def central_sum(agents: int, *, variance: Fraction | None) -> Flow:
    """Agents tell a trusted coordinator, who adds Gaussian noise to the sum and publishes it.

    Against the world mu^2 = 1 / variance for each agent (the Gaussian mechanism; Dong, Roth, Su 2022, theorem 1),
    whoever else colludes; against the coordinator it is infinite.
    """
    return agents_flow(
        "central sum",
        "A trusted coordinator adds noise to the sum of what it was told and publishes it.",
        agents,
        parties=(COORDINATOR,),
        noises=(gaussian("noise", COORDINATOR, variance),),
        messages=(
            Message("told", AGENT, parse("answer"), (COORDINATOR,)),
            Message("total", COORDINATOR, parse("sum(told) + noise"), (EVERYBODY,)),
        ),
    )


def distributed_sum(agents: int, *, share_variance: Fraction | None, least: int | None = None) -> Flow:
    """Each agent adds a share of the noise, and the party `summation` shows nothing but the sum of at least `least`.

    With c colluders h = least - min(c, least - 1) shares remain (law 4), and mu^2 = 1 / (h share_variance). `summation`
    stands for a protocol: who breaks it sees single messages, mu^2 = 1 / share_variance (law 3).
    """
    return agents_flow(
        "distributed sum",
        "Each agent adds a share of the noise; a summing protocol shows only the sum.",
        agents,
        parties=("summation", COORDINATOR),
        cohorts=(Cohort("answering", AGENT, agents if least is None else least),),
        noises=(gaussian("share", AGENT, share_variance),),
        messages=(
            Message("part", AGENT, parse("answer + share"), ("summation",)),
            Message("total", "summation", parse("sum(part, answering)"), (EVERYBODY,)),
        ),
    )


def tree(rounds: int, *, variance: Fraction | None, agents: int = 2) -> Flow:
    """A trusted coordinator publishes the noisy sums of all nodes of a binary tree over the rounds.

    Who takes part in one round stands in 1 + log2(rounds) nodes, each with noise of its own, so mu^2 = (1 +
    log2(rounds)) / variance (Dwork et al. 2010; Chan, Shi, Song 2010). The number of rounds is a power of two.
    """
    _power_of_two(rounds)
    return _over_rounds("binary tree", agents, rounds, (
        gaussian("noise", COORDINATOR, variance, 2 * rounds - 1),
        Message("released", COORDINATOR, parse("tree(sum(told)) + noise"), (EVERYBODY,)),
    ))  # fmt: skip


def square_root(rounds: int, *, variance: Fraction | None, agents: int = 2) -> Flow:
    """A trusted coordinator publishes C x + noise, C the square root of the prefix sums (Toeplitz).

    Who takes part in the first round moves the release by its first column, whose squared norm is sum_{k < rounds}
    (binom(2k, k) / 4^k)^2, the largest of all columns; so mu^2 is that over the variance (Henzinger, Upadhyay,
    Upadhyay 2023; Fichtenberger, Henzinger, Upadhyay 2023). For 64 rounds the norm is 1.54559.
    """
    return _over_rounds("square root", agents, rounds, (
        gaussian("noise", COORDINATOR, variance, rounds),
        Message("released", COORDINATOR, parse("root(sum(told)) + noise"), (EVERYBODY,)),
    ))  # fmt: skip


def follow_the_leader(rounds: int, *, variance: Fraction | None, agents: int = 2, by_tree: bool = False) -> Flow:
    """DP-FTRL: gradients that depend on earlier releases; the noisy prefix sums of all rounds are published.

    By the square root: root(root(x) + noise) = prefix sums + root(noise), as much as `square_root` tells, since root is
    invertible and causal (Denisov et al. 2022 for gradients that depend on the past). By the tree: each prefix is the
    sum of its binary nodes, at most as much as `tree` tells (Kairouz et al. 2021).
    """
    if not by_tree:
        return _over_rounds("follow the leader", agents, rounds, (
            gaussian("noise", COORDINATOR, variance, rounds),
            Message("released", COORDINATOR, parse("root(root(sum(told)) + noise)"), (EVERYBODY,)),
        ))  # fmt: skip
    _power_of_two(rounds)
    return _over_rounds("follow the leader, by a tree", agents, rounds, (
        gaussian("noise", COORDINATOR, variance, 2 * rounds - 1),
        Message("released", COORDINATOR, parse("apply(tree(sum(told)) + noise, nodes)"), (EVERYBODY,)),
    ), tables=(Table("nodes", _nodes_of_prefixes(rounds)),))  # fmt: skip


def _over_rounds(
    name: str, agents: int, rounds: int, parts: tuple[Noise, Message], tables: tuple[Table, ...] = ()
) -> Flow:
    """A flow in which the coordinator is told values in each round and one agent takes part in one round at most."""
    group = Group(AGENT, whole("agents", agents, least=2))
    noise, message = parts
    return Flow(
        name,
        "A trusted coordinator adds up what it is told in each round and releases sums over rounds with noise.",
        (group,),
        parties=(COORDINATOR,),
        tables=tables,
        secrets=(replace(answer(rounds), participations=1),),
        noises=(noise,),
        messages=(Message("told", AGENT, parse("answer"), (COORDINATOR,)), message),
    )


def _power_of_two(rounds: int) -> None:
    if whole("rounds", rounds, least=1) & (rounds - 1):
        raise ConfigurationError(f"a binary tree has a power of two as its number of rounds, not {rounds}")


def _nodes_of_prefixes(rounds: int) -> tuple[tuple[Fraction, ...], ...]:
    """For each prefix the nodes that add up to it: one for each binary digit of its length."""
    if rounds > _MOST_PREFIXES:
        raise ConfigurationError(f"{rounds} prefixes by a tree are too many", instead=f"at most {_MOST_PREFIXES}")
    first = [2 * rounds - (2 * rounds >> level) for level in range(rounds.bit_length())]
    rows = []
    for length in range(1, rounds + 1):
        chosen = {
            first[level] + (length >> level) - 1 for level in range(length.bit_length()) if length >> level & 1
        }  # fmt: skip
        rows.append(tuple(Fraction(node in chosen) for node in range(2 * rounds - 1)))
    return tuple(rows)
