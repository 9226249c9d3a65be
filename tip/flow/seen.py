"""What one coalition sees of one block, ready for the rules: floats, and exact numbers where they are small.

Coefficients that several roundings could have touched (weights applied again and again, strategies over
rounds, sums in which a symbol stands twice) are taken from the exact view, so that a float matrix is within one
rounding of the true one: the certificates allow for that and for no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import sparse

from tip.errors import ConfigurationError
from tip.flow import operators
from tip.flow.covered import uncovered
from tip.flow.derivation import Node, Scalar
from tip.flow.exact import exact_losses
from tip.flow.expressions import names as spoken
from tip.flow.linear import Solver, solver
from tip.flow.model import Law
from tip.flow.precision import roundings
from tip.flow.projection import projection
from tip.flow.seeing import Insiders
from tip.flow.shapes import message_shape
from tip.flow.view import Change, View, agents, change, exact_view, view
from tip.privacy.rounding import down

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from tip.flow.certificates import Loss
    from tip.flow.exactview import ExactView
    from tip.flow.model import Flow
    from tip.flow.projection import Projection

_MOST_ROUNDINGS: Final = 4  # of one coefficient, which the certificates allow for
EXACT_ROWS: Final = 96  # up to which systems are solved in fractions
EXACT_OWN_ROWS: Final = 200  # where no two rows share noise, so that nothing has to be eliminated
EXACT_ENTRIES: Final = 40_000
EXACT_WORK: Final = 10**9  # about rows^4 times the bits of an entry: what eliminating numbers that grow costs
PROJECTED_WORK: Final = 4 * 10**7  # rows^2 times columns, of long numbers


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A block's view with equal rows kept once; `exact` is None where it would be too large.

    `small`: its system is solved in fractions, all columns with one elimination; `projected`: it is too large for that,
    rows without noise of their own need more than floats, and long numbers find what fractions certify.
    """

    view: View
    exact: ExactView | None
    colluders: NDArray[np.int64] = field(repr=False)
    parties: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()  # the messages that the coalition sees unknown rows of, repeated ones too
    small: bool = False
    projected: bool = False
    covered: int = 0  # rows that were left out, since a mask of their own hides them altogether
    _made: dict[str, Solver] = field(default_factory=dict, repr=False)
    _projections: dict[str, Projection] = field(default_factory=dict, repr=False)
    _losses: dict[int, Loss] = field(default_factory=dict, repr=False)

    @property
    def solver(self) -> Solver:
        """The view's noise made ready for the losses of many agents; made once."""
        if "solver" not in self._made:
            self._made["solver"] = solver(self.view.B, self.view.variances, rounded=not self.view.exact)
        return self._made["solver"]

    @property
    def laws(self) -> frozenset[Law]:
        """The laws of the noises in the view."""
        symbols = np.unique(self.view.noise_symbol).tolist()
        return frozenset(self.view.flow.noises[symbol].law for symbol in symbols)

    @property
    def projection(self) -> Projection:
        """The exact view made ready for the losses of many agents; made once."""
        if self.exact is None:
            raise ConfigurationError("the view is too large for fractions")
        if "projection" not in self._projections:
            self._projections["projection"] = projection(self.exact.B, self.exact_variances)
        return self._projections["projection"]

    def exact_losses(self, columns: NDArray[np.int64]) -> list[Loss]:
        """The losses of columns of A in fractions; who asks a second time has all columns solved at once."""
        missing = [column for column in columns.tolist() if column not in self._losses]
        if missing and self.exact is None:
            raise ConfigurationError("the view is too large for fractions")
        if missing and self.exact is not None:
            wanted = missing if not self._losses else range(self.view.A.shape[1])
            changes = self.exact_columns(np.array(wanted, np.int64))
            self._losses.update(zip(wanted, exact_losses(self.exact.B, changes, self.exact_variances), strict=True))
        return [self._losses[column] for column in columns.tolist()]

    def agents(self) -> NDArray[np.int64]:
        """The agents whose secrets the view holds."""
        return agents(self.view)

    def change(self, agent: int) -> Change:
        """What one agent can change."""
        return change(self.view, agent)

    @property
    def exact_variances(self) -> list[Fraction]:
        """The variance of each noise column; only for views whose noises all have one."""
        variances = [] if self.exact is None else [v for v in self.exact.variances if v is not None]
        if self.exact is None or len(variances) != len(self.exact.variances):
            raise ConfigurationError("the view is too large for fractions, or a noise has no variance")
        return variances

    def exact_columns(self, columns: NDArray[np.int64]) -> list[list[Fraction]]:
        """Columns of A in fractions."""
        if self.exact is None:
            raise ConfigurationError("the view is too large for fractions")
        return [[row.get(int(column), Fraction(0)) for row in self.exact.A] for column in columns]


