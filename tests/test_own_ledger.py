"""An agent's own ledger: charged before it is sent, once, and never beyond the limit."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tip.currency import Amount, Currency
from tip.errors import BudgetExhausted, ConfigurationError
from tip.own_ledger import _FORM, OwnLedger, digest_of

PROMISE = "agent, replace-one, against coordinator"
ONE = Fraction(1)
BYTES = digest_of(b"the message")
OTHER = digest_of(b"another message")


def opened(path: Path, limit: Fraction = ONE, currency: Currency = Currency.RHO, promise: str = PROMISE) -> OwnLedger:
    return OwnLedger.open(path, currency, limit, promise=promise)


def rho(numerator: int, denominator: int = 1) -> Amount:
    return Amount.of_rho(Fraction(numerator, denominator))


def test_charges_add_up_exactly_over_openings_and_coordinators(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    with opened(path) as ledger:
        assert ledger.balance.left == 1
        assert ledger.charge("a/1", rho(1, 3), digest=BYTES).spent == Fraction(1, 3)
    with opened(path) as ledger:
        told = ledger.charge("b/1", rho(1, 7), digest=BYTES)  # the same bytes under another name are not free
        assert told == ledger.balance
        assert (told.spent, told.left, told.releases) == (Fraction(10, 21), Fraction(11, 21), 2)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert path.stat().st_mode & 0o077 == 0


def test_the_limit_itself_may_be_spent_and_no_more(tmp_path: Path) -> None:
    with opened(tmp_path / "mine") as ledger:
        for number in range(7):
            ledger.charge(f"round {number}", rho(1, 7), digest=BYTES)
        assert ledger.balance.left == 0
        for _ in range(2):
            with pytest.raises(BudgetExhausted, match=r"rho .* is asked for and 0 of 1 is left; nothing was released"):
                ledger.charge("round 7", rho(1, 10**3000), digest=BYTES)
        ledger.charge("round 3", rho(1, 7), digest=BYTES)  # a resend, also with nothing left
        ledger.charge("nothing", rho(0), digest=BYTES)
        assert (ledger.balance.spent, ledger.balance.releases) == (ONE, 8)
    with opened(tmp_path / "none", Fraction(0)) as ledger, pytest.raises(BudgetExhausted):
        ledger.charge("a", rho(1, 10**3000), digest=BYTES)


def test_what_does_not_fit_does_not_spoil_what_does(tmp_path: Path) -> None:
    with opened(tmp_path / "mine") as ledger:
        ledger.charge("a", rho(2, 3), digest=BYTES)
        with pytest.raises(BudgetExhausted):
            ledger.charge("b", rho(1, 2), digest=BYTES)
        ledger.charge("b", rho(1, 3), digest=BYTES)  # the name was not taken


def test_fresh_noise_needs_a_name_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path / "mine") as ledger:
        ledger.charge("a", rho(1, 3), digest=BYTES)
        for amount, digest, told in (
            (rho(1, 3), OTHER, "other bytes"),
            (rho(1, 4), BYTES, "another price"),
            (Amount.of_squared_mu(Fraction(2, 3)).in_rho(), BYTES, "another price"),  # of another standing
        ):
            with pytest.raises(ConfigurationError, match=f"{told}.*needs a name of its own"):
                ledger.charge("a", amount, digest=digest)
        assert ledger.balance.spent == Fraction(1, 3)
        ledger.charge("a, again", rho(1, 3), digest=OTHER)
        assert ledger.balance.spent == Fraction(2, 3)


def test_currencies_stay_apart_and_an_exchange_is_remembered(tmp_path: Path) -> None:
    square = Amount.of_mu(0.5)
    with opened(tmp_path / "rho") as ledger:
        with pytest.raises(ConfigurationError, match=r"exchange it with Amount.in_rho"):
            ledger.charge("a", square, digest=BYTES)
        assert not ledger.charge("a", rho(1, 2), digest=BYTES).idealized
        assert ledger.charge("b", square.in_rho(), digest=BYTES).idealized
    with opened(tmp_path / "rho") as ledger:
        assert ledger.balance.idealized
        assert ledger.balance.spent == Fraction(5, 8)
    with opened(tmp_path / "mu", currency=Currency.SQUARED_MU) as ledger:
        for number in range(4):
            ledger.charge(str(number), square, digest=BYTES)
        assert ledger.balance.left == 0
        with pytest.raises(ConfigurationError, match="Keep a ledger in rho"):
            ledger.charge("a", rho(0), digest=BYTES)


def test_another_promise_currency_or_higher_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    opened(path).close()
    with pytest.raises(ConfigurationError, match=r"another promise.*coordinator.*world"):
        opened(path, promise="against world")
    with pytest.raises(ConfigurationError, match="squared mu is not added to rho"):
        opened(path, currency=Currency.SQUARED_MU)
    with pytest.raises(ConfigurationError, match=r"limit 1, and 1\.00000 is more.*Open it with 1/1, or with less"):
        opened(path, ONE + Fraction(1, 10**100))
    with opened(path, Fraction(1, 2)) as lower, opened(path) as whole:
        whole.charge("a", rho(2, 3), digest=BYTES)
        assert lower.balance.left == 0
        with pytest.raises(BudgetExhausted):
            lower.charge("b", rho(1, 100), digest=BYTES)
        assert whole.balance.left == Fraction(1, 3)


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    for limit in (0.5, -ONE, Fraction(10**4000)):
        with pytest.raises(ConfigurationError, match="a limit"):
            opened(path, limit)  # type: ignore[arg-type] # a caller without types
    with pytest.raises(ConfigurationError, match="currency"):
        OwnLedger.open(path, "rho", ONE, promise=PROMISE)  # type: ignore[arg-type] # a caller without types
    with pytest.raises(ConfigurationError, match="a promise"):
        opened(path, promise="")
    assert not path.exists()
    with opened(path) as ledger:
        for name in ("", "two\nlines", "\ud800", "x" * 1001, 5):
            with pytest.raises(ConfigurationError, match="a release"):
                ledger.charge(name, rho(0), digest=BYTES)  # type: ignore[arg-type] # a caller without types
        for digest in (b"", b"x" * 31, "x" * 32):
            with pytest.raises(ConfigurationError, match="digest_of"):
                ledger.charge("a", rho(0), digest=digest)  # type: ignore[arg-type] # a caller without types
        with pytest.raises(ConfigurationError, match="a price"):
            ledger.charge("a", Fraction(0), digest=BYTES)  # type: ignore[arg-type] # a caller without types
        assert ledger.balance.releases == 0


def test_nothing_is_taken_back_or_changed_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    with opened(path) as ledger:
        ledger.charge("a", rho(1, 3), digest=BYTES)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in ("UPDATE charges SET price = '0/1'", "DELETE FROM charges", "UPDATE budget SET most = '9/1'"):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)
    db.close()


def test_what_was_tampered_with_is_refused(tmp_path: Path) -> None:
    path, broken = tmp_path / "mine", tmp_path / "broken"
    with opened(path) as ledger:
        for number in range(3):
            ledger.charge(str(number), rho(1, 5), digest=BYTES)
    whole = path.read_bytes()
    no_refund = next(sql for sql in _FORM.schema if "no_refund" in sql)
    for changes, told in (
        (("PRAGMA application_id = 1",), "is no agent's own ledger"),
        (("PRAGMA user_version = 2",), "form 2"),
        (("DROP TRIGGER no_refund", "DELETE FROM charges"), "is damaged"),
        (("DROP TRIGGER no_refund", "DELETE FROM charges WHERE number = 2", no_refund), "is damaged"),
        (("INSERT INTO charges VALUES (4, 'x', '-1/2', 0, x'00')",), "is damaged"),
        (("INSERT INTO charges VALUES (0, 'x', '1/2', 0, x'00')",), "is damaged"),
    ):
        broken.write_bytes(whole)
        db = sqlite3.connect(broken, isolation_level=None)
        for change in changes:
            db.execute(change)
        db.close()
        with pytest.raises(ConfigurationError, match=told):
            opened(broken)
    for content in (b"", whole[: len(whole) // 2], whole[:4096], b"no database" * 1000, whole[:4096] + b"\xff" * 4096):
        broken.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"is empty|is damaged|is no agent's own ledger"):
            opened(broken)
        assert broken.read_bytes() == content  # never replaced by a fresh one
    with pytest.raises(ConfigurationError, match="is no file"):
        opened(tmp_path)


def test_a_file_that_cannot_be_written_charges_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "mine") as ledger:
        ledger._store.db.execute("PRAGMA query_only = ON")
        with pytest.raises(ConfigurationError, match=r"cannot be written.*before a message leaves"):
            ledger.charge("a", rho(1, 2), digest=BYTES)
        assert ledger.balance.spent == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_file_is_told(tmp_path: Path) -> None:  # pragma: no cover - seldom run as such
    path = tmp_path / "mine"
    opened(path).close()
    path.chmod(0o400)
    with pytest.raises(ConfigurationError, match="cannot be"), opened(path) as ledger:
        ledger.charge("a", rho(1, 2), digest=BYTES)


DYING = """
import os, pathlib, signal, sys
from contextlib import contextmanager
from fractions import Fraction
from tip.currency import Amount, Currency
from tip.own_ledger import OwnLedger, digest_of
from tip.store import Store
writing = Store.writing
@contextmanager
def dying(self):
    with writing(self):
        yield
        if sys.argv[2] == "before it is written":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)  # written, and never returned
