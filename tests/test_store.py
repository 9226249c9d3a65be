"""The store: a file is whole or not there, checked, and written all or not at all."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tip.errors import ConfigurationError
from tip.store import Form, Store

HERE = str(Path(__file__).parent)
TABLE = "CREATE TABLE notes (text TEXT NOT NULL) STRICT"
FORM = Form(
    noun="notebook",
    application=0x54455354,
    version=2,
    schema=(TABLE,),
    older={1: ("CREATE TABLE notes (text TEXT)",)},
    lost="Begin another.",
    faults={"SQLITE_NOTADB": ("is no notebook", "Name one."), "SQLITE_CORRUPT": ("is damaged", "Weep.")},
    otherwise="Nothing happened.",
    private=True,
)


def fill(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO notes VALUES ('first')")


def write(store: Store, *statements: str) -> None:
    with store.writing():
        for statement in statements:
            store.db.execute(statement)


def notes(path: Path, form: Form = FORM) -> list[str]:
    with Store(path, form) as store:
        return [text for (text,) in store.db.execute("SELECT text FROM notes")]


def test_a_file_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "book"
    for _ in range(2):
        Store.open(path, FORM, fill).close()
    assert notes(path) == ["first"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["book"]
    umask = os.umask(0o022)
    try:
        Store.open(tmp_path / "open", replace(FORM, private=False), fill).close()
    finally:
        os.umask(umask)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_filled_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be used.*o such table.*Nothing happened"):
        Store.open(tmp_path / "book", FORM, lambda db: db.execute("INSERT INTO absent VALUES (1)"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Store.open(tmp_path / "no" / "book", FORM, fill)


def test_of_two_makers_the_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "book"

    # The faster one is another process, else it would use the same name beside the place.
    code = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
from test_store import FORM, Store, fill
Store.open(pathlib.Path(sys.argv[1]), FORM, fill)
"""

    def late(db: sqlite3.Connection) -> None:
        subprocess.run([sys.executable, "-c", code, str(path), HERE], check=True)
        db.execute("INSERT INTO notes VALUES ('second')")

    Store.open(path, FORM, late).close()
    assert notes(path) == ["first"]


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "book", FORM, fill) as store:
        lost = ("INSERT INTO notes VALUES ('lost')", "INSERT INTO absent VALUES (1)")
        with pytest.raises(ConfigurationError, match="o such table"):
            write(store, *lost)
        write(store, "INSERT INTO notes VALUES ('kept')")
        assert [text for (text,) in store.db.execute("SELECT text FROM notes")] == ["first", "kept"]
        assert (store.value("PRAGMA synchronous"), store.value("PRAGMA journal_mode")) == (2, "wal")


def test_one_writes_and_another_waits(tmp_path: Path) -> None:
    path = tmp_path / "book"
    with Store.open(path, FORM, fill) as one, Store(path, FORM) as two:
        two.db.execute("PRAGMA busy_timeout = 10")
        with one.writing():
            with pytest.raises(ConfigurationError, match=r"in use by another process.*Try again"), two.writing():
                pass
            with two.reading():  # nobody waits to read
                before = two.state
            one.db.execute("INSERT INTO notes VALUES ('new')")
        with two.reading():
            assert two.state != before


def test_a_killed_writer_leaves_all_or_nothing(tmp_path: Path) -> None:
    code = """
import os, signal, sqlite3, sys, pathlib
sys.path.insert(0, sys.argv[2])
from test_store import FORM, Store
store = Store(pathlib.Path(sys.argv[1]), FORM)
with store.writing():
    store.db.execute("INSERT INTO notes VALUES ('half')")
    if sys.argv[3] == "within":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "book"
    Store.open(path, FORM, fill).close()
    for when, kept in (("within", ["first"]), ("after", ["first", "half"])):
        command = [sys.executable, "-c", code, str(path), HERE, when]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert notes(path) == kept


def test_what_is_no_such_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "book"
    Store.open(path, FORM, fill).close()
    whole = path.read_bytes()
    foreign = replace(FORM, application=1)
    for form, told in (
        (foreign, "is no notebook"),
        (replace(FORM, version=3, older={}), "It has form 2, and this tip reads form 3"),
        (replace(FORM, schema=("CREATE TABLE notes (text BLOB)",)), "is damaged"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            Store(path, form)
        assert path.read_bytes() == whole
    plain = tmp_path / "plain"
    with sqlite3.connect(plain) as db:
        db.execute(TABLE)
    db.close()
    before = plain.read_bytes()
    with pytest.raises(ConfigurationError, match="is no notebook"):
        Store(plain, FORM)
    assert plain.read_bytes() == before  # not turned to WAL, either
    for content, told in (
        (b"", "is empty, and a notebook never is"),
        (b"x" * 5000, "is no notebook"),
        (whole[:5000], "is damaged|is no notebook"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=told):
            Store(path, FORM)
        assert path.read_bytes() == content
    with pytest.raises(ConfigurationError, match="is no file"):
        Store(tmp_path, FORM)


def test_an_older_form_is_told_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "book"
    old = replace(FORM, version=1, schema=FORM.older[1], older={})
    Store.open(path, old, fill).close()
    with Store(path, FORM) as store:
        assert store.version == 1
    with Store(path, old) as store:
        assert store.version == 1


def test_a_store_is_not_pickled(tmp_path: Path) -> None:
    with Store.open(tmp_path / "book", FORM, fill) as store, pytest.raises(TypeError, match="open it again"):
        pickle.dumps(store)
