"""Cohorts: when one least set stands for every set that a sum may be over.

A sum over a cohort is looked at for its worst least set: all colluders that fit, and no more honest members than
the minimum needs (`tip.flow.seeing`). That bounds every set, in every round, where what a member adds to the
sums of one cohort and round is seen nowhere else in the block: then a further honest member adds independent noise and
a constant to the same sums, which is post-processing, and any two sets of as many honest members are alike. So
the noise and the secrets within a sum over a cohort

- stand in no other sum and nowhere else in the block (x in two sums over different sets: their difference shows it),
- are new in each round that the sum has (one draw in two sums over different sets: the same),
- come as they are, multiplied by numbers only (no function carries one member's value to another or another round),
- come all in sums, or all in means (in sums and means of one set two factors change, and no size of it is the worst).

A mean over more members than the least moves by less: that is a smaller change, as every change allows. Noise of the
members themselves protects an agent only in the rounds in which that agent is in the set: others may hold
colluders alone. So where members' noise stands in the sums of a block, an honest member is sure only if

- all secrets of the block stand in sums over that one cohort (whoever changes anything is in the set), and
- rounds are alike, or there is one: what hides a round's values is the noise of that round.

With means this holds too: times the size m, the rows are sums, and other noise is m times as strong.

Where one of these fails, law 17 wants a rule that does not exist yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tip.flow.blocks import alike_rounds
from tip.flow.collusion import tell_apart
from tip.flow.expressions import Added, Applied, Scaled, Symbol
from tip.flow.seeing import Insiders
from tip.flow.shapes import shape

if TYPE_CHECKING:
    from tip.flow.expressions import Expression
    from tip.flow.model import Cohort, Flow, Noise, Secret
    from tip.flow.seen import Seen


@dataclass(frozen=True, slots=True)
class Use:
    """How a symbol enters a message: in a sum over which cohort ("": none), if as it is, and of how many rounds.

    `function`: "sum" or "mean" over the cohort.
    """

    symbol: str
    cohort: str = ""
    plain: bool = True
    rounds: int = 0
    function: str = ""


def uses_of(flow: Flow, names: tuple[str, ...]) -> frozenset[Use]:
    """How the symbols behind these messages enter them, through all messages that they speak of."""
    done: dict[tuple[str, Use], frozenset[Use]] = {}
    known = {message.name: message for message in flow.messages}

    def walk(expression: Expression, place: Use) -> frozenset[Use]:
        match expression:
            case Symbol(name) if name in known:
                if (name, place) not in done:
                    done[name, place] = walk(known[name].says, place)
                return done[name, place]
            case Symbol(name):
                return frozenset({replace(place, symbol=name)})
            case Scaled():
                return walk(expression.of, place)
            case Added():
                return frozenset[Use]().union(*(walk(part, place) for part in expression.parts))
            case Applied():
                return walk(expression.of, _within(flow, expression, place))

    return frozenset[Use]().union(*(walk(known[name].says, Use("")) for name in names))


def _within(flow: Flow, call: Applied, place: Use) -> Use:
    """The place of what a function is applied to."""
    if place.cohort:
        return replace(place, plain=False)
    cohorts = {cohort.name for cohort in flow.cohorts}
    if call.function in {"sum", "mean"} and call.arguments and call.arguments[0] in cohorts:
        return Use("", str(call.arguments[0]), rounds=shape(flow, call.of).rounds, function=call.function)
    return place


def changing_cohorts(seen: Seen) -> str:
    """Empty if one least set stands for every set that a cohort may be; else the rule that is wanted (law 17)."""
    flow = seen.view.flow
    if not flow.cohorts:
        return ""
    found = uses_of(flow, seen.told)
    everything: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    rounds = {symbol.name: symbol.rounds for symbol in everything}
    for use in sorted(found, key=lambda some: (some.symbol, some.cohort)):
        if not use.cohort:
            continue
        if any(other.symbol == use.symbol and other.cohort != use.cohort for other in found):
            elsewhere = f"a rule for {use.symbol!r} in a sum over {use.cohort!r} and elsewhere"
            return f"{elsewhere}: they may differ by single members"
        if not use.plain:
            return f"a rule for functions of {use.symbol!r} within a sum over {use.cohort!r}"
        if rounds[use.symbol] != use.rounds:
            return f"a rule for cohorts that may change between rounds which share {use.symbol!r}"
        if any(other.cohort == use.cohort and other.function != use.function for other in found):
            return f"a rule for both sums and means over {use.cohort!r}, of which no size is the worst"
    return _unsure_noise(seen, found)


def _unsure_noise(seen: Seen, found: frozenset[Use]) -> str:
    """Empty if an honest member's noise is sure to be in each sum that has to be hidden by it; else the rule wanted."""
    flow, messages = seen.view.flow, seen.view.messages
    noises = {noise.name for noise in flow.noises}
    cohorts = {use.cohort for use in found} - {""}
    hiding = sorted(use.symbol for use in found if use.cohort and use.symbol in noises)
    if not hiding:
        return ""
    if len(cohorts) > 1 or any(not use.cohort and use.symbol not in noises for use in found):
        return f"a rule for members' noise {hiding[0]!r} that hides others than those in the sum: it may hold none"
    everything: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    rounds = {symbol.rounds for symbol in everything if symbol.name in {use.symbol for use in found}}
    if rounds != {1} and not alike_rounds(flow, messages):
        return f"a rule for members' noise {hiding[0]!r} that hides other rounds than those they take part in"
    return ""


def stand_in(seen: Seen, agent: int) -> tuple[int, str]:
    """The agent whose loss is that of this one in the block, or why there is none.

    The least set of a cohort holds the first honest members; others are like them if no message tells members apart.
    """
    view = seen.view
    cohorts = sorted({use.cohort for use in uses_of(view.flow, seen.told)} - {""}) if view.flow.cohorts else []
    insiders = Insiders(view.flow, seen.parties, seen.colluders)
    for cohort in (view.flow.cohort(name) for name in cohorts):
        first = view.flow.first_agent(cohort.of)
        if not first <= agent < first + view.flow.group(cohort.of).size:
            continue
        if agent - first in insiders.cohort(cohort):
            continue
        if apart := tell_apart(view.flow, view.messages):
            return agent, f"a rule for sums over a part of {cohort.of!r} where {apart}"
        honest = np.setdiff1d(np.arange(view.flow.group(cohort.of).size), insiders.among(cohort.of))
        return first + int(honest[0]), ""
    return agent, ""


def sampled_alone(seen: Seen) -> Cohort | None:
    """The one Poisson cohort that chooses all that a block shows, if its sample serves this block alone (law 5).

    Noise of the members themselves would come and go with them, and so would a sum that is refused below a minimum.
    """
    view = seen.view
    found = uses_of(view.flow, seen.told)
    names = {use.cohort for use in found} - {""}
    cohort = next((c for c in view.flow.cohorts if c.name in names), None)
    if len(names) != 1 or cohort is None or cohort.rate is None or cohort.least > 1:
        return None
    drawn = {noise.name: noise.of for noise in view.flow.noises}
    if any((use.symbol in drawn) == bool(use.cohort) or drawn.get(use.symbol) == cohort.of for use in found):
        return None
    others = tuple(message.name for message in view.flow.messages if message.name not in view.messages)
    if any(use.cohort == cohort.name for use in uses_of(view.flow, others)):
        return None
    return cohort