def seen(flow: Flow, messages: tuple[str, ...], *, parties: frozenset[str], colluders: NDArray[np.int64]) -> Seen:
    """The view of a block by a coalition, without repeated and covered rows and messages that only combine others."""
    messages = needed(flow, messages, Insiders(flow, parties, colluders))
    full = view(flow, messages, parties=parties, colluders=colluders)
    delicate = not full.exact and roundings(flow, messages) > _MOST_ROUNDINGS
    exact: ExactView | None = None
    if delicate or (full.B.shape[0] and _few(full) and _real(full)):
        exact = exact_view(flow, messages, parties=parties, colluders=colluders)
        full = _with_coefficients(full, exact) if delicate else full
    left = full if exact is not None else uncovered(full)
    covered, full = full.A.shape[0] - left.A.shape[0], left
    told = tuple(flow.messages[number].name for number in np.unique(full.row_message).tolist())
    kept = _distinct(full, exact)
    if len(kept) < full.A.shape[0]:
        full = _rows(full, kept)
        exact = None if exact is None else _exact_rows(exact, kept)
    small = exact is not None and _cheap(full, exact)
    projected = exact is not None and not small and _projected(full)
    return Seen(full, exact, colluders, parties, told, small, projected, covered)


def _few(full: View) -> bool:
    """Whether the system of a view is small enough for fractions."""
    rows, columns = full.B.shape
    own = full.B.nnz == rows == columns and len(np.unique(full.B.indices)) == columns  # each row one noise, its own
    most = EXACT_OWN_ROWS if own else EXACT_ROWS
    return rows <= most and rows * max(columns, 1) <= EXACT_ENTRIES


def _cheap(full: View, exact: ExactView) -> bool:
    """Whether the system of a view is solved in fractions: few rows, of numbers that do not grow long."""
    rows, columns = full.B.shape
    if not _few(full):
        return False
    entries = sum(map(len, exact.B))
    bits = max(map(_bits, exact.B), default=0)
    return entries == rows == columns or rows**4 * bits <= EXACT_WORK or not _real(full)


