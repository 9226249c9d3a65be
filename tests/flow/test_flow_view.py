"""The view: floats against fractions, who sees and knows what, and what the coalition really receives."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import operators, seeing
from tip.flow.blocks import alike_rounds
from tip.flow.evaluation import evaluate
from tip.flow.exactly import Exactly
from tip.flow.expressions import calls, parse
from tip.flow.model import (
    Cohort,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Secret,
    Table,
    Wiring,
)
from tip.flow.seeing import members_of
from tip.flow.view import ExactView, View, agents, blocks, change, exact_view, view
from tip.privacy.coalitions import Coalition
from tip.privacy.statements import Neighboring
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tip.flow.operators import Matrix

UNIT = Interval(Fraction(0), Fraction(1))
SINGLE = ("sum({})", "mean({})", "sum({}, some)", "mean({}, some)")
ALIKE = ("mix({}, net)", "mix({}, heavy)", "2*({})", "-({})", "({})/3", "signed(pair)")
ROUNDS = ("previous({})", "so_far({})", "root({})", "gossip({}, net)", "token({})", "apply({}, plan)")
CHANNELS = ("everybody", "nobody", "neighbors in net", "next in user", "user", "doctor", "server", "helper")


def noise(name: str, of: str, rounds: int = 1, known_to: tuple[str, ...] = ()) -> Noise:
    return Noise(name, of, Law.GAUSSIAN, Fraction(2), rounds=rounds, known_to=known_to)


def secret(name: str, of: str, rounds: int = 1, participations: int | None = None) -> Secret:
    return Secret(name, of, UNIT, Neighboring.REPLACE_ONE, adaptive=False, rounds=rounds, participations=participations)


@st.composite
def graphs(draw: Callable[..., Any], size: int) -> Graph:
    wiring = draw(st.sampled_from([w for w in Wiring if size > 2 or w is not Wiring.K_OUT]))
    if wiring is Wiring.K_OUT:
        return Graph("net", "user", wiring, draw(st.integers(1, size - 1)), draw(st.integers(0, 9)))
    pairs = list(itertools.combinations(range(size), 2))
    given_edges = tuple(sorted(draw(st.sets(st.sampled_from(pairs), min_size=1)))) if wiring is Wiring.GIVEN else ()
    return Graph("net", "user", wiring, edges=given_edges)


@st.composite
def wide(draw: Callable[..., Any], names: list[str], *, mixed: bool) -> str:
    """A formula with a row for each user."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from(names))
        for _ in range(draw(st.integers(0, 2))):
            part = draw(st.sampled_from((*ALIKE, *ROUNDS) if mixed else ALIKE)).format(part)
        parts.append(part)
    return " + ".join(parts)


@st.composite
def flows(draw: Callable[..., Any], *, mixed: bool = True, least_rounds: int = 1) -> Flow:
    """Groups of 2 to 5 users and of one doctor, all wirings, functions and channels, messages in messages."""
    size, rounds = draw(st.integers(2, 5)), draw(st.integers(least_rounds, 3))
    some = draw(st.sampled_from([1, rounds])) if mixed else rounds
    told = draw(st.lists(st.sampled_from(["server", "helper", "user", "doctor"]), max_size=2))
    table = Table("heavy", tuple(tuple(Fraction(draw(st.integers(-2, 2))) for _ in range(size)) for _ in range(size)))
    plan = Table("plan", tuple(tuple(Fraction(draw(st.integers(-1, 2))) for _ in range(rounds)) for _ in range(rounds)))
    messages: list[Message] = []
    names = ["x", "eta"]
    to = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2).map(tuple)
    for number in range(draw(st.integers(1, 3))):
        formula = draw(wide(names, mixed=mixed))
        if draw(st.booleans()):
            formula = draw(st.sampled_from(SINGLE)).format(formula) + draw(st.sampled_from(["", " + z", " - 2*own"]))
            channel = tuple(name for name in draw(to) if " in " not in name) or ("server",)
            messages.append(Message(f"m{number}", draw(st.sampled_from(["server", "doctor"])), parse(formula), channel))
        else:
            messages.append(Message(f"m{number}", "user", parse(formula), draw(to)))
            names.append(f"m{number}")
    return Flow(
        "drawn", "", groups=(Group("user", size), Group("doctor", 1)), parties=("server", "helper"),
        graphs=(draw(graphs(size)),), tables=(table, plan),
        cohorts=(Cohort("some", "user", draw(st.integers(1, size))),),
        secrets=(secret("x", "user", rounds), secret("z", "doctor", some)),
        noises=(noise("eta", "user", rounds, tuple(told)), noise("pair", "net", rounds, tuple(told[1:])),
                noise("own", "server", some, tuple(told))),
        messages=tuple(messages),
    )  # fmt: skip


