"""The view: what a coalition sees of a flow, as y = A x + B g.

Rows are what the coalition sees, columns what it does not know. What it knows is taken out: it can
subtract that from whatever it sees, so nothing is lost or added. Rows that hold nothing unknown are left
out, and so are columns that no row holds. Coefficients are unscaled: noise column j has the variance
`variances[j]`. In a ring the equation holds mod 2^ring.

Rounds that are alike. Where every secret and noise of the messages has T > 1 rounds, and no function of
rounds is applied, the rounds share no noise and hold the same equations. The view then holds ONE of them,
and `times` says for how many it stands: the most rounds in which an agent takes part. What one round loses is
composed that often; a round may then depend on what earlier rounds showed (law 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import sparse

from tip.errors import ConfigurationError
from tip.flow import operators
from tip.flow.blocks import alike_rounds, blocks, ring_of
from tip.flow.exactview import ExactView, Frame, assembled
from tip.flow.model import Law
from tip.flow.operators import Indices, Matrix, Sources
from tip.flow.precision import exact
from tip.flow.seeing import Insiders
from tip.flow.shapes import over
from tip.privacy.rounding import down

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.flow.model import Flow, Noise, Secret

__all__ = ["Change", "ExactView", "View", "agents", "alike_rounds", "blocks", "change", "exact_view", "ring_of", "view"]

_FRACTIONS: Final = "messages {} have coefficients that are no whole numbers, in a ring"
_OF_VARIANCE: Final = (Law.GAUSSIAN, Law.DISCRETE_GAUSSIAN, Law.SKELLAM)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """y = A x + B g (mod 2^ring where ring > 0): what a coalition sees of one block of messages.

    `row_message` is an index in `flow.messages`, `row_member` the member that sends the row (-1: the only row);
    `secret_symbol` and `noise_symbol` are indices in `flow.secrets` and `flow.noises`, `secret_agent` counts all
    agents, rounds count from 0. `variances` holds NaN where the law has none or it is still to be planned, else the
    variance rounded down. `exact`: no coefficient is rounded, so A and B are those of the flow.
    """

    flow: Flow
    messages: tuple[str, ...]
    times: int
    ring: int
    A: Matrix
    B: Matrix
    row_message: Indices
    row_member: Indices
    row_round: Indices
    secret_symbol: Indices
    secret_agent: Indices
    secret_round: Indices
    noise_symbol: Indices
    noise_member: Indices
    noise_round: Indices
    variances: NDArray[np.float64]
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The columns of one agent in a view: their place, symbol, round, squared reach, and their part of A."""

    columns: Indices
    symbol: Indices
    round: Indices
    squared_reach: tuple[Fraction, ...]
    A: Matrix


def view(flow: Flow, messages: Sequence[str], *, parties: frozenset[str], colluders: Indices) -> View:
    """What a coalition sees of these messages; see the top of the file."""
    insiders = Insiders(flow, parties, colluders)
    names = tuple(message.name for message in flow.messages if message.name in set(messages))
    seen = {name: members for name in names if len(members := insiders.seen(flow.message(name)))}
    times = alike_rounds(flow, names)
    sources = _sources(insiders, tuple(seen), one_round=times > 0)
    rows = [_rows(sources, name, members) for name, members in seen.items()]
    rings = ring_of(flow, tuple(seen))
    return _assembled(sources, names, rows, times=times or 1, ring=rings)


def exact_view(flow: Flow, messages: Sequence[str], *, parties: frozenset[str], colluders: Indices) -> ExactView:
    """The same in fractions, for small flows; `ConfigurationError` for others."""
    names = tuple(message.name for message in flow.messages if message.name in set(messages))
    insiders = Insiders(flow, parties, colluders)
    seen = [name for name in names if len(insiders.seen(flow.message(name)))]
    frame = Frame(names, alike_rounds(flow, names), ring_of(flow, seen))
    found = assembled(flow, frame, parties, frozenset(colluders.tolist()))
    if frame.ring and any(entry.denominator > 1 for row in (*found.A, *found.B) for entry in row.values()):
        raise ConfigurationError(_FRACTIONS.format(", ".join(names)))
    return found


def agents(view: View) -> Indices:
    """The honest agents whose secrets the view holds, sorted."""
    return np.unique(view.secret_agent)


def change(view: View, agent: int) -> Change:
    """What one agent can change in a view."""
    columns = np.flatnonzero(view.secret_agent == agent)
    symbols = view.secret_symbol[columns]
    reach = tuple(view.flow.secrets[symbol].squared_reach for symbol in symbols.tolist())
    return Change(columns, symbols, view.secret_round[columns], reach, sparse.csr_array(view.A[:, columns]))


# -- building -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of one message that the coalition sees, by symbol."""

    message: int
    member: Indices
    round: Indices
    parts: dict[str, Matrix]


def _sources(insiders: Insiders, names: tuple[str, ...], *, one_round: bool) -> Sources:
    """The unknown columns of all symbols behind these messages."""
    flow = insiders.flow
    wanted = {symbol for name in names for symbol in flow.symbols(flow.message(name))}
    kept: dict[str, Indices] = {}
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    for symbol in both:
        if symbol.name in wanted:
            unknown = insiders.unknown(symbol)
            rounds = 1 if one_round else symbol.rounds
            members = over(flow, symbol.of)[1]
            starts = members * np.arange(rounds, dtype=np.int64)
            kept[symbol.name] = (starts[:, None] + unknown).ravel()
    cohorts = {cohort.name: insiders.cohort(cohort) for cohort in flow.cohorts}
    return Sources(flow, kept, cohorts, one_round)


