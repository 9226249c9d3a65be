"""Every sentence in both languages: figures from the curve, no jargon for participants, French as it is printed."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tip
from tip.explain.english import ENGLISH
from tip.explain.french import FRENCH
from tip.explain.masks import Masked, masks_in_words
from tip.explain.premises import PREMISES
from tip.explain.proofs import BASELINES, reconstruction_bound
from tip.explain.scopes import SCOPES
from tip.explain.sights import not_protected, sight
from tip.explain.words import AUDIENCES, LANGUAGES, coalition_in_words, in_words
from tip.flow.model import Flow
from tip.plan import proving
from tip.privacy import gaussian
from tip.privacy.coalitions import Coalition, standard_observers
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho

if TYPE_CHECKING:
    from collections.abc import Iterator

NARROW, WIDE = "\u202f", "\u00a0"
FORBIDDEN: Final = {
    "en": (
        "epsilon", "delta", "mu", "rho", "sigma", "phi", "coalition", "coalitions", "noise", "noisy", "replace-one",
        "zero-out", "neighboring", "zcdp", "gdp", "gaussian", "laplace", "parameter", "parameters", "ring", "protocol",
        "protocols", "randomized", "randomised", "randomness", "cohort", "roster", "keystream", "aes", "seed", "seeded",
        "ledger", "computational", "statistical", "idealized", "adaptive", "colluders", "collude", "agent", "agents",
        "commitment", "coalitional", "adversary", "adversaries", "statistic", "statistics", "variance", "deviation",
        "pure", "zcdp", "linear", "matrix", "certificate", "derivation", "mask", "masks", "masked", "modulo",
        "distribution", "neighbors", "dimension", "norm", "l2", "hypothesis", "symmetric", "stochastic", "metric",
        "vector", "vectors", "malicious", "privacy loss", "trade-off", "curve", "probability", "null", "test", "sums",
        "cryptography", "bits", "pseudorandom", "spectral", "shuffler", "poisson",
    ),
    "fr": (
        "epsilon", "delta", "mu", "rho", "sigma", "phi", "coalition", "bruit", "bruité", "bruitée", "remplacement",
        "voisinage", "zcdp", "gdp", "gaussienne", "laplace", "paramètre", "paramètres", "anneau", "protocole",
        "aléatoire", "aléatoires", "aléa", "cohorte", "graine", "registre", "calculatoire", "statistique", "idéalisé",
        "engagement", "adversaire", "adversaires", "statistiques", "variance", "pure", "linéaire", "matrice",
        "certificat", "dérivation", "masque", "masques", "masqué", "masqués", "modulo", "loi", "lois", "dimension",
        "norme", "hypothèse", "stochastique", "métrique", "bruits", "coalitions", "complice", "complices", "réseaux",
        "adaptatif", "collusion", "agent", "agents", "vecteur", "vecteurs", "courbe", "probabilité", "test",
        "cryptographie", "bits", "spectral", "mélangeur", "poisson", "perte de confidentialité",
    ),
}  # fmt: skip
SYMBOLS: Final = re.compile(r"[=^%<>≤≥∞≈±×·*/\\|~_$#@&{}\[\]+\u0370-\u03ff\u2070-\u209f\u2200-\u22ff]|\d\.\d|\de-?\d")


def jargon(sentence: str, language: str) -> list[str]:
    """Terms of the trade and symbols in a sentence."""
    lower = sentence.lower()
    words = [w for w in FORBIDDEN[language] if re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", lower)]
    return words + SYMBOLS.findall(sentence)


ASSUMPTIONS: Final = tuple(
    Assumption(name, sentence)
    for name, sentence in (
        ("ideal-sum", "the coordinator sees only sums; nothing in this run enforces it"),
        ("seeded", "all randomness follows from the plan's seed"),
        ("own-minimum", "an agent sends nothing in a round that would be released with fewer than 3,700 agents"),
        (
            "colluders",
            "at most 401 of the 4,015 enrolled agents pool what they see or leave their noise out; all others",
        ),
        ("shuffler", "mixer mixes at least 1,200 honest reports before it hands them on, without names"),
        *((name, "an engineer's sentence about epsilon") for name in PREMISES if name not in {"ideal-sum", "seeded"}),
    )
)


COVERED: Final = (
    "one report of grr",
    "the sums of all 1,200 rounds and every model made from them; each agent may take part in all",
)


@st.composite
def guarantees(draw: st.DrawFn) -> Guarantee:
    """Pure, approximate, concentrated and Gaussian promises, of all relations, with and without failures."""
    kind = draw(st.sampled_from([Kind.PURE, Kind.APPROXIMATE, Kind.ZCDP, Kind.GDP]))
    conversion = 0.0 if kind is Kind.PURE else draw(st.sampled_from([1e-9, 1e-6, 1e-5, 1e-3]))
    aside = draw(st.sampled_from([(0.0, 0.0), (1e-7, 0.0), (2e-7, 3e-8)]))
    mu = draw(st.floats(0.02, 4)) if kind is Kind.GDP else None
    rho = draw(st.fractions(Fraction(1, 2000), Fraction(8), max_denominator=4000)) if kind is Kind.ZCDP else None
    epsilon = draw(st.floats(0.001, 12))
    if mu is not None:
        epsilon = gaussian.epsilon_of(mu, conversion)
    if rho is not None:
        epsilon = epsilon_of_rho(rho, conversion)
    secure = draw(st.sampled_from([None, 60, 128]))
    return Guarantee(
        epsilon=epsilon,
        delta=Delta(conversion, *aside),
        unit=draw(st.sampled_from(Unit)),
        neighboring=draw(st.sampled_from(Neighboring)),
        coalition=Coalition.parse(
            draw(st.sampled_from(["world", "coordinator + 10% of agents", "network", "100/3% of agents (adaptive)"]))
        ),
        scope=draw(st.sampled_from(COVERED)),
        kind=kind,
        security=Security.STATISTICAL if secure is None else Security.COMPUTATIONAL,
        security_bits=secure,
        status=draw(st.sampled_from([Status.PROVEN, Status.IDEALIZED, Status.SIMULATED])),
        assumptions=tuple(draw(st.lists(st.sampled_from(ASSUMPTIONS), max_size=4, unique=True))),
        mu=mu,
        rho=rho,
    )


def number(text: str, language: str) -> float:
    """A written figure, read back."""
    if language == "fr":
        assert "." not in text
        return float(text.replace(NARROW, "").replace(",", "."))
    return float(text.replace(",", ""))


FIGURE: Final = r"([\d.,\u202fe-]*\d)"
PATTERNS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "counts": rf"accept {FIGURE} false alarms? out of {FIGURE}, .* at most {FIGURE} cases out of {FIGURE} "
        rf"\(blind guessing: {FIGURE}\)\.",
        "people": rf"of {FIGURE} people like you",
        "figures": rf"epsilon = {FIGURE}, delta = {FIGURE} \(",
        "ledger": rf"conversion {FIGURE}, failures that do not depend on data {FIGURE}, distances between laws "
        rf"{FIGURE}\.",
        "rates": rf"at most {FIGURE} at 0.01, {FIGURE} at 0.1\.",
        "odds": rf"more than e\^{FIGURE} = {FIGURE} with probability at most {FIGURE} \(tail",
        "pure": rf"No observation raises the odds of one alternative by more than e\^{FIGURE}\.",
        "mu": rf"mu = {FIGURE} \(Gaussian",
        "rho": rf"rho = {FIGURE} \(zero",
        "reconstruction": "".join(rf".*?{FIGURE} at kappa = {FIGURE}" for _ in BASELINES),
    },
    "fr": {
        "counts": rf"acceptent {FIGURE} fausses? alertes? sur {FIGURE}, .* dans au plus {FIGURE} cas sur {FIGURE} "
        rf"\(en devinant au hasard\u00a0: {FIGURE}\)\.",
        "people": rf"pour {FIGURE} personnes comme vous",
        "figures": rf"epsilon = {FIGURE}, delta = {FIGURE} \(",
        "ledger": rf"conversion {FIGURE}, défaillances indépendantes des données {FIGURE}, distances entre lois "
        rf"{FIGURE}\.",
        "rates": rf"au plus {FIGURE} à 0,01\u202f; {FIGURE} à 0,1\.",
        "odds": rf"supérieur à e\^{FIGURE} = {FIGURE} avec une probabilité d’au plus {FIGURE} \(queue",
        "pure": rf"Aucune observation .* supérieur à e\^{FIGURE}\.",
        "mu": rf"mu = {FIGURE} \(confidentialité",
        "rho": rf"rho = {FIGURE} \(confidentialité",
        "reconstruction": "".join(rf".*?{FIGURE} à kappa = {FIGURE}" for _ in BASELINES),
    },
}


def read(words: str, what: str, language: str) -> list[float] | None:
    """The figures of one sentence, in the order in which they stand; None where it is not said."""
    found = re.search(PATTERNS[language][what], words)
    return None if found is None else [number(group, language) for group in found.groups()]


def close_above(told: float, bound: float, slack: float = 0.0101) -> bool:
    """Never below what the curve says, and not more than three digits' rounding above."""
    return bound <= told <= bound * (1 + slack) + 1e-300


