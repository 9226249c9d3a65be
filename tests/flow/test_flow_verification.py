"""A third party checks derivations: true ones are accepted; 1,000 mutants that change the conclusion are rejected.

Which mutants do is decided here by a third implementation of the mathematics, for flows of Gaussian noise and of
sums of whole-number noise: formulas as arrays of fractions, every coalition and agent by brute force, the closed form.
"""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, VerificationFailed
from tip.flow.building import FlowBuilder
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol
from tip.flow.files import from_json, to_json
from tip.flow.graphs import edges
from tip.flow.language import read, read_file, write
from tip.flow.model import Flow, Law, Noise, Sampling, Secret, Wiring
from tip.flow.readymade import (
    central_sum,
    decor,
    distributed_sum,
    gossip,
    incremental,
    k_out,
    pairwise,
    square_root,
    token_ring,
    tree,
)
from tip.flow.reasoning import derive
from tip.flow.verification import verify
from tip.privacy.gaussian import epsilon_of
from tip.privacy.integer import epsilon_of_rho
from tip.privacy.rounding import log_up, sqrt_up
from tip.protocols.clear.flow import flow as clear
from tip.protocols.declaring import Sums
from tip.protocols.ideal.flow import flow as ideal
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.derivation import Derivation, Node

    Json = dict[str, Any]

DELTA = 1e-6
MOST = 80  # coalitions of a mutant that are tried
ONE = Fraction(1)
HEAD = 'format = 1\nname = "made here"\nabout = ""\nparties = ["server", "mixer"]\n'
RELATION = 'neighboring = "replace-one"\nadaptive = false\n'
WHOLE = f'[secrets.x]\nof = "agent"\nsquared_norm = 16\nwhole = true\ndimension = 4\n{RELATION}'
SHARE = '[noises.share]\nof = "agent"\nlaw = "discrete gaussian"\nvariance = 40\n'
SUM = '[messages.total]\nby = "server"\nsays = "sum({})"\nto = ["everybody"]\n'
PLAIN = f"{HEAD}[agents]\nagent = 6\n{WHOLE}{SHARE}{SUM.format('x + share')}"
MASKED = (
    f'{HEAD}[agents]\nagent = 5\n[graphs.keys]\nover = "agent"\nwiring = "ring"\n{WHOLE}{SHARE}'
    '[noises.mask]\nof = "keys"\nlaw = "uniform"\n[messages.sent]\nby = "agent"\nsays = "x + share + signed(mask)"\n'
    'to = ["server"]\nring = 32\n'
)
REPORTS = (
    f'{HEAD}[agents]\nagent = 900\n[secrets.q]\nof = "agent"\nchoices = 2\n{RELATION}'
    '[reports.reply]\nsecret = "q"\nratio = 3\nto = ["server"]\nshuffled_by = "mixer"\nleast = 700\n'
)
TWICE = (
    f'{HEAD}[agents]\nagent = 3\n{WHOLE}[noises.c]\nof = "server"\nlaw = "discrete gaussian"\nvariance = 90\n'
    '[messages.m]\nby = "server"\nsays = "sum(x) + c"\nto = ["everybody"]\n'
    '[messages.n]\nby = "server"\nsays = "2 * sum(x) + 2 * c"\nto = ["everybody"]\n'
)
LAPLACE = (
    f'{HEAD}[agents]\nagent = 3\n{WHOLE}[noises.own]\nof = "agent"\nlaw = "discrete laplace"\nscale = 6\n'
    '[messages.m]\nby = "agent"\nsays = "x + own"\nto = ["everybody"]\n'
)
UNLIKE = (
    f"{HEAD.replace('server', 'hub')}[agents]\nagent = 3\ndoctor = 1\n"
    f'[secrets.z]\nof = "doctor"\nrange = [0, 1]\n{RELATION}[secrets.q]\nof = "agent"\nchoices = 2\n{RELATION}'
    '[noises.g]\nof = "doctor"\nlaw = "gaussian"\nvariance = 1\n'
    '[messages.m]\nby = "doctor"\nsays = "z + g"\nto = ["everybody"]\n'
    '[reports.reply]\nsecret = "q"\nratio = 1000000\nto = ["hub", "agent"]\n'
)
SMALL = Sums(
    agents=4, least=3, dimension=3, squared_bound=16, share_variance=Fraction(40), modulus_bits=16, rounds=2,
    participations=2, sampling=Sampling.ALL,
)  # fmt: skip


def corpus() -> Iterator[tuple[Flow, str]]:
    ring, one, ten = Wiring.RING, Fraction(1), Fraction(10)
    known = [
        central_sum(4, variance=Fraction(3)), distributed_sum(5, share_variance=Fraction(1, 2)),
        distributed_sum(6, share_variance=Fraction(1, 2), least=4), tree(4, variance=one), square_root(4, variance=one),
        gossip(4, ring, rounds=2, variance=Fraction(2)), token_ring(3, turns=2, variance=one),
        pairwise(6, ring, own_variance=one, pair_variance=ten),
        pairwise(5, Wiring.COMPLETE, own_variance=one, pair_variance=ten),
        decor(4, ring, steps=2, own_variance=one, pair_variance=Fraction(4)),
        incremental(4, ring, increments=2, own_variance=one, hiding_variance=Fraction(4)),
    ]  # fmt: skip
    for flow in known:
        yield flow, "world"
        yield flow, "agent.1"
        yield flow, "50% of agents" if flow.enrolled == 2 else "25% of agents"
    for text in (PLAIN, MASKED, TWICE, LAPLACE):
        yield read(text), "world" if text is TWICE else "server"
        yield read(text), "agent.0" if text is TWICE else "server + agent.0"
    for some in (clear(SMALL), ideal(SMALL)):
        for against in ("world", "coordinator", "coordinator + 25% of agents", "agent.1"):
            yield some, against
    for against in ("hub", "25% of agents", "hub + 25% of agents"):
        yield read(UNLIKE), against
    yield read(PLAIN), "20% of agents"
    yield read(MASKED), "server + 20% of agents"


