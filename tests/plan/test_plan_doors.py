"""The doors of the reasoner refuse in words what means nothing, and say what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tip
from tip.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
GOSSIP = ROOT / "examples" / "flows" / "gossip.toml"


@pytest.mark.parametrize("other", [None, "gossip", 3, GOSSIP])
def test_what_is_neither_plan_nor_flow_nor_proof_is_refused(other: Any) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(ConfigurationError, match=r"is neither a plan nor a flow. Read one first: .*tip\.read_flow"):
        tip.derive(other)
    with pytest.raises(ConfigurationError, match=r"is no derivation. Verify what tip\.derive gave"):
        tip.verify(other)
    with pytest.raises(ConfigurationError, match=r"Hand over a plan, a guarantee, or what tip\.derive gives"):
        tip.in_words(other)


def test_a_coalition_is_a_text() -> None:
    with pytest.raises(ConfigurationError, match="a coalition is a text, not int"):
        tip.derive(tip.read_flow(GOSSIP), 3)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize("against", ["person", "person.16", "person.07", "world + person.x"])
def test_who_names_a_group_is_told_how_members_are_named(against: str) -> None:
    with pytest.raises(ConfigurationError, match=r"members are written person\.0 to person\.15, a share of all agents"):
        tip.derive(tip.read_flow(GOSSIP), against)
    assert tip.derive(tip.read_flow(GOSSIP), "person.15", delta=1e-5).colluders.tolist() == [15]


def test_a_flow_cannot_be_run_and_says_what_can_be_done_with_it() -> None:
    with pytest.raises(ConfigurationError, match=r"is a flow, which .* tip explain .*gossip\.toml"):
        tip.read_plan(GOSSIP)


def test_noise_that_may_grow_says_so() -> None:
    from tip.flow.planning import plan  # noqa: PLC0415 - one test

    with pytest.raises(ConfigurationError, match='Write variance = "to be planned"'):
        plan(tip.read_flow(GOSSIP))
