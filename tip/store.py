"""One durable SQLite file: made whole, checked when opened, one writer.

Under the ledgers and the memory of a device lies the same kind of file. Rules:

1. A file is made whole beside its place, reaches the disk, and is then linked to its name: a reader
   sees no file or a whole one, and of two makers at once one wins.
2. A file says whose it is (application), which form it has (version) and how it is laid out
   (the statements of its schema, word for word). What says anything else is refused, and so is
   what fails SQLite's own check. A file is never repaired, emptied or replaced.
3. `writing` is one transaction that holds the write lock from its beginning. When it ends without an
   error all of it is on the disk (WAL, synchronous=FULL); else nothing of it ever happened.
4. SQLite's errors become `ConfigurationError`s that say what would do.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_PATIENCE: Final = 30.0  # seconds to wait for another process's transaction
_OURS: Final = 0o600
_ALL: Final = 0o666  # less the umask
_FAULTS: Final = {  # the beginning of SQLite's name of an error → what, and what would do; a form may say it better
    "SQLITE_BUSY": ("is in use by another process", "Try again."),
    "SQLITE_LOCKED": ("is in use by another process", "Try again."),
    "SQLITE_READONLY": ("cannot be written", "Make the file and its folder writable."),
    "SQLITE_CANTOPEN": ("cannot be opened", "Its folder has to exist and to be writable."),
    "SQLITE_FULL": ("cannot be written: the disk is full", "Make room and try again."),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What a file says of itself, and how its faults are told.

    `application`: four bytes of its own; `older`: the schemas of earlier versions that can still be read.
    `lost`: what would do where a file is empty; `private`: readable by its owner only.
    `faults`: SQLite's names of errors (their beginnings) → what, and what would do; `otherwise`: for all others.
    """

    noun: str
    application: int
    version: int
    schema: tuple[str, ...]
    lost: str
    faults: Mapping[str, tuple[str, str]]
    otherwise: str
    private: bool
    older: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def fault(self, path: Path, name: str, why: str = "") -> ConfigurationError:
        """The error to raise for SQLite's `name` of one."""
        faults = {**_FAULTS, **self.faults}
        known = next((known for known in faults if name.startswith(known)), "")
        what, instead = faults.get(known, ("cannot be used", self.otherwise))
        return ConfigurationError(f"{path} {what}", why=why, instead=instead)

    @contextmanager
    def told(self, path: Path) -> Iterator[None]:
        """SQLite's errors as ours, with what would do."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.fault(path, getattr(error, "sqlite_errorname", ""), str(error)) from error
        except UnicodeDecodeError as error:  # SQLite quotes what it cannot read, and that need not be text
            raise self.fault(path, "SQLITE_CORRUPT") from error


class Store:
    """An open file of a form; `version` is the one it has. Raises `ConfigurationError` for any other file."""

    __slots__ = ("db", "form", "path", "version")

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self.form = path, form
        if not path.is_file() or path.stat().st_size == 0:
            what = f"is empty, and a {form.noun} never is" if path.is_file() else "is no file"
            raise ConfigurationError(f"{path} {what}", instead=form.lost)
        with form.told(path):
            self.db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_PATIENCE
            )
        try:
            self.version = self._check()
        except BaseException:
            self.db.close()
            raise

    @classmethod
    def open(cls, path: Path, form: Form, fill: Callable[[sqlite3.Connection], object]) -> Store:
        """The store in a file, which is made if it is not there; `fill` writes its first rows."""
        if not path.exists():
            _make(path, form, fill)
        return cls(path, form)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that holds the write lock from its beginning; durable when it ends."""
        with self._transaction("IMMEDIATE"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction that sees one state of the file, whatever others write meanwhile."""
        with self._transaction("DEFERRED"):
            yield

    def told(self) -> Any:  # noqa: ANN401 - a context manager of contextlib's own class
        """SQLite's errors as ours."""
        return self.form.told(self.path)

    def fault(self, name: str, why: str = "") -> ConfigurationError:
        """The error to raise for SQLite's `name` of one."""
        return self.form.fault(self.path, name, why)

    @property
    def damaged(self) -> ConfigurationError:
        """The error to raise where the file holds what nobody wrote."""
        return self.fault("SQLITE_CORRUPT")

    def value(self, query: str) -> Any:  # noqa: ANN401 - whatever SQLite answers
        """The first value of the first row."""
        return self.db.execute(query).fetchone()[0]

    @property
    def state(self) -> tuple[int, int]:
        """Changes whenever this or another connection has written; inside a transaction."""
        return self.value("PRAGMA data_version"), self.db.total_changes

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("an open file is not pickled; open it again instead")

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        with self.told():
            self.db.execute(f"BEGIN {kind}")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def _check(self) -> int:
        """The version of a whole, sound file of this form; all else is refused, and nothing is changed in it."""
        with self.told():
            if self.value("PRAGMA application_id") != self.form.application:
                raise self.fault("SQLITE_NOTADB")
            for setting in ("trusted_schema = OFF", "journal_mode = WAL", "synchronous = FULL"):
                self.db.execute(f"PRAGMA {setting}").close()
        with self.reading():
            version = int(self.value("PRAGMA user_version"))
            known = {self.form.version: self.form.schema, **self.form.older}
            if version not in known:
                why = f"It has form {version}, and this tip reads form {' and '.join(map(str, sorted(known)))}"
                raise self.fault("SQLITE_NOTADB", why)
            schema = {sql for (sql,) in self.db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
            if schema != set(known[version]) or self.value("PRAGMA quick_check(1)") != "ok":
                raise self.damaged
        return version


def _make(path: Path, form: Form, fill: Callable[[sqlite3.Connection], object]) -> None:
    """Make a file: whole beside its place, then linked to its name unless somebody was faster."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.unlink(missing_ok=True)
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OURS if form.private else _ALL))
        with form.told(path), closing(sqlite3.connect(beside, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            head = (f"PRAGMA application_id = {form.application}", f"PRAGMA user_version = {form.version}")
            for statement in (*head, *form.schema):
                db.execute(statement)
            fill(db)
            db.execute("PRAGMA journal_mode = WAL").close()
        with suppress(FileExistsError):
            path.hardlink_to(beside)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {(error.strerror or str(error)).lower()}") from error
    finally:
        beside.unlink(missing_ok=True)