@lru_cache(maxsize=1)
def documents() -> tuple[str, ...]:
    found = [derive(flow, against, delta=DELTA) for flow, against in corpus()]
    return tuple(json.dumps(to_json(one), allow_nan=False) for one in found if one.guarantee.epsilon)


# -- true derivations are accepted ----------------------------------------------------------------


def test_every_derivation_of_the_corpus_is_accepted() -> None:
    assert len(documents()) >= 30
    for text in documents():
        checked = verify(from_json(json.loads(text)))
        assert checked.holds
        assert checked.claims
        assert any("declared" in trusted for trusted in checked.trusted)


@pytest.mark.parametrize("against", ["world", "10% of agents", "10% of agents (adaptive)", "agent.3"])
def test_a_graph_of_many_agents_is_accepted(against: str) -> None:
    flow = pairwise(60, k_out(30, seed=4), own_variance=Fraction(1), pair_variance=Fraction(10))
    assert verify(derive(flow, against, delta=DELTA)).holds


def test_a_random_graph_rests_on_a_theorem_that_is_named() -> None:
    flow = pairwise(400, k_out(120, seed=4), own_variance=Fraction(1), pair_variance=Fraction(10))
    found = derive(flow, "60% of agents", delta=DELTA)
    why = found.root.find("every coalition").numbers["why"]
    checked = verify(found)
    assert (why == "random graph") == any("Chernoff" in trusted for trusted in checked.trusted)


EXAMPLES = Path(__file__).parents[2] / "examples" / "flows"


@pytest.mark.parametrize(
    "name", ["federated_averaging", "gopa", "gossip", "hospital_consortium", "randomized_response"]
)
def test_the_examples_are_accepted_at_a_smaller_size(name: str) -> None:
    flow = read_file(EXAMPLES / f"{name}.toml")
    small = replace(
        flow,
        groups=tuple(replace(group, size=min(group.size, 40)) for group in flow.groups),
        cohorts=tuple(replace(cohort, least=min(cohort.least, 40)) for cohort in flow.cohorts),
    )
    for against in ("world", "10% of agents", *flow.parties, *(r.against for r in flow.requirements)):
        found = derive(small, against, delta=DELTA)
        assert verify(from_json(to_json(found))).holds == (found.guarantee.epsilon is not None)


def test_shuffled_reports_are_accepted() -> None:
    for against in ("server", "server + 10% of agents", "mixer"):
        assert verify(derive(read(REPORTS), against, delta=DELTA)).holds


def test_one_agent_alone_is_accepted_if_the_scope_says_so() -> None:
    flow = gossip(5, Wiring.PATH, rounds=2, variance=Fraction(3))
    found = derive(flow, "agent.0", delta=DELTA, agent=3)
    assert verify(found).holds
    other = derive(flow, "agent.0", delta=DELTA, agent=3, scope="all that is sent")
    with pytest.raises(VerificationFailed, match="agent 3 alone"):
        verify(other)


def test_a_leak_is_checked_and_holds_nothing() -> None:
    found = derive(central_sum(4, variance=Fraction(3)), "coordinator", delta=DELTA)
    checked = verify(found)
    assert not checked.holds
    assert "the leak is one" in checked.claims


def test_what_is_too_large_is_no_success() -> None:
    flow = pairwise(3000, k_out(4, seed=4), own_variance=Fraction(1), pair_variance=Fraction(10))
    with pytest.raises(ConfigurationError, match="too large to verify here"):
        verify(derive(flow, "world", delta=DELTA))


# -- the third implementation ---------------------------------------------------------------------

Array = np.ndarray[Any, np.dtype[np.object_]]


class Third:
    """A flow as arrays of fractions: rounds x members x columns."""

    def __init__(self, flow: Flow, cohorts: dict[str, list[int]]) -> None:
        self.flow, self.cohorts = flow, cohorts
        self.size = {g.name: g.size for g in flow.groups} | dict.fromkeys(flow.parties, 1)
        self.pairs = {g.name: edges(g, flow.group(g.over).size).tolist() for g in flow.graphs}
        self.size |= {name: len(pairs) for name, pairs in self.pairs.items()}
        symbols: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
        self.columns = [(s.name, i, t) for s in symbols for t in range(s.rounds) for i in range(self.size[s.of])]
        self.rounds = {s.name: s.rounds for s in symbols}
        self.of = {s.name: s.of for s in symbols}

    def value(self, says: Expression) -> Array:
        match says:
            case Symbol(name) if name in self.rounds:
                found = np.full((self.rounds[name], self.size[self.of[name]], len(self.columns)), Fraction(0))
                for place, (symbol, i, t) in enumerate(self.columns):
                    if symbol == name:
                        found[t, i, place] = ONE
                return found
            case Symbol(name):
                return self.value(self.flow.message(name).says)
            case Scaled(factor, of):
                scaled: Array = self.value(of) * factor
                return scaled
            case Added(parts):
                values = [self.value(part) for part in parts]
                total: Array = values[0]
                for other in values[1:]:
                    total = total + other
                return total
            case Applied():
                return self.applied(says, self.value(says.of))

    def applied(self, call: Applied, v: Array) -> Array:  # noqa: C901, PLR0911 - a case for each function
        rounds, name = len(v), str(call.arguments[0]) if call.arguments else ""
        if call.function in {"sum", "mean"}:
            chosen = v[:, self.cohorts[name]] if name else v
            total: Array = chosen.sum(axis=1, keepdims=True)
            total *= Fraction(1, chosen.shape[1]) if call.function == "mean" else ONE
            return total
        if call.function == "signed":
            (graph,) = [g for g in self.flow.graphs if len(self.pairs[g.name]) == v.shape[1]]
            out = np.full((rounds, self.size[graph.over], v.shape[2]), Fraction(0))
            for e, (low, high) in enumerate(self.pairs[graph.name]):
                out[:, low] = out[:, low] + v[:, e]
                out[:, high] = out[:, high] - v[:, e]
            return out
        if call.function == "so_far":
            return v.cumsum(axis=0)
        if call.function == "token":
            return v.reshape(-1, v.shape[2]).cumsum(axis=0).reshape(v.shape)
        if call.function == "previous":
            return np.concatenate([v[:1] * 0, v[:-1]])
        if call.function == "last":
            return v[-1:]
        if call.function == "gossip":
            steps = [v[0]]
            for t in range(1, int(call.arguments[1]) if len(call.arguments) > 1 else rounds):
                steps.append(self.weights(name) @ steps[-1] + (v[t] if rounds > 1 else v[0] * 0))
            return np.array(steps)
        if call.function == "mix":
            return np.array([self.weights(name) @ part for part in v])
        return np.tensordot(self.over_rounds(call.function, name, rounds), v, axes=(1, 0))

    def weights(self, name: str) -> Array:
        pairs = self.pairs[name]
        size = self.size[self.flow.graph(name).over]
        degree = Counter(end for pair in pairs for end in pair)
        w = np.full((size, size), Fraction(0))
        for i, j in pairs:
            w[i, j] = w[j, i] = Fraction(1, 1 + max(degree[i], degree[j]))
        for i in range(size):
            w[i, i] = 1 - w[i].sum()
        return w

    def over_rounds(self, function: str, name: str, rounds: int) -> Array:
        if function == "apply":
            return np.array(self.flow.table(name).rows)
        if function == "root":
            f = [Fraction(math.comb(2 * k, k), 4**k) for k in range(rounds)]
            return np.array([[f[t - s] if s <= t else Fraction(0) for s in range(rounds)] for t in range(rounds)])
        lines, width = [], 1
        while width <= rounds:
            lines += [[ONE * (k <= s < k + width) for s in range(rounds)] for k in range(0, rounds, width)]
            width *= 2
        return np.array(lines)


