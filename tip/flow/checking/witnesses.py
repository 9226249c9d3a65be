"""Witnesses: whether the vectors of a Gaussian step prove its numbers, in exact arithmetic.

Floats stand for the rationals that they are. A float w leaves a residual a - B w; it is repaired here, exactly,
through a column that one row alone holds, and what the repaired w costs is the bound. Where a row has no such
column, the residual r is charged |r| / sqrt(t), t below all eigenvalues of B V B' (docs/flow-rules.md).
"""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.flow.checking.refusal import count, exact, refuse, too_large, want
from tip.flow.model import Law

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.checking.expansion import Number
    from tip.flow.checking.sheets import Sheet
    from tip.flow.derivation import Node

Line = dict[int, Fraction]

TIGHT: Final = Fraction(1, 10**6)
_BITS: Final = 200
_MOST: Final = 4_000_000  # products of a Gram matrix
_DENSE: Final = 2_000


def gaussian(node: Node, sheet: Sheet, agent: int) -> Fraction:
    """The mu^2 that a step "linear-gaussian" states, if its witnesses prove it."""
    rule = node.rule
    want(sheet.laws() <= {Law.GAUSSIAN} and not sheet.ring, rule, "is about noise that is not Gaussian of real numbers")
    columns = sheet.columns_of(agent)
    stated, lower = exact(node, "mu_squared"), exact(node, "lower")
    want(count(node, "agent") == agent, rule, f"is about agent {node.numbers['agent']}, not about agent {agent}")
    want(count(node, "columns") == len(columns), rule, f"counts other columns than the {len(columns)} of agent {agent}")
    if not columns:
        want(stated == 0, rule, "states a loss where the agent has nothing to lose")
        return stated
    uses = uses_of(sheet, columns)
    want(count(node, "uses") == uses, rule, f"counts {node.numbers['uses']} uses, not {uses}")
    reaches = [sheet.secret(column).squared_reach for column in columns]
    gram = _gram(sheet, _certificates(node, sheet, columns))
    proven = joint(gram, reaches, uses)
    want(
        proven <= stated,
        rule,
        f"mu^2 = {float(stated):.9g} is less than its certificate w proves",
        f"that is {float(proven):.9g}",
    )
    want(stated - proven <= TIGHT * stated, rule, "mu^2 is not what its certificate w proves")
    shown = _shown(node, sheet, columns, uses)
    want(0 <= lower <= shown, rule, f"the test z shows {float(shown):.9g}, not {float(lower):.9g}")
    want(lower <= stated, rule, "its bound from below lies above its bound from above")
    if len(columns) == 1:
        want(
            stated - lower <= TIGHT * stated,
            rule,
            "the two witnesses do not meet",
            "the flow is not the one they were made for",
        )
    return stated


def uses_of(sheet: Sheet, columns: Sequence[int]) -> int:
    """How many of these columns can change together."""
    held: dict[str, int] = defaultdict(int)
    for column in columns:
        held[sheet.secrets[column][0]] += 1
    return sum(min(number, sheet.flow.secret(name).uses) for name, number in held.items())


def joint(gram: Sequence[Sequence[Fraction]], reaches: Sequence[Fraction], uses: int) -> Fraction:
    """Law 12: the `uses` largest of what each column, with the `uses` largest beside it, can add."""
    lines = []
    for k, row in enumerate(gram):
        terms = [abs(entry) * root_above(reaches[k] * reaches[m]) for m, entry in enumerate(row) if entry]
        lines.append(sum(sorted(terms, reverse=True)[:uses], Fraction(0)))
    return sum(sorted(lines, reverse=True)[:uses], Fraction(0))


def root_above(square: Fraction) -> Fraction:
    """The square root of a fraction; a relative 2^-200 above it where it is none."""
    over, under = math.isqrt(square.numerator), math.isqrt(square.denominator)
    if over * over == square.numerator and under * under == square.denominator:
        return Fraction(over, under)
    whole = square.numerator * square.denominator << 2 * _BITS
    return Fraction(math.isqrt(whole) + 1, square.denominator << _BITS)


def vector(node: Node, name: str, length: int) -> list[Fraction]:
    """A vector of a step, as the rationals that it is."""
    found = node.vectors.get(name)
    if found is None or len(found) != length:
        raise refuse(node.rule, f"has no vector {name!r} of {length} entries")
    if isinstance(found, np.ndarray) and not np.isfinite(found).all():
        raise refuse(node.rule, f"its vector {name!r} holds what is no number")
    return [entry if isinstance(entry, Fraction) else Fraction(float(entry)) for entry in found]


def is_exact(node: Node, name: str) -> bool:
    """Whether a vector is written in fractions."""
    return isinstance(node.vectors.get(name), tuple)


# -- from above -----------------------------------------------------------------------------------


def _certificates(node: Node, sheet: Sheet, columns: list[int]) -> list[tuple[Line, Fraction]]:
    """For each column a w, and how far at most from it (in units of the noise) some w has B w = A exactly."""
    width = len(sheet.noises)
    flat = vector(node, "w", width * len(columns))
    own = None if is_exact(node, "w") else owned(sheet)
    found = []
    for number, column in enumerate(columns):
        part = flat[number * width : (number + 1) * width]
        w = {j: entry for j, entry in enumerate(part) if entry}
        residual = _residual(sheet, column, w)
        if residual and own is None:
            raise refuse(node.rule, "B w is not A: the certificate does not make up for the change")
        left: Line = {}
        for row, value in residual.items():
            place = own[row] if own is not None else -1
            if place < 0:
                left[row] = value
            else:
                w[place] = w.get(place, Fraction(0)) + value / Fraction(sheet.B[row][place])
        found.append((w, _repair(sheet, left)))
    return found


