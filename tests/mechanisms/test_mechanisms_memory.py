"""The memory of a device: restarts, crashes, two processes, damage."""

from __future__ import annotations

import pickle
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError, TipError
from tip.mechanisms.bitflip import BitFlip
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.loloha import LongitudinalHashing
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.memory import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tip.mechanisms.permanent import LongitudinalOracle

MECHANISMS = (LongitudinalUnary(12, 1, 2), LongitudinalHashing(1000, 1, 2, 4), BitFlip(40, 1.0, 8))


def secret_of(path: Path) -> bytes:
    db = sqlite3.connect(path)
    secret: bytes = db.execute("SELECT secret FROM device").fetchone()[0]
    db.close()
    return secret


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_round_is_answered_once_also_after_a_restart_and_with_another_value(
    tmp_path: Path, mechanism: LongitudinalOracle
) -> None:
    path = tmp_path / "device"
    sent = []
    for value in (3, 3, 7):
        with Memory.open(path, question="mood") as memory:
            sent.append(memory.respond(mechanism, value, round=5).to_bytes())
            assert memory.spent(mechanism).rounds == memory.spent(mechanism).states == 1
    assert sent[0] == sent[1] == sent[2]
    with Memory.open(path, question="mood") as memory:
        later = [memory.respond(mechanism, 3, round=t) for t in range(6, 60)]
        assert memory.spent(mechanism).states == 1
        assert memory.spent(mechanism).rounds == 55
        assert mechanism.aggregate(type(later[0]).joined(later)).reports == 54


def test_the_permanent_answer_is_kept_and_the_count_of_states_prices_it(tmp_path: Path) -> None:
    mechanism = LongitudinalUnary(8, 1, 8)  # at this limit a permanent answer is nearly the truth
    with Memory.open(tmp_path / "device", question="mood") as memory:
        assert memory.spent(mechanism).guarantee is None
        seen: dict[int, list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]] = {2: [], 6: []}
        for t in range(400):
            value = 2 if t < 200 else 6
            bits = np.unpackbits(memory.respond(mechanism, value, round=t)["bits"], bitorder="little")
            seen[value].append(bits)
        spent = memory.spent(mechanism)
    for bits_of in seen.values():
        share = np.mean(bits_of, axis=0)
        p2, q2 = (float(x) for x in mechanism.instant)
        assert (np.minimum(np.abs(share - p2), np.abs(share - q2)) < 0.18).all()  # each bit is p2 or q2, for good
    assert (spent.states, spent.rounds) == (2, 400)
    assert spent.guarantee == mechanism.guarantee_after(2)


def test_two_devices_and_two_questions_are_independent(tmp_path: Path) -> None:
    mechanism, rows = LongitudinalUnary(64, 1, 2), []
    for name, question in (("a", "x"), ("b", "x"), ("c", "y")):
        with Memory.open(tmp_path / name, question=question) as memory:
            rows.append(memory.respond(mechanism, 1, round=0).to_bytes())
    assert len(set(rows)) == 3


def test_an_older_copy_of_the_file_answers_the_same(tmp_path: Path) -> None:
    mechanism, path = LongitudinalHashing(100, 1, 2), tmp_path / "device"
    Memory.open(path, question="q").close()
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    with Memory.open(path, question="q") as one, Memory.open(copy, question="q") as two:
        for t in range(20):
            assert one.respond(mechanism, 9, round=t).to_bytes() == two.respond(mechanism, 9, round=t).to_bytes()


