"""Promised: whether the guarantee says no more than its proof, and names all that it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.checking.blocks import neighboring_of
from tip.flow.checking.refusal import exact, refuse, want, word
from tip.flow.model import Law, Wiring
from tip.privacy import accountant, gaussian
from tip.privacy.guarantees import Kind, Security, Status, Unit
from tip.privacy.rounding import log_up, sqrt_up

if TYPE_CHECKING:
    from tip.flow.checking.reached import Reached
    from tip.flow.derivation import Derivation, Node
    from tip.flow.model import Flow
    from tip.privacy.guarantees import Guarantee

_KEYED: Final = {Law.DISCRETE_GAUSSIAN, Law.DISCRETE_LAPLACE, Law.SKELLAM}
_BITS: Final = 128
_NEAR: Final = 1 + 1e-9
_ORDER: Final = (Status.PROVEN, Status.IDEALIZED, Status.SIMULATED)


def epsilon_of(reached: Reached, delta: float, flow: Flow) -> float:
    """The least proven epsilon at the delta that the conversion may spend; infinite where there is no rule."""
    if reached.mu_squared == 0:
        return 0.0
    if reached.shuffled is not None:
        return reached.shuffled if reached.at <= delta else math.inf
    if reached.ratio is not None:
        return log_up(reached.ratio)
    return _curve(reached, delta, flow) if 0 < delta < 1 else math.inf


def _curve(reached: Reached, delta: float, flow: Flow) -> float:
    if reached.mu_squared is not None:
        return gaussian.epsilon_of(sqrt_up(reached.mu_squared), delta)
    try:
        return accountant.epsilon(reached.event, delta, neighboring_of(flow))
    except ConfigurationError:
        return math.inf


def conversion(node: Node, reached: Reached, guarantee: Guarantee, flow: Flow) -> None:
    """A step "conversion": epsilon at its delta, recomputed."""
    delta, epsilon = float(exact(node, "delta")), float(exact(node, "epsilon"))
    want(delta == guarantee.delta.conversion, node.rule, "its delta is not that of the ledger")
    source = word(node, "from")
    want(source == _source(reached), node.rule, f"is made from {_source(reached)}, not from {source}")
    figures = reached.figures
    for name in ("mu_squared", "rho", "ratio"):
        if name in node.numbers:
            want(node.numbers[name] == figures.get(name), node.rule, f"{name} = {node.numbers[name]} does not follow")
    least = epsilon_of(reached, delta, flow)
    want(
        least <= epsilon <= least * _NEAR, node.rule, f"epsilon = {epsilon:.12g} does not follow", f"{least:.12g} does"
    )


def ledger(node: Node, guarantee: Guarantee, reached: Reached) -> None:
    """The root: epsilon and the parts of delta are those of the guarantee, and add up."""
    parts = guarantee.delta
    wanted = {
        "epsilon": guarantee.epsilon, "conversion": parts.conversion, "failures": parts.failures,
        "distances": parts.distances, "total": parts.total,
    }  # fmt: skip
    for name, value in wanted.items():
        want(node.numbers.get(name) == value, node.rule, f"{name} is not that of the guarantee")
    want(parts.failures >= reached.failure, node.rule, f"leaves out a failure of probability {reached.failure:.3g}")
    want(node.premises[0].numbers.get("epsilon") == guarantee.epsilon, node.rule, "epsilon is not what was converted")


def fields(derivation: Derivation, reached: Reached, flow: Flow) -> None:
    """Every field of the guarantee follows from the root."""
    told, step = derivation.guarantee, "guarantee"
    want(told.unit is Unit.AGENT, step, f"a flow's guarantee is for an agent, not for a {told.unit}")
    want(told.neighboring is neighboring_of(flow), step, f"the flow's relation is {neighboring_of(flow)}")
    want(told.coalition == derivation.coalition, step, "names another coalition than its derivation")
    want(not told.missing and not told.distance, step, "names a missing rule or a distance")
    pure = reached.ratio is not None and reached.shuffled is None
    kind = Kind.PURE if pure else Kind.GDP if reached.mu_squared is not None else Kind.APPROXIMATE
    want(told.kind is kind, step, f"is of kind {kind}, not {told.kind}")
    mu = None if reached.mu_squared is None else sqrt_up(reached.mu_squared)
    want(told.mu == mu, step, f"mu = {told.mu} does not follow", f"{mu} does")
    rho = reached.rho if reached.mu_squared is None else None
    want(told.rho == rho, step, f"rho = {told.rho} does not follow", f"{rho} does")
    least = Status.IDEALIZED if reached.idealized else Status.PROVEN
    want(told.status in _ORDER, step, f"has the status {told.status}")
    want(_ORDER.index(told.status) >= _ORDER.index(least), step, f"is {least} at best, not {told.status}")
    if reached.masked or keyed(flow):
        want(told.security is Security.COMPUTATIONAL, step, "rests on keys, so its security is computational")
        want((told.security_bits or 0) <= _BITS, step, f"its keys have {_BITS} bits of security")


def assumptions(derivation: Derivation, reached: Reached, *, known: bool, drawn: bool) -> None:
    """All that the flow demands is named, and nothing twice."""
    named = [assumption.name for assumption in derivation.guarantee.assumptions]
    if len(set(named)) != len(named):
        raise refuse("guarantee", "names an assumption twice")
    for name in demanded(derivation, reached, known=known, drawn=drawn):
        want(name in named, "guarantee", f"does not name the assumption {name!r}, which its proof rests on")


def demanded(derivation: Derivation, reached: Reached, *, known: bool, drawn: bool) -> list[str]:
    """The names of what a proof of this flow rests on (docs/flow-rules.md)."""
    flow, coalition = derivation.flow, derivation.coalition
    seeded = any(graph.wiring is Wiring.K_OUT for graph in flow.graphs)
    wanted = {
        "declared": True, "independent-noise": True, "presence": True,
        "real-arithmetic": reached.idealized,
        "who-colludes": known,
        "colluders": bool(coalition.fraction) and not known,
        "parties-apart": any(_sees_more(flow, party) for party in flow.parties if party not in coalition.parties),
        "graph-drawn-before": drawn,
        "public-graph": seeded and not drawn,
        "own-minimum": bool(flow.cohorts), "one-sum": bool(flow.cohorts),
        "own-count": any(secret.uses < secret.rounds for secret in flow.secrets),
        "masks-pseudorandom": reached.masked,
        "shuffler-honest": reached.shuffled is not None or reached.mixer,
        "spectral-certificate": reached.failure > 0,
        "aes-256": keyed(flow),
    }  # fmt: skip
    return [name for name, needed in wanted.items() if needed]


def _sees_more(flow: Flow, party: str) -> bool:
    """Whether a party is sent, mixes, draws or is told anything that not everybody sees."""
    receivers = [message.to for message in flow.messages] + [report.to for report in flow.reports]
    hears = any(party in to and "everybody" not in to for to in receivers)
    says = any(message.by == party and "everybody" not in message.to for message in flow.messages)
    mixes = any(report.shuffled_by == party for report in flow.reports)
    return hears or says or mixes or any(party == noise.of or party in noise.known_to for noise in flow.noises)


def keyed(flow: Flow) -> bool:
    """Whether noise is of whole numbers, which samplers draw from a keystream."""
    return any(noise.law in _KEYED for noise in flow.noises)


def _source(reached: Reached) -> str:
    if reached.shuffled is not None:
        return "shuffling"
    if reached.mu_squared is not None:
        return "mu"
    return "ratio" if reached.ratio is not None else "rho" if reached.rho is not None else "events"