@pytest.mark.parametrize("language", LANGUAGES)
@given(guarantees())
def test_participants_read_the_counts_of_the_curve(language: Any, guarantee: Guarantee) -> None:  # noqa: ANN401
    words = " ".join(in_words(guarantee, "participant", language))
    told = read(words, "counts", language)
    rate = guarantee.hit_rate(0.01)
    if told is None:
        assert rate > 0.99
        return
    alarms, base, hits, again, guess = told
    assert base == again
    assert read(words, "people", language) == [base]
    assert alarms == guess == base / 100
    assert rate <= hits / base <= min(1.0, rate * 1.35 + 1e-12)


@pytest.mark.parametrize("audience", ["engineer", "reviewer"])
@pytest.mark.parametrize("language", LANGUAGES)
@given(guarantees())
def test_engineers_and_reviewers_read_the_curve(language: Any, audience: Any, guarantee: Guarantee) -> None:  # noqa: ANN401
    words = " ".join(in_words(guarantee, audience, language))
    epsilon, delta = read(words, "figures", language) or (0.0, 0.0)
    assert close_above(epsilon, guarantee.epsilon or 0.0)
    assert close_above(delta, guarantee.delta.total)
    ledger = read(words, "ledger", language)
    if guarantee.delta.total:
        assert ledger is not None
        parts = (guarantee.delta.conversion, guarantee.delta.failures, guarantee.delta.distances)
        assert all(close_above(told, part) for told, part in zip(ledger, parts, strict=True))
    rates = read(words, "rates", language)
    assert rates is not None
    for told, alarms in zip(rates, (0.01, 0.1), strict=True):
        assert close_above(told, guarantee.hit_rate(alarms))
    for name, value in (("mu", guarantee.mu), ("rho", guarantee.rho)):
        told_curve = read(words, name, language)
        assert (told_curve is None) == (value is None)
        if told_curve is not None and value is not None:
            assert close_above(told_curve[0], float(value))