def test_the_secret_stays_inside(tmp_path: Path) -> None:
    path = tmp_path / "device"
    with Memory.open(path, question="q") as memory:
        secret = secret_of(path)
        assert len(secret) == 32
        assert secret.hex() not in repr(memory).replace(" ", "")
        assert repr(secret)[2:-1] not in repr(memory)
        with pytest.raises(TypeError):
            pickle.dumps(memory)
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_refused(tmp_path: Path) -> None:
    path, mechanism = tmp_path / "device", MECHANISMS[0]
    with Memory.open(path, question="q") as memory:
        for value, round_ in (([1, 2], 0), (1, -1), (1, 1 << 63)):
            with pytest.raises(ConfigurationError):
                memory.respond(mechanism, value, round=round_)  # type: ignore[arg-type]
        with pytest.raises(DataError) as told:
            memory.respond(mechanism, 77, round=0)
        assert "77" not in str(told.value)
        assert memory.spent(mechanism).rounds == 0
    with pytest.raises(ConfigurationError, match="another question"):
        Memory.open(path, question="other")
    with pytest.raises(ConfigurationError):
        Memory.open(path, question="")
    with pytest.raises(ConfigurationError):
        Memory.open(tmp_path / "no" / "folder", question="q")
    with Memory.open(tmp_path / "sound", question="q") as memory:
        for other in (GeneralizedRandomizedResponse(3, 1.0), None):
            with pytest.raises(ConfigurationError, match="over time"):
                memory.respond(other, 1, round=1)  # type: ignore[arg-type]
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigurationError, match="empty"):
        Memory.open(tmp_path / "empty", question="q")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_answers_as_before(tmp_path: Path, data: st.DataObject) -> None:
    mechanism, path = MECHANISMS[0], tmp_path / "sound"
    with Memory.open(path, question="q") as memory:
        before = memory.respond(mechanism, 4, round=1).to_bytes()
        following = memory.respond(mechanism, 4, round=2).to_bytes()
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[place] ^= data.draw(st.integers(1, 255))
    else:
        raw = raw[:place]
    broken = tmp_path / "broken"
    broken.write_bytes(raw)
    try:
        with suppress(TipError), Memory.open(broken, question="q") as memory:
            assert [memory.respond(mechanism, 4, round=t).to_bytes() for t in (1, 2)] == [before, following]
    finally:
        for file in tmp_path.glob("broken*"):
            file.unlink()


def test_a_stored_answer_or_secret_that_was_altered_is_refused(tmp_path: Path) -> None:
    mechanism, path = MECHANISMS[0], tmp_path / "device"
    with Memory.open(path, question="q") as memory:
        memory.respond(mechanism, 4, round=1)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in ("UPDATE answers SET message = x'00'", "DELETE FROM answers", "DELETE FROM states"):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)
    db.execute("DROP TRIGGER first_answer")
    db.close()
    with pytest.raises(ConfigurationError, match="damaged"):
        Memory.open(path, question="q")


CHILD = """
import sys
from pathlib import Path
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.memory import Memory
with Memory.open(Path(sys.argv[1]), question="q") as memory:
    for t in range(int(sys.argv[2])):
        print(t, memory.respond(LongitudinalUnary(12, 1, 2), int(sys.argv[3]), round=t).to_bytes().hex(), flush=True)
"""


def start(path: Path, rounds: int, value: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(path), str(rounds), str(value)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_give_one_answer_a_round(tmp_path: Path) -> None:
    path = tmp_path / "device"
    children = [start(path, 25, value) for value in (2, 5)]
    outputs = [child.communicate(timeout=60)[0].splitlines() for child in children]
    assert all(child.returncode == 0 for child in children)
    assert len(outputs[0]) == 25
    assert outputs[0] == outputs[1]


def test_what_was_sent_before_a_kill_is_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "device"
    child = start(path, 10**6, 2)
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(15)]
    child.send_signal(signal.SIGKILL)
    lines += child.stdout.read().splitlines(keepends=True)
    child.wait(timeout=60)
    child.stdout.close()
    with Memory.open(path, question="q") as memory:
        for line in lines:
            if line.endswith("\n"):
                number, message = line.split()
                assert memory.respond(MECHANISMS[0], 9, round=int(number)).to_bytes().hex() == message
        assert memory.spent(MECHANISMS[0]).states == 1
        assert memory.spent(MECHANISMS[0]).rounds >= len(lines) - 1
