"""Each step of a proof is worded from its rule and its numbers, in both languages, on the safe side."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tip
from tip.explain.figures import rounded_down
from tip.explain.reasons import REASONS, reason_in_words
from tip.explain.steps import RULES, rule_name, source_in_words, step_in_words
from tip.explain.tongue import LANGUAGES
from tip.explain.tongues import tongue_of
from tip.flow.derivation import Node

if TYPE_CHECKING:
    from tip.flow.derivation import Scalar

ROOT: Final = Path(__file__).parents[2]
FLOWS: Final = sorted(p for p in (ROOT / "examples" / "flows").glob("*.toml") if p.stem != "planned_counts")
NARROW, WIDE = "\u202f", "\u00a0"
GRAPHS: Final = ("deletion", "random graph")  # one bound of a graph stands for all: these state more numbers
FALLBACK: Final = "the text that stands in it"


def documented() -> dict[str, str]:
    """The rules of the documentation, each with its row of numbers."""
    lines = (ROOT / "docs" / "flow-rules.md").read_text("utf-8").splitlines()
    rows = [re.match(r"\| `([a-z -]+)` \|(.*)", line) for line in lines]
    return {found[1]: found[2] for found in rows if found}


def made() -> set[str]:
    """The rules that the reasoner makes steps of."""
    found: set[str] = set()
    for path in (ROOT / "tip" / "flow").glob("*.py"):
        text = path.read_text("utf-8")
        found |= set(re.findall(r"\b(?:Node|unproven)\(\s*\"([^\"]+)\"", text))
        found |= set(re.findall(r"^(?:SUM|CERTIFICATE|LAPLACE): Final = \"([^\"]+)\"", text, re.MULTILINE))
    return found


def test_every_rule_has_words() -> None:
    assert len(made()) > 14
    assert {rule_name(rule) for rule in made() | set(documented())} <= set(RULES)


def numbers_of(rule: str, row: str) -> list[dict[str, Scalar]]:
    """Steps of this rule with all its numbers, one for each variant that the documentation names."""
    base: dict[str, Scalar] = dict.fromkeys(re.findall(r"`([a-z_]+)`", row), 3)
    base |= {"messages": "loud, soft", "report": "reply", "mu_squared": 3, "agent": 3, "times": 3}
    chosen = "from" if rule == "conversion" else "why"
    said = row.partition(f"`{chosen}` = ")[2]
    variants = [text for text in re.findall(r'"([a-z ]+)"', said) if text not in GRAPHS]
    base |= {"rho": 3} if rule == "integer sum" else {}
    return [{**base, chosen: variant} for variant in variants] or [base]


def steps() -> list[tuple[str, dict[str, Scalar]]]:
    listed = [(rule, numbers) for rule, row in documented().items() for numbers in numbers_of(rule, row)]
    bound: dict[str, Scalar] = {"own_variance": 1.5, "connectivity": 2.5, "left": 7, "times": 2, "failure": 1e-9}
    bound["mu_squared"] = Fraction(1, 3)
    listed += [("every coalition", {"why": why, **bound}) for why in ("everyone else", *GRAPHS)]
    listed += [("composition", {"blocks": blocks, "mu_squared": Fraction(1, 3)}) for blocks in (0, 1, 2)]
    return [*listed, ("integer sum", {"agent": 3, "rho": Fraction(1, 3)})]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variant_has_words_and_all_of_its_places(language: Any) -> None:  # noqa: ANN401 - a literal
    told = [(rule, step_in_words(Node(rule, FALLBACK, n), tongue_of(language))) for rule, n in steps()]
    for rule, words in told:
        assert "{" not in words, rule
        assert FALLBACK not in words or rule == "not proven", rule
    assert len({words for _, words in told}) > 30


def test_french_steps_are_printed_as_in_france_and_say_nothing_in_english() -> None:
    for rule, numbers in steps():
        words = step_in_words(Node(rule, "x", numbers), tongue_of("fr"))
        for wrong in (r"(?<!\u00a0):", r"(?<!\u202f);", r"['\"“”]", r"\d\.\d", r"\b(?:the|of|is|at most|all|and)\b"):
            assert not re.search(wrong, words), words


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_the_proofs_of_the_example_flows_are_worded(path: Path) -> None:
    """The mutant that lacks a number of a real step falls back on its English text."""
    flow = tip.read_flow(path)
    for required in flow.requirements:
        for node in tip.derive(flow, required.against).root.walk():
            english, french = (step_in_words(node, tongue_of(language)) for language in LANGUAGES)
            assert english != node.says.rstrip(".")
            assert node.says.rstrip(".") not in french
            assert not french.startswith("«")


def figure(text: str) -> Fraction:
    return Fraction(text.replace(NARROW, "").replace(",", "."))


POSITIVE: Final = st.fractions(Fraction(1, 10**9), Fraction(10**9))


@given(POSITIVE, POSITIVE)
def test_bounds_are_rounded_to_the_safe_side(one: Fraction, other: Fraction) -> None:
    low, high = sorted((one, other))
    node = Node("linear-gaussian", "x", {"mu_squared": high, "lower": low, "agent": 0})
    for language, between in (("en", r"between (\S+) and (\S+):"), ("fr", r"entre (.+) et (.+)\u00a0:")):
        found = re.search(between, step_in_words(node, tongue_of(language)))  # type: ignore[arg-type] # a literal
        assert found is not None
        told_low, told_high = figure(found[1]), figure(found[2])
        assert low * Fraction(98, 100) <= told_low <= low
        assert high <= told_high <= high * Fraction(102, 100)


@given(POSITIVE)
def test_mu_is_the_root_rounded_up(squared: Fraction) -> None:
    numbers: dict[str, Scalar] = {"from": "mu", "mu_squared": squared, "epsilon": 1.0, "delta": 1e-6}
    found = re.search(r"mu is at most (\S+),", step_in_words(Node("conversion", "x", numbers), tongue_of("en")))
    assert found is not None
    assert squared <= Fraction(found[1]) ** 2 <= squared * Fraction(103, 100)


@given(POSITIVE, st.floats(1e-12, 0.5))
def test_what_graphs_add_is_rounded_down_and_failures_up(size: Fraction, failure: float) -> None:
    numbers: dict[str, Scalar] = {
        "why": "deletion", "own_variance": size, "connectivity": size, "left": 12_345, "times": 1, "failure": failure,
        "mu_squared": size,
    }  # fmt: skip
    words = step_in_words(Node("every coalition", "x", numbers), tongue_of("en"))
    found = re.search(
        r"degree (\S+), .* least (\S+), for 1 round: mu\^2 is at most (\S+), but .* at most (\S+)$", words
    )
    assert found is not None
    assert max(Fraction(found[1]), Fraction(found[2])) <= size <= Fraction(found[3])
    assert float(found[4]) >= failure
    assert "(12,345 agents)" in words
    assert "but for" not in step_in_words(Node("every coalition", "x", {**numbers, "failure": 0.0}), tongue_of("en"))


@given(st.floats(1e-300, 1e300))
def test_figures_from_below_are_rounded_down(value: float) -> None:
    assert value * 0.989 <= float(rounded_down(value)) <= value
    assert rounded_down(0.0) == rounded_down(-1.0) == "0"


def test_an_unknown_rule_is_told_by_its_text() -> None:
    node = Node("a new rule", "it says this.")
    assert step_in_words(node, tongue_of("en")) == "it says this"
    assert step_in_words(node, tongue_of("fr")) == f"«{WIDE}it says this{WIDE}»"
    unlike = Node("every agent", "it says this.", {"why": "a new way", "agent": 1})
    assert step_in_words(unlike, tongue_of("en")) == "it says this"


def test_sources_speak_the_language() -> None:
    source = "docs/flow-integers.md; laws 8 to 10"
    assert source_in_words(source, tongue_of("en")) == source
    assert source_in_words(source, tongue_of("fr")) == f"docs/flow-integers.md{NARROW}; lois 8 à 10"


MISSING: Final = {
    "an agent with a secret outside the coalition": "un agent qui ait un secret hors de la coalition",
    "a bound for all 12,345 agents of a flow of this form (ask about one agent instead)": f"au nombre de 12{NARROW}345",
    "a bound over all coalitions of 40 agents in a flow that tells its members apart": "de cette taille (40)",
    "noise: the secret 'x' of agent 3 can be read without error": f"le secret «{WIDE}x{WIDE}» de l’agent 3 peut",
    "noise: the secret 'x' of agent 3 in round 2 can be read without error": "de l’agent 3 au tour 2 peut",
    "a rule for inputs that may depend on what the coalition does not see: agents receive 'm', which not everybody "
    "sees": f"reçoivent «{WIDE}m{WIDE}», que",
    "a rule for reports under add-remove-one": "sous l’ajout ou le retrait d’un agent",
    "a rule for skellam noise": "du bruit de Skellam",
    "a rule for discrete gaussian and laplace noise together": "du bruit gaussien discret et de Laplace à la fois",
    "a rule for gaussian noise in a ring of 16 bits": "du bruit gaussien dans un anneau de 16 bits",
    "a rule for laplace noise that messages share or scale": "un bruit de Laplace que des messages partagent",
    "discrete Gaussian noise of its own in message row 7": "dans la ligne 7",
    "integer noise with only a real certificate": "un certificat entier",
    "a delta above the failure probability 1.5e-06 of its certificate": "probabilité 1,5e-06",
    "a rule for Skellam together with events that have no zCDP rule": f"une règle pour «{WIDE}Skellam together",
    "a delta above 0, which noise of this kind needs; a rule for skellam noise": f"demande{NARROW}; une règle",
}


@pytest.mark.parametrize(("reason", "french"), MISSING.items())
def test_reasons_are_told_in_french(reason: str, french: str) -> None:
    assert french in reason_in_words(reason, tongue_of("fr"))
    assert reason_in_words(reason, tongue_of("en")) == reason


def test_what_the_reasoner_misses_has_french_words() -> None:
    """Every reason that stands in the code as plain text is known by a pattern."""
    texts = {
        text
        for path in (ROOT / "tip" / "flow").glob("*.py")
        for text in re.findall(
            r"(?:Missing\(|missing = |unproven\(\s*\"[a-z ]+\",\s*)\"([^\"]+)\"", path.read_text("utf-8")
        )
        if len(text) > 4
    }
    assert len(texts) >= 5
    for text in texts:
        assert not reason_in_words(text, tongue_of("fr")).startswith("«"), text


def test_unknown_reasons_are_quoted_whole() -> None:
    assert reason_in_words("magic; a rule for skellam noise", tongue_of("fr")).startswith(f"«{WIDE}magic; a rule")
    assert all(not re.search(r"(?<!\u00a0):", reason.french) for reason in REASONS)
