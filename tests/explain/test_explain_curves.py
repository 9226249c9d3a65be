"""The plotted curve is a bound everywhere, and its marked point is the guarantee's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.explain.curves import GRID, Measured, trade_off, trade_off_svg
from tip.explain.tongues import tongue_of
from tip.explain.words import out_of
from tip.privacy import gaussian
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho


def promise(**changes: Any) -> Guarantee:  # noqa: ANN401 - whatever the test changes
    base: dict[str, Any] = {
        "epsilon": 1.0, "delta": Delta(1e-5), "unit": Unit.AGENT, "neighboring": Neighboring.REPLACE_ONE,
        "coalition": Coalition.parse("world"), "scope": "all", "kind": Kind.APPROXIMATE,
        "security": Security.STATISTICAL, "status": Status.IDEALIZED, "assumptions": (),
    }  # fmt: skip
    return Guarantee(**{**base, **changes})


EXAMPLES = [
    promise(),
    promise(epsilon=0.05, delta=Delta(0.0), kind=Kind.PURE),
    promise(epsilon=gaussian.epsilon_of(0.5, 1e-5), mu=0.5, kind=Kind.GDP),
    promise(epsilon=epsilon_of_rho(Fraction(3), 1e-5), rho=Fraction(3), kind=Kind.ZCDP),
    promise(epsilon=30.0),
    promise(epsilon=None, status=Status.NOT_PROVEN, missing="a rule"),
]


@pytest.mark.parametrize("guarantee", EXAMPLES)
@given(alarms=st.floats(0, 1))
def test_the_curve_bounds_every_test(guarantee: Guarantee, alarms: float) -> None:
    curve = trade_off(guarantee)
    assert curve.at(alarms) >= guarantee.hit_rate(alarms) - 1e-12


@pytest.mark.parametrize("guarantee", EXAMPLES)
def test_the_curve_is_the_guarantee_s_at_its_grid(guarantee: Guarantee) -> None:
    curve = trade_off(guarantee)
    assert curve.false_alarms == GRID
    assert 0.01 in GRID
    assert list(curve.hits) == sorted(curve.hits)
    for alarms, hits in zip(curve.false_alarms, curve.hits, strict=True):
        assert hits == pytest.approx(guarantee.hit_rate(alarms), abs=1e-12)
        assert hits >= guarantee.hit_rate(alarms)


@given(mu=st.floats(0.05, 4), alarms=st.floats(0.001, 0.999))
def test_no_honest_attack_breaks_the_curve(mu: float, alarms: float) -> None:
    guarantee = promise(epsilon=gaussian.epsilon_of(mu, 1e-5), mu=mu, kind=Kind.GDP)
    best = gaussian.hit_rate(mu, alarms)
    curve = trade_off(guarantee, [Measured(alarms, best), Measured(alarms, alarms)])
    assert curve.broken_by == ()


def test_a_broken_promise_is_seen() -> None:
    guarantee = EXAMPLES[2]
    good, bad = Measured(0.1, 0.2, "weak"), Measured(0.1, 0.25, "too good")
    assert trade_off(guarantee, [good, bad]).broken_by == (bad,)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("guarantee", EXAMPLES)
def test_the_plot_marks_the_point_of_the_sentence(guarantee: Guarantee, language: Any) -> None:  # noqa: ANN401
    drawn = trade_off_svg(guarantee, language, measured=[Measured(0.3, 0.4, "<best>")])
    tree = ET.fromstring(drawn)  # noqa: S314 - our own
    hits, base = out_of(guarantee.hit_rate(0.01))
    texts = [element.text or "" for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    pattern = {"en": "{} of {}: at most {}", "fr": "{} sur {}\u00a0: au plus {}"}[language]
    marked = pattern.format(*(tongue_of(language).count(n) for n in (base // 100, base, hits)))
    assert marked in texts
    assert {"en": "blind guessing", "fr": "deviner au hasard"}[language] in texts
    assert "&lt;best&gt;" in drawn
    (dot,) = tree.iter("{http://www.w3.org/2000/svg}circle")
    assert float(dot.get("cy") or 0) == pytest.approx(46 + 320 * (1 - guarantee.hit_rate(0.01)), abs=0.01)
    assert float(dot.get("cx") or 0) == pytest.approx(44 + 3.2)
    assert ("." in "".join(re.findall(r"\d\S\d", " ".join(texts)))) == (language == "en")


def test_what_has_no_single_curve_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="for each distance"):
        trade_off(promise(kind=Kind.METRIC, distance="meters", delta=Delta(0.0)))
    for grid in ((), (0.0, 0.5), (0.5, 0.0, 1.0)):
        with pytest.raises(ConfigurationError, match="rises from 0 to 1"):
            trade_off(EXAMPLES[0], grid=grid)
    with pytest.raises(ConfigurationError):
        Measured(0.1, 1.2)
