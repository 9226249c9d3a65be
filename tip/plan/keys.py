"""Keys: the help behind each key of a plan, and answers to wrong spellings.

Each field of a table carries a `Key` (what it may hold, what it means, whether it decides privacy) or a
`Part` (a table inside the table). Nothing here knows the tables themselves: every function starts from
the root class that it is given. A key that decides privacy has no default, ever.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal

from tip.errors import ConfigurationError
from tip.plan.kinds import Kind, shown
from tip.plan.senseless import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_METADATA: Final = "tip"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its kind, its meaning, a sensible value, and whether it decides privacy."""

    kind: Kind
    help: str
    example: str
    decides_privacy: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A table inside a table: one, several ([[name]]), or named by the user ([data.numbers])."""

    of: Callable[[], type[Any]]
    shape: Literal["one", "many", "named"]
    help: str
    may_be_empty: bool = False  # an empty table counts as absent


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What the table of all keys shows of one key."""

    name: str
    words: str
    help: str
    default: str  # "" = must be given
    decides_privacy: bool


def key(kind: Kind, meaning: str, *, example: str = "", privacy: bool = False) -> Mapping[str, Key]:
    """The metadata of a field that holds a value."""
    return {_METADATA: Key(kind, meaning, example, privacy)}


def part(
    of: Callable[[], type[Any]],
    meaning: str,
    *,
    shape: Literal["one", "many", "named"] = "one",
    may_be_empty: bool = False,
) -> Mapping[str, Part]:
    """The metadata of a field that holds a table."""
    return {_METADATA: Part(of, shape, meaning, may_be_empty)}


def told(cell: Field[Any]) -> Key | Part | None:
    """What a field of a table says of itself; None for a field that is no key."""
    found: Key | Part | None = cell.metadata.get(_METADATA)
    return found


def cells(table: type[Any]) -> dict[str, tuple[Field[Any], Key | Part]]:
    """The fields of a table that stand in the file, with what they say of themselves."""
    found = ((cell, told(cell)) for cell in fields(table))
    return {cell.name: (cell, what) for cell, what in found if what is not None}


def required(cell: Field[Any]) -> bool:
    """Whether the field has no default."""
    return cell.default is MISSING and cell.default_factory is MISSING


def settle(table: Any, name: str) -> None:  # noqa: ANN401 - any table
    """Test each value of a table built in Python and keep it in its own form (list → tuple, 1 → 1.0).

    Raises `ConfigurationError` that names the key, for example algorithm.rounds.
    """
    for field, (cell, what) in cells(type(table)).items():
        value = getattr(table, field)
        dotted = f"{name}.{field}" if name else field
        if value is None and cell.default is None:
            continue
        if isinstance(what, Key):
            object.__setattr__(table, field, fitted(what, value, dotted))
        else:
            _settle_part(what, value, dotted)


def _settle_part(what: Part, value: object, name: str) -> None:
    kind = what.of()
    if what.shape == "one":
        if not isinstance(value, kind):
            raise ConfigurationError(f"{name} is a {kind.__name__}, not {shown(value)}")
        return
    if not isinstance(value, tuple) or not all(isinstance(v, kind) for v in value):
        raise ConfigurationError(f"{name} is a tuple of {kind.__name__}, not {shown(value)}")
    names = [v.name for v in value] if what.shape == "named" else []
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"{name} holds {shown(twice)} twice")


def fitted(what: Key, value: object, name: str, where: str = "") -> object:
    """The value as the plan keeps it, or a refusal that says what the key may hold."""
    if what.kind.fits(value):
        return what.kind.take(value)
    instead = what.kind.hint(value) or (f"For example {name} = {what.example}." if what.example else "")
    raise ConfigurationError(
        f"{name} = {shown(value)} does not fit", where=where, why=f"Wanted: {what.kind.words}", instead=instead
    )


def missing(what: Key | Part, name: str, where: str = "") -> ConfigurationError:
    """The refusal of a plan that leaves out a key which has no default."""
    if isinstance(what, Part):
        return ConfigurationError(f"the table [{name}] is missing", where=where, why=f"It tells {what.help}")
    why = f"{what.help[:1].upper()}{what.help[1:]} ({what.kind.words})"
    why += "; it decides privacy, so it has no default" if what.decides_privacy else ""
    instead = f"For example {name} = {what.example}." if what.example else ""
    return ConfigurationError(f"{name} is missing", where=where, why=why, instead=instead)