def view_of(
    flow: Flow, parties: set[str], agents: set[int]
) -> tuple[Array, Array, list[Fraction], list[tuple[str, int, int]]]:
    """A, B, the variances of the noise, and the secret columns (name, agent, round) of what a coalition sees."""
    first, free = dict[str, int](), 0
    for group in flow.groups:
        first[group.name], free = free, free + group.size
    size = {g.name: g.size for g in flow.groups}

    def inside(name: str, i: int) -> bool:
        return first[name] + i in agents if name in first else name in parties

    cohorts = {}
    for c in flow.cohorts:
        bad = [i for i in range(size[c.of]) if inside(c.of, i)][: c.least - 1]
        good = [i for i in range(size[c.of]) if not inside(c.of, i)]
        cohorts[c.name] = bad + good[: c.least - len(bad)]
    third = Third(flow, cohorts)
    near = {
        g: [{a if b == i else b for a, b in pairs if i in (a, b)} for i in range(size[flow.graph(g).over])]
        for g, pairs in third.pairs.items()
    }

    def gets(receiver: str, i: int) -> bool:
        if receiver.startswith("neighbors in "):
            graph = receiver.removeprefix("neighbors in ")
            return any(inside(flow.graph(graph).over, j) for j in near[graph][i])
        if receiver.startswith("next in "):
            group = receiver.removeprefix("next in ")
            return inside(group, (i + 1) % size[group])
        return receiver == "everybody" or any(inside(receiver, j) for j in range(size.get(receiver, 1)))

    rows = []
    for message in flow.messages:
        value = third.value(message.says)
        seen = [i for i in range(value.shape[1]) if inside(message.by, i) or any(gets(r, i) for r in message.to)]
        rows += [value[t, i] for t in range(len(value)) for i in seen]

    def known(name: str, i: int) -> bool:
        of = third.of[name]
        if of in third.pairs:
            return any(inside(flow.graph(of).over, end) for end in third.pairs[of][i])
        told = [n for noise in flow.noises if noise.name == name for n in noise.known_to]
        return inside(of, i) or any(inside(n, j) for n in told for j in range(size.get(n, 1)))

    matrix = np.array(rows).reshape(len(rows), len(third.columns))
    secrets = [
        k for k, c in enumerate(third.columns) if c[0] in {s.name for s in flow.secrets} and not known(c[0], c[1])
    ]
    noises = [k for k, c in enumerate(third.columns) if c[0] in {n.name for n in flow.noises} and not known(c[0], c[1])]
    labels = [third.columns[k] for k in secrets]
    variances = [flow.noise(third.columns[k][0]).variance or Fraction(0) for k in noises]
    agents_of = [(name, first[flow.secret(name).of] + i, t) for name, i, t in labels]
    return matrix[:, secrets], matrix[:, noises], variances, agents_of


def gaussian_loss(flow: Flow, parties: set[str], agents: set[int]) -> dict[int, float]:
    """mu^2 of each honest agent, by elimination; infinite where a secret is read."""
    a, b, variances, labels = view_of(flow, parties, agents)
    found = {}
    for agent in {label[1] for label in labels}:
        columns = [k for k, label in enumerate(labels) if label[1] == agent and any(a[:, k])]
        system = np.concatenate(
            [(b * np.array(variances)) @ b.T if b.size else np.full((len(a), len(a)), Fraction(0)), a[:, columns]],
            axis=1,
        )
        solved = eliminate(system, len(a))
        if solved is None:
            found[agent] = math.inf
            continue
        p = a[:, columns].T @ solved
        reach = [math.sqrt(flow.secret(labels[k][0]).squared_reach) for k in columns]
        uses = min(len(columns), sum(flow.secret(s).uses for s in {labels[k][0] for k in columns}))
        terms = np.array(
            [[abs(float(p[k, m])) * reach[k] * reach[m] for m in range(len(columns))] for k in range(len(columns))]
        )
        lines = np.sort(terms, axis=1)[:, ::-1][:, :uses].sum(axis=1) if columns else np.zeros(0)
        found[agent] = float(np.sort(lines)[::-1][:uses].sum())
    return found


