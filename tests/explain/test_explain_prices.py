"""Prices in words: both languages, every case, figures that are never too small."""

from __future__ import annotations

import pytest

from tip.errors import ConfigurationError
from tip.explain.prices import price_in_words
from tip.flow.model import Requirement
from tip.flow.planning import Price


def price(against: str = "world", share: float = 1.0, halved: float | None = 3.6512, epsilon: float = 1.0) -> Price:
    return Price(Requirement(against, epsilon, 1e-6), share, halved)


def test_in_english() -> None:
    assert price_in_words(price()) == (
        "Against anybody who sees all that is published: this requirement decides how much noise there is.",
        "Half of its epsilon (0.5) would cost 3.66 times the error.",
    )
    idle = price_in_words(price("coordinator", share=0.0, halved=1.0))
    assert idle[0].startswith("Against the coordinator, who runs the rounds: other requirements ask for more noise")
    assert idle[1] == "Half of its epsilon (0.5) would cost no more than now."
    assert price_in_words(price(halved=None))[1].endswith("cannot be had, however large the planned noises are.")


def test_in_french() -> None:
    first, second = price_in_words(price(epsilon=3.0), "fr")
    assert first == "Contre quiconque voit tout ce qui est publié : cette exigence décide combien il y a de bruit."
    assert second == "La moitié de son epsilon (1,5) coûterait 3,66 fois l’erreur."
    assert "ne coûte donc rien" in price_in_words(price(share=0.0), "fr")[0]
    assert "ne peut être obtenue" in price_in_words(price(halved=None), "fr")[1]
    assert "pas plus" in price_in_words(price(halved=1.0), "fr")[1]


def test_names_of_a_flow_are_kept() -> None:
    for language in ("en", "fr"):
        first, _ = price_in_words(price("coordinator + hospital.3 + 10% of agents"), language)
        assert "hospital.3" in first
        assert "10" in first
    assert price_in_words(price("30% of agents (adaptive)")) != price_in_words(price("30% of agents"))


def test_other_languages_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no language"):
        price_in_words(price(), "de")  # type: ignore[arg-type] # the wrong language is the point
