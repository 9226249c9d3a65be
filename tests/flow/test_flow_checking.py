"""What the check shares with the reasoner, and forgeries that a check by rote would let through."""

from __future__ import annotations

import ast
import json
from fractions import Fraction
from pathlib import Path

import pytest

import tip.flow.checking
from tip.errors import VerificationFailed
from tip.flow.checking.whole import functionals
from tip.flow.files import from_json, to_json
from tip.flow.model import Wiring
from tip.flow.readymade import distributed_sum, k_out, pairwise
from tip.flow.reasoning import derive
from tip.flow.verification import verify

ALLOWED = {
    "tip.flow.model",
    "tip.flow.expressions",
    "tip.flow.derivation",
    "tip.flow.graphs",
    "tip.flow.checking",
    "tip.errors",
    "tip.privacy",
}
PRIVATE = '\n[messages.private]\nby = "agent"\nsays = "{}"\nto = ["neighbors in {}"]\n'


def test_nothing_of_the_reasoner_is_imported() -> None:
    folder = Path(tip.flow.checking.__file__).parent
    for file in [*folder.glob("*.py"), folder.parent / "verification.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tip"):
                assert any(node.module == a or node.module.startswith(f"{a}.") for a in ALLOWED), (
                    file.name,
                    node.module,
                )


def forged(flow: str, found: object) -> None:
    """A true derivation, put under another flow, must not pass."""
    document = {**json.loads(json.dumps(to_json(found))), "flow": flow}  # type: ignore[arg-type] # a Derivation
    with pytest.raises(VerificationFailed):
        verify(from_json(document))


def test_a_bound_for_all_coalitions_counts_what_agents_tell_one_another() -> None:
    flow = pairwise(30, k_out(8, seed=1), own_variance=Fraction(1), pair_variance=Fraction(10))
    found = derive(flow, "10% of agents", delta=1e-6)
    assert verify(found).holds
    text, graph, secret = to_json(found)["flow"], flow.graphs[0].name, flow.secrets[0].name
    forged(text + PRIVATE.format(secret, graph), found)
    forged(text.replace("variance = 1\n", 'variance = 1\nknown_to = ["agent"]\n', 1), found)


def test_members_of_a_graph_are_not_alike() -> None:
    found = derive(
        pairwise(6, Wiring.COMPLETE, own_variance=Fraction(1), pair_variance=Fraction(10)), "20% of agents", delta=1e-6
    )
    assert found.root.find("every coalition").numbers["why"] == "alike"
    forged(to_json(found)["flow"].replace('wiring = "complete"', 'wiring = "star"'), found)


def test_who_is_in_a_smaller_cohort_counts() -> None:
    found = derive(distributed_sum(6, share_variance=Fraction(1, 2), least=4), "world", delta=1e-6)
    assert verify(found).holds
    forged(to_json(found)["flow"].replace("least = 4", "least = 3"), found)


def test_masks_leave_the_sum_of_a_component_and_the_low_bits_of_what_is_doubled() -> None:
    assert functionals([{0: 1, 2: -1}, {0: -1, 1: 1}, {1: -1, 2: 1}], 32) == [{0: 1, 1: 1, 2: 1}]
    assert functionals([{0: 1}, {0: -1, 1: 1}], 8) == []
    (bit,) = functionals([{0: 2}], 4)
    assert bit[0] % 16 == 8


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_the_functionals_are_all_there_are(bits: int) -> None:
    rows = [{0: 1, 1: 2}, {0: 3}, {1: 2, 2: 1}]
    modulus = 1 << bits

    def hidden(z: tuple[int, int, int]) -> bool:
        return all(sum(z[r] * rows[r].get(c, 0) for r in range(3)) % modulus == 0 for c in range(3))

    every = {(a, b, c) for a in range(modulus) for b in range(modulus) for c in range(modulus) if hidden((a, b, c))}
    spanned = {(0, 0, 0)}
    for z in functionals(rows, bits):
        vector = tuple(z.get(r, 0) for r in range(3))
        spanned = {tuple((s[r] + k * vector[r]) % modulus for r in range(3)) for s in spanned for k in range(modulus)}  # type: ignore[misc] # three entries
    assert spanned == every