def _rows(sources: Sources, name: str, members: Indices) -> _Rows:
    """The seen rows of a message that hold anything unknown."""
    value = operators.message(sources, name)
    rows = (value.members * np.arange(value.rounds, dtype=np.int64)[:, None] + members).ravel()
    held = np.zeros(value.members * value.rounds, np.bool_)
    parts = dict(value.parts)
    for part in parts.values():
        if not part.data.all():
            part.eliminate_zeros()
        held |= np.diff(part.indptr) > 0
    rows = rows[held[rows]]
    if len(rows) < len(held):
        parts = {symbol: part[rows] for symbol, part in parts.items()}
    number = [message.name for message in sources.flow.messages].index(name)
    return _Rows(number, rows % value.members if value.over else np.full(len(rows), -1), rows // value.members, parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """All columns of secrets or of noises: a matrix and its labels."""

    matrix: Matrix
    symbol: Indices
    member: Indices
    round: Indices


def _columns(sources: Sources, rows: list[_Rows], symbols: Sequence[Secret | Noise]) -> _Columns:
    """The parts of these symbols side by side, without empty columns."""
    blocks_, numbers, places = [], [], []
    for number, symbol in enumerate(symbols):
        if any(symbol.name in some.parts for some in rows):
            kept = sources.kept[symbol.name]
            stacked = _above([some.parts.get(symbol.name, len(some.member)) for some in rows], len(kept))
            stacked, kept = _without_empty(stacked, kept)
            blocks_.append(stacked)
            numbers.append(np.full(len(kept), number, np.int64))
            places.append(np.stack(np.divmod(kept, sources.size(symbol)[1])))
    if not blocks_:
        height = sum(len(some.member) for some in rows)
        nothing = np.zeros(0, np.int64)
        return _Columns(sparse.csr_array((height, 0)), nothing, nothing, nothing)
    round_, member = np.concatenate(places, axis=1)
    return _Columns(_beside(blocks_), np.concatenate(numbers), member, round_)


def _above(parts: list[Matrix | int], width: int) -> Matrix:
    """Matrices below one another; a number stands for so many empty rows."""
    if len(parts) == 1 and not isinstance(parts[0], int):
        return parts[0]
    full = [sparse.csr_array((part, width)) if isinstance(part, int) else part for part in parts]
    return sparse.csr_array(sparse.vstack(full, format="csr"))


def _without_empty(matrix: Matrix, labels: Indices) -> tuple[Matrix, Indices]:
    """A matrix without the columns that no row holds, and what is left of the labels."""
    used = np.zeros(matrix.shape[1], np.bool_)
    used[matrix.indices] = True
    if used.all():
        return matrix, labels
    place = (np.cumsum(used) - 1).astype(matrix.indices.dtype)
    indices = place[matrix.indices]
    return sparse.csr_array((matrix.data, indices, matrix.indptr), shape=(matrix.shape[0], used.sum())), labels[used]


def _beside(parts: list[Matrix]) -> Matrix:
    """Matrices beside one another: each row's entries of the first, then of the second, and so on."""
    if len(parts) == 1:
        return parts[0]
    height, width = parts[0].shape[0], sum(part.shape[1] for part in parts)
    starts = np.sum([part.indptr.astype(np.int64) for part in parts], axis=0)
    kind = np.int32 if max(int(starts[-1]), width) < 2**31 else np.int64
    data, indices = np.empty(starts[-1]), np.empty(starts[-1], kind)
    free, first = starts[:-1].copy(), 0
    for part in parts:
        counts = np.diff(part.indptr)
        place = np.repeat(free - part.indptr[:-1], counts)
        place += np.arange(part.nnz)
        data[place] = part.data
        indices[place] = part.indices + kind(first)
        free += counts
        first += part.shape[1]
    return sparse.csr_array((data, indices, starts.astype(kind)), shape=(height, width))


def _assembled(sources: Sources, names: tuple[str, ...], rows: list[_Rows], *, times: int, ring: int) -> View:
    """The view of all rows, with every label."""
    flow = sources.flow
    secrets = _columns(sources, rows, flow.secrets)
    noises = _columns(sources, rows, flow.noises)
    first = np.array([flow.first_agent(secret.of) for secret in flow.secrets], np.int64)
    numbers = np.array([_variance(noise) for noise in flow.noises])
    if ring and not (_is_whole(secrets.matrix) and _is_whole(noises.matrix)):
        raise ConfigurationError(_FRACTIONS.format(", ".join(names)))
    return View(
        flow, names, times, ring, secrets.matrix, noises.matrix,
        np.concatenate([np.full(len(some.member), some.message, np.int64) for some in rows] or [_NONE]),
        np.concatenate([some.member for some in rows] or [_NONE]),
        np.concatenate([some.round for some in rows] or [_NONE]),
        secrets.symbol, secrets.member + first[secrets.symbol] if len(first) else secrets.member, secrets.round,
        noises.symbol, noises.member, noises.round,
        numbers[noises.symbol] if len(numbers) else np.zeros(0), exact(flow, tuple(sources.done)),
    )  # fmt: skip


_NONE: Final = np.zeros(0, np.int64)


def _variance(noise: Noise) -> float:
    """Rounded down, so that a loss computed from it is no less than the true one."""
    return down(noise.variance) if noise.law in _OF_VARIANCE and noise.variance is not None else float("nan")


def _is_whole(matrix: Matrix) -> bool:
    return bool((matrix.data == np.rint(matrix.data)).all())
