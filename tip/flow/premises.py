"""What a flow's guarantee rests on: each assumption with its name and the sentence that words it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.model import EVERYBODY, Law, Wiring
from tip.privacy.statements import Assumption

if TYPE_CHECKING:
    from tip.flow.model import Flow, Message, Report
    from tip.flow.outcomes import Outcome
    from tip.privacy.coalitions import Coalition

_KEYED: Final = frozenset({Law.DISCRETE_GAUSSIAN, Law.DISCRETE_LAPLACE, Law.SKELLAM})
_REAL: Final = Assumption("real-arithmetic", "noise and sums are real numbers, not the rounded ones of a computer")
_ALWAYS: Final = (
    Assumption("declared", "nobody sees more than the flow declares, and each message says what the flow says"),
    Assumption(
        "independent-noise", "each honest agent and party draws its noise as declared, on its own, and tells nobody"
    ),
    Assumption("presence", "who takes part, when and how much is sent does not depend on anybody's data"),
)
_KNOWN: Final = Assumption("who-colludes", "those that collude are the agents named in the derivation, and no others")
_DRAWN: Final = Assumption(
    "graph-drawn-before", "the graph was drawn by public randomness after the coalition was fixed"
)
_PUBLIC: Final = Assumption("public-graph", "the graph is the one that its public seed yields")
_ONE_SUM: Final = Assumption(
    "one-sum", "a round releases one sum over one set of agents, never two whose difference could be taken"
)
_COUNTED: Final = Assumption("own-count", "each agent counts the rounds it takes part in and stops at the limit")
_MASKS: Final = Assumption("masks-pseudorandom", "masks made from shared keys cannot be told from random ones")
_SHUFFLER: Final = Assumption(
    "shuffler-honest", "the shuffler mixes the reports, keeps nothing and tells nobody who sent which"
)
_AES: Final = Assumption("aes-256", "the keystream of AES-256 under an unknown key cannot be told from random bits")


def keyed(flow: Flow) -> bool:
    """Whether noise is made of whole numbers, which the samplers here draw from a keystream."""
    return any(noise.law in _KEYED for noise in flow.noises)


def premises(flow: Flow, coalition: Coalition, outcome: Outcome, *, silent: int, known: bool) -> tuple[Assumption, ...]:
    """All that the guarantee rests on. `known`: whether the colluders are stated; `silent`: how many add no noise."""
    drawn = outcome.node.rule == "every coalition" and outcome.node.numbers.get("why") == "random graph"
    others = insiders_elsewhere(flow, coalition)
    rests = {
        _REAL: outcome.idealized,
        **dict.fromkeys(_ALWAYS, True),
        _KNOWN: known,
        _colluders(flow, coalition, silent): bool(coalition.fraction or silent) and not known,
        _apart(others): bool(others),
        _DRAWN: drawn,
        _PUBLIC: not drawn and any(graph.wiring is Wiring.K_OUT for graph in flow.graphs),
        _minimum(flow): bool(flow.cohorts),
        _ONE_SUM: bool(flow.cohorts),
        _COUNTED: any(secret.uses < secret.rounds for secret in flow.secrets),
        _MASKS: outcome.masked,
        _SHUFFLER: outcome.shuffled is not None or outcome.mixer,
        _failure(outcome): outcome.failure > 0,
        _AES: keyed(flow),
    }
    return tuple(assumption for assumption, needed in rests.items() if needed)


def completed(said: tuple[Assumption, ...], others: tuple[Assumption, ...]) -> tuple[Assumption, ...]:
    """The assumptions that a caller states in its own words, then the others."""
    names = {assumption.name for assumption in said}
    return (*said, *(assumption for assumption in others if assumption.name not in names))


def _colluders(flow: Flow, coalition: Coalition, silent: int) -> Assumption:
    count = max(int(coalition.fraction * flow.enrolled), silent)
    return Assumption(
        "colluders", f"at most {count:,} of the {flow.enrolled:,} agents pool what they see or leave their noise out"
    )


def insiders_elsewhere(flow: Flow, coalition: Coalition) -> tuple[str, ...]:
    """The parties outside a coalition that send, see or know more than everybody does: they could tell it."""
    everything: tuple[Message | Report, ...] = (*flow.messages, *flow.reports)
    hidden = [part.to for part in everything if EVERYBODY not in part.to]
    told = {name for to in hidden for name in to} | {
        name for noise in flow.noises for name in (noise.of, *noise.known_to)
    }
    told |= {message.by for message in flow.messages if EVERYBODY not in message.to}
    told |= {report.shuffled_by for report in flow.reports}
    return tuple(party for party in flow.parties if party in told and party not in coalition.parties)


def _apart(names: tuple[str, ...]) -> Assumption:
    listed = " and ".join(names) or "nobody"
    return Assumption("parties-apart", f"{listed}, outside the coalition, tell it nothing but what is declared")


def _minimum(flow: Flow) -> Assumption:
    least = min((cohort.least for cohort in flow.cohorts), default=1)
    return Assumption(
        "own-minimum", f"an agent sends nothing in a round that would be released with fewer than {least:,} agents"
    )


def _failure(outcome: Outcome) -> Assumption:
    return Assumption(
        "spectral-certificate",
        f"a data-independent failure of probability {outcome.failure:.3g}, counted in delta",
    )
