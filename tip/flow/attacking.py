"""Attacks: the best test of a derivation, made ready to run on what a coalition really saw.

A derivation bounds what a coalition can learn about one agent; its tests z say how to come near. `attack_of` turns
them into numbers: a weight for each row of each message that the coalition sees, and the change d of the agent that
they look for. Theory of operation:

1. **What is known is subtracted.** The coalition knows its own secrets and draws, and, as the worst case, the data of
   everybody else and those of the agent without the change. Messages are linear, so what they would say if all unknown
   noise were 0 is what `evaluate` makes of the known values; a ring's difference is centered. What is left is
   B g, or A d + B g.
2. **One number.** The score is the sum of weight times what is left. Blocks and rounds share no noise, so each test is
   weighted by its own shift over its own variance: that sum is the log-likelihood ratio of the Gaussian law, up to a
   constant. Its mean moves by mu^2, which is also its variance.
3. **Whole numbers.** Sums of discrete Gaussian shares have no z in their derivation; the test is the one that Gaussian
   noise of the same variances would ask for, scaled to whole weights without a common divisor. The law of a whole
   score is exact: masses are convolved. A law that is log-concave has a likelihood ratio that rises with the shift, so
   of one sum no test sees more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tip.errors import ConfigurationError
from tip.flow.block_tests import REAL, WHOLE, BlockTest, Values, block_test
from tip.flow.evaluation import evaluate
from tip.flow.scores import Normal, Pair, Whole
from tip.flow.seeing import Insiders, members_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.derivation import Derivation
    from tip.flow.evaluation import Present
    from tip.flow.model import Law

Indices: TypeAlias = NDArray[np.int64]
_REACH: Final = 12  # standard deviations of one share: what lies beyond weighs e^-72
_MOST: Final = 1 << 22  # masses of a whole score


@dataclass(frozen=True, slots=True)
class Moved:
    """The change of one value of the agent: which secret, whose, in which round, by how much."""

    secret: str
    member: int
    round: int
    by: Fraction


@dataclass(frozen=True, slots=True)
class Unknown:
    """A noise in the score: how often it is multiplied, its law and variance."""

    factor: Fraction | float
    law: Law
    variance: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """A test of one agent by one coalition; see the top of the file.

    Row i is that of member `row_member[i]` (-1: the only one) in round `row_round[i]` of message `row_message[i]` (an
    index in `flow.messages`); `weights` `(rows,)` are int64 where all noise is whole, else float64. `shift` is how far
    the change moves the score, and `noise` is what hides it.
    """

    insiders: Insiders
    agent: int
    row_message: Indices
    row_member: Indices
    row_round: Indices
    weights: Values
    change: tuple[Moved, ...]
    shift: Fraction | float
    noise: tuple[Unknown, ...] = field(repr=False)

    @property
    def whole(self) -> bool:
        """Whether the scores are whole numbers."""
        return self.weights.dtype == np.int64

    @property
    def mu(self) -> float:
        """The shift over the deviation: the test's mu, exact for Gaussian noise."""
        return float(self.shift) / math.sqrt(self._variance)

    @property
    def _variance(self) -> float:
        return math.fsum(float(part.factor) ** 2 * float(part.variance) for part in self.noise)

    def known(self, values: Mapping[str, Values]) -> dict[str, Values]:
        """All values with 0 for each noise that the coalition does not know: nothing else is used of the truth."""
        kept = dict(values)
        for noise in self.insiders.flow.noises:
            if noise.name in values:
                kept[noise.name] = values[noise.name].copy()
                kept[noise.name][:, self.insiders.unknown(noise), :] = 0
        return kept

    def changed(self, values: Mapping[str, Values]) -> dict[str, Values]:
        """The values with the agent's change, in every coordinate: each is a trial of its own."""
        moved = {name: value.copy() for name, value in values.items()}
        for part in self.change:
            array = moved[part.secret]
            by: int | float = float(part.by) if array.dtype.kind == "f" else int(part.by)
            if by != part.by and array.dtype.kind != "f":
                raise ConfigurationError(f"{part.secret!r} changes by {part.by}, and its values are whole")
            array[part.round, part.member] += by
        return moved

    def score(
        self, messages: Mapping[str, Values], values: Mapping[str, Values], present: Present | None = None
    ) -> Values:
        """The score of each trial `(dimension,)`, int64 or float64.

        `messages`: what was seen, by name, `(rounds, members, dimension)`, words where the message is one of a ring.
        `values`: secrets without the change, and noises, of which the known ones are used. `present`: who was summed.
        """
        flow = self.insiders.flow
        expected = evaluate(flow, self.known(values), present)
        total: Values = np.zeros((), self.weights.dtype)
        for index in np.unique(self.row_message).tolist():
            message = flow.messages[index]
            here = self.row_message == index
            rows = self.row_round[here], np.maximum(self.row_member[here], 0)
            left = _difference(messages[message.name][rows], expected[message.name][rows], message.ring)
            total = total + self.weights[here] @ left.astype(self.weights.dtype)
        return total

    def laws(self) -> Pair:
        """The law of the score without and with the change: exact masses for whole scores, else the normal law."""
        if not self.whole:
            deviation = math.sqrt(self._variance)
            return Pair(Normal(0.0, deviation), Normal(float(self.shift), deviation))
        from tip.noise import DiscreteGaussian  # noqa: PLC0415 - real scores do without

        masses = np.ones(1)
        for part in self.noise:
            reach = math.ceil(_REACH * math.sqrt(part.variance))
            own = np.zeros(2 * reach * abs(int(part.factor)) + 1)
            if len(masses) + len(own) > _MOST:
                raise ConfigurationError("the score takes too many values for an exact law", instead="less noise")
            own[:: abs(int(part.factor))] = np.exp(
                DiscreteGaussian(part.variance).log_mass(np.arange(-reach, reach + 1))
            )
            masses = np.convolve(masses, own)
        quiet = Whole(-(len(masses) // 2), masses / masses.sum())
        return Pair(quiet, quiet.shifted(int(self.shift)))


def attack_of(derivation: Derivation) -> Attack:
    """The attack that a derivation suggests; refused where none of its steps has a test."""
    flow = derivation.flow
    parties, fixed = members_of(flow, derivation.coalition)
    insiders = Insiders(flow, parties, np.union1d(fixed, derivation.colluders))
    steps = [node for node in derivation.root.walk() if node.rule == REAL or node.rule in WHOLE]
    parts = [block_test(insiders, node) for node in steps if node.numbers.get("columns") != 0]
    if not parts or len({part.whole for part in parts}) > 1:
        raise ConfigurationError(
            "this derivation has no test to run",
            why="a test comes from Gaussian noise, or from sums of whole-number shares alone",
            instead="derive a guarantee that ends in one of these steps",
        )
    return _joined(insiders, parts[0].agent, parts)


# -- making ---------------------------------------------------------------------------------------


def _joined(insiders: Insiders, agent: int, parts: list[BlockTest]) -> Attack:
    """All blocks, each in all rounds that its view stands for."""
    message, member, round_, weights = [], [], [], []
    change: dict[tuple[str, int, int], Moved] = {}
    noise: list[Unknown] = []
    for part in _agreeing(insiders, parts):
        view = part.seen.view
        for again in range(view.times):
            message.append(view.row_message)
            member.append(view.row_member)
            round_.append(view.row_round + again)
            weights.append(part.test)
            change |= _moved(insiders, part, again)
            noise += _unknown(part)
    joined, scale = _scaled(np.concatenate(weights))
    return Attack(
        insiders, agent, np.concatenate(message), np.concatenate(member), np.concatenate(round_), joined,
        tuple(change.values()),
        scale * sum(part.shift * part.seen.view.times for part in parts),
        tuple(Unknown(part.factor * scale, part.law, part.variance) for part in noise),
    )  # fmt: skip


def _agreeing(insiders: Insiders, parts: list[BlockTest]) -> list[BlockTest]:
    """The blocks, turned around where needed, so that all look for one change: (z, d) and (-z, -d) are one test."""
    agreed: dict[tuple[str, int, int], Moved] = {}
    turned = []
    for part in parts:
        other = replace(part, d=tuple(-by for by in part.d), test=-part.test, spread=-part.spread)
        for choice in (part, other):
            moved = _moved(insiders, choice, 0)
            if all(agreed.get(place, move) == move for place, move in moved.items()):
                break
        else:
            raise ConfigurationError("the blocks of this derivation look for changes that no agent can make at once")
        agreed |= moved
        turned.append(choice)
    return turned


def _moved(insiders: Insiders, part: BlockTest, again: int) -> dict[tuple[str, int, int], Moved]:
    flow, found = insiders.flow, {}
    for symbol, round_, by in zip(part.change.symbol.tolist(), part.change.round.tolist(), part.d, strict=True):
        secret = flow.secrets[symbol]
        move = Moved(secret.name, part.agent - flow.first_agent(secret.of), round_ + again, by)
        if by:
            found[move.secret, move.member, move.round] = move
    return found


def _unknown(part: BlockTest) -> list[Unknown]:
    noises = part.seen.view.flow.noises
    found = []
    for symbol, factor in zip(part.seen.view.noise_symbol.tolist(), part.spread.tolist(), strict=True):
        if factor:
            found.append(Unknown(factor, noises[symbol].law, noises[symbol].variance or Fraction(0)))
    return found


def _scaled(weights: Values) -> tuple[Values, int | Fraction]:
    """Fractions as whole numbers without a common divisor, and by what they were multiplied; floats as they are."""
    if weights.dtype != np.object_:
        return weights, 1
    over = math.lcm(*(entry.denominator for entry in weights))
    under = math.gcd(*(int(entry * over) for entry in weights))
    scale = Fraction(over, under)
    return np.array([int(entry * scale) for entry in weights], np.int64), scale


def _difference(one: Values, other: Values, ring: int) -> Values:
    """What is left of the messages; of words of a ring the representative nearest to 0."""
    if not ring:
        return one - other
    room = np.uint64(64 - ring)
    words = (one.astype(np.uint64) - other.astype(np.uint64)) << room
    return words.view(np.int64) >> np.int64(64 - ring)