@st.composite
def coalitions(draw: Callable[..., Any], flow: Flow) -> tuple[frozenset[str], NDArray[np.int64]]:
    parties = draw(st.frozensets(st.sampled_from(flow.parties)))
    return parties, np.array(sorted(draw(st.sets(st.integers(0, flow.enrolled - 1)))), np.int64)


def drawn_flow(data: st.DataObject, *, mixed: bool = True, least_rounds: int = 1) -> Flow:
    """Some formulas fit no shape (rounds of `apply`): those are not what is tested here."""
    try:
        return data.draw(flows(mixed=mixed, least_rounds=least_rounds))
    except ConfigurationError:
        assume(condition=False)
        raise


def dense(rows: tuple[dict[int, Fraction], ...], width: int) -> NDArray[np.float64]:
    matrix = np.zeros((len(rows), width))
    for number, row in enumerate(rows):
        for column, entry in row.items():
            matrix[number, column] = float(entry)
    return matrix


def labels(seen: View | ExactView) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]]]:
    def tuples(*arrays: NDArray[np.int64]) -> list[tuple[int, ...]]:
        return list(zip(*(array.tolist() for array in arrays), strict=True))

    return (
        tuples(seen.row_message, seen.row_member, seen.row_round),
        tuples(seen.secret_symbol, seen.secret_agent, seen.secret_round),
        tuples(seen.noise_symbol, seen.noise_member, seen.noise_round),
    )


def table_of(seen: View | ExactView) -> dict[tuple[Any, ...], float]:
    """Every coefficient by its labels; rounding remnants are left out."""
    rows, secrets, noises = labels(seen)
    if isinstance(seen, ExactView):
        parts = (dense(seen.A, len(secrets)), dense(seen.B, len(noises)))
    else:
        parts = (seen.A.toarray(), seen.B.toarray())
    entries: dict[tuple[Any, ...], float] = {}
    for kind, matrix, columns in (("secret", parts[0], secrets), ("noise", parts[1], noises)):
        for i, j in zip(*np.nonzero(np.abs(matrix) > 1e-12), strict=True):
            entries[rows[i], kind, columns[j]] = float(matrix[i, j])
    return entries


# -- floats and fractions -------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_view_in_floats_is_the_exact_one(data: st.DataObject) -> None:
    flow = drawn_flow(data)
    parties, colluders = data.draw(coalitions(flow))
    for block in blocks(flow):
        rounded = view(flow, block, parties=parties, colluders=colluders)
        exact = exact_view(flow, block, parties=parties, colluders=colluders)
        assert table_of(rounded) == pytest.approx(table_of(exact), rel=1e-12, abs=1e-12)
        assert (rounded.times, rounded.ring, rounded.messages) == (exact.times, exact.ring, exact.messages)
        assert rounded.variances.tolist() == [2.0] * rounded.B.shape[1]
        assert all(variance == 2 for variance in exact.variances)
        if rounded.exact:
            assert labels(rounded) == labels(exact)
            assert [row_of(rounded.A, k) for k in range(len(exact.A))] == list(exact.A)
            assert [row_of(rounded.B, k) for k in range(len(exact.B))] == list(exact.B)


def row_of(matrix: Matrix, number: int) -> dict[int, Fraction]:
    row = matrix[[number]].tocoo()
    return {int(j): Fraction(float(entry)) for j, entry in zip(row.coords[1], row.data, strict=True)}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_row_and_no_column_is_empty(data: st.DataObject) -> None:
    flow = drawn_flow(data)
    parties, colluders = data.draw(coalitions(flow))
    seen = exact_view(flow, blocks(flow)[0], parties=parties, colluders=colluders)
    assert all(a or b for a, b in zip(seen.A, seen.B, strict=True))
    assert {j for row in seen.A for j in row} == set(range(len(seen.secret_agent)))
    assert {j for row in seen.B for j in row} == set(range(len(seen.noise_member)))