with OwnLedger.open(pathlib.Path(sys.argv[1]), Currency.RHO, Fraction(1), promise=sys.argv[3]) as ledger:
    Store.writing = dying
    ledger.charge("a", Amount.of_rho(Fraction(1, 2)), digest=digest_of(b"the message"))
print("it may leave")
"""


@pytest.mark.parametrize(("when", "spent"), [("before it is written", 0), ("after", Fraction(1, 2))])
def test_a_process_killed_before_charge_returns_sends_nothing(tmp_path: Path, when: str, spent: Fraction) -> None:
    path = tmp_path / "mine"
    command = [sys.executable, "-c", DYING, str(path), when, PROMISE]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    with opened(path) as ledger:
        assert ledger.balance.spent == spent
        ledger.charge("a", rho(1, 2), digest=BYTES)  # the same bytes: free if it was written
        assert ledger.balance.spent == Fraction(1, 2)


SPENDING = """
import pathlib, sys
from fractions import Fraction
from tip.currency import Amount, Currency
from tip.errors import BudgetExhausted
from tip.own_ledger import OwnLedger, digest_of
with OwnLedger.open(pathlib.Path(sys.argv[1]), Currency.RHO, Fraction(1), promise=sys.argv[2]) as ledger:
    for number in range(10**6):
        name = f"{sys.argv[3]}/{number}"
        try:
            ledger.charge(name, Amount.of_rho(Fraction(1, int(sys.argv[4]))), digest=digest_of(name.encode()))
        except BudgetExhausted:
            break
        print(name, flush=True)
