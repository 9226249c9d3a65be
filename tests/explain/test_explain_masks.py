"""Masked rounds in words: each figure is told, nothing is said that is not so, in both languages.

That participants read no jargon and French is printed as in France: `test_explain_languages.py`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

import pytest

from tip.errors import ConfigurationError
from tip.explain.masks import Masked, masks_in_words
from tip.explain.tongue import AUDIENCES, LANGUAGES

MALICIOUS = Masked(
    invited=4015, corrupt=401, dropouts=200, coordinator="malicious", graph="drawn", neighbors=178, degree=90,
    threshold=65, minimum=3715, samples=71, honest=3299, rounds=50, failure=3.4e-11, gives_up=2.0**-30,
)  # fmt: skip
CURIOUS = replace(MALICIOUS, coordinator="curious", graph="ring", neighbors=46, degree=46, threshold=28, samples=0)
COMPLETE = replace(
    MALICIOUS, invited=30, corrupt=3, dropouts=0, graph="complete", neighbors=29, degree=29, threshold=17, minimum=30,
    samples=30, honest=27, failure=0.0, gives_up=0.0,
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("masked", [MALICIOUS, CURIOUS, COMPLETE], ids=["malicious", "curious", "complete"])
def test_sentences_are_whole_and_few(masked: Masked, audience: Any, language: Any) -> None:  # noqa: ANN401
    told = masks_in_words(masked, audience, language)
    assert 4 <= len(told) <= 8
    for sentence in told:
        assert sentence.endswith(".")
        assert "{" not in sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_is_told(language: Any) -> None:  # noqa: ANN401
    told = " ".join(masks_in_words(MALICIOUS, "engineer", language))
    figures = {int(re.sub(r"[,\u202f]", "", n)) for n in re.findall(r"\d{1,3}(?:[,\u202f]\d{3})+|\d+", told)}
    counts = {value for value in asdict(MALICIOUS).values() if isinstance(value, int)}
    assert figures >= counts | {MALICIOUS.spare}
    assert {"en": "3.4e-11", "fr": "3,4e-11"}[language] in told


@pytest.mark.parametrize("audience", AUDIENCES)
def test_what_holds_against_a_curious_coordinator_alone_says_so(audience: Any) -> None:  # noqa: ANN401
    """The mutant promises it against a malicious one."""
    curious = " ".join(masks_in_words(CURIOUS, audience))
    assert "malicious" not in curious
    assert "cheats" not in curious
    assert ("keeps to the rules" in curious) or ("nothing is promised" in curious)
    assert "verifies" not in curious
    assert "checks the signatures" not in curious
    malicious = " ".join(masks_in_words(MALICIOUS, audience))
    assert ("malicious" in malicious) or ("cheats" in malicious)


def test_a_chance_that_is_none_is_not_told_as_one() -> None:
    for audience in AUDIENCES:
        assert "chance that this fails" not in " ".join(masks_in_words(COMPLETE, audience))
    assert "no probability of failure" in " ".join(masks_in_words(COMPLETE))
    assert "tiny chance" in " ".join(masks_in_words(MALICIOUS, "participant"))
    assert "verifies all consents" in " ".join(masks_in_words(COMPLETE))


def test_an_audience_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        masks_in_words(MALICIOUS, "everybody")  # type: ignore[arg-type] # what is refused