def eliminate(system: Array, rank: int) -> Array | None:
    """Some X with S X = A for [S | A]; None if there is none."""
    m, pivots = system.copy(), list[tuple[int, int]]()
    for column in range(rank):
        free = [r for r in range(rank) if r not in {r for r, _ in pivots} and m[r, column]]
        if not free:
            continue
        at = free[0]
        m[at] = m[at] / m[at, column]
        for r in range(rank):
            if r != at and m[r, column]:
                m[r] = m[r] - m[at] * m[r, column]
        pivots.append((at, column))
    used = {r for r, _ in pivots}
    if any(m[r, rank:].any() for r in range(rank) if r not in used):
        return None
    solution = np.full((rank, system.shape[1] - rank), Fraction(0))
    for r, column in pivots:
        solution[column] = m[r, rank:]
    return solution


def whole_loss(flow: Flow, parties: set[str], agents: set[int]) -> float:
    """A bound of rho from below, for sums of shares: all honest shares hide the change, but for what rounding adds."""
    a, b, variances, labels = view_of(flow, parties, agents)
    masks = {n.name for n in flow.noises if n.law is Law.UNIFORM}
    if masks:  # of differences of two only the sum is left
        honest = sum(g.size for g in flow.groups) - len(agents)
        share = flow.noise("share").variance or Fraction(0)
        return float(flow.secrets[0].squared_reach / (2 * max(honest, 1) * share))
    worst = 0.0
    for k in range(len(labels)):
        solved = eliminate(
            np.concatenate(
                [(b * np.array(variances)) @ b.T if b.size else np.full((len(a), len(a)), Fraction(0)), a[:, [k]]],
                axis=1,
            ),
            len(a),
        )
        if solved is None:
            return math.inf
        worst = max(worst, float((a[:, [k]].T @ solved)[0, 0] * flow.secret(labels[k][0]).squared_reach) / 2)
    return worst


# -- what a mutant changes ------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def truth(text: str, coalition: str) -> tuple[str, float]:
    """The worst mu^2 ("mu") or a bound of rho from below ("rho") over all coalitions that a text allows, all agents."""
    flow = read(text)
    size = {g.name: g.size for g in flow.groups}
    first = {g.name: sum(h.size for h in flow.groups[:k]) for k, g in enumerate(flow.groups)}
    parties, agents, count = set[str](), set[int](), 0
    for part in coalition.removesuffix(" (adaptive)").split(" + "):
        group, _, index = part.rpartition(".")
        if part.endswith("% of agents"):
            count = int(Fraction(part.removesuffix("% of agents").strip()) / 100 * sum(size.values()))
        elif group in size:
            agents.add(first[group] + int(index))
        elif part != "world":
            parties.add(part)
    free = sorted(set(range(sum(size.values()))) - agents)
    gaussian = all(noise.law is Law.GAUSSIAN for noise in flow.noises)
    worst = 0.0
    for chosen in islice(combinations(free, count), MOST):
        everybody = agents | set(chosen)
        if gaussian:
            worst = max(worst, *gaussian_loss(flow, parties, everybody).values(), 0.0)
        elif all(noise.law in {Law.DISCRETE_GAUSSIAN, Law.UNIFORM} for noise in flow.noises):
            worst = max(worst, whole_loss(flow, parties, everybody))
        if math.isinf(worst):
            break
    return ("mu" if gaussian else "rho"), worst


def changes_the_conclusion(found: Derivation) -> str:
    """Why a document's conclusion is false or does not follow from its steps; empty if nothing was found."""
    for judge in (false_promise, broken_ledger, broken_chain, broken_cover, broken_leaf, missing_ground):
        if why := judge(found):
            return why
    return ""


def false_promise(found: Derivation) -> str:  # noqa: C901, PLR0911 - a reason in each line
    told = found.guarantee
    if told.epsilon is None:
        return ""
    if found.flow.reports and len({s.of for s in found.flow.secrets}) > 1:
        return false_for_some(found)
    kind, worst = truth(write(found.flow), found.coalition.text)
    if math.isinf(worst):
        return "a secret can be read"
    if kind == "mu":
        if told.mu is None or told.mu**2 < worst * (1 - 1e-9):
            return f"mu^2 is {worst}"
        if worst and told.epsilon < epsilon_of(math.sqrt(worst * (1 - 1e-9)), told.delta.conversion or 1e-300):
            return "epsilon is too small"
    elif worst and told.rho is not None:
        if told.rho < worst * (1 - 1e-9):
            return f"rho is at least {worst}"
        several = found.flow.secrets[0].dimension > 1 and all(
            n.law is not Law.DISCRETE_LAPLACE for n in found.flow.noises
        )
        if several and not told.delta.conversion:
            return "no pure guarantee follows from rho"
        if several and told.epsilon < epsilon_of_rho(Fraction(worst * (1 - 1e-9)), told.delta.conversion) * (1 - 1e-9):
            return "epsilon is too small"
    return ""


def false_for_some(found: Derivation) -> str:
    """For a doctor's number and the answers of others, which the coalition sees."""
    told, (report, noise) = found.guarantee, (found.flow.reports[0], found.flow.noises[0])
    if told.mu is not None or told.kind.value == "pure" or told.rho is not None:
        return "a figure for all that some have not"
    if told.status.value == "proven":
        return "the doctor's noise is of real numbers"
    parties = {name for name in found.coalition.parties if name in found.flow.parties}
    if "doctor" in {*noise.known_to} & {"doctor"} or parties & set(noise.known_to):
        return "the doctor's noise is known"
    delta, size = told.delta.conversion, found.flow.secret("z").squared_reach
    least = epsilon_of(math.sqrt(size / (noise.variance or 1)), delta) if delta else math.inf
    heard = parties & set(report.to) or "everybody" in report.to
    odds = math.log((1 - delta) * float(report.ratio) - delta) if heard else 0.0  # two answers, at this delta
    odds = min(odds, math.log(report.ratio * (1 - delta)) if delta < 1 else 0) - 1e-3
    return "epsilon is too small" if (told.epsilon or 0.0) < max(least * (1 - 1e-9), odds) else ""


