"""Every error that tip raises, as one tree.

    TipError                      exit code 1
    ├── ConfigurationError        2   the request cannot be met: where, what, why, what would do
    │   └── DataError             2   the same, for data: file, row, column
    ├── ProtocolMisuse            1   our own bug: a machine was driven out of order
    ├── MalformedMessage          4   bytes that nobody can be blamed for yet
    ├── PeerFault                 4   a named party broke the protocol, with evidence
    ├── VerificationFailed        4   a step of a derivation does not hold
    ├── BudgetExhausted           3   a privacy budget does not allow this release
    └── NotEnoughAgents           3   fewer agents answered than the plan demands

Inside a protocol machine a fault is data (`Step.faults`); only public doors raise, and the door
that knows the sender turns a `MalformedMessage` into a `PeerFault`. Messages never hold a secret.
"""

from __future__ import annotations

from typing import ClassVar


class TipError(Exception):
    """The root: `except TipError` catches all that tip raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(TipError, ValueError):
    """A request that cannot be met, told as where, what, why, and what would be possible instead.

    `path`: of the table or key that it speaks of, where that is known; a reader finds the line by it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self, what: str, *, where: str = "", why: str = "", instead: str = "", path: tuple[str | int, ...] | None = None
    ) -> None:
        self.what, self.where, self.why, self.instead, self.path = what, where, why, instead, path
        sentences = [f"{where} {what}" if where else what, _begun(why), _begun(instead)]
        super().__init__(" ".join(s if s.endswith((".", "?", "!")) else f"{s}." for s in sentences if s))


def _begun(sentence: str) -> str:
    """A sentence that begins with a capital, unless its first word is no plain word, such as a key or a name."""
    word = sentence.partition(" ")[0].rstrip(",.:;")
    return sentence[:1].upper() + sentence[1:] if word.isalpha() and word.islower() else sentence


class DataError(ConfigurationError):
    """Data that cannot be used: which file, row (counted from 1, without the header) and column."""

    def __init__(
        self, what: str, *, file: str = "", row: int | None = None, column: str = "", instead: str = ""
    ) -> None:
        self.file, self.row, self.column = file, row, column
        places = [file, f"row {row}" if row is not None else "", f"column {column!r}" if column else ""]
        where = ", ".join(p for p in places if p)
        super().__init__(what, where=f"{where}:" if where else "", instead=instead)


class ProtocolMisuse(TipError):
    """A protocol machine was given what no driver may give it: a bug on this side of the wire."""


class MalformedMessage(TipError, ValueError):
    """Bytes that do not decode. The door that knows who sent them turns this into a `PeerFault`."""

    exit_code: ClassVar[int] = 4


class PeerFault(TipError):
    """Named parties broke the protocol; `evidence` is what a third party can check (may be empty)."""

    exit_code: ClassVar[int] = 4

    def __init__(self, culprits: tuple[str, ...], reason: str, evidence: bytes = b"") -> None:
        self.culprits, self.reason, self.evidence = culprits, reason, evidence
        super().__init__(f"{', '.join(culprits)}: {reason}")


class VerificationFailed(TipError):
    """A step of a derivation that does not hold: which step, what it states, why that is not so."""

    exit_code: ClassVar[int] = 4

    def __init__(self, what: str, *, where: str = "", why: str = "") -> None:
        self.what, self.where, self.why = what, where, why
        sentences = [f"{where} {what}" if where else what, _begun(why)]
        super().__init__(" ".join(s if s.endswith((".", "?", "!")) else f"{s}." for s in sentences if s))


class BudgetExhausted(TipError):
    """The privacy budget does not allow what was asked; nothing was released."""

    exit_code: ClassVar[int] = 3


class NotEnoughAgents(TipError):
    """Fewer agents answered than the plan demands; nothing was released."""

    exit_code: ClassVar[int] = 3
