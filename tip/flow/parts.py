"""Parts: a group, a graph, a secret, ... from one table of plain values.

Both doors use it, the text (`tip.flow.language`) and the builder (`tip.flow.building`), so that they have the same
keys, the same defaults and the same errors.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.entries import told
from tip.flow.expressions import parse
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
from tip.flow.numbers import shown
from tip.flow.vocabulary import DOMAINS, PLANNED, SIZES
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction

    from tip.flow.entries import Entry
    from tip.flow.model import Domain
    from tip.locating import Places

    Part = Graph | Table | Cohort | Secret | Noise | Message | Fact


def group(entry: Entry, name: str) -> Group:
    """A group: `entry` is the whole table [agents]."""
    size = entry.whole(name)
    with entry.located(name):
        return Group(name, size)


def graph(entry: Entry) -> Graph:
    """[graphs.NAME]"""
    wiring = entry.kind("wiring", Wiring)
    picks = entry.whole("picks", 0)
    seed = entry.whole("seed") if entry.has("seed") else None
    edges = tuple(_pair(entry, pair) for pair in _list(entry, "edges")) if entry.has("edges") else ()
    with entry.located():
        return Graph(entry.name, entry.text("over"), wiring, picks, seed, edges)


def table(entry: Entry) -> Table:
    """[tables.NAME]"""
    rows = []
    for row in _list(entry, "rows"):
        if not isinstance(row, list | tuple):
            raise entry.refused("rows", f"holds {shown(row)}, which is no list of numbers")
        rows.append(tuple(entry.exact("rows", value) for value in row))
    with entry.located("rows"):
        return Table(entry.name, tuple(rows))


def cohort(entry: Entry) -> Cohort:
    """[cohorts.NAME]"""
    sampling = entry.kind("sampling", Sampling, Sampling.ALL)
    rate = entry.number("rate") if entry.has("rate") else None
    with entry.located():
        return Cohort(entry.name, entry.text("of"), entry.whole("least"), sampling, rate)


def secret(entry: Entry) -> Secret:
    """[secrets.NAME]"""
    domain = _domain(entry)
    with entry.located():
        return Secret(
            entry.name,
            entry.text("of"),
            domain,
            entry.kind("neighboring", Neighboring),
            entry.truth("adaptive"),
            entry.whole("dimension", 1),
            entry.truth("whole", default=False),
            entry.whole("rounds", 1),
            entry.whole("participations") if entry.has("participations") else None,
        )


def noise(entry: Entry) -> Noise:
    """[noises.NAME]"""
    law = entry.kind("law", Law)
    variance, scale = _size(entry, law)
    known_to = entry.texts("known_to", ())
    with entry.located():
        return Noise(entry.name, entry.text("of"), law, variance, scale, entry.whole("rounds", 1), known_to)


def message(entry: Entry) -> Message:
    """[messages.NAME]"""
    text = entry.text("says")
    with entry.located("says"):
        says = parse(text)
    with entry.located():
        return Message(entry.name, entry.text("by"), says, entry.texts("to"), entry.whole("ring", 0))


def report(entry: Entry, secrets: Sequence[Secret]) -> Report:
    """[reports.NAME]; the chance of the truth is told as a ratio, which needs the choices of the secret."""
    ratio = entry.number("ratio") if entry.one_of("ratio", "truth") == "ratio" else _ratio(entry, secrets)
    with entry.located():
        return Report(
            entry.name,
            entry.text("secret"),
            ratio,
            entry.texts("to"),
            entry.whole("rounds", 1),
            entry.text("shuffled_by", ""),
            entry.whole("least", 0),
        )


def fact(entry: Entry) -> Fact:
    """[facts.NAME]"""
    with entry.located():
        return Fact(entry.name, entry.texts("to"), entry.text("what"))


def requirement(entry: Entry) -> Requirement:
    """[[requirements]]"""
    epsilon, delta = _float(entry, "epsilon"), _float(entry, "delta")
    with entry.located():
        return Requirement(entry.text("against"), epsilon, delta)


def aim(entry: Entry) -> Aim:
    """[[aims]]"""
    counts = entry.one_of("error_of", "bytes")
    weight = entry.number("weight")
    if counts == "bytes" and not entry.truth("bytes"):
        raise entry.refused("bytes", "is false, so the aim counts nothing", instead="Leave the aim out")
    with entry.located():
        return Aim("", weight, bytes=True) if counts == "bytes" else Aim(entry.text("error_of"), weight)


def flow(fields: Mapping[str, object], places: Places) -> Flow:
    """The whole flow; what does not fit together is told with its line."""
    try:
        return Flow(**fields)  # type: ignore[arg-type] # the flow looks at every part of it
    except ConfigurationError as error:
        raise told(error, error.path or (), places) from error


MAKERS: Final[MappingProxyType[str, Callable[[Entry], Part]]] = MappingProxyType(
    {
        "graphs": graph, "tables": table, "cohorts": cohort, "secrets": secret, "noises": noise,
        "messages": message, "facts": fact,
    }
)  # fmt: skip


# -- single values --------------------------------------------------------------------------------


def _list(entry: Entry, key: str) -> Sequence[object]:
    found = entry.value(key)
    if isinstance(found, list | tuple):
        return found
    raise entry.misfit(key, "a list")


def _pair(entry: Entry, pair: object) -> tuple[int, int]:
    if isinstance(pair, list | tuple) and len(pair) == 2 and all(type(end) is int for end in pair):
        return (pair[0], pair[1])
    raise entry.refused("edges", f"holds {shown(pair)}, which is no pair of members", instead="for example [0, 1]")


def _domain(entry: Entry) -> Domain:
    key = entry.one_of(*DOMAINS)
    if key == "choices":
        choices = entry.whole(key)
        with entry.located(key):
            return Choice(choices)
    if key == "range":
        ends = [entry.exact(key, end) for end in _list(entry, key)]
        if len(ends) != 2:
            raise entry.misfit(key, "a lower and a higher end")
        with entry.located(key):
            return Interval(ends[0], ends[1])
    number = entry.number(key)
    if number <= 0:
        raise entry.misfit(key, "a number above 0")
    return Ball(number if key == "squared_norm" else number**2)


def _size(entry: Entry, law: Law) -> tuple[Fraction | None, Fraction | None]:
    """Variance and scale; both None for a mask, and for a noise that is to be planned."""
    if law is Law.UNIFORM:
        for key in SIZES:
            if entry.has(key):
                raise entry.refused(key, "does not belong to uniform noise", instead="Its ring says how large it is")
        return None, None
    scaled = law in {Law.LAPLACE, Law.DISCRETE_LAPLACE}
    key = entry.one_of(*SIZES)
    if (key == "scale") != scaled:
        right = "scale" if scaled else "variance or deviation"
        raise entry.refused(key, f"does not belong to {law} noise", instead=f"It has a {right}")
    if entry.value(key) == PLANNED and key != "deviation":
        return None, None
    number = entry.number(key)
    if number <= 0:
        raise entry.misfit(key, f'a number above 0, or "{PLANNED}"')
    if scaled:
        return None, number
    return (number**2 if key == "deviation" else number), None


def _ratio(entry: Entry, secrets: Sequence[Secret]) -> Fraction:
    """True with probability p, else any of the k - 1 others alike: the ratio is p (k - 1) / (1 - p)."""
    truth, name = entry.number("truth"), entry.text("secret")
    domain = next((known.domain for known in secrets if known.name == name), None)
    if not isinstance(domain, Choice):
        raise entry.refused(
            "truth", f"belongs to a secret of choices, which {name!r} is not", instead="State its ratio"
        )
    if truth == 1:
        raise entry.refused("truth", "is 1, so nothing hides the answer", instead="Send the secret in a message")
    if not 1 <= truth * domain.categories < domain.categories:
        least = f"1/{domain.categories}"
        raise entry.refused("truth", f"is a chance from {least} to below 1, not {shown(truth)}")
    return truth * (domain.categories - 1) / (1 - truth)


def _float(entry: Entry, key: str) -> float:
    """A number whose next float is enough: of a requirement, which is no input of a proof."""
    found = entry.number(key)
    try:
        number = float(found)
    except OverflowError:
        number = float("inf")
    if number in {float("inf"), float("-inf")} or (found and not number):
        raise entry.misfit(key, "a number that is not that extreme")
    return number