def rows(root: type[Any]) -> tuple[KeyRow, ...]:
    """All keys of a plan, in the order of the file: what `--keys` prints."""
    return tuple(_rows(root, ""))


def _rows(table: type[Any], prefix: str) -> Iterator[KeyRow]:
    for name, (cell, what) in cells(table).items():
        dotted = f"{prefix}{name}"
        if isinstance(what, Key):
            default = "" if required(cell) else "none" if cell.default is None else shown(cell.default)
            yield KeyRow(dotted, what.kind.words, what.help, default, what.decides_privacy)
        elif what.of() is table:  # a table of its own kind: [[privacy.also]]
            yield KeyRow(f"[[{dotted}]]", f"a table like [{dotted.rpartition('.')[0]}]", what.help, "none", True)
        else:
            yield from _rows(what.of(), f"{dotted}.NAME." if what.shape == "named" else f"{dotted}.")


def tables(root: type[Any], prefix: str = "") -> Iterator[str]:
    """The names of all tables."""
    for name, (_, what) in cells(root).items():
        if isinstance(what, Part):
            yield f"{prefix}{name}"
            if what.of() is not root and what.shape != "named":
                yield from tables(what.of(), f"{prefix}{name}.")


def plain(word: str) -> str:
    """A word without case, hyphens, underscores and points: local-epochs → localepochs."""
    return re.sub(r"[\W_]", "", word.lower())


def candidates(root: type[Any], word: str) -> tuple[str, ...]:
    """The keys whose last word, or last words, are the given ones."""
    return tuple(r.name for r in rows(root) if r.name == word or r.name.endswith(f".{word}"))


def unknown(root: type[Any], name: str, where: str = "") -> ConfigurationError:
    """The answer to a key that does not exist: why it means nothing here, our name for it, the nearest, or the list."""
    why = reason(getattr(root, "SENSELESS", {}), name)
    if why:
        return ConfigurationError(f"{name} means nothing in this plan", where=where, why=why, instead="Leave it out.")
    return ConfigurationError(f"{name} is not a key", where=where, instead=_answer(root, name))


def _answer(root: type[Any], name: str) -> str:
    known = {row.name: row for row in rows(root)}
    table, _, last = name.rpartition(".")
    known = {_as_in(table, n): row for n, row in known.items()}
    elsewhere = ELSEWHERE.get(plain(last), "")
    if elsewhere and elsewhere not in known and not candidates(root, last):
        return elsewhere
    found = elsewhere if elsewhere in known and not candidates(root, last) else _nearest(tuple(known), name)
    if found:
        return f"Did you mean {found} ({known[found].words})?"
    header = _nearest_table(root, name)
    if header and table not in tables(root):
        return f"Did you mean [{header}]?"
    here = [n.rpartition(".")[2] for n in known if n.rpartition(".")[0] == table]
    if here:
        return f"{f'[{table}]' if table else 'The plan'} has the keys {', '.join(here)}."
    return f"The tables are {', '.join(f'[{t}]' for t in tables(root))}."


def _as_in(table: str, name: str) -> str:
    """data.numbers.NAME.range with the user's own name in the place of NAME, where one stands in `table`."""
    start, placeholder, end = name.partition(".NAME.")
    return f"{table}.{end}" if placeholder and table.startswith(f"{start}.") else name


def _nearest_table(root: type[Any], name: str) -> str | None:
    by_plain = {plain(t): t for t in tables(root)}
    found = get_close_matches(plain(name), list(by_plain), n=1, cutoff=0.7)
    return by_plain[found[0]] if found else None


