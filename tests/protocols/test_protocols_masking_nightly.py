"""What wants an hour or two: `poe nightly`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.protocols.masking_parties import remembered
from tests.protocols.test_protocols_masking_fuzz import fuzz, sentenced
from tests.protocols.test_protocols_masking_laws import MaskedRound
from tests.protocols.test_protocols_masking_stories import MaliciousCoordinator

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.nightly


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield


@pytest.mark.parametrize("machine", [MaskedRound, MaliciousCoordinator])
def test_a_hundred_thousand_rounds(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=50_000, stateful_step_count=30, deadline=None))


def test_a_million_mutated_messages() -> None:
    assert fuzz(1_000_000, 5).total() == 1_000_000


def test_evidence_that_was_changed() -> None:
    assert sentenced(100_000, 6).total() == 100_000
