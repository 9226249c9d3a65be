"""Ready-made flows with noise that cancels between neighbors: GOPA, and DECOR at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.flow.expressions import parse
from tip.flow.model import EVERYBODY, NOBODY, Flow, Graph, Message, Wiring
from tip.flow.readymade.parts import AGENT, READER, WIRES, agents_flow, gaussian, wires

if TYPE_CHECKING:
    from fractions import Fraction


def pairwise(
    agents: int, wiring: Wiring | Graph, *, own_variance: Fraction | None, pair_variance: Fraction | None
) -> Flow:
    """GOPA: each agent publishes its answer + own noise + the signed noises that it shares with its neighbors.

    With L the Laplacian of the graph among the honest agents, mu^2 of v is [(own I + pair L)^-1]_vv (Sabater, Bellet,
    Ramon 2022; the pair noises cancel in the mean, whose variance is own / agents). By eigenvalues, for own variance
    s and pair variance p on n honest agents: complete 1/(n s) + (1 - 1/n)/(s + n p); ring (1/n) sum_k 1/(s + p (2 - 2
    cos(2 pi k/n))); path, its end: (2/n) sum_{k>0} cos(pi k/2n)^2/(s + p (2 - 2 cos(pi k/n))) + 1/(n s); star, a
    leaf: 1/(n s) + (1/(n (n-1)))/(s + n p) + ((n-2)/(n-1))/(s + p). The graph among the honest must be connected; if
    it is not, each part of it stands alone. `wiring` is a plain wiring, `k_out(...)` or `given(...)`.
    """
    return agents_flow(
        "pairwise noise",
        "Each agent publishes its answer with its own noise and with noises that cancel between neighbors.",
        agents,
        parties=(READER,),
        graphs=(wires(wiring),),
        noises=(gaussian("own", AGENT, own_variance), gaussian("pair", WIRES, pair_variance)),
        messages=(
            Message("published", AGENT, parse("answer + own + signed(pair)"), (EVERYBODY,)),
            Message("average", READER, parse("mean(published)"), (NOBODY,)),
        ),
    )


def decor(
    agents: int,
    wiring: Wiring | Graph,
    *,
    steps: int,
    own_variance: Fraction | None,
    pair_variance: Fraction | None,
) -> Flow:
    """DECOR: `pairwise` at each step of decentralized SGD, all noise fresh, gradients that depend on what was seen.

    mu^2 is steps times that of `pairwise` (Allouah et al. 2024, arXiv 2405.01031, for the same Laplacian inverse; the
    composition of steps with fresh noise holds for gradients that depend on earlier steps: law 12).
    """
    return agents_flow(
        "pairwise noise at each step",
        "At each step each agent publishes its gradient with fresh noises, some of which cancel between neighbors.",
        agents,
        graphs=(wires(wiring),),
        rounds=steps,
        noises=(gaussian("own", AGENT, own_variance, steps), gaussian("pair", WIRES, pair_variance, steps)),
        messages=(Message("published", AGENT, parse("answer + own + signed(pair)"), (EVERYBODY,)),),
    )
