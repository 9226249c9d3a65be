"""The tables, built in Python: tested where they stand, frozen, equal by their settings."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from tip.data.settings import DataSettings, NumberRange
from tip.errors import ConfigurationError
from tip.locating import Places
from tip.plan.tables import (
    Adversary,
    Algorithm,
    Category,
    Cohort,
    Data,
    Execution,
    Number,
    Plan,
    Protocol,
    Requirement,
    Service,
    Simulation,
)

PLAN = Plan.read(Path(__file__).parents[2] / "examples/survey.toml")
TEXT: Any = "train"  # stands where a table belongs
REQUIREMENT: dict[str, Any] = {
    "epsilon": 1,
    "delta": 1e-6,
    "unit": "agent",
    "neighboring": "replace-one",
    "against": "world",
    "max_participations": 3,
    "mechanism": "distributed-gaussian",
    "clipping_norm": 1,
}


def test_values_are_kept_in_their_own_form() -> None:
    requirement = Requirement(**REQUIREMENT)
    assert isinstance(requirement.epsilon, float)
    assert requirement.also == ()
    assert Number("age", [20, 80]).range == (20.0, 80.0)  # type: ignore[arg-type]  # a list is what TOML gives
    assert Simulation(3) == Simulation(3, 10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 0),
        ("epsilon", math.nan),
        ("epsilon", math.inf),
        ("epsilon", True),
        ("epsilon", "1"),
        ("epsilon", None),
        ("delta", 0),
        ("delta", 1),
        ("unit", "person"),
        ("neighboring", "replace_one"),
        ("against", ""),
        ("max_participations", 0),
        ("max_participations", 1.0),
        ("max_participations", True),
        ("mechanism", "gaussian"),
        ("clipping_norm", -1),
        ("also", "x"),
        ("also", ("x",)),
    ],
)
def test_each_part_of_a_requirement_is_tested(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^privacy.{name} "):
        Requirement(**{**REQUIREMENT, name: value})


@pytest.mark.parametrize("name", list(REQUIREMENT))
def test_no_part_of_a_requirement_has_a_default(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        Requirement(**{k: v for k, v in REQUIREMENT.items() if k != name})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (lambda: Execution(block=0), "execution.block = 0"),
        (lambda: Execution(threads=True), "execution.threads = true"),
        (lambda: Cohort("all", 0, 0.1), "cohort.minimum = 0"),
        (lambda: Cohort("all", 1, 1.0), "cohort.colluding = 1.0"),
        (lambda: Cohort("poisson", 1, 0.0, rate=0), "cohort.rate = 0"),
        (lambda: Protocol("ideal", "malicious", 31, 0.1), "protocol.modulus_bits = 31"),
        (lambda: Protocol("ideal", "honest", 32, 0.1), "protocol.coordinator"),
        (lambda: Algorithm("fedavg", 1, 1.0, "equal", batch_size=0), "algorithm.batch_size = 0"),
        (lambda: Adversary("scale", 0.1, factor=math.inf), "adversary.factor = inf"),
        (lambda: Service("nowhere"), "service.address"),
        (lambda: Service("[::1]:8443", step_deadline="0s"), "service.step_deadline"),
        (lambda: Number("\ud800", (0, 1)), "names columns by text"),
        (lambda: Category("Gender", (" Female",)), "data.categories.Gender"),
        (lambda: Data("csv", "y", "row", 0.2, numbers=(Number("a", (0, 1)),) * 2), 'holds "a" twice'),
        (lambda: replace(PLAN, name="a/b"), "name"),
        (lambda: replace(PLAN, task=TEXT), "task is a Task"),
        (lambda: replace(PLAN, format=True), "format = true"),
    ],
)
def test_tables_built_in_python_are_tested_too(table: Any, told: str) -> None:  # noqa: ANN401 - a constructor
    with pytest.raises(ConfigurationError) as caught:
        table()
    assert told in str(caught.value)


def test_a_plan_is_frozen_and_equal_by_its_settings() -> None:
    with pytest.raises(FrozenInstanceError):
        PLAN.name = "other"  # type: ignore[misc]  # the point of the test
    assert replace(PLAN, places=Places("elsewhere")) == PLAN
    assert replace(PLAN, execution=Execution(block=7)) != PLAN
    assert replace(PLAN, places=Places()).place("privacy.epsilon") == ""


def test_data_settings_are_what_the_data_room_reads() -> None:
    settings = PLAN.replace("data.missing.numbers=refuse").data_settings()
    assert isinstance(settings, DataSettings)
    assert settings.source == "nhanes"
    assert settings.missing == "refuse"
    assert settings.numbers["DiastolicBloodPres2NdRdgMmHg"] == NumberRange(40, 110, (0.0,))
    assert settings.categories["Gender"] == ("Female", "Male")
    dealt = PLAN.replace(
        "data.agent=partition", "partition.kind=iid", "partition.agents=10", "samples=5"
    ).data_settings()
    assert dealt.partition is not None
    assert (dealt.partition.agents, dealt.partition.samples) == (10, 5)


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("data.source=csv", "data.path is missing"),
        ("data.label=Gender >= 2", "data.label compares"),
        ("exclude=['Gender']", "data.exclude"),
    ],
)
def test_what_the_data_room_refuses_is_told_with_the_line(setting: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PLAN.replace(setting).data_settings()
    assert key in str(caught.value)
    assert caught.value.where.startswith(("the setting", "/"))


def test_help_comes_from_the_tables() -> None:
    told = Plan.keys()
    rows = {row.name: row for row in told}
    assert rows["algorithm.rounds"].words == "whole number >= 1"
    assert rows["algorithm.rounds"].default == ""
    assert rows["execution.block"].default == "200"
    assert rows["partition.samples"].default == "none"
    assert "[[privacy.also]]" in rows