def broken_ledger(found: Derivation) -> str:  # noqa: PLR0911 - a reason in each line
    told, root = found.guarantee, found.root
    if told.epsilon is None:
        return "" if root.rule == "not proven" else "nothing is promised, and something proven"
    if told.coalition != found.coalition:
        return "two coalitions"
    wanted = (told.epsilon, told.delta.conversion, told.delta.failures, told.delta.distances, told.delta.total)
    if tuple(root.numbers.get(n) for n in ("epsilon", "conversion", "failures", "distances", "total")) != wanted:
        return "the ledger is not that of the guarantee"
    if len(root.premises) != 1 or root.premises[0].numbers.get("epsilon") != told.epsilon:
        return "epsilon was not converted"
    gaussian = any(noise.law is Law.GAUSSIAN for noise in found.flow.noises)
    if gaussian and told.status.value == "proven":
        return "real arithmetic is idealized"
    if told.neighboring is not found.flow.secrets[0].neighboring or told.unit.value != "agent":
        return "another relation or unit"
    keyed = any(noise.law in {Law.DISCRETE_GAUSSIAN, Law.DISCRETE_LAPLACE} for noise in found.flow.noises)
    return "keys are computational" if keyed and told.security.value == "statistical" else ""


def broken_chain(found: Derivation) -> str:  # noqa: C901, PLR0911, PLR0912 - a reason in each line
    node, names = found.root, ("delta ledger", "conversion", "every coalition", "every agent", "composition")
    if found.guarantee.epsilon is None:
        return ""
    for name in names:
        if node.rule != name:
            return f"{node.rule} stands for {name}"
        if name != "composition":
            if len(node.premises) != 1:
                return f"{name} on {len(node.premises)} steps"
            node = node.premises[0]
    total = Fraction(0)
    for part in node.premises:
        below = part.premises[0] if part.rule == "fresh rounds" and part.premises else part
        if below.rule == "local report" and found.flow.reports:
            continue
        if below.rule not in {"linear-gaussian", "integer sum", "integer certificate", "additive laplace"}:
            return f"{below.rule} below a composition"
        masked = len(below.premises) == 1 and below.premises[0].rule == "ring masks"
        view = below.premises[0].premises if masked else below.premises
        if len(view) != 1 or view[0].rule != "view" or view[0].premises:
            return "no view"
        for number in ("mu_squared", "rho"):
            times = number_of(part, "times") if part is not below else 1
            if (
                number in below.numbers
                and part is not below
                and part.numbers.get(number) != times * number_of(below, number)
            ):
                return "rounds do not add up"
        total += Fraction(part.numbers.get("mu_squared", 0)) if below.rule == "linear-gaussian" else 0
    if node.numbers.get("blocks") != len(node.premises):
        return "blocks do not add up"
    if found.guarantee.mu is None:
        return ""
    converted = found.root.premises[0].numbers.get("mu_squared")
    return "squares do not add up" if node.numbers.get("mu_squared") != total or converted != total else ""


def number_of(node: Node, name: str) -> Fraction:
    value = node.numbers.get(name, 1)
    return Fraction(value) if not isinstance(value, str) else Fraction(-1)


def broken_cover(found: Derivation) -> str:  # noqa: PLR0911 - a reason in each line
    if found.guarantee.epsilon is None:
        return ""
    over, agents = found.root.find("every coalition").numbers, found.root.find("every agent").numbers
    size, colluders = found.flow.enrolled, len(found.colluders)
    wanted = int(found.coalition.fraction * size)
    named = {a.name for a in found.guarantee.assumptions}
    fixed = sum("." in name for name in found.coalition.parties)
    uneven = any(g.wiring is not Wiring.COMPLETE for g in found.flow.graphs) or any(
        "token" in write(found.flow) for _ in (0,)
    )
    why = over.get("why")
    if why not in {"named", "alike", "each", "everyone else"}:
        return "no reason"
    if why == "named" and colluders != fixed and "who-colludes" not in named:
        return "nobody says who colludes"
    if why == "named" and wanted and "who-colludes" not in named:
        return "a share of agents is not named"
    if why == "alike" and uneven:
        return "members are told apart"
    if why in {"alike", "each"} and len(found.flow.groups) == 1 and colluders < min(wanted + fixed, size - 1):
        return "too few collude"
    if why == "everyone else" and colluders != size - 1:
        return "not everyone else"
    if over.get("colluders") != colluders or agents.get("agent") != found.agent or found.agent in found.colluders:
        return "another case"
    if agents.get("why") == "alike" and uneven and size - colluders > 1:
        return "agents are told apart"
    return (
        ""
        if agents.get("why") in {"alike", "each"} or agents.get("why") == "this agent"
        else "no reason for all agents"
    )


def broken_leaf(found: Derivation) -> str:
    """Only for flows of one block of Gaussian noise without alike rounds: its rows are all that is seen."""
    leaves = [node for node in found.root.walk() if node.rule == "linear-gaussian"]
    if (
        found.guarantee.epsilon is None
        or len(leaves) != 1
        or any(noise.law is not Law.GAUSSIAN for noise in found.flow.noises)
    ):
        return ""
    leaf = leaves[0]
    parties = {name for name in found.coalition.parties if name in found.flow.parties or name == "coordinator"}
    loss = gaussian_loss(found.flow, parties, set(found.colluders.tolist())).get(found.agent)
    times = (
        found.root.find("fresh rounds").numbers.get("times", 1)
        if any(n.rule == "fresh rounds" for n in found.root.walk())
        else 1
    )
    stated = float(Fraction(leaf.numbers.get("mu_squared", -1))) * float(times)
    if loss is None or stated < loss * (1 - 1e-9) or stated > loss * (1 + 1e-6):
        return "mu^2 is not the agent's"
    if leaf.numbers.get("agent") != found.agent:
        return "another agent"
    view = leaf.premises[0]
    if len(leaf.vectors.get("z", ())) != view.numbers.get("rows"):
        return "no test for these rows"
    if len(leaf.vectors.get("w", ())) != number_of(view, "noises") * number_of(leaf, "columns"):
        return "no certificate for these noises"
    return broken_witness(found, leaf, parties) if times == 1 else ""