def _bits(row: dict[int, Fraction]) -> int:
    """How long the numbers of a row are once they are whole: 1, 1/2, 1/3, .. have long ones in common."""
    under = math.lcm(*{entry.denominator for entry in row.values()})
    return max((under, *(abs(entry.numerator) * (under // entry.denominator) for entry in row.values()))).bit_length()


def _projected(full: View) -> bool:
    """Whether a view of real noise has rows without noise of their own, and is not too large for long numbers."""
    rows, columns = full.B.shape
    if not _real(full) or full.ring or not np.isfinite(full.variances).all():
        return False
    alone = np.bincount(full.B.indices, minlength=columns) == 1
    owned = np.add.reduceat(np.append(alone[full.B.indices], 0), full.B.indptr[:-1]) if full.B.nnz else np.zeros(rows)
    owned = np.where(np.diff(full.B.indptr) > 0, owned, 0)
    return bool((owned == 0).any()) and rows**2 * columns <= PROJECTED_WORK


def _real(full: View) -> bool:
    """Whether a view holds noise of real numbers, or none: whole numbers are exact as they are."""
    laws = {full.flow.noises[symbol].law for symbol in np.unique(full.noise_symbol).tolist()}
    return laws <= {Law.GAUSSIAN}


def view_node(seen: Seen) -> Node:
    """The step that says what the coalition sees of a block."""
    view = seen.view
    rows, noises = view.B.shape
    secrets = view.A.shape[1]
    numbers: dict[str, Scalar] = {
        "messages": ", ".join(view.messages),
        "rows": rows,
        "secrets": secrets,
        "noises": noises,
        "times": view.times,
        "ring": view.ring,
    }
    if seen.covered:
        numbers["covered"] = seen.covered
    spoken_of = f"{rows:,} equations in {secrets:,} secrets and {noises:,} noises"
    says = f"of {', '.join(view.messages)} the coalition sees {spoken_of}"
    return Node("view", says, numbers, source="docs/flow-rules.md, view")


def needed(flow: Flow, messages: tuple[str, ...], insiders: Insiders) -> tuple[str, ...]:
    """The messages less those that are a function of others which the coalition sees in whole: post-processing."""
    whole = {
        message.name for message in flow.messages if len(insiders.seen(message)) == message_shape(flow, message).members
    }
    return tuple(name for name in messages if not set(spoken(flow.message(name).says)) <= whole)


def _with_coefficients(full: View, exact: ExactView) -> View:
    """The exact view in floats: its rows and columns, for floats may leave a little of what cancels, or nothing."""
    variances = [math.nan if variance is None else down(variance) for variance in exact.variances]
    return replace(
        full,
        A=_nearest(exact.A, len(exact.secret_symbol)),
        B=_nearest(exact.B, len(exact.noise_symbol)),
        row_message=exact.row_message,
        row_member=exact.row_member,
        row_round=exact.row_round,
        secret_symbol=exact.secret_symbol,
        secret_agent=exact.secret_agent,
        secret_round=exact.secret_round,
        noise_symbol=exact.noise_symbol,
        noise_member=exact.noise_member,
        noise_round=exact.noise_round,
        variances=np.array(variances, np.float64),
    )


def _nearest(rows: tuple[dict[int, Fraction], ...], width: int) -> sparse.csr_array:
    lengths = [len(row) for row in rows]
    columns = [column for row in rows for column in sorted(row)]
    entries = [operators.coefficient(row[column]) for row in rows for column in sorted(row)]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_array((np.array(entries), np.array(columns, np.int64), starts), shape=(len(rows), width))


def _distinct(full: View, exact: ExactView | None) -> NDArray[np.int64]:
    """The first of each set of equal rows; only messages of which there are few rows can repeat one another.

    Rows that are equal as floats may differ by less than a rounding, and then their difference shows something.
    """
    rows = full.A.shape[0]
    if len(np.unique(full.row_message)) < 2 or not (full.exact or exact is not None):
        return np.arange(rows)
    kept: dict[Hashable, int] = {}
    if exact is not None:
        for row in range(rows):
            kept.setdefault((tuple(exact.A[row].items()), tuple(exact.B[row].items())), row)
        return np.array(sorted(kept.values()), np.int64)
    a, b = sparse.csr_array(full.A), sparse.csr_array(full.B)
    a.sort_indices()
    b.sort_indices()
    for row in range(rows):
        part = slice(a.indptr[row], a.indptr[row + 1]), slice(b.indptr[row], b.indptr[row + 1])
        key = (
            a.indices[part[0]].tobytes(), a.data[part[0]].tobytes(),
            b.indices[part[1]].tobytes(), b.data[part[1]].tobytes(),
        )  # fmt: skip
        kept.setdefault(key, row)
    return np.array(sorted(kept.values()), np.int64)


def _rows(full: View, kept: NDArray[np.int64]) -> View:
    return replace(
        full,
        A=sparse.csr_array(full.A[kept]),
        B=sparse.csr_array(full.B[kept]),
        row_message=full.row_message[kept],
        row_member=full.row_member[kept],
        row_round=full.row_round[kept],
    )


def _exact_rows(exact: ExactView, kept: NDArray[np.int64]) -> ExactView:
    return replace(
        exact,
        A=tuple(exact.A[row] for row in kept),
        B=tuple(exact.B[row] for row in kept),
        row_message=exact.row_message[kept],
        row_member=exact.row_member[kept],
        row_round=exact.row_round[kept],
    )
