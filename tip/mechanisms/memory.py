"""A device's memory: permanent answers that survive restarts, and which rounds were answered.

Theory of operation. The permanent part of a longitudinal report is no table. It is read from the
AES-256 stream under the key HMAC-SHA256(secret, question and mechanism), at the address of the state: a function
of (secret, question, mechanism, state), the same after every restart. What has to be durable is small, and
stands in one SQLite file:

1. the secret, 32 bytes, drawn once when the file is made; a file that is damaged, or another question's, is
   refused and never replaced: a fresh secret would be a second, independent permanent answer;
2. which states have a permanent answer (as keyed tags, not values): their number is what was spent;
3. for each round the message that was sent. It is on the disk before `respond` returns (law 13: WAL,
   synchronous=FULL, one transaction that holds the write lock from its beginning), so after a crash, or from a second
   process, a round that was answered is answered by the same bytes, **whatever the value is now**: the first answer
   of a round stands, no round costs twice, and no error depends on the value.

Instantaneous bits come from a key of (secret, question, mechanism, round, state): should the file be set back to
an older copy, the same round and state give the same message again, and another state independent bits.

The file holds what the agent answered in a form that its owner can undo: it is to be protected like the answers
themselves (it is made readable by its owner only). The secret never prints; a `Memory` is not pickled.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import numpy as np

from tip.errors import ConfigurationError, MalformedMessage
from tip.mechanisms.reports import Reports
from tip.privacy.checks import whole
from tip.randomness import SYSTEM, Stream
from tip.store import Form, Store

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tip.mechanisms.permanent import Permanent
    from tip.privacy.guarantees import Guarantee

_SECRET: Final = 32
_TAG: Final = 16
_MOST_ROUND: Final = 1 << 62
_SCHEMA: Final = (
    """CREATE TABLE device (
    one INTEGER PRIMARY KEY CHECK (one = 1), question TEXT NOT NULL, secret BLOB NOT NULL, seal BLOB NOT NULL
) STRICT""",
    """CREATE TABLE states (
    mechanism BLOB NOT NULL, tag BLOB NOT NULL, PRIMARY KEY (mechanism, tag)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE answers (
    mechanism BLOB NOT NULL, round INTEGER NOT NULL, message BLOB NOT NULL, seal BLOB NOT NULL,
    PRIMARY KEY (mechanism, round)
) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER one_secret BEFORE UPDATE ON device
BEGIN SELECT RAISE(ABORT, 'a secret is never replaced'); END""",
    """CREATE TRIGGER first_answer BEFORE UPDATE ON answers
BEGIN SELECT RAISE(ABORT, 'the first answer of a round stands'); END""",
    """CREATE TRIGGER no_oblivion BEFORE DELETE ON answers
BEGIN SELECT RAISE(ABORT, 'what was sent is not forgotten'); END""",
    """CREATE TRIGGER no_refund BEFORE DELETE ON states
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
)
_BACKUP: Final = "Take it from a backup; a new one would answer the same questions a second time."
_FORM: Final = Form(
    noun="memory",
    application=0x5449504D,  # "TIPM"
    version=1,
    schema=_SCHEMA,
    lost=_BACKUP,
    faults={
        "SQLITE_NOTADB": ("is no memory of a device", "Name a new file, or the memory of this question."),
        "SQLITE_CORRUPT": ("is damaged", _BACKUP),
        "SQLITE_BUSY": ("is in use by another process", "Try again; nothing was sent."),
        "SQLITE_LOCKED": ("is in use by another process", "Try again; nothing was sent."),
        "SQLITE_READONLY": (
            "cannot be written",
            "An answer is written down before it is sent: make the file writable.",
        ),
        "SQLITE_FULL": ("cannot be written: the disk is full", "Nothing was sent. Make room and try again."),
    },
    otherwise="Nothing was sent.",
    private=True,
)
_ONE_DEVICE: Final = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a device has spent on one mechanism: it depends on the agent's data, so to tell it is a release.

    `states`: how many different states have a permanent answer; `rounds`: how many rounds were answered.
    `guarantee`: all of these reports, compared with other states in the same pattern; None before the first.
    """

    states: int
    rounds: int
    guarantee: Guarantee | None


class Memory:
    """An open memory of one device about one question; close it, or use it in a `with`.

    Raises `ConfigurationError` for a file that is none, is damaged, or belongs to another question.
    """

    __slots__ = ("_secret", "_store", "question")

    def __init__(self, store: Store, question: str) -> None:
        self._store, self.question = store, question
        try:
            self._secret = self._check()
        except BaseException:
            store.close()
            raise

    @classmethod
    def open(cls, path: Path, *, question: str) -> Memory:
        """The memory in a file; it is made, with a fresh secret, only if there is no such file."""
        if not question or not isinstance(question, str):
            raise ConfigurationError("a question has a name")
        return cls(Store.open(path, _FORM, lambda db: _fill(db, question)), question)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._store.path

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Memory({str(self.path)!r}, question={self.question!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a memory is not pickled: it holds a secret; open its file instead")

    def respond(self, mechanism: Permanent, value: int, *, round: int) -> Reports:  # noqa: A002
        """The report of this round, durable before it is returned; one that was answered is answered by the same bytes.

        `value`: as `mechanism.randomize` takes it. What is charged can be asked for (`spent`).
        """
        if not (hasattr(mechanism, "state") and hasattr(mechanism, "answer")):
            raise ConfigurationError(
                "a memory answers with a mechanism over time",
                instead="take LongitudinalUnary, LongitudinalHashing, BitFlip or Rappor",
            )
        held = mechanism.checked(value)
        number = whole("round", round, least=0)
        if held.shape != (1,) or number > _MOST_ROUND:
            raise ConfigurationError("a device answers with one value, in a round of at most 2^62")
        digest = mechanism.spec.digest
        with self._store.writing():
            row = self._store.db.execute(
                "SELECT message, seal FROM answers WHERE mechanism = ? AND round = ?", (digest, number)
            ).fetchone()
            message = self._answer(mechanism, held, number) if row is None else self._unsealed(digest, number, *row)
        try:
            return mechanism.read(message)
        except MalformedMessage as error:
            raise self._store.damaged from error

    def spent(self, mechanism: Permanent) -> Remembered:
        """How many states and rounds were answered by this mechanism, and what that promises together."""
        digest = mechanism.spec.digest
        count = "SELECT count(*) FROM {} WHERE mechanism = ?"
        with self._store.told():
            states, rounds = (
                int(self._store.db.execute(count.format(table), (digest,)).fetchone()[0])
                for table in ("states", "answers")
            )
        return Remembered(states, rounds, mechanism.guarantee_after(states) if states else None)

    def _answer(self, mechanism: Permanent, held: Any, number: int) -> bytes:  # noqa: ANN401 - an array
        """Draw the report and write it down with its state; inside a transaction."""
        digest = mechanism.spec.digest
        permanent = self._stream("permanent", digest)
        state = int(mechanism.state(held, permanent, _ONE_DEVICE)[0]).to_bytes(8, "big")
        instant = self._stream("instant", digest, number.to_bytes(8, "big"), state)
        drawn = mechanism.answer(held, permanent, instant, _ONE_DEVICE)
        columns = tuple(array.astype(column.dtype) for column, array in zip(mechanism.layout, drawn, strict=True))
        message = Reports(digest, mechanism.layout, columns).to_bytes()
        tag = self._keyed("state", digest, state)[:_TAG]
        self._store.db.execute("INSERT INTO states VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, tag))
        seal = self._seal(digest, number, message)
        self._store.db.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", (digest, number, message, seal))
        return message

    def _keyed(self, *parts: str | bytes) -> bytes:
        """A pseudorandom function of the secret, the question and parts, each with its length before it."""
        return _prf(self._secret, self.question, *parts)

    def _stream(self, *parts: str | bytes) -> Stream:
        return Stream(self._keyed(*parts), simulated=True)  # "simulated": its bits repeat, here by intention

    def _seal(self, digest: bytes, number: int, message: bytes) -> bytes:
        return self._keyed("answer", digest, number.to_bytes(8, "big"), message)[:_TAG]

    def _unsealed(self, digest: bytes, number: int, message: bytes, seal: bytes) -> bytes:
        if not hmac.compare_digest(seal, self._seal(digest, number, message)):
            raise self._store.damaged
        return message

    def _check(self) -> bytes:
        """The secret of a whole, sound memory of this question; all else is refused."""
        with self._store.told():
            rows = self._store.db.execute("SELECT question, secret, seal FROM device").fetchall()
        if [tuple(map(type, row)) for row in rows] != [(str, bytes, bytes)] or not hmac.compare_digest(
            _seal_of(*rows[0][:2]), rows[0][2]
        ):
            raise self._store.damaged
        if rows[0][0] != self.question:
            raise ConfigurationError(
                f"{self.path} is the memory of another question", instead="Name a file for each question."
            )
        return bytes(rows[0][1])


def _prf(secret: bytes, *parts: str | bytes) -> bytes:
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return hmac.digest(secret, b"".join(len(part).to_bytes(8, "big") + part for part in raw), "sha256")


def _seal_of(question: str, secret: bytes) -> bytes:
    """A checksum of the secret: a damaged one must not pass for another device's."""
    return hashlib.sha256(b"tip memory v1" + _prf(secret, "seal", question)).digest()


def _fill(db: sqlite3.Connection, question: str) -> None:
    """A new memory's first row: its question and a fresh secret."""
    secret = SYSTEM.stream("memory").words(_ONE_DEVICE, _SECRET // 8).tobytes()
    db.execute("INSERT INTO device VALUES (1, ?, ?, ?)", (question, secret, _seal_of(question, secret)))