def broken_witness(found: Derivation, leaf: Node, parties: set[str]) -> str:
    """B w = A, and what the test shows, wherever all rows that are seen stand in the view."""
    a, b, variances, labels = view_of(found.flow, parties, set(found.colluders.tolist()))
    rows = [k for k in range(len(a)) if a[k].any() or b[k].any()]
    held = [k for k in range(b.shape[1]) if b[:, k].any()]
    mine = [k for k, label in enumerate(labels) if label[1] == found.agent and a[:, k].any()]
    w = np.array([Fraction(x) for x in leaf.vectors["w"]]).reshape(len(mine), -1)
    if w.shape[1] != len(held):
        return "another number of noises"
    if any((b[:, held] @ part != a[:, k]).any() for part, k in zip(w, mine, strict=True)):
        return "the certificate does not solve its equations"
    d, z = np.array(leaf.vectors["d"]), np.array([Fraction(x) for x in leaf.vectors["z"]])
    if any(x * x > found.flow.secret(labels[k][0]).squared_reach for x, k in zip(d, mine, strict=True)):
        return "a change beyond the reach"
    if len(z) != len(rows):
        return ""
    against = z @ b[rows]
    spread = (against * against * np.array(variances)).sum()
    shown = (z @ a[rows][:, mine] @ d) ** 2
    if shown < Fraction(leaf.numbers["lower"]) * spread or (shown and not spread):
        return "the test shows less"
    return ""


def missing_ground(found: Derivation) -> str:
    if found.guarantee.epsilon is None:
        return ""
    named = [a.name for a in found.guarantee.assumptions]
    wanted = {"declared", "independent-noise", "presence"}
    wanted |= {"real-arithmetic"} if any(n.law is Law.GAUSSIAN for n in found.flow.noises) else {"aes-256"}
    wanted |= {"own-minimum", "one-sum"} if found.flow.cohorts else set()
    if found.coalition.fraction and "who-colludes" not in named:
        wanted |= {"colluders"}
    return "" if wanted <= set(named) and len(set(named)) == len(named) else "an assumption is missing"


# -- mutants --------------------------------------------------------------------------------------


