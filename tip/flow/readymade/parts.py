"""Parts that all ready-made flows are made of: agents, their answers, a graph, Gaussian noise."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.model import Flow, Graph, Group, Interval, Law, Noise, Secret, Wiring
from tip.privacy.checks import whole
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from tip.flow.model import Cohort, Message, Table

    class Parts(TypedDict, total=False):
        """The parts of a flow beside its agents and secrets."""

        parties: tuple[str, ...]
        graphs: tuple[Graph, ...]
        tables: tuple[Table, ...]
        cohorts: tuple[Cohort, ...]
        noises: tuple[Noise, ...]
        messages: tuple[Message, ...]


AGENT: Final = "agent"
ANSWER: Final = "answer"
COORDINATOR: Final = "coordinator"
READER: Final = "reader"  # whoever reads the board: sees nothing that the world does not see
WIRES: Final = "wires"
UNIT: Final = Interval(Fraction(0), Fraction(1))


def k_out(picks: int, *, seed: int) -> Graph:
    """The graph over the agents in which each picks so many others at random, from a public seed."""
    return Graph(WIRES, AGENT, Wiring.K_OUT, picks=picks, seed=seed)


def given(edges: tuple[tuple[int, int], ...]) -> Graph:
    """The graph over the agents with these edges, sorted."""
    return Graph(WIRES, AGENT, Wiring.GIVEN, edges=edges)


def agents_flow(name: str, about: str, agents: int, *, rounds: int = 1, **parts: Unpack[Parts]) -> Flow:
    """A flow of agents that each hold an answer in [0, 1] for each round; several rounds depend on what was seen."""
    group = Group(AGENT, whole("agents", agents, least=2))
    return Flow(name, about, (group,), secrets=(answer(rounds),), **parts)


def answer(rounds: int) -> Secret:
    """A number in [0, 1] in each round, under replace-one; over several rounds it may depend on what was seen."""
    return Secret(ANSWER, AGENT, UNIT, Neighboring.REPLACE_ONE, adaptive=rounds > 1, rounds=rounds)


def gaussian(name: str, of: str, variance: Fraction | None, rounds: int = 1) -> Noise:
    """Real Gaussian noise, known to who draws it."""
    return Noise(name, of, Law.GAUSSIAN, variance, rounds=rounds)


def wires(wiring: Wiring | Graph) -> Graph:
    """The graph over the agents that a plain wiring stands for, or the given one if it is over them."""
    if isinstance(wiring, Graph):
        if (wiring.name, wiring.over) != (WIRES, AGENT):
            raise ConfigurationError(f"a graph of a ready-made flow is named {WIRES!r} and is over {AGENT!r}")
        return wiring
    return Graph(WIRES, AGENT, wiring)