def _nearest(names: tuple[str, ...], name: str) -> str | None:
    """The same word elsewhere, then the nearest in the same table, then the nearest anywhere."""
    table, _, last = name.rpartition(".")
    words = [(n, plain(n.rpartition(".")[2])) for n in names]
    same = [n for n, word in words if word == plain(last)]
    here = [n for n in same if n.rpartition(".")[0] == table]
    if here or len(same) == 1:
        return (here or same)[0]
    for group in ([p for p in words if p[0].rpartition(".")[0] == table], words):
        found = get_close_matches(plain(last), [word for _, word in group], n=1, cutoff=0.65)
        if found:
            return next(n for n, word in group if word == found[0])
    return None


_CALCULATED: Final = "The noise is calculated, never typed: state privacy.epsilon and privacy.delta."
_SENSITIVITY: Final = "It follows from privacy.clipping_norm and privacy.neighboring; it is never typed."
_FLOOR: Final = "Did you mean cohort.minimum (whole number >= 1)? Fewer answers, and nothing is released."
_FRACTION: Final = 'State cohort.sampling = "all", or "fixed" with cohort.size (a number of agents, not a fraction).'
_EVALUATED: Final = "Figures on kept-apart agents lie outside the guarantee: data.test says how many are kept apart."

ELSEWHERE: Final[dict[str, str]] = {  # what other frameworks call it → our key, or a sentence
    "numserverrounds": "algorithm.rounds",
    "numrounds": "algorithm.rounds",
    "serverrounds": "algorithm.rounds",
    "centralnumiterations": "algorithm.rounds",
    "nrounds": "algorithm.rounds",
    "iterations": "algorithm.rounds",
    "epochs": "algorithm.local_epochs",
    "nepoch": "algorithm.local_epochs",
    "nepochs": "algorithm.local_epochs",
    "numepochs": "algorithm.local_epochs",
    "localnumepochs": "algorithm.local_epochs",
    "localbatchsize": "algorithm.batch_size",
    "batch": "algorithm.batch_size",
    "learningrate": "algorithm.local_learning_rate",
    "lr": "algorithm.local_learning_rate",
    "clientlr": "algorithm.local_learning_rate",
    "locallr": "algorithm.local_learning_rate",
    "clientlearningrate": "algorithm.local_learning_rate",
    "clientopt": "algorithm.local_learning_rate",
    "serverlr": "algorithm.server_learning_rate",
    "serveropt": "algorithm.server_learning_rate",
    "globallearningrate": "algorithm.server_learning_rate",
    "momentum": "algorithm.server_momentum",
    "weightedbykey": "algorithm.weighting",
    "aggregator": "algorithm.kind",
    "strategy": "algorithm.kind",
    "fractionfit": _FRACTION,
    "fractiontrain": _FRACTION,
    "clientfraction": _FRACTION,
    "fractionevaluate": _EVALUATED,
    "evaluationfrequency": _EVALUATED,
    "valcohortsize": _EVALUATED,
    "traincohortsize": "cohort.size",
    "cohortsize": "cohort.size",
    "clientsperround": "cohort.size",
    "minavailablenodes": _FLOOR,
    "minavailableclients": _FLOOR,
    "mintrainnodes": _FLOOR,
    "minfitclients": _FLOOR,
    "minclients": _FLOOR,
    "samplingrate": "cohort.rate",
    "samplerate": "cohort.rate",
    "numsupernodes": "partition.agents",
    "numclients": "partition.agents",
    "numpartitions": "partition.agents",
    "maxgradnorm": "privacy.clipping_norm",
    "sclipnorm": "privacy.clipping_norm",
    "l2normclip": "privacy.clipping_norm",
    "clipnorm": "privacy.clipping_norm",
    "maxepsilon": "privacy.epsilon",
    "targetepsilon": "privacy.epsilon",
    "targetdelta": "privacy.delta",
    "noisemultiplier": _CALCULATED,
    "sigma": _CALCULATED,
    "noisescale": _CALCULATED,
    "noisestddev": _CALCULATED,
    "stddev": _CALCULATED,
    "sensitivity": _SENSITIVITY,
    "numexamples": "algorithm.weighting",
    "clippingrange": "protocol.modulus_bits",
    "quantizationrange": "protocol.step",
    "modulusrange": "protocol.modulus_bits",
    "numcpus": "execution.threads",
    "randomseed": "simulation.seed",
    "heartbeat": "service.step_deadline",
    "timeout": "service.step_deadline",
}