class Mutator:
    """Seeded changes of a document."""

    def __init__(self, seed: int) -> None:
        self.draw = Entropy.seeded(seed).generator("mutants of derivations")

    def pick(self, values: Any) -> Any:  # noqa: ANN401 - one of any
        return values[int(self.draw.integers(len(values)))]

    def mutant(self, text: str) -> tuple[str, Json]:
        document: Json = json.loads(text)
        kinds = (
            "number",
            "vector",
            "premise",
            "rule",
            "assumption",
            "coalition",
            "colluder",
            "flow",
            "promise",
            "why",
            "agent",
            "swapped",
            "another",
            "lowered",
            "fewer",
            "unmixed",
            "raised",
            "told",
        )
        kind = self.pick(kinds)
        getattr(self, kind)(document)
        return kind, document

    def nodes(self, document: Json) -> list[Json]:
        found = [document["root"]]
        for node in found:
            found += node["premises"]
        return found

    def changed(self, value: Any) -> Any:  # noqa: ANN401 - a number or text of JSON
        factor = self.pick((0, 0.5, 0.9, 0.999999, 1.000001, 1.1, 2, -1))
        if isinstance(value, str) and "/" in value:
            fraction = Fraction(value) * Fraction(str(factor))
            return f"{fraction.numerator}/{fraction.denominator}" if fraction != Fraction(value) else "1/7"
        if isinstance(value, int):
            return value + self.pick((-1, 1, 2))
        return value * factor if isinstance(value, float) else value + "x"

    def number(self, document: Json) -> None:
        node = self.pick([n for n in self.nodes(document) if n["numbers"]])
        name = self.pick(sorted(node["numbers"]))
        node["numbers"][name] = self.changed(node["numbers"][name])

    def vector(self, document: Json) -> None:
        nodes = [n for n in self.nodes(document) if any(v.get("exact") for v in n["vectors"].values())]
        if not nodes:
            return self.number(document)
        node = self.pick(nodes)
        vector = node["vectors"][self.pick([k for k in sorted(node["vectors"]) if node["vectors"][k].get("exact")])][
            "exact"
        ]
        at = int(self.draw.integers(len(vector)))
        vector[at] = self.changed(vector[at])
        return None

    def premise(self, document: Json) -> None:
        node = self.pick([n for n in self.nodes(document) if n["premises"]])
        how = self.pick(("drop", "double", "replace", "skip"))
        if how == "drop":
            node["premises"].pop()
        elif how == "double":
            node["premises"].append(copy.deepcopy(node["premises"][0]))
        elif how == "replace":
            node["premises"][0] = copy.deepcopy(self.pick(self.nodes(document)))
        else:
            node["premises"] = node["premises"][0]["premises"]

    def rule(self, document: Json) -> None:
        one, other = self.pick(self.nodes(document)), self.pick(self.nodes(document))
        if one["rule"] == other["rule"]:
            one["rule"] = self.pick(("local report", "sampling", "composition", "leak", "integer sum"))
        else:
            one["rule"], other["rule"] = other["rule"], one["rule"]

    def assumption(self, document: Json) -> None:
        named = document["guarantee"]["assumptions"]
        at = int(self.draw.integers(len(named)))
        if self.pick((True, False)):
            named.pop(at)
        else:
            named[at]["name"] = self.pick(("something-else", named[0]["name"], "declared"))

    def coalition(self, document: Json) -> None:
        new = self.pick(
            (
                "world",
                "agent.0",
                "agent.2",
                "coordinator",
                "server",
                "40% of agents",
                "server + 60% of agents",
                "20% of agents",
                "server + agent.1 + agent.2",
            )
        )
        document["coalition"] = new
        if self.pick((True, True, False)):
            document["guarantee"]["coalition"] = new

    def colluder(self, document: Json) -> None:
        colluders = document["colluders"]
        if colluders and self.pick((True, False)):
            colluders.pop(int(self.draw.integers(len(colluders))))
        else:
            document["colluders"] = sorted({*colluders, int(self.draw.integers(4))})

    def promise(self, document: Json) -> None:
        told = document["guarantee"]
        name = self.pick(("epsilon", "mu", "rho", "status", "security", "neighboring", "kind", "delta", "unit"))
        if name == "status":
            told["status"] = self.pick(("proven", "simulated", "idealized"))
        elif name == "security":
            told["security"], told["security_bits"] = "statistical", None
        elif name == "neighboring":
            told["neighboring"] = self.pick(("zero-out", "add-remove-one"))
        elif name in {"kind", "unit"}:
            told[name] = self.pick({"kind": ("pure", "approximate", "gdp", "zcdp"), "unit": ("record", "agent")}[name])
        elif name == "delta":
            told["delta"]["conversion"] = told["delta"]["total"] = self.pick((0.0, 1e-9, 1e-7, 1e-5))
        elif told[name] is None:
            told["epsilon"] = self.changed(told["epsilon"])
        else:
            told[name] = self.changed(told[name])

    def why(self, document: Json) -> None:
        node = self.pick([n for n in self.nodes(document) if "why" in n["numbers"]] or self.nodes(document))
        node["numbers"]["why"] = self.pick(
            ("named", "alike", "each", "everyone else", "deletion", "random graph", "spectral", "this agent", "")
        )

    def agent(self, document: Json) -> None:
        old, new = document["agent"], int(self.draw.integers(5))
        document["agent"] = new
        for node in self.nodes(document) if self.pick((True, False)) else ():
            if node["numbers"].get("agent") == old:
                node["numbers"]["agent"] = new

    def flow(self, document: Json) -> None:
        lines = document["flow"].split("\n")
        how = self.pick(
            ("variance", "variance", "secret", "to", "message", "says", "least", "size", "rounds", "known_to")
        )
        keys = {"variance": "variance", "secret": "range", "to": "to =", "least": "least", "rounds": "rounds"}
        if how == "message":
            document["flow"] = self.without_message(document["flow"])
        elif how == "size":
            old = document["flow"].split("\nagent = ")[1].split("\n")[0]
            document["flow"] = document["flow"].replace(
                f"\nagent = {old}", f"\nagent = {int(old) + self.pick((-1, 1))}", 1
            )
        elif how == "known_to":
            at = [k for k, line in enumerate(lines) if line.startswith("variance")]
            lines.insert(self.pick(at or [0]), 'known_to = ["agent"]')
            document["flow"] = "\n".join(lines)
        elif how == "says":
            document["flow"] = document["flow"].replace(self.pick((" + noise", " + share", " + own")), "", 1)
        else:
            at = [k for k, line in enumerate(lines) if line.startswith(keys[how])]
            if at:
                place = self.pick(at)
                lines[place] = self.line(how, lines[place])
            document["flow"] = "\n".join(lines)

    def swapped(self, document: Json) -> None:
        nodes = [n for n in self.nodes(document) if n["numbers"]]
        one, other = self.pick(nodes), self.pick(nodes)
        for name in sorted({*one["numbers"]} & {*other["numbers"]}):
            one["numbers"][name], other["numbers"][name] = other["numbers"][name], one["numbers"][name]

    def another(self, document: Json) -> None:
        """The flow of another derivation with the same steps."""
        shape = [n["rule"] for n in self.nodes(document)]
        others = [json.loads(text) for text in documents()]
        document["flow"] = self.pick([o for o in others if [n["rule"] for n in self.nodes(o)] == shape])["flow"]

    def lowered(self, document: Json) -> None:
        lower(document, self.pick((Fraction(99_999, 100_000), Fraction(9, 10), Fraction(1, 2), Fraction(1, 100))))

    def fewer(self, document: Json) -> None:
        """One colluder less or more, in the list and in the numbers."""
        self.colluder(document)
        for node in self.nodes(document):
            if node["rule"] == "every coalition":
                node["numbers"]["colluders"] = len(document["colluders"])
            if node["rule"] in {"view", "integer sum"} and self.pick((True, False)):
                for name in ("noises", "shares"):
                    if name in node["numbers"]:
                        node["numbers"][name] += self.pick((-1, 1))

    def unmixed(self, document: Json) -> None:
        """A figure of one agent claimed for all."""
        converted = document["root"]["premises"][0]["numbers"]
        if converted.get("from") != "events":
            return self.swapped(document)
        told, root = document["guarantee"], document["root"]["numbers"]
        if self.pick((True, False)):
            told["kind"], told["mu"] = "gdp", 1.0
            converted |= {"from": "mu", "mu_squared": "1/1"}
            epsilon = epsilon_of(1.0, DELTA)
        else:
            told["kind"] = "pure"
            converted |= {"from": "ratio", "ratio": "1000000/1", "delta": 0.0}
            told["delta"]["conversion"] = told["delta"]["total"] = root["conversion"] = root["total"] = 0.0
            epsilon = log_up(Fraction(10**6))
        told["epsilon"] = root["epsilon"] = converted["epsilon"] = epsilon
        return None

    def raised(self, document: Json) -> None:
        """A larger cohort, or a smaller one, in the flow alone or in the numbers as well."""
        text = document["flow"]
        if "\nleast = " not in text:
            return self.number(document)
        old = int(text.split("\nleast = ")[1].split("\n")[0])
        change = self.pick((-2, -1, 1))
        document["flow"] = text.replace(f"\nleast = {old}", f"\nleast = {old + change}", 1)
        for node in self.nodes(document) if self.pick((True, False)) else ():
            for name in ("noises", "secrets", "shares"):
                if name in node["numbers"]:
                    node["numbers"][name] += change
        return None

    def told(self, document: Json) -> None:
        """Noise that a group or a party is told, in the flow only."""
        lines = document["flow"].split("\n")
        at = [k for k, line in enumerate(lines) if line.startswith("variance")]
        who = self.pick(("agent", "coordinator", "server", "hub", "adder"))
        lines.insert(self.pick(at or [0]), f'known_to = ["{who}"]')
        document["flow"] = "\n".join(lines)

    def line(self, how: str, line: str) -> str:
        new = {
            "variance": ("0.5", "0.999", "1.001", "2", "37", "41", "1000"), "secret": ("[0, 2]", "[0, 0.5]", "[-1, 1]"),
            "to": ('["everybody"]', '["nobody"]', '["agent"]'), "least": ("1", "2", "3"), "rounds": ("1", "2", "8"),
        }[how]  # fmt: skip
        return f"{line.partition('=')[0]}= {self.pick(new)}"

    def without_message(self, text: str) -> str:
        blocks = text.split("\n\n")
        at = [k for k, block in enumerate(blocks) if block.startswith("[messages")]
        blocks.pop(self.pick(at))
        return "\n\n".join(blocks)