# -- who sees and knows what ----------------------------------------------------------------------

Person = tuple[str, int]  # ("", agent) or (party, 0)


def people(flow: Flow, name: str) -> list[set[Person]]:
    """For each row of a group, a graph or a party the persons that it belongs to, by definition."""
    for group in flow.groups:
        if group.name == name:
            return [{("", flow.first_agent(name) + i)} for i in range(group.size)]
    for graph in flow.graphs:
        if graph.name == name:
            members = people(flow, graph.over)
            return [members[i] | members[j] for i, j in pairs_of(flow, graph)]
    return [{(name, 0)}]


def pairs_of(flow: Flow, graph: Graph) -> list[tuple[int, int]]:
    from tip.flow.graphs import edges  # noqa: PLC0415 - what the flow's graph is, is not what is tested here

    return [(int(i), int(j)) for i, j in edges(graph, flow.group(graph.over).size)]


def receivers(flow: Flow, message: Message, member: int) -> set[Person] | None:
    """Everybody that gets a row; None: the world."""
    found = set(people(flow, message.by)[member])
    for name in message.to:
        if name == "everybody":
            return None
        if name.startswith("neighbors in "):
            pairs = pairs_of(flow, flow.graph("net"))
            found |= {("", j if i == member else i) for i, j in pairs if member in {i, j}}
        elif name.startswith("next in "):
            found.add(("", (member + 1) % flow.group("user").size))
        elif name != "nobody":
            found |= set().union(*people(flow, name))
    return found


def knowers(flow: Flow, number: int, member: int, kind: str) -> set[Person]:
    """Everybody that knows a secret's or a noise's values of one member."""
    if kind == "secret":
        return people(flow, flow.secrets[number].of)[member]
    drawn = flow.noises[number]
    return people(flow, drawn.of)[member].union(*(set().union(*people(flow, name)) for name in drawn.known_to))


