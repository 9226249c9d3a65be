"""Ready-made flows whose messages pass on what was received: gossip, increments, tokens."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.expressions import parse
from tip.flow.model import NEIGHBORS, NEXT, Flow, Message, Table
from tip.flow.readymade.parts import AGENT, WIRES, agents_flow, gaussian, wires
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from tip.flow.model import Graph, Wiring

_MOST_INCREMENTS: Final = 1_000


def gossip(agents: int, wiring: Wiring | Graph, *, rounds: int, variance: Fraction | None) -> Flow:
    """Noise, then gossip: y = answer + noise; in each round every agent tells its neighbors W^t y (Metropolis weights).

    Muffliato's setting (Cyffers, Even, Bellet, Massoulié 2022). On a ring of 16 a curious agent learns y of everybody
    within distance `rounds` exactly: mu^2 = 1 / variance. In general the sum of mu^2 variance over all agents but a
    curious one is the rank of what it sees. Do not add up losses by message: see the top of the file.
    """
    return agents_flow(
        "gossip",
        "Agents add noise once and then average with their neighbors, round after round.",
        agents,
        graphs=(wires(wiring),),
        noises=(gaussian("noise", AGENT, variance),),
        messages=(
            Message("state", AGENT, parse(f"gossip(answer + noise, {WIRES}, {rounds})"), (f"{NEIGHBORS}{WIRES}",)),
        ),
    )


def incremental(
    agents: int,
    wiring: Wiring | Graph,
    *,
    increments: int,
    own_variance: Fraction | None,
    hiding_variance: Fraction | None,
) -> Flow:
    """IncA: gossip into which each agent lets its value in little by little, behind noise that cancels over rounds.

    In round t = 0..T (T = increments - 1) agent i adds z_t = (answer + own) / (T+1) + hiding_t - hiding_(t-1),
    hiding_(-1) = hiding_T = 0: all z_t together are answer + own, whatever `hiding` was, so the mean has variance own
    / agents. The state is y_t = W y_(t-1) + z_t (Sabater, Ben Mokhtar, Ramon 2025, arXiv 2506.03746; this telescoping
    law of the increments is derived here). No closed form is known for a neighbor's view. Who sees all messages knows
    all z_t: they determine answer + own, and all that `hiding` adds cancels in their sum, so mu^2 = 1 / own_variance,
    as without it.
    """
    if whole("increments", increments, least=2) > _MOST_INCREMENTS:
        raise ConfigurationError(f"{increments} increments are too many", instead=f"at most {_MOST_INCREMENTS}")
    share, one, none = Fraction(1, increments), Fraction(1), Fraction(0)
    telescope = tuple(
        tuple(one if t == s else -one if t == s + 1 else none for s in range(increments - 1))
        for t in range(increments)
    )  # fmt: skip
    return agents_flow(
        "incremental averaging",
        "Agents let their values into gossip little by little, behind noise that cancels over the rounds.",
        agents,
        graphs=(wires(wiring),),
        tables=(Table("portions", ((share,),) * increments), Table("telescope", telescope)),
        noises=(
            gaussian("own", AGENT, own_variance),
            gaussian("hiding", AGENT, hiding_variance, increments - 1),
        ),
        messages=(
            Message(
                "state",
                AGENT,
                parse(f"gossip(apply(answer + own, portions) + apply(hiding, telescope), {WIRES})"),
                (f"{NEIGHBORS}{WIRES}",),
            ),
        ),
    )


def token_ring(agents: int, *, turns: int, variance: Fraction | None) -> Flow:
    """A token goes around a ring; in each turn each agent adds its answer + fresh noise and tells the next.

    Member 0 learns the sum of all others once a turn: mu^2 = turns / ((agents - 1) variance) for each of them
    (Cyffers and Bellet 2022 call the gain amplification by decentralization). Other members see the first turn in two
    pieces, so those before them lose more: 1 / (v variance) + (turns - 1) / ((agents - 1) variance) against member v.
    Both neighbors together see what the agent between them adds: turns / variance.
    """
    return agents_flow(
        "token on a ring",
        "A token goes around, and each agent adds its answer and fresh noise to it.",
        agents,
        noises=(gaussian("noise", AGENT, variance, turns),),
        messages=(Message("token_sum", AGENT, parse("token(answer + noise)"), (f"{NEXT}{AGENT}",)),),
    )
