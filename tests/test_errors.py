"""The tree of errors: what each says, and the exit code that it means."""

from __future__ import annotations

import pytest

from tip import errors
from tip.errors import (
    BudgetExhausted,
    ConfigurationError,
    DataError,
    MalformedMessage,
    NotEnoughAgents,
    PeerFault,
    ProtocolMisuse,
    TipError,
    VerificationFailed,
)


def test_a_request_is_told_as_where_what_why_and_what_would_do() -> None:
    error = ConfigurationError("x = 3 is too large", where="plan.toml:4", why="There are 2", instead="Use 1 or 2?")
    assert str(error) == "plan.toml:4 x = 3 is too large. There are 2. Use 1 or 2?"
    assert (error.where, error.what, error.why, error.instead) == (
        "plan.toml:4",
        "x = 3 is too large",
        "There are 2",
        "Use 1 or 2?",
    )
    assert str(ConfigurationError("only what")) == "only what."
    assert isinstance(error, ValueError)


def test_data_are_told_by_file_row_and_column() -> None:
    error = DataError("holds no number", file="a.csv", row=3, column="age")
    assert str(error) == "a.csv, row 3, column 'age': holds no number."
    assert (error.file, error.row, error.column) == ("a.csv", 3, "age")
    assert str(DataError("is empty", file="a.csv")) == "a.csv: is empty."
    assert str(DataError("nothing")) == "nothing."


def test_a_fault_names_the_culprits_and_keeps_the_evidence_out_of_the_text() -> None:
    fault = PeerFault(("agent 3", "agent 9"), "two sums in one round", b"secret bytes")
    assert str(fault) == "agent 3, agent 9: two sums in one round"
    assert fault.evidence == b"secret bytes"
    assert "secret" not in repr(fault)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (TipError, 1),
        (ProtocolMisuse, 1),
        (ConfigurationError, 2),
        (DataError, 2),
        (BudgetExhausted, 3),
        (NotEnoughAgents, 3),
        (MalformedMessage, 4),
        (PeerFault, 4),
        (VerificationFailed, 4),
    ],
)
def test_exit_codes(kind: type[TipError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, TipError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TipError)]
    assert len(kinds) == 9
    for kind in kinds:
        line = next(line for line in drawn.splitlines() if kind.__name__ in line)
        assert f" {kind.exit_code}" in line