def check_who_sees_and_knows(flow: Flow, parties: frozenset[str], colluders: NDArray[np.int64]) -> None:
    """All-knowing rows, less what the coalition's persons know, on the rows that its persons get."""
    coalition: set[Person] = {(party, 0) for party in parties} | {("", agent) for agent in colluders.tolist()}
    everything = everything_of(flow, colluders)
    expected: dict[tuple[Any, ...], float] = {}
    for (row, kind, column), entry in everything.items():
        message = flow.messages[row[0]]
        gets = receivers(flow, message, max(row[1], 0))
        symbol, place, _ = column
        first = flow.first_agent(flow.secrets[symbol].of) if kind == "secret" else 0
        if (gets is None or gets & coalition) and not knowers(flow, symbol, place - first, kind) & coalition:
            expected[row, kind, column] = entry
    found: dict[tuple[Any, ...], float] = {}
    for block in blocks(flow):
        found |= table_of(view(flow, block, parties=parties, colluders=colluders))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def everything_of(flow: Flow, colluders: NDArray[np.int64]) -> dict[tuple[Any, ...], float]:
    """All coefficients: the view of a world to which everything is told, with this coalition's cohorts."""
    told = tuple(
        Message(message.name, message.by, message.says, ("everybody",), message.ring) for message in flow.messages
    )
    open_flow = replace(flow, messages=told)
    found: dict[tuple[Any, ...], float] = {}
    nobody = np.zeros(0, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        real, inside = seeing.Insiders.cohort, seeing.Insiders(flow, frozenset(), colluders)
        patch.setattr(seeing.Insiders, "cohort", lambda _, cohort: real(inside, cohort))
        for block in blocks(open_flow):
            found |= table_of(view(open_flow, block, parties=frozenset(), colluders=nobody))
    return found


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_rows_are_seen_and_columns_known_by_definition(data: st.DataObject) -> None:
    flow = drawn_flow(data)
    check_who_sees_and_knows(flow, *data.draw(coalitions(flow)))


def check_evaluation(flow: Flow, parties: frozenset[str], colluders: NDArray[np.int64], seed: int) -> None:
    """A x + B g is what the messages hold, less what they hold of what the coalition knows."""
    generator = Entropy.seeded(seed).generator("values")
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    values = {s.name: generator.integers(-50, 50, (s.rounds, len(people(flow, s.of)), 2)) for s in both}
    cohorts = {cohort.name: seeing.Insiders(flow, parties, colluders).cohort(cohort) for cohort in flow.cohorts}
    known = {name: value.copy() for name, value in values.items()}
    seen = [view(flow, block, parties=parties, colluders=colluders) for block in blocks(flow)]
    for some in seen:
        for s, agent, t in labels(some)[1]:
            known[flow.secrets[s].name][t, agent - flow.first_agent(flow.secrets[s].of)] = 0
        for n, member, t in labels(some)[2]:
            known[flow.noises[n].name][t, member] = 0
    all_of_it, known_part = evaluate(flow, values, cohorts), evaluate(flow, known, cohorts)
    for some in seen:
        rows, secrets, noises = labels(some)
        x = np.array([values[flow.secrets[s].name][t, a - flow.first_agent(flow.secrets[s].of)] for s, a, t in secrets])
        g = np.array([values[flow.noises[n].name][t, i] for n, i, t in noises])
        y = some.A @ x.reshape(-1, 2) + some.B @ g.reshape(-1, 2)
        for (m, i, t), row in zip(rows, y, strict=True):
            name = flow.messages[m].name
            difference = all_of_it[name][t, max(i, 0)] - known_part[name][t, max(i, 0)]
            np.testing.assert_allclose(row, difference.astype(float), rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_view_is_what_messages_hold_less_what_is_known(data: st.DataObject) -> None:
    flow = drawn_flow(data)
    if not any(alike_rounds(flow, block) for block in blocks(flow)):
        check_evaluation(flow, *data.draw(coalitions(flow)), seed=data.draw(st.integers(0, 99)))


# -- mutants that these tests reject --------------------------------------------------------------


def gopa(rounds: int = 1) -> Flow:
    """Everybody publishes a value, own noise, and noise that neighbors share with opposite signs."""
    return Flow(
        "gopa", "", groups=(Group("user", 4),), parties=("server", "helper"),
        graphs=(Graph("net", "user", Wiring.RING),), secrets=(secret("x", "user", rounds),),
        noises=(noise("eta", "user", rounds, ("helper",)), noise("pair", "net", rounds)),
        messages=(Message("m", "user", parse("x + eta + signed(pair)"), ("everybody",)),),
    )  # fmt: skip


NOBODY = (frozenset[str](), np.zeros(0, np.int64))
SECOND = (frozenset[str](), np.array([1], np.int64))


def test_known_noise_of_the_upper_end_may_not_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    check_who_sees_and_knows(gopa(), *SECOND)
    real = seeing.Insiders.owns

    def lower_ends(inside: seeing.Insiders, name: str) -> NDArray[np.bool_]:
        if name != "net":
            return real(inside, name)
        return np.array([i in inside.colluders for i, _ in pairs_of(inside.flow, inside.flow.graph("net"))])

    monkeypatch.setattr(seeing.Insiders, "owns", lower_ends)
    with pytest.raises(AssertionError):
        check_who_sees_and_knows(gopa(), *SECOND)


def test_known_noise_that_a_party_is_told_may_not_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = (frozenset({"helper"}), np.zeros(0, np.int64))
    check_who_sees_and_knows(gopa(), *helper)
    monkeypatch.setattr(seeing.Insiders, "unknown", lambda inside, symbol: np.flatnonzero(~inside.owns(symbol.of)))
    with pytest.raises(AssertionError):
        check_who_sees_and_knows(gopa(), *helper)


def test_signs_may_not_be_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    check_evaluation(gopa(), *NOBODY, seed=1)
    real = operators.incidence
    monkeypatch.setattr(operators, "incidence", lambda pairs, size: abs(real(pairs, size)))
    with pytest.raises(AssertionError):
        check_evaluation(gopa(), *NOBODY, seed=1)


# -- rounds that are alike ------------------------------------------------------------------------


def symbols_of(flow: Flow, block: tuple[str, ...]) -> set[str]:
    return {symbol for name in block for symbol in flow.symbols(flow.message(name))}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_one_of_the_rounds_that_are_alike_stands_for_all(data: st.DataObject) -> None:
    flow = drawn_flow(data, mixed=False, least_rounds=2)
    parties, colluders = data.draw(coalitions(flow))
    for block in blocks(flow):
        rounds = flow.secrets[0].rounds
        one = view(flow, block, parties=parties, colluders=colluders)
        assert one.times == (rounds if {"x", "z"} & symbols_of(flow, block) else 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tip.flow.view.alike_rounds", lambda *_: 0)
            whole = view(flow, block, parties=parties, colluders=colluders)
        assert whole.times == 1
        repeated = {
            ((*row[:2], t), kind, (*column[:2], t)): entry
            for (row, kind, column), entry in table_of(one).items()
            for t in range(rounds)
        }
        assert table_of(whole) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("formula", ["so_far(x) + eta", "token(x + eta)", "gossip(x + eta, net)", "x + eta + once"])
def test_rounds_that_share_something_are_not_alike(formula: str) -> None:
    flow = replace(gopa(3), messages=(Message("m", "user", parse(formula), ("server",)),),
                   noises=(noise("eta", "user", 3), noise("once", "user")))  # fmt: skip
    assert alike_rounds(flow, ("m",)) == 0
    seen = view(flow, ("m",), parties=frozenset({"server"}), colluders=NOBODY[1])
    assert (seen.times, set(seen.row_round.tolist())) == (1, {0, 1, 2})


def test_messages_of_other_numbers_of_rounds_are_not_alike() -> None:
    flow = replace(
        gopa(3),
        secrets=(secret("x", "user", 3), secret("u", "user", 2)),
        messages=(
            Message("m", "user", parse("x + eta"), ("everybody",)),
            Message("n", "user", parse("u"), ("everybody",)),
        ),
    )
    assert [alike_rounds(flow, names) for names in (("m",), ("n",), ("m", "n"))] == [3, 2, 0]
    assert alike_rounds(gopa(1), ("m",)) == 0
    seen = view(flow, ("m", "n"), parties=frozenset(), colluders=NOBODY[1])
    assert (seen.times, len(seen.row_member)) == (1, 4 * 3 + 4 * 2)


def test_gossip_reaches_one_node_farther_in_each_round() -> None:
    """Node 0 of a ring of 255 hears its neighbors for 20 rounds: 40 others are in what it sees."""
    heard = Message("m", "user", parse("gossip(x + eta, net, 20)"), ("neighbors in net",))
    flow = replace(gopa(), groups=(Group("user", 255),), messages=(heard,))
    seen = view(flow, ("m",), parties=frozenset(), colluders=np.array([0], np.int64))
    assert agents(seen).tolist() == [*range(1, 21), *range(235, 255)]
    assert not seen.exact


def test_one_round_stands_for_as_many_as_an_agent_takes_part_in() -> None:
    secrets = (secret("x", "user", 5, 2), secret("u", "user", 5, 3))
    flow = replace(gopa(5), secrets=secrets, messages=(Message("m", "user", parse("x + u + eta"), ("everybody",)),))
    assert view(flow, ("m",), parties=frozenset(), colluders=NOBODY[1]).times == 3


# -- order, blocks, agents, refusals --------------------------------------------------------------


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_a_larger_coalition_computes_what_a_smaller_one_sees(data: st.DataObject) -> None:
    flow = drawn_flow(data)
    assume(not any("some" in call.arguments for m in flow.messages for call in calls(m.says)))
    parties, colluders = data.draw(coalitions(flow))
    more_parties, more = data.draw(coalitions(flow))
    larger = (parties | more_parties, np.union1d(colluders, more).astype(np.int64))
    coalition: set[Person] = {(party, 0) for party in larger[0]} | {("", agent) for agent in larger[1].tolist()}
    for block in blocks(flow):
        small = table_of(view(flow, block, parties=parties, colluders=colluders))
        large = table_of(view(flow, block, parties=larger[0], colluders=larger[1]))
        rows = {row for row, _, _ in small}
        firsts = [flow.first_agent(s.of) for s in flow.secrets]
        left = {
            key: entry
            for key, entry in small.items()
            if not coalition
            & knowers(flow, key[2][0], key[2][1] - (firsts[key[2][0]] if key[1] == "secret" else 0), key[1])
        }
        assert {key: entry for key, entry in large.items() if key[0] in rows} == pytest.approx(left, rel=1e-9)


def test_blocks_share_no_noise() -> None:
    flow = replace(
        gopa(),
        messages=(
            Message("a", "user", parse("x + eta"), ("server",)),
            Message("b", "user", parse("x + signed(pair)"), ("server",)),
            Message("c", "user", parse("x"), ("nobody",)),
            Message("d", "server", parse("sum(a)"), ("everybody",)),
        ),
    )
    assert blocks(flow) == (("a", "d"), ("b",), ("c",))
    joined = (*flow.messages, Message("e", "server", parse("d + sum(b)"), ("everybody",)))
    assert blocks(replace(flow, messages=joined)) == (("a", "b", "d", "e"), ("c",))


def test_agents_and_their_changes() -> None:
    seen = view(gopa(), ("m",), parties=frozenset(), colluders=SECOND[1])
    assert agents(seen).tolist() == [0, 2, 3]
    own = change(seen, 2)
    assert (own.symbol.tolist(), own.round.tolist(), own.squared_reach) == ([0], [0], (Fraction(1),))
    assert own.A.toarray().ravel().tolist() == [0, 1, 0]
    assert change(seen, 1).A.shape == (3, 0)


def test_a_coalition_of_names_is_parties_and_agents() -> None:
    flow = replace(gopa(), groups=(Group("user", 4), Group("doctor", 1)))
    text = "coordinator + server + doctor + user.3 + user.0"
    coalition = Coalition.parse(text, names=["server", "doctor", "user.3", "user.0"])
    parties, found = members_of(flow, coalition)
    assert parties == {"coordinator", "server"}
    assert found.tolist() == [0, 3, 4]
    with pytest.raises(ConfigurationError, match="nobody"):
        members_of(flow, Coalition.parse("user.9", names=["user.9"]))


@pytest.mark.parametrize(
    ("parties", "colluders", "match"),
    [
        ({"serber"}, [], "no party"),
        (set(), [2, 1], "sorted"),
        (set(), [4], "from 0 to 3"),
        (set(), [-1], "from 0 to 3"),
    ],
)
def test_coalitions_that_do_not_exist_are_refused(parties: set[str], colluders: list[int], match: str) -> None:
    for build in (view, exact_view):
        with pytest.raises(ConfigurationError, match=match):
            build(gopa(), ("m",), parties=frozenset(parties), colluders=np.array(colluders, np.int64))


def test_a_ring_has_whole_coefficients_and_messages_of_one_ring() -> None:
    halves = replace(gopa(), messages=(Message("m", "user", parse("x/2 + eta"), ("everybody",), 32),))
    both = replace(gopa(), messages=(Message("m", "user", parse("x + eta"), ("nobody",), 32),
                                     Message("n", "server", parse("sum(m)"), ("everybody",))))  # fmt: skip
    for build in (view, exact_view):
        with pytest.raises(ConfigurationError, match="whole"):
            build(halves, ("m",), parties=frozenset(), colluders=NOBODY[1])
        with pytest.raises(ConfigurationError, match="different rings"):
            build(both, ("m", "n"), parties=frozenset(), colluders=NOBODY[1])
    assert view(both, ("m",), parties=frozenset(), colluders=SECOND[1]).ring == 32


def test_exact_arithmetic_is_for_small_flows() -> None:
    with pytest.raises(ConfigurationError, match="too many for exact"):
        exact_view(replace(gopa(), groups=(Group("user", 30_000),)), ("m",), parties=frozenset(), colluders=NOBODY[1])


def test_variances_are_rounded_down_and_missing_where_there_is_none() -> None:
    third = Fraction(1, 3)
    noises = (Noise("eta", "user", Law.SKELLAM, third), Noise("pair", "net", Law.GAUSSIAN))
    seen = view(replace(gopa(), noises=noises), ("m",), parties=frozenset(), colluders=NOBODY[1])
    assert Fraction(float(seen.variances[0])) < third
    assert np.isnan(seen.variances[seen.noise_symbol == 1]).all()
    exact = exact_view(replace(gopa(), noises=noises), ("m",), parties=frozenset(), colluders=NOBODY[1])
    assert set(exact.variances) == {third, None}


def test_the_cohort_holds_as_few_honest_members_as_it_may() -> None:
    flow = replace(gopa(), cohorts=(Cohort("some", "user", 3),))
    for colluders, expected in (([], [0, 1, 2]), ([1, 2, 3], [0, 1, 2]), ([3], [0, 1, 3]), ([0, 1, 2, 3], [0, 1, 2])):
        inside = seeing.Insiders(flow, frozenset(), np.array(colluders, np.int64))
        assert inside.cohort(flow.cohorts[0]).tolist() == expected
        exactly = Exactly(flow, frozenset(colluders), one_round=False)
        assert exactly.cohort("some") == expected