"""


def spending(path: Path, name: str, shares: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SPENDING, str(path), PROMISE, name, str(shares)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_cannot_overspend_together(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    children = [spending(path, name, 40) for name in ("a", "b")]
    sent = [line for child in children for line in child.communicate(timeout=60)[0].split()]
    assert [child.returncode for child in children] == [0, 0]
    assert len(sent) == len(set(sent)) == 40
    with opened(path) as ledger:
        assert (ledger.balance.left, ledger.balance.releases) == (Fraction(0), 40)


def test_a_killed_process_sent_nothing_that_is_not_charged(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    child = spending(path, "a", 10**6)
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(15)]
    child.kill()
    lines += child.stdout.readlines()
    child.wait(timeout=60)
    child.stdout.close()
    sent = [line.strip() for line in lines if line.endswith("\n")]
    with opened(path) as ledger:
        charged = ledger.balance.releases
        assert len(sent) <= charged <= len(sent) + 1  # one may be charged and not sent
        for name in sent:
            ledger.charge(name, rho(1, 10**6), digest=digest_of(name.encode()))
        assert ledger.balance.releases == charged


class OwnLedgerMachine(RuleBasedStateMachine):
    """Charges, resends, retries, crashes and a second process, against a dict and a sum."""

    LIMIT = Fraction(2)

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "mine"
        self.charged: dict[str, tuple[Amount, bytes]] = {}

    @initialize()
    def opens(self) -> None:
        self.ledger, self.second = opened(self.path, self.LIMIT), opened(self.path, self.LIMIT)

    @rule(
        name=st.sampled_from("abcdef"),
        value=st.fractions(0, 1, max_denominator=7),
        message=st.sampled_from([b"x", b"y"]),
        exchanged=st.booleans(),
        second=st.booleans(),
    )
    def charges(self, name: str, value: Fraction, message: bytes, *, exchanged: bool, second: bool) -> None:
        amount = Amount(Currency.RHO, value, idealized=exchanged)
        asked, ledger = (amount, digest_of(message)), self.second if second else self.ledger
        try:
            ledger.charge(name, amount, digest=asked[1])
        except BudgetExhausted:
            assert name not in self.charged
            assert self.spent + value > self.LIMIT
        except ConfigurationError:
            assert self.charged[name] != asked
        else:
            assert self.charged.get(name, asked) == asked
            self.charged[name] = asked

    @rule(data=st.data())
    def resends(self, data: st.DataObject) -> None:
        if self.charged:
            name = data.draw(st.sampled_from(sorted(self.charged)))
            amount, digest = self.charged[name]
            assert self.second.charge(name, amount, digest=digest).spent == self.spent

    @rule()
    def crashes(self) -> None:
        self.ledger._store.db.execute("BEGIN IMMEDIATE")
        self.ledger._store.db.execute("INSERT INTO charges VALUES (99, 'lost', '2/1', 0, x'00')")
        self.ledger.close()  # without a commit
        self.ledger = opened(self.path, self.LIMIT)

    @property
    def spent(self) -> Fraction:
        return sum((amount.value for amount, _ in self.charged.values()), Fraction(0))

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "ledger"):
            for ledger in (self.ledger, self.second):
                balance = ledger.balance
                assert (balance.spent, balance.releases) == (self.spent, len(self.charged))
                assert balance.idealized == any(amount.idealized for amount, _ in self.charged.values())
                assert balance.spent <= self.LIMIT

    def teardown(self) -> None:
        self.ledger.close()
        self.second.close()
        self.folder.cleanup()


TestOwnLedgerMachine = OwnLedgerMachine.TestCase
TestOwnLedgerMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
