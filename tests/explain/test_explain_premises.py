"""Every assumption that tip states has plain words, and every scope."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tip.explain
from tip.explain.english import ENGLISH
from tip.explain.french import FRENCH
from tip.explain.premises import PREMISES, premise
from tip.explain.scopes import SCOPES, scope_in_words
from tip.privacy.guarantees import Assumption

HOUSE = Path(tip.explain.__file__).parents[1]
PROMISED = {
    "ideal-sum", "seeded", "own-minimum", "colluders", "one-sum", "presence", "own-count", "aes-256", "ledger",
    "seeded-before", "one-report", "own-device", "kept", "pattern", "cells", "shuffler", "real-arithmetic",
    "who-colludes", "independent-noise", "graph-drawn-before", "masks-pseudorandom", "spectral-certificate",
    "shuffler-honest", "fresh-sample", "x25519", "aes-256-gcm", "ed25519", "sha-256", "identity-keys",
    "follows-protocol", "chance-dropouts",
}  # fmt: skip


def stated(source: str) -> set[str]:
    """The names of all assumptions that a file makes; a name that is no plain text counts as `?`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    firsts = [c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Assumption"]
    return {str(f.value) if isinstance(f, ast.Constant) else "?" for f in firsts if not isinstance(f, ast.Starred)}


def test_every_assumption_in_the_house_has_words() -> None:
    found = {name for path in HOUSE.rglob("*.py") for name in stated(path.read_text(encoding="utf-8"))}
    assert len(found) > 10
    assert not found - set(PREMISES), "tip/explain/premises.py wants plain words for these"
    assert set(PREMISES) >= PROMISED


def test_an_assumption_without_words_is_seen() -> None:
    assert stated('A = Assumption("unheard-of", "x")\nB = Assumption(name, "y")') == {"unheard-of", "?"}


@pytest.mark.parametrize("name", sorted(PREMISES))
def test_any_sentence_of_a_known_name_has_words(name: str) -> None:
    """The last wording fits all; none of them shows the engineer's sentence to a participant."""
    told = Assumption(name, "the zeta function\nof {braces} vanishes.")
    for tongue in (ENGLISH, FRENCH):
        words = premise(told, "participant", tongue)
        assert "zeta" not in words
        assert not words.endswith(".")
    assert premise(told, "engineer", ENGLISH) == "the zeta function\nof {braces} vanishes"
    assert "zeta" not in premise(told, "reviewer", FRENCH)


def test_an_unknown_name_is_told_by_its_own_sentence() -> None:
    told = Assumption("unheard-of", "something else.")
    for audience in ("participant", "engineer", "reviewer"):
        assert premise(told, audience, FRENCH) == "something else"


@pytest.mark.parametrize(
    ("name", "sentence", "numbers"),
    [
        ("own-minimum", "an agent sends nothing in a round released with fewer than 3,700 agents", ["3,700"]),
        ("colluders", "each of the 4,015 enrolled agents adds its own noise and tells nobody", ["4,015"]),
        ("colluders", "at most 401 of the 4,015 enrolled agents pool what they see; all others", ["401", "4,015"]),
        ("colluders", "at most 1 of the 16 agents pool what they see or leave their noise out", ["16"]),
        ("shuffler", "the mixer mixes at least 1,200 honest reports before it hands them on, without names", ["1,200"]),
    ],
)  # fmt: skip
def test_numbers_are_found_again(name: str, sentence: str, numbers: list[str]) -> None:
    told = Assumption(name, sentence)
    assert sorted(re.findall(r"\d[\d,]*", premise(told, "participant", ENGLISH))) == sorted(numbers)
    for audience in ("participant", "engineer"):
        french = premise(told, audience, FRENCH)
        assert sorted(re.findall(r"\d[\d\u202f]*", french)) == sorted(n.replace(",", "\u202f") for n in numbers)


def test_probabilities_keep_their_figure_for_engineers() -> None:
    told = Assumption("spectral-certificate", "a data-independent failure of probability 1.5e-07, counted in delta")
    assert "de probabilité 1,5e-07, est comptée" in premise(told, "reviewer", FRENCH)
    assert not re.search(r"\d", premise(told, "participant", ENGLISH))


def test_scopes_have_words() -> None:
    report = "one report of grr"
    scope = f'one report about "Smokes?" ({report}), and every figure that is made from it'
    assert (
        scope_in_words(scope, "participant", ENGLISH)
        == "one report about “Smokes?”, and every figure that is made from it"
    )
    assert "Smokes?" in scope_in_words(scope, "participant", FRENCH)
    assert scope_in_words(scope, "engineer", ENGLISH) == scope
    assert "one report of grr" in scope_in_words(scope, "engineer", FRENCH)


def test_scopes_of_flows_have_words() -> None:
    scope = "all messages of the flow 'gossip' (first, second), all rounds"
    for told in (scope, f"{scope}; about agent 7 alone"):
        plain = scope_in_words(told, "participant", ENGLISH)
        assert plain.startswith("all messages that are described under the name “gossip”")
        assert ("7" in plain) == ("7" in told)
        assert "(first, second)" in scope_in_words(told, "reviewer", FRENCH)
        assert scope_in_words(told, "engineer", ENGLISH) == told


def test_composed_scopes_are_read_part_by_part() -> None:
    rounds = "the sums of all 50 rounds and every model made from them; each agent takes part in 7"
    assert scope_in_words(f"one report of a; {rounds}", "participant", ENGLISH).startswith("“")
    both = scope_in_words("one report of a; one place moved by continuous planar Laplace noise", "participant", ENGLISH)
    assert both == "one report; one place, moved by chance"
    assert "7" in scope_in_words(rounds, "participant", FRENCH)


def test_unknown_scopes_are_quoted() -> None:
    for tongue, told in ((ENGLISH, "“all of {x}”"), (FRENCH, "«\u00a0all of {x}\u00a0»")):
        assert scope_in_words("all of {x}", "participant", tongue) == told
    assert scope_in_words("all of {x}", "engineer", ENGLISH) == "all of {x}"


def test_wordings_use_no_more_than_their_pattern_finds() -> None:
    for wording in (*SCOPES, *(w for ws in PREMISES.values() for w in ws)):
        groups = re.compile(wording.pattern).groups
        for text in (wording.english, wording.french, wording.exact):
            assert all(int(place) < groups for place in re.findall(r"\{(\d+)\}", text)), text


def test_participants_read_one_sentence_about_all_ciphers() -> None:
    """Four assumptions, one sentence; engineers read each."""
    ciphers = [Assumption(name, f"{name} holds") for name in ("x25519", "aes-256-gcm", "ed25519", "sha-256")]
    for tongue in (ENGLISH, FRENCH):
        assert len({premise(cipher, "participant", tongue) for cipher in ciphers}) == 1
        assert len({premise(cipher, "engineer", tongue) for cipher in ciphers}) == 4