@pytest.mark.parametrize("language", LANGUAGES)
@given(guarantees())
def test_odds_are_the_tail_of_the_loss(language: Any, guarantee: Guarantee) -> None:  # noqa: ANN401
    words = " ".join(in_words(guarantee, "engineer", language))
    told = read(words, "odds", language)
    if guarantee.kind is Kind.PURE and not guarantee.delta.total:
        assert told is None
        (pure,) = read(words, "pure", language) or [0.0]
        assert close_above(pure, guarantee.epsilon or 0.0)
        return
    assert told is not None
    assert read(words, "pure", language) is None
    beyond, odds, tail = told
    assert beyond >= (guarantee.epsilon or 0.0)
    assert odds >= math.exp(beyond)
    assert close_above(tail, guarantee.loss_tail(beyond))
    if guarantee.mu is not None:  # the real tail of the Gaussian pair, not the delta that stands beside epsilon
        assert tail >= 0.5 * math.erfc((beyond / guarantee.mu - guarantee.mu / 2) / math.sqrt(2)) * (1 - 1e-9)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_trap_at_one_half_is_not_walked_into(language: Any) -> None:  # noqa: ANN401
    """Law 22: at mu = 0.5 "except with probability delta" would be about nine times too small."""
    epsilon = gaussian.epsilon_of(0.5, 1e-5)
    guarantee = _gaussian(0.5)
    told = read(" ".join(in_words(guarantee, "engineer", language)), "odds", language)
    assert told is not None
    exact = 0.5 * math.erfc((told[0] / 0.5 - 0.25) / math.sqrt(2))
    assert exact > 8 * 1e-5
    assert told[2] >= exact
    assert told[0] == pytest.approx(epsilon, rel=0.01)
    for audience in AUDIENCES:
        words = " ".join(in_words(guarantee, audience, language)).lower()
        for never in ("except with", "sauf avec", "à l’exception", "no observation", "aucune observation"):
            assert never not in words