def lower(document: Json, factor: Fraction) -> None:
    """All figures lowered alike, and epsilon with them: a proof that agrees with itself."""

    def scale(node: Json) -> None:
        for name in ("mu_squared", "lower", "rho"):
            if name in node["numbers"]:
                value = Fraction(node["numbers"][name]) * factor
                node["numbers"][name] = f"{value.numerator}/{value.denominator}"
        for premise in node["premises"]:
            scale(premise)

    scale(document["root"])
    told, root = document["guarantee"], document["root"]
    figures = root["premises"][0]["numbers"] if root["premises"] else {}
    epsilon = (told["epsilon"] or 1.0) * float(factor)
    if "mu_squared" in figures and told["delta"]["conversion"]:
        told["mu"] = sqrt_up(Fraction(figures["mu_squared"]))
        epsilon = epsilon_of(told["mu"], told["delta"]["conversion"])
    elif "rho" in figures and told["delta"]["conversion"]:
        told["rho"] = figures["rho"]
        epsilon = epsilon_of_rho(Fraction(figures["rho"]), told["delta"]["conversion"])
    told["epsilon"] = root["numbers"]["epsilon"] = epsilon
    for node in root["premises"]:
        node["numbers"]["epsilon"] = epsilon


def rejected(document: Json) -> tuple[str, bool]:
    """Why a document's conclusion changed (as found here), and whether the check rejects it."""
    try:
        found = from_json(document)
    except ConfigurationError:
        return "it cannot be read", True
    why = changes_the_conclusion(found)
    try:
        verified = verify(found)
    except (VerificationFailed, ConfigurationError):
        return why, True
    return why, not verified.holds


def hunt(number: int, seed: int) -> Counter[str]:
    """So many mutants that change the conclusion; how many others were accepted or rejected."""
    mutator, tally = Mutator(seed), Counter[str]()
    while tally["must be rejected"] < number:
        text = mutator.pick(documents())
        kind, document = mutator.mutant(text)
        if document == json.loads(text):
            continue
        why, no = rejected(document)
        if why:
            assert no, (kind, why, json.dumps(document)[:3000])
            tally["must be rejected"] += why != "it cannot be read"
            tally[f"rejected: {kind}"] += 1
        else:
            tally["others rejected" if no else "others accepted"] += 1
    return tally


def test_a_thousand_mutants_that_change_the_conclusion_are_rejected() -> None:
    tally = hunt(1000, 2)
    assert tally["must be rejected"] == 1000
    assert sum(name.startswith("rejected: ") for name in tally) == 18  # all kinds occur


# -- any flow -------------------------------------------------------------------------------------


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A few agents on a graph, with noise of their own, in pairs and at the hub, and messages to some of them."""
    rounds = draw(st.sampled_from([1, 1, 2, 3]))
    turns = st.sampled_from([1, rounds])
    built = FlowBuilder("drawn", about="a small flow").agents(agent=draw(st.integers(2, 4))).party("hub")
    built = built.graph("net", over="agent", wiring=draw(st.sampled_from(["path", "ring", "complete", "star"])))
    secret = draw(turns)
    built = built.secret(
        "x", of="agent", range=(0, draw(st.integers(1, 3))), neighboring="replace-one", adaptive=False,
        rounds=secret, participations=draw(st.integers(1, secret)),
    )  # fmt: skip
    told = draw(st.sampled_from([(), (), ("hub",), ("agent",)]))
    built = built.noise("own", of="agent", law="gaussian", variance=draw(st.integers(1, 3)), rounds=draw(turns))
    built = built.noise("pair", of="net", law="gaussian", variance=2, rounds=draw(turns), known_to=told)
    built = built.noise("central", of="hub", law="gaussian", variance=3, rounds=draw(turns))
    for number in range(draw(st.integers(1, 3))):
        single = draw(st.booleans())
        says = draw(st.sampled_from(SINGLE if single else PER_MEMBER))
        to = draw(st.sampled_from(["everybody", "hub", "agent", *([] if single else ["neighbors in net"])]))
        built = built.message(f"m{number}", by="hub" if single else "agent", says=says, to=to)
    return built.build()


PER_MEMBER = ("x + own", "x + own + signed(pair)", "2*x - own/3", "so_far(x + own)", "x + signed(pair)")
SINGLE = ("sum(x + own)", "sum(x) + central", "mean(x + own + signed(pair)) + central", "so_far(sum(x) + central)")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(flows(), st.integers(0, 2), st.booleans(), st.sampled_from(["0.99999", "0.9", "0.5", "0.01"]))
def test_what_is_derived_is_accepted_and_less_is_refused(flow: Flow, count: int, hub: bool, factor: str) -> None:  # noqa: FBT001 - drawn
    assume(count < flow.enrolled)
    share = f"{Fraction(100 * count, flow.enrolled)}% of agents"
    against = " + ".join((["hub"] if hub else []) + ([share] if count else [])) or "world"
    found = derive(flow, against, delta=DELTA)
    document = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert verify(from_json(document)).holds == (found.guarantee.epsilon is not None)
    _, worst = truth(document["flow"], document["coalition"])
    if math.isinf(worst):
        assert found.guarantee.epsilon is None
    if found.guarantee.epsilon and found.guarantee.mu:
        lower(document, Fraction(factor))
        stated = Fraction(document["root"]["premises"][0]["numbers"]["mu_squared"])
        if stated < worst * (1 - 1e-7):
            with pytest.raises(VerificationFailed):
                verify(from_json(document))
