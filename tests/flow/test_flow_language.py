"""The flow language: what is written reads back; every mistake is told with its line and with what would be right."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, parse
from tip.flow.language import read, read_file, write
from tip.flow.model import (
    Aim,
    Ball,
    Choice,
    Cohort,
    Fact,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Report,
    Requirement,
    Sampling,
    Secret,
    Table,
    Wiring,
)
from tip.flow.vocabulary import LISTED, NAMED, TOP
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "flows").glob("*.toml"))
GOSSIP = (Path(__file__).parents[2] / "examples" / "flows" / "gossip.toml").read_text()

# -- flows at random ------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
NUMBERS = st.fractions(min_value=Fraction(1, 10**30), max_value=10**30)
ANY_NUMBERS = st.fractions() | st.decimals(allow_nan=False, allow_infinity=False, places=6).map(Fraction)
ROUNDS = 4


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


@st.composite
def graphs(draw: st.DrawFn, name: str, group: Group) -> Graph:
    wiring = draw(st.sampled_from(Wiring))
    if wiring is Wiring.K_OUT:
        picks = draw(st.integers(1, group.size - 1))
        return Graph(name, group.name, wiring, picks, draw(st.integers(0, 2**63 - 1)))
    if wiring is Wiring.GIVEN:
        pairs = st.tuples(st.integers(0, group.size - 1), st.integers(0, group.size - 1)).filter(lambda p: p[0] < p[1])
        return Graph(name, group.name, wiring, edges=tuple(sorted(draw(st.sets(pairs, min_size=1)))))
    return Graph(name, group.name, wiring)


@st.composite
def cohorts(draw: st.DrawFn, name: str, group: Group) -> Cohort:
    sampling = draw(st.sampled_from(Sampling))
    rate = draw(st.fractions(Fraction(1, 10**9), 1)) if sampling is Sampling.POISSON else None
    return Cohort(name, group.name, draw(st.integers(1, group.size)), sampling, rate)


@st.composite
def secrets(draw: st.DrawFn, name: str, group: str) -> Secret:
    ends = draw(st.lists(ANY_NUMBERS, min_size=2, max_size=2, unique=True).map(sorted))
    squares = NUMBERS.map(lambda x: x * x)
    domain = draw(st.just(Interval(*ends)) | st.builds(Ball, NUMBERS | squares) | st.builds(Choice, st.integers(2, 9)))
    rounds = draw(st.sampled_from([1, ROUNDS]))
    return Secret(
        name, group, domain, draw(st.sampled_from(Neighboring)), draw(st.booleans()), draw(st.integers(1, 9)),
        draw(st.booleans()), rounds, draw(optional(st.integers(1, rounds))),
    )  # fmt: skip


@st.composite
def noises(draw: st.DrawFn, name: str, of: str, listeners: list[str]) -> Noise:
    law = draw(st.sampled_from(Law))
    size = None if law is Law.UNIFORM else draw(optional(NUMBERS))
    scaled = law in {Law.LAPLACE, Law.DISCRETE_LAPLACE}
    rounds = draw(st.sampled_from([1, ROUNDS]))
    known = draw(st.lists(st.sampled_from(listeners), unique=True, max_size=2))
    return Noise(name, of, law, None if scaled else size, size if scaled else None, rounds, tuple(known))


def formulas(known: list[str], arguments: list[str]) -> st.SearchStrategy[Expression]:
    """Formulas of what was declared; many fit no message, and are left out then."""
    plain = st.sampled_from(["sum", "mean", "signed", "token", "previous", "so_far", "tree", "root", "last"])
    named = st.sampled_from(["sum", "mean", "mix", "gossip", "apply"])
    return st.recursive(
        st.sampled_from(known).map(Symbol),
        lambda of: (
            st.builds(Scaled, st.fractions(), of)
            | st.builds(Added, st.lists(of, min_size=2, max_size=3).map(tuple))
            | st.builds(Applied, plain, of)
            | st.builds(Applied, named, of, st.tuples(st.sampled_from(arguments)))
        ),
        max_leaves=4,
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    groups = [Group("g", draw(st.integers(2, 9))), Group("h.x", draw(st.integers(1, 9)))]
    parties = ("coordinator", "p.q")
    made = [draw(graphs("edges", groups[0]))]
    size = groups[0].size
    table = Table("W", tuple(tuple(draw(ANY_NUMBERS) for _ in range(size)) for _ in range(size)))
    cohort = draw(cohorts("some", groups[0]))
    everyone = ["g", "h.x", "edges", *parties]
    people = [*everyone[:2], *parties]
    hidden = tuple(draw(secrets(f"s{i}", draw(st.sampled_from(["g", "h.x"])))) for i in range(draw(st.integers(1, 3))))
    drawn = tuple(
        draw(noises(f"n{i}", draw(st.sampled_from(everyone)), people)) for i in range(draw(st.integers(0, 3)))
    )
    flow = Flow(
        draw(TEXTS), draw(st.just("") | TEXTS), tuple(groups), parties, tuple(made), (table,), (cohort,), hidden, drawn
    )
    receivers = st.lists(st.sampled_from([*people, "everybody", "nobody", "neighbors in edges", "next in g"]))
    for number in range(draw(st.integers(0, 4))):
        known = [s.name for s in flow.secrets] + [n.name for n in flow.noises] + [m.name for m in flow.messages]
        says = draw(formulas(known, ["edges", "W", "some"]))
        to = draw(receivers.map(lambda names: tuple(dict.fromkeys(names)) or ("nobody",)))
        message = Message(f"m{number}", draw(st.sampled_from(people)), says, to, draw(st.sampled_from([0, 1, 32, 64])))
        flow = flow_with(flow, message)
    return replace(
        flow,
        reports=tuple(draw(reports(f"r{i}", flow)) for i in range(draw(st.integers(0, 2)))),
        facts=(Fact("f", ("everybody",), draw(TEXTS)),),
        requirements=tuple(draw(st.lists(requirements(), max_size=2))),
        aims=tuple(
            Aim("", draw(NUMBERS), bytes=True) if draw(st.booleans()) else Aim(m.name, draw(NUMBERS))
            for m in flow.messages
        ),
    )


def flow_with(flow: Flow, message: Message) -> Flow:
    """The flow with one more message, where it fits."""
    try:
        return replace(flow, messages=(*flow.messages, message))
    except ConfigurationError:
        return flow


@st.composite
def reports(draw: st.DrawFn, name: str, flow: Flow) -> Report:
    secret = draw(st.sampled_from(flow.secrets))
    rounds = secret.rounds if secret.rounds > 1 else draw(st.integers(1, 9))
    ratio = draw(st.fractions(min_value=1))
    if draw(st.booleans()):
        least = draw(st.integers(1, flow.group(secret.of).size))
        return Report(name, secret.name, ratio, ("everybody",), rounds, "p.q", least)
    return Report(name, secret.name, ratio, ("coordinator", "g"), rounds)


def requirements() -> st.SearchStrategy[Requirement]:
    against = st.sampled_from(["world", "coordinator", "coordinator + p.q + 10% of agents", "g.1 + 1/3% of agents"])
    epsilons = st.floats(min_value=0, exclude_min=True, max_value=1e300)
    return st.builds(Requirement, against, epsilons, st.floats(0, 1, exclude_max=True))


@given(flows())
def test_what_is_written_reads_back(flow: Flow) -> None:
    assert read(write(flow)) == flow


@settings(max_examples=20)
@given(flows())
def test_what_is_written_is_written_the_same_again(flow: Flow) -> None:
    assert write(read(write(flow))) == write(flow)


def test_the_order_of_the_tables_is_the_order_of_the_flow() -> None:
    flow = read_file(EXAMPLES[0])
    turned = replace(flow, messages=flow.messages[:1], facts=(Fact("z", ("nobody",), "z"), Fact("a", ("nobody",), "a")))
    assert [fact.name for fact in read(write(turned)).facts] == ["z", "a"]


# -- the examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_flows_that_require_something(path: Path) -> None:
    flow = read_file(path)
    assert flow.requirements
    assert read(write(flow)) == flow
    assert flow.name.replace("-", "_") == path.stem


def test_there_are_six_examples() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "federated_averaging", "gopa", "gossip", "hospital_consortium", "planned_counts", "randomized_response",
    ]  # fmt: skip


def test_an_example_says_what_it_says() -> None:
    flow = read(GOSSIP)
    assert flow.groups == (Group("person", 16),)
    assert flow.graphs == (Graph("circle", "person", Wiring.RING),)
    assert flow.noises == (Noise("own", "person", Law.GAUSSIAN, Fraction(4)),)
    assert flow.messages[0].says == parse("gossip(number + own, circle, 4)")
    assert flow.messages[0].to == ("neighbors in circle",)
    assert flow.requirements == (Requirement("7% of agents", 3.0, 1e-5),)


# -- what keys mean -------------------------------------------------------------------------------

HEAD = 'format = 1\nname = "n"\nabout = ""\nparties = ["coordinator"]\n[agents]\ng = 9\n'


def secret(lines: str) -> Secret:
    return read(f'{HEAD}[secrets.s]\nof = "g"\nneighboring = "zero-out"\nadaptive = true\n{lines}').secrets[0]


def noise(lines: str) -> Noise:
    return read(f'{HEAD}[noises.n]\nof = "g"\n{lines}').noises[0]


def report(lines: str, domain: str = "choices = 3") -> Report:
    text = f'[secrets.s]\nof = "g"\nneighboring = "zero-out"\nadaptive = true\n{domain}\n'
    return read(f'{HEAD}{text}[reports.r]\nsecret = "s"\nto = "coordinator"\n{lines}').reports[0]


@pytest.mark.parametrize(
    ("lines", "domain"),
    [
        ("norm = 0.6", Ball(Fraction(9, 25))),
        ("norm = 0.1", Ball(Fraction(1, 100))),
        ('squared_norm = "1/2"', Ball(Fraction(1, 2))),
        ("squared_norm = 1e-2", Ball(Fraction(1, 100))),
        ("range = [-0.1, 1]", Interval(Fraction(-1, 10), Fraction(1))),
        ('range = ["-1/3", 1_000.5]', Interval(Fraction(-1, 3), Fraction(2001, 2))),
        ("choices = 3", Choice(3)),
    ],
)
def test_domains(lines: str, domain: object) -> None:
    assert secret(lines).domain == domain


def test_decimals_are_kept_exactly() -> None:
    assert noise('law = "gaussian"\nvariance = 0.1').variance == Fraction(1, 10)
    assert noise('law = "gaussian"\ndeviation = 0.1').variance == Fraction(1, 100)
    assert noise('law = "gaussian"\nvariance = 1.00000000000000000000001').variance == 1 + Fraction(1, 10**23)
    assert noise('law = "laplace"\nscale = "2/3"').scale == Fraction(2, 3)


@pytest.mark.parametrize("law", [law for law in Law if law is not Law.UNIFORM])
def test_noise_to_be_planned_says_so(law: Law) -> None:
    key = "scale" if "laplace" in law else "variance"
    assert noise(f'law = "{law}"\n{key} = "to be planned"').planned
    with pytest.raises(ConfigurationError, match="has none of variance, deviation, scale"):
        noise(f'law = "{law}"')


@pytest.mark.parametrize(("truth", "ratio"), [('"3/4"', 6), ("0.5", 2), ('"1/3"', 1), ("0.99", 198)])
def test_the_chance_of_the_truth_is_a_ratio(truth: str, ratio: int) -> None:
    """Of three answers: true with probability p, each other one with (1 - p) / 2."""
    p = Fraction(truth.strip('"'))
    assert report(f"truth = {truth}").ratio == ratio == p / ((1 - p) / 2)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("truth = 1", "nothing hides"),
        ("truth = 0.3", "from 1/3 to below 1"),
        ("truth = 1.5", "from 1/3 to below 1"),
        ("ratio = 0.5", ">= 1"),
        ("ratio = 3\ntruth = 0.5", "stands beside ratio"),
        ("", "none of ratio, truth"),
        ("ratio = 3\nleast = 4", "shuffled"),
        ('ratio = 3\nleast = 10\nshuffled_by = "coordinator"', "more reports than there are agents"),
        ('ratio = 3\nleast = 4\nshuffled_by = "mixer"', "no party"),
    ],
)
def test_reports_that_cannot_be(lines: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        report(lines)
    assert says in str(refused.value)


def test_the_chance_of_the_truth_wants_choices() -> None:
    with pytest.raises(ConfigurationError, match="a secret of choices"):
        report("truth = 0.7", "norm = 1")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("bytes = false\nweight = 1", "aims[0].bytes is false, so the aim counts nothing"),
        ("bytes = 1\nweight = 1", "aims[0].bytes is true or false, not 1"),
        ('bytes = true\nerror_of = "m"\nweight = 1', "aims[0].bytes stands beside error_of"),
        ("weight = 1", "aims[0] has none of error_of, bytes"),
        ("bytes = true", "aims[0].weight is missing"),
        ('error_of = ""\nweight = 1', "names the message whose error counts"),
    ],
)
def test_aims_that_cannot_be(lines: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(f"{HEAD}[[aims]]\n{lines}\n")
    assert says in str(refused.value)


def test_bytes_are_an_aim() -> None:
    (aim,) = read(HEAD + '[[aims]]\nbytes = true\nweight = "1/1000000"\n').aims
    assert aim == Aim("", Fraction(1, 10**6), bytes=True)


def test_one_name_stands_for_a_list() -> None:
    text = HEAD + '[facts.f]\nto = "everybody"\nwhat = "the round"\n'
    assert read(text).facts[0].to == ("everybody",)


# -- mistakes -------------------------------------------------------------------------------------


def mistaken(old: str, new: str) -> str:
    """What is said of the example with one mistake in it."""
    assert GOSSIP.count(old) >= 1
    with pytest.raises(ConfigurationError) as refused:
        read(GOSSIP.replace(old, new, 1), "gossip.toml")
    return str(refused.value)


def line_of(word: str) -> int:
    return next(number for number, line in enumerate(GOSSIP.splitlines(), 1) if line.startswith(word))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("number + own", "number + on", "says", "messages.state.says speaks of 'on'"),
        ("number + own", "number + on", "says", "Did you mean 'own'?"),
        ("wiring =", "wirng =", "wiring", "Did you mean wiring?"),
        ('"ring"', '"Ring"', "wiring", "Did you mean 'ring'?"),
        ('"ring"', '"tree"', "wiring", "'complete', 'ring', 'path', 'star', 'k-out', 'given'"),
        ("[secrets.", "[secret.", "[secrets", "Did you mean secrets?"),
        ('"replace-one"', '"replace one"', "neighboring", "Did you mean 'replace-one'?"),
        ("adaptive = false", "adaptive = 0", "adaptive", "secrets.number.adaptive is true or false, not 0"),
        ("adaptive = false", "", "[secrets", "it decides privacy, so it has no default"),
        ('neighboring = "replace-one"', "", "[secrets", "it decides privacy, so it has no default"),
        ("deviation = 2", "deviation = nan", "deviation", "not nan"),
        ("deviation = 2", "deviation = -inf", "deviation", "not -inf"),
        ("deviation = 2", "deviation = 1e999999999999", "deviation", "not 1e999999999999"),
        ("deviation = 2", "deviation = -1", "deviation", "a number above 0"),
        ("deviation = 2", "deviation = 0", "deviation", "a number above 0"),
        ("deviation = 2", "deviation = [2]", "deviation", "an exact number"),
        ("deviation = 2", "deviation = true", "deviation", "not true"),
        ("deviation = 2", "deviation = 1979-05-27", "deviation", "an exact number"),
        ("deviation = 2", 'deviation = "two"', "deviation", "not 'two'"),
        ("deviation = 2", "scale = 2", "deviation", "It has a variance or deviation"),
        ('law = "gaussian"', 'law = "laplace"', "deviation", "It has a scale"),
        ('law = "gaussian"', 'law = "uniform"', "deviation", "does not belong to uniform noise"),
        ("person = 16", "person = 1000000000", "person", "at most 10,000,000"),
        ("person = 16", "person = 0", "person", "agents.person: the size of a group"),
        ("person = 16", "person = 16.0", "person", "a whole number"),
        ("person = 16", "person = 99999999999999999999999", "person", "below 2^63"),
        ("person = 16", '"a b" = 16', "person", "the name of a group"),
        ("range = [0, 1]", "range = [1, 0]", "range", "from a lower to a higher number"),
        ("range = [0, 1]", "range = [0, 1, 2]", "range", "a lower and a higher end"),
        ("range = [0, 1]", "range = 1", "range", "a list"),
        ("range = [0, 1]", "", "[secrets", "none of range, norm, squared_norm, choices"),
        ("range = [0, 1]", "norm = 0", "range", "a number above 0"),
        ("range = [0, 1]", "choices = 3", "says", "use a report"),
        ("7% of agents", "7% of agent", "against", "requirements[0].against"),
        ("7% of agents", "100% of agents", "against", "below 100%"),
        ("epsilon = 3.0", "epsilon = 1e500", "epsilon", "requirements[0].epsilon"),
        ("epsilon = 3.0", "epsilon = 0", "epsilon", "> 0"),
        ("epsilon = 3.0", "epsilon = 1e-400", "epsilon", "extreme"),
        ("delta = 1e-5", "delta = 1", "delta", "below 1"),
        ("delta = 1e-5", "delta = -0.1", "delta", "[0, 1]"),
        ("neighbors in circle", "neighbours in circle", "to", "neighbors in GRAPH"),
        ("neighbors in circle", "neighbors in cirle", "to", "did you mean 'circle'"),
        ("neighbors in circle", "persn", "to", "did you mean 'person'"),
        ('["neighbors in circle"]', "[]", "to", "at least one text"),
        ('["neighbors in circle"]', "[1]", "to", "at least one text"),
        ("circle, 4", "circle, 40000", "says", "1 to 10,000"),
        ("circle, 4", "4, circle", "says", "gossip(formula, name, whole number)"),
        ("gossip(", "gosip(", "says", "did you mean 'gossip'"),
        ("gossip(", "sum(gossip(", "says", "ends too early"),
        ('over = "person"', 'over = "people"', "over", "no group 'people'"),
        ('by = "person"', 'by = "circle"', "by", "no party and no group"),
        ("format = 1", "format = 2", "format", "format is 2"),
        ("format = 1", "format = true", "format", "a whole number"),
        ('name = "gossip"', "name = 5", "name", "a text in quotes"),
        ('name = "gossip"', 'name = "gossip"\nparties = ["person"]', "about", "'person' twice"),
        ('name = "gossip"', 'name = "gossip"\nparties = ["world"]', "about", "a meaning of its own"),
        ('name = "gossip"', 'name = "gossip"\nparty = "c"', "about", "Did you mean parties?"),
        ("[[requirements]]", "[requirements]", "[[req", "written as [[requirements]]"),
        ("[messages.state]", "[[messages]]", "[messages", "written as [messages.NAME]"),
        ("[noises.own]", "[noises]\n", "law", "noises.of is a table of keys"),
        ('"ring"', '"k-out"', "[graphs", "has picks"),
        ('"ring"', '"ring"\npicks = -4', "[secrets", "graphs.circle.picks"),
        ('"ring"', '"given"\nedges = [[1, 0]]', "[secrets", "0 <= i < j"),
        ('"ring"', '"given"\nedges = [[0, 16]]', "[graphs", "beyond its 16 members"),
        ('"ring"', '"given"\nedges = [[0, 1], [0]]', "[secrets", "no pair of members"),
        ('"ring"', '"k-out"\npicks = 16\nseed = 1', "[secrets", "at most 15 picks"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_line_and_remedy(old: str, new: str, line: str, says: str) -> None:
    told = mistaken(old, new)
    assert says.lower() in told.lower()
    place = int(told.partition("gossip.toml:")[2].split(" ")[0])
    assert abs(place - line_of(line)) <= (1 if "\n" in new else 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "format is missing"),
        ("format = 1", "agents is missing"),
        ("\0", "is not TOML"),
        ("format = ", "is not TOML"),
        ("format = 1\nname = 'a'\nabout = ''\n[agents]", "has no agents"),
        ("format = 1\nagents = 5", "a table of groups"),
        ("format = 1\nagents = [5]", "a table of groups"),
        ("a = " + "[" * 100_000, "too deeply"),
        ("a = " + "{ a = " * 50_000, "too deeply"),
        (".".join("a" * 100_000) + " = 1", "parts"),
        ("format = " + "9" * 5000, "cannot be read"),
        ("format = 1979-99-99", "flow.toml"),
        ("x" * ((1 << 24) + 1), "at most"),
    ],
    ids=range(13),
)
def test_hostile_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(text)
    assert says in str(refused.value)


def many(kind: str, line: Callable[[int], str], count: int) -> str:
    return HEAD + "".join(f"[{kind}.x{i}]\n{line(i)}\n" for i in range(count))


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 2,000 facts"):
        read(many("facts", lambda _: 'to = "nobody"\nwhat = "x"', 2001))


def test_messages_that_double_each_time_are_read_at_once() -> None:
    """x59 stands for 2^59 copies of x0, which nobody should count."""
    head = HEAD + '[noises.n]\nof = "coordinator"\nlaw = "gaussian"\nvariance = 1\n'
    says = [f"x{i - 1} + x{i - 1}" if i else "n + n" for i in range(60)]
    flow = read(
        head + "".join(f'[messages.x{i}]\nby="coordinator"\nto="nobody"\nsays="{t}"\n' for i, t in enumerate(says))
    )
    assert flow.symbols(flow.messages[-1]) == ("n",)
    assert flow.functions(flow.messages[-1]) == frozenset()


def test_long_chains_of_messages_are_read() -> None:
    head = HEAD + '[noises.x0]\nof = "coordinator"\nlaw = "gaussian"\nvariance = 1\n'
    flow = read(
        head + "".join(f'[messages.x{i}]\nby="coordinator"\nto="nobody"\nsays="x{i - 1}"\n' for i in range(1, 1500))
    )
    assert flow.symbols(flow.messages[-1]) == ("x0",)


def test_graphs_too_large_to_draw_are_refused() -> None:
    text = (
        HEAD.replace("g = 9", "g = 10_000_000")
        + '[graphs.w]\nover = "g"\nwiring = "k-out"\npicks = 5_000_000\nseed = 1\n'
    )
    with pytest.raises(ConfigurationError, match=r"graphs\.w\.picks"):
        read(text)


@given(st.text())
def test_no_text_crashes(text: str) -> None:
    for place in (text, HEAD + text, GOSSIP.replace("number + own", text), GOSSIP.replace("= 2", f"= {text}")):
        try:
            read(place)
        except ConfigurationError as error:
            assert error.where.startswith("flow.toml")  # noqa: PT017 - most texts are refused, some are not


@given(st.data())
def test_no_key_of_another_kind_crashes(data: st.DataObject) -> None:
    lines = GOSSIP.splitlines()
    place = data.draw(st.sampled_from([i for i, line in enumerate(lines) if " = " in line]))
    key = lines[place].partition(" = ")[0]
    values = ["1", "-1", "1.5", "true", '""', '"a"', "[]", "[[]]", "{}", "inf", "[1, 2]", "2000-01-01", "{ a = 1 }"]
    lines[place] = f"{key} = {data.draw(st.sampled_from(values))}"
    try:
        read("\n".join(lines))
    except ConfigurationError as error:
        assert error.where.startswith("flow.toml:")  # noqa: PT017 - most values are refused, some are not


# -- files ----------------------------------------------------------------------------------------


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_file(tmp_path / "flow.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_file(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigurationError, match="not UTF-8 text at byte 8"):
        read_file(tmp_path / "bytes.toml")


def test_a_file_is_named_in_its_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOSSIP.replace("wiring", "wirng"))
    with pytest.raises(ConfigurationError, match=r"mine\.toml:15 graphs\.circle\.wirng"):
        read_file(path)


# -- the reference --------------------------------------------------------------------------------


def test_the_reference_tells_every_key_as_the_vocabulary_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "flow-language.md").read_text()
    for name, keys in {"": TOP, **NAMED, **LISTED}.items():
        for key, about in keys.items():
            row = f"| `{key}` | {about.help.replace('|', ' or ')} | `{about.example}` |"
            assert row in page, f"{name}.{key}: the reference wants {row}"


def test_no_key_that_decides_privacy_has_a_default() -> None:
    """Without any one of its keys that decide privacy, each example is refused."""
    deciding = {key for keys in (*NAMED.values(), *LISTED.values()) for key, a in keys.items() if a.decides_privacy}
    for path in EXAMPLES:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.partition(" = ")[0] in deciding:
                with pytest.raises(ConfigurationError):
                    read("\n".join(lines[:number] + lines[number + 1 :]))