def _residual(sheet: Sheet, column: int, w: Line) -> Line:
    found: Line = {}
    for row, (a, b) in enumerate(zip(sheet.A, sheet.B, strict=True)):
        value = Fraction(a.get(column, 0)) - sum((x * w[j] for j, x in b.items() if j in w), Fraction(0))
        if value:
            found[row] = value
    return found


def owned(sheet: Sheet) -> list[int]:
    """For each row the strongest noise column that it alone holds; -1 if there is none."""
    holders: dict[int, int] = defaultdict(int)
    for row in sheet.B:
        for column in row:
            holders[column] += 1
    variances = sheet.variances()
    found = []
    for row in sheet.B:
        alone = [(Fraction(x) ** 2 * variances[j], j) for j, x in row.items() if holders[j] == 1]
        found.append(max(alone)[1] if alone else -1)
    return found


def _repair(sheet: Sheet, left: Line) -> Fraction:
    """A bound of the length (in units of the noise) of what makes up for a residual."""
    length = sum((x * x for x in left.values()), Fraction(0))
    return root_above(length / Fraction(least_eigenvalue(sheet))) if left else Fraction(0)


def least_eigenvalue(sheet: Sheet) -> float:
    """A number below all eigenvalues of B V B', above 0: LAPACK's, less n^2 units of its norm."""
    if len(sheet.B) > _DENSE:
        raise too_large(f"a view of {len(sheet.B):,} rows without noise of their own")
    system = gram_of_rows(sheet)
    values = np.linalg.eigvalsh(system)
    least = float(values[0]) - len(system) ** 2 * 2.0**-50 * float(np.abs(values).max())
    if not least > 0:
        raise refuse("linear-gaussian", "its rows cannot be told to be independent, so its residual has no bound")
    return least


def gram_of_rows(sheet: Sheet) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """B V B' in floats."""
    from scipy import sparse  # noqa: PLC0415 - wanted for float certificates alone

    rows = [i for i, row in enumerate(sheet.B) for _ in row]
    columns = [j for row in sheet.B for j in row]
    spread = [float(v) for v in sheet.variances()]
    entries = [float(x) * math.sqrt(spread[j]) for row in sheet.B for j, x in row.items()]
    matrix = sparse.csr_array((entries, (rows, columns)), shape=(len(sheet.B), len(sheet.noises)))
    full: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (matrix @ matrix.T).toarray()
    return full


def _gram(sheet: Sheet, certificates: list[tuple[Line, Fraction]]) -> list[list[Fraction]]:
    """G_kl = sum_j w_kj w_lj / v_j, moved away from 0 by what the repairs may add."""
    if sum(len(w) for w, _ in certificates) * len(certificates) > _MOST:
        raise too_large(f"certificates for {len(certificates)} columns of one agent")
    variances = sheet.variances()
    weighted = [{j: x / variances[j] for j, x in w.items()} for w, _ in certificates]
    gram = [[Fraction(0)] * len(certificates) for _ in certificates]
    for k, scaled in enumerate(weighted):
        for m in range(k + 1):
            other = certificates[m][0]
            gram[k][m] = gram[m][k] = abs(sum((x * other[j] for j, x in scaled.items() if j in other), Fraction(0)))
    slack = [repair for _, repair in certificates]
    if any(slack):
        sizes = [root_above(gram[k][k]) for k in range(len(gram))]
        for k, row in enumerate(gram):
            for m in range(len(row)):
                row[m] += sizes[k] * slack[m] + slack[k] * sizes[m] + slack[k] * slack[m]
    return gram


# -- from below, and leaks ------------------------------------------------------------------------


def _shown(node: Node, sheet: Sheet, columns: list[int], uses: int) -> Fraction:
    """(z'A d)^2 / sum_j v_j (B'z)_j^2 for the test z and a change d that the agent can make."""
    d = vector(node, "d", len(columns))
    z = {row: entry for row, entry in enumerate(vector(node, "z", len(sheet.B))) if entry}
    for column, part in zip(columns, d, strict=True):
        want(
            part * part <= sheet.secret(column).squared_reach,
            node.rule,
            "its change d is larger than the secret's reach",
        )
    used = [column for column, part in zip(columns, d, strict=True) if part]
    want(len(used) <= uses, node.rule, "its change d uses more rounds than the agent takes part in")
    shown = combined(z, sheet.A)
    moved = sum((part * shown.get(c, Fraction(0)) for c, part in zip(columns, d, strict=True)), Fraction(0))
    against = combined(z, sheet.B)
    variances = sheet.variances()
    spread = sum((variances[j] * x * x for j, x in against.items()), Fraction(0))
    if not spread:
        want(not moved, node.rule, "its own test reads the secret without noise")
        return Fraction(0)
    return moved * moved / spread


def combined(z: Line, rows: Sequence[dict[int, Number]]) -> Line:
    """Z' times a matrix."""
    total: Line = {}
    for row, factor in z.items():
        for column, entry in rows[row].items():
            total[column] = total.get(column, Fraction(0)) + factor * entry
    return {column: entry for column, entry in total.items() if entry}


def leak(node: Node, sheet: Sheet) -> None:
    """A leak is what it says: z'B = 0 and z'A is not, modulo the ring."""
    z = {row: entry for row, entry in enumerate(vector(node, "z", len(sheet.B))) if entry}
    modulus = 1 << sheet.ring if sheet.ring else 0
    noise = [entry for entry in combined(z, sheet.B).values() if not modulus or entry % modulus]
    secret = combined(z, sheet.A).get(count(node, "column"), Fraction(0))
    want(not noise, node.rule, "its combination still holds noise")
    want(bool(secret % modulus if modulus else secret), node.rule, "its combination does not hold the secret")