def _gaussian(mu: float, /, **changes: Any) -> Guarantee:  # noqa: ANN401 - whatever the test changes
    base: dict[str, Any] = {
        "epsilon": gaussian.epsilon_of(mu, 1e-5), "delta": Delta(1e-5), "unit": Unit.AGENT, "mu": mu, "kind": Kind.GDP,
        "neighboring": Neighboring.REPLACE_ONE, "coalition": Coalition.parse("world"), "scope": "one report of x",
        "security": Security.STATISTICAL, "status": Status.IDEALIZED, "assumptions": (),
    }  # fmt: skip
    return Guarantee(**{**base, **changes})


@pytest.mark.parametrize("language", LANGUAGES)
@given(st.floats(0.01, 4))
def test_reconstruction_is_bounded_by_the_curve(language: Any, mu: float) -> None:  # noqa: ANN401
    guarantee = _gaussian(mu)
    told = read(" ".join(in_words(guarantee, "reviewer", language)), "reconstruction", language)
    assert told is not None
    for place, baseline in enumerate(BASELINES):
        assert told[2 * place + 1] == baseline
        assert close_above(told[2 * place], gaussian.hit_rate(mu, baseline))


@given(guarantees())
def test_reconstruction_is_bounded_only_where_it_is_proven(guarantee: Guarantee) -> None:
    real = guarantee.kind is Kind.GDP and guarantee.status is Status.IDEALIZED
    assert (reconstruction_bound(guarantee, 0.01) is not None) == real
    assert ("kappa" in " ".join(in_words(guarantee, "reviewer"))) == real
    assert "kappa" not in " ".join(in_words(guarantee, "engineer"))


def test_reconstruction_counts_failures_in() -> None:
    """The mutant that forgets them prints Phi(Phi^-1(kappa) + mu) itself."""
    with_failures = _gaussian(0.5, delta=Delta(1e-5, 1e-3))
    bound = reconstruction_bound(with_failures, 0.1)
    assert bound is not None
    assert bound >= gaussian.hit_rate(0.5, 0.1) + 0.001


# -- participants ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@given(guarantees(), st.sampled_from(["clear", "ideal", "local", "masking", ""]))
def test_participants_read_no_jargon(language: Any, guarantee: Guarantee, protocol: str) -> None:  # noqa: ANN401
    for sentence in in_words(guarantee, "participant", language, protocol=protocol):
        assert not jargon(sentence, language), sentence


def test_jargon_is_found() -> None:
    assert jargon("The noise has epsilon = 2.5.", "en") == ["epsilon", "noise", "=", "2.5"]
    assert jargon("Le bruit de 10 % des agents.", "fr") == ["bruit", "agents", "%"]
    for language in LANGUAGES:
        engineer = " ".join(in_words(_gaussian(1.0), "engineer", language))
        assert len(jargon(engineer, language)) > 5


