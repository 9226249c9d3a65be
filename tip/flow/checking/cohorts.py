"""Cohorts: whether one least set stands for every set that a sum may be over, and who stands for those outside it.

Who is in a sum is chosen by others, in every round anew. One set is enough to look at where what a member adds to a
sum is seen nowhere else: its secrets and noises stand in the sums of one cohort only, as they are, drawn anew in each
round of the sum. Then a further honest member is post-processing, and members outside are like those inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.checking.covers import behind, tells_apart
from tip.flow.checking.expansion import Expansion
from tip.flow.checking.refusal import want
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tip.flow.checking.sheets import Sheet
    from tip.flow.checking.watching import Watch

Place = tuple[str, str, bool, Expression]  # a symbol, the cohort it is summed over, whether as it is, what is summed

_UNSURE: Final = "a sum may hold no honest member's noise"


def refuse_changing(some: Sheet, watch: Watch) -> None:
    """Refuse a block in which sets that change from sum to sum could be told apart (law 17)."""
    flow = some.flow
    if not flow.cohorts:
        return
    found = [place for name in some.shown for place in places(watch, name)]
    expansion = Expansion(flow, watch.cohorts(), one_round=False)
    for symbol, cohort, plain, inside in found:
        if not cohort:
            continue
        elsewhere = any(other[0] == symbol and other[1] != cohort for other in found)
        want(not elsewhere, "view", f"{symbol!r} stands in a sum over the cohort {cohort!r} and elsewhere")
        want(plain, "view", f"the sum over the cohort {cohort!r} holds a function of {symbol!r}")
        fresh = expansion.symbols[symbol].rounds == expansion.rounds(inside)
        want(fresh, "view", f"{symbol!r} stands in several rounds of a sum over the cohort {cohort!r}")
    for cohort in {place[1] for place in found} - {""}:
        said = (flow.message(name).says for name in behind(flow, some.shown))
        ways = {call.function for formula in said for call in calls(formula) if cohort in call.arguments}
        want(len(ways) < 2, "view", f"sums and means over the cohort {cohort!r} have no worst size")
    _refuse_unsure(some, found)


def _refuse_unsure(some: Sheet, found: Sequence[Place]) -> None:
    """Members' noise hides in the rounds they take part in: who is protected has to be in the sum, in each round."""
    noises = {noise.name for noise in some.flow.noises}
    if not any(cohort and symbol in noises for symbol, cohort, _, _ in found):
        return
    inside = all(cohort for symbol, cohort, _, _ in found if symbol not in noises)
    want(inside and len({place[1] for place in found} - {""}) == 1, "view", _UNSURE, "others are hidden by it")
    rounds = {some.flow.noise(s).rounds if s in noises else some.flow.secret(s).rounds for s, *_ in found}
    want(rounds == {1} or some.alike, "view", _UNSURE, "rounds are hidden by the noise of others")


def places(watch: Watch, message: str) -> Iterator[Place]:
    """How symbols enter a message, through all messages that it speaks of."""
    flow = watch.crowd.flow
    said = {m.name: m.says for m in flow.messages}
    cohorts = {cohort.name for cohort in flow.cohorts}
    waiting: list[tuple[Expression, str, bool, Expression]] = [(said[message], "", True, said[message])]
    done = set[tuple[str, str, bool]]()
    while waiting:
        formula, cohort, plain, inside = waiting.pop()
        match formula:
            case Symbol(name) if name in said:
                if (name, cohort, plain) not in done:
                    done.add((name, cohort, plain))
                    waiting.append((said[name], cohort, plain, inside))
            case Symbol(name):
                yield name, cohort, plain, inside
            case Scaled(_, of):
                waiting.append((of, cohort, plain, inside))
            case Added(parts):
                waiting += [(part, cohort, plain, inside) for part in parts]
            case Applied(_, of, arguments):
                if cohort:
                    waiting.append((of, cohort, False, inside))
                elif arguments and arguments[0] in cohorts:
                    waiting.append((of, str(arguments[0]), True, of))
                else:
                    waiting.append((of, "", plain, inside))


def stand_in(some: Sheet, watch: Watch, agent: int) -> int:
    """The agent whose loss in a block is that of this one: itself, or the first honest member of its group.

    Where the block tells members apart, nobody stands for those outside a least set.
    """
    crowd = watch.crowd
    for cohort in some.flow.cohorts:
        first, size = crowd.first[cohort.of], crowd.size[cohort.of]
        summed = any(place[1] == cohort.name for name in some.shown for place in places(watch, name))
        if summed and 0 <= agent - first < size and agent - first not in watch.cohorts()[cohort.name]:
            apart = tells_apart(some.flow, some.shown)
            want(not apart, "view", f"who is in the cohort {cohort.name!r} matters, since {apart}")
            return next(a for a in range(first, first + size) if a not in watch.agents)
    return agent