EXAMPLES: Final = Path(__file__).parents[2] / "examples"
FLOWS: Final = sorted(p for p in EXAMPLES.glob("flows/*.toml") if p.stem != "planned_counts")
TOLD: Final = (*FLOWS, EXAMPLES / "survey.toml", EXAMPLES / "question.toml")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", TOLD, ids=lambda path: path.stem)
def test_the_examples_are_told_plainly_shortly_and_with_what_remains(path: Path, language: Any) -> None:  # noqa: ANN401
    """Flows, a plan and a question as participants read them, from the file."""
    subject = proving.read(path)
    protocol = "" if isinstance(subject, Flow) else subject.protocol.kind
    guarantee = tip.derive(subject).guarantee
    words = in_words(guarantee, "participant", language, protocol=protocol)
    for sentence in words:
        assert not jargon(sentence, language), sentence
    assert any(s.startswith({"en": "What remains", "fr": "Ce qui reste possible"}[language]) for s in words)
    assert len(" ".join(words).split()) < (620 if protocol else 420)
    if guarantee.status is Status.SIMULATED:
        assert words[0].startswith(("This is a simulation", "Ceci est une simulation"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_not_proven_and_metric_promises_read_plainly(language: Any) -> None:  # noqa: ANN401
    nothing = _gaussian(1.0, epsilon=None, status=Status.NOT_PROVEN, missing="a rule for epsilon")
    metric = _gaussian(1.0, kind=Kind.METRIC, distance="meters (euclidean)", delta=Delta(0.0))
    for guarantee in (nothing, metric):
        for sentence in in_words(guarantee, "participant", language):
            assert not jargon(sentence, language), sentence
    missing = {"en": "a rule for epsilon.", "fr": f"une règle pour «{WIDE}epsilon{WIDE}»."}[language]
    assert in_words(nothing, "engineer", language)[-1].endswith(missing)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_risk_that_remains_is_told(language: Any) -> None:  # noqa: ANN401
    guarantee = _gaussian(0.3, assumptions=(Assumption("real-arithmetic", "x"),))
    words = in_words(guarantee, "participant", language, protocol="clear")
    remains, relies, opened = {
        "en": ("What remains", "It relies on the following:", "This is not protected:"),
        "fr": (
            "Ce qui reste possible",
            f"La promesse repose sur ceci{WIDE}:",
            f"Ceci n’est pas protégé{WIDE}:",
        ),
    }[language]
    assert sum(s.startswith(remains) for s in words) == 1
    start, end = words.index(relies), words.index(opened)
    assert end == start + 2
    assert len(words) == end + 7
    assert all(s.startswith("– ") for s in (words[start + 1], *words[end + 1 :]))


# -- French ---------------------------------------------------------------------------------------


def texts(table: object) -> Iterator[str]:
    """Every text of a language's table."""
    if isinstance(table, str):
        yield table
    elif isinstance(table, dict):
        for value in table.values():
            yield from texts(value)
    elif isinstance(table, tuple):
        for value in table:
            yield from texts(value)
    elif is_dataclass(table):
        for part in fields(table):
            yield from texts(getattr(table, part.name))


def french_texts() -> list[str]:
    told = [w.french for ws in PREMISES.values() for w in ws] + [w.exact for ws in PREMISES.values() for w in ws]
    told += [text for w in SCOPES for text in (w.french, w.exact)]
    for audience in AUDIENCES:
        told += in_words(_gaussian(0.5, assumptions=ASSUMPTIONS), audience, "fr", protocol="clear")
    told += [
        sentence for masked in MASKED for audience in AUDIENCES for sentence in masks_in_words(masked, audience, "fr")
    ]
    for coalition in standard_observers(Fraction(1, 10)):
        told += [coalition_in_words(coalition, a, "fr") for a in AUDIENCES]
        told += [sight(coalition, p, "fr") for p in ("local", "clear", "ideal", "masking", "other")]
    return [*told, *texts(FRENCH), *not_protected("local", "fr")]


MASKED: Final = tuple(
    Masked(4015, 401, 200, coordinator, graph, 178, 90, 65, 3715, samples, 3299, 1_200, failure, 1e-9)
    for coordinator, graph, samples in (
        ("malicious", "drawn", 71), ("malicious", "complete", 3715), ("curious", "ring", 0), ("curious", "complete", 0),
    )
    for failure in (0.0, 3e-11)
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_masks_are_told_plainly(language: Any) -> None:  # noqa: ANN401
    for masked in MASKED:
        for sentence in masks_in_words(masked, "participant", language):
            assert not jargon(sentence, language), sentence
        engineer = " ".join(masks_in_words(masked, "engineer", language))
        assert len(jargon(engineer, language)) > 5


def misprints(text: str) -> list[str]:
    """What a French printer would mend: spaces before signs, straight quotes, points and commas in numbers."""
    wrong = re.findall(r"(?<![\u00a0\d(\[])[:»%](?!\d)", text)  # U+00A0 before : » %
    wrong += re.findall(r"(?<!\u202f)[;?!]", text) + re.findall(r"«(?!\u00a0)", text)
    wrong += re.findall(r"['\"“”]", text) + re.findall(r"\d\.\d", text) + re.findall(r"\b[1-9]\d{0,2},\d{3}\b", text)
    return wrong + re.findall(r" [:;?!»%]", text) + re.findall(r"  ", text)


def test_french_is_printed_as_in_france() -> None:
    for text in french_texts():
        assert not misprints(text), text


def test_misprints_are_found() -> None:
    for text in (
        "Quoi?",
        "Voici: oui",
        "« oui »",
        "l'agent",
        "1.5",
        "1,000 personnes",
        f"vrai{NARROW}; et ceci :",
        "10 %",
    ):
        assert misprints(text), text
    assert not misprints(f"Voici{WIDE}: «{WIDE}oui{WIDE}»{NARROW}; 1{NARROW}000 et 1,5, soit 10{WIDE}%.")


def test_thousands_and_plurals_agree_in_french() -> None:
    small = " ".join(in_words(_gaussian(0.005), "participant", "fr"))
    assert f"10 fausses alertes sur 1{NARROW}000" in small
    assert "1 fausse alerte sur 100," in " ".join(in_words(_gaussian(1.0), "participant", "fr"))
    one = coalition_in_words(Coalition.parse("100/3% of agents"), "participant", "fr")
    assert one.startswith("n’importe quel groupe d’un participant sur 3 (")
    assert coalition_in_words(Coalition.parse("0.5% of agents"), "engineer", "fr").startswith(
        f"n’importe quels 0,5{WIDE}%"
    )
    assert coalition_in_words(Coalition.parse("100/3% of agents"), "engineer", "fr").startswith("1 sur 3 des agents")


def test_no_language_lacks_a_word_for_a_relation_a_unit_a_status() -> None:
    for tongue in (ENGLISH, FRENCH):
        for table, words in (
            (tongue.plain, ("questions", "truths", "yours", "relations")),
            (tongue.exact, ("relations",)),
        ):
            assert all(set(getattr(table, name)) == set(Neighboring) for name in words)
        assert set(tongue.plain.statuses) == set(tongue.exact.statuses) == set(tongue.exact.labels) == set(Status)
        assert set(tongue.plain.units) == set(tongue.exact.units) == set(Unit)
        assert set(tongue.exact.kinds) == set(Kind)
        assert set(tongue.exact.securities) == set(Security)


def test_the_languages_have_the_same_places() -> None:
    """A sentence that names a figure names it in both languages."""
    for english, french in zip(_templates(ENGLISH), _templates(FRENCH), strict=True):
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", french)), french


def _templates(tongue: Any) -> Iterator[str]:  # noqa: ANN401 - a table, walked
    yield from texts(tongue)
