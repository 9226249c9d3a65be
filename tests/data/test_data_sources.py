"""Sources: nhanes, csv, digits and functions, and what each says when it cannot serve."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.data import DataSettings, NumberRange, Partition, feature_names, load
from tip.data.sources import Table, read
from tip.errors import ConfigurationError, DataError, TipError
from tip.randomness import Entropy

if TYPE_CHECKING:
    from pathlib import Path

SEEDED = Entropy.seeded(1)
SURVEY = DataSettings(
    source="nhanes",
    label="Glycohemoglobin >= 6.5",
    test=0.2,
    exclude=("EverToldYouHavePrediabetes", "FamilyHistory"),
    numbers={
        "AgeInYearsAtScreening": NumberRange(20, 80),
        "DiastolicBloodPres2NdRdgMmHg": NumberRange(40, 110, (0,)),
        "MinutesSedentaryActivity": NumberRange(0, 900, (7777, 9999)),
        "RatioOfFamilyIncomeToPoverty": NumberRange(0, 5),
    },
    categories={"GeneralHealthCondition": ("Excellent", "Very good", "Good", "Fair or", "Poor?")},
)


def installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


nhanes = pytest.mark.skipif(not installed("nhanes"), reason="the package nhanes is not installed")
digits = pytest.mark.skipif(not installed("scikit-learn"), reason="the package scikit-learn is not installed")


@nhanes
def test_the_survey() -> None:
    split = load(replace(SURVEY, test=0.0), SEEDED)
    people = split.train
    assert people.agents == len(people.rows) == 5018
    assert round(100 * people.labels.mean(), 1) == 14.8
    assert people.classes == 2
    assert people.sizes.tolist() == [1] * 5018
    assert people.names == feature_names(SURVEY)
    assert np.abs(people.features).max() == 1
    assert split.test.agents == 0
    assert split.notes[-1] == "247 records without a label were left out."


def people_with(table: Table, column: str) -> list[str]:
    """The cells of labeled people that hold something."""
    label = table.columns["Glycohemoglobin"]
    return [str(text) for text, mark in zip(table.columns[column], label, strict=True) if mark and text]


@nhanes
def test_the_surveys_odd_codes() -> None:
    table = read(SURVEY)
    texts = [text for column in table.columns.values() for text in column]
    assert not any(text.startswith("5.39") for text in texts)
    people = load(replace(SURVEY, test=0.0), SEEDED).train
    named = dict(zip(people.names, people.features.T, strict=True))
    diastolic = [float(text) for text in people_with(table, "DiastolicBloodPres2NdRdgMmHg")]
    assert 0.0 in diastolic
    low = sum(0 < pressure <= 40 for pressure in diastolic)  # a zero is no low blood pressure
    assert (named["DiastolicBloodPres2NdRdgMmHg"] == -1).sum() == low
    minutes = [float(text) for text in people_with(table, "MinutesSedentaryActivity")]
    assert 9999 in minutes
    assert (named["MinutesSedentaryActivity"] == 1).sum() == sum(900 <= m < 7777 for m in minutes)
    assert (named["RatioOfFamilyIncomeToPoverty"] == -1).sum() == 33  # here a zero is a zero
    assert (named["RatioOfFamilyIncomeToPoverty"] == 0).sum() >= 653
    assert named["GeneralHealthCondition = Fair or"].sum() == 1047
    assert named["GeneralHealthCondition = Poor?"].sum() == 147


@nhanes
def test_the_survey_is_read_without_its_package() -> None:
    code = (
        "import sys; from tip.data import DataSettings, NumberRange, load; from tip.randomness import Entropy\n"
        "load(DataSettings('nhanes', 'Glycohemoglobin >= 6.5', numbers={'BodyMassIndexKgm2': NumberRange(15, 50)}),"
        " Entropy.seeded(1)); sys.exit(bool({'nhanes', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@nhanes
def test_a_column_with_skips_is_told() -> None:
    skips = replace(SURVEY, exclude=(), numbers={"EverToldYouHavePrediabetes": NumberRange(0, 1)})
    assert any("EverToldYouHavePrediabetes was asked or not asked" in note for note in load(skips, SEEDED).notes)
    assert not any("asked" in note for note in load(SURVEY, SEEDED).notes)


@nhanes
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"numbers": {"BodyMasIndexKgm2": NumberRange(15, 50)}}, "Did you mean 'BodyMassIndexKgm2'"),
        ({"numbers": {"bodymassindexkgm2": NumberRange(15, 50)}}, "Did you mean 'BodyMassIndexKgm2'"),
        ({"label": "Glycohemoglobine >= 6.5"}, "Did you mean 'Glycohemoglobin'"),
        ({"exclude": ("FamilyHystory",)}, "Did you mean 'FamilyHistory'"),
        ({"agent": "Nobody's column"}, "There are 198 columns: SEQN"),
        ({"numbers": {"TotalNumberOfPeopleInTheHousehold": NumberRange(1, 7)}}, "a text where a number is wanted"),
    ],
)
def test_the_survey_refuses(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        load(replace(SURVEY, **changes), SEEDED)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    with pytest.raises(DataError, match="Install the package nhanes"):
        read(SURVEY)
    with pytest.raises(DataError, match="Install the package scikit-learn"):
        read(DataSettings("digits", "target"))


@digits
def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra

    peer = load_digits()
    ours = load(DataSettings("digits", "target"), SEEDED).train
    assert np.array_equal(ours.features, peer.data / 16)
    assert np.array_equal(ours.labels, peer.target)
    assert (ours.classes, ours.agents) == (10, 1797)
    assert ours.names == feature_names(DataSettings("digits", "target")) == tuple(peer.feature_names)


@digits
def test_digits_refuse_columns_and_other_labels() -> None:
    with pytest.raises(ConfigurationError, match="finished features"):
        read(DataSettings("digits", "target", numbers={"pixel_0_0": NumberRange(0, 16)}))
    with pytest.raises(DataError, match="Did you mean 'target'"):
        read(DataSettings("digits", "targt"))
    assert load(DataSettings("digits", "target >= 5"), SEEDED).train.classes == 2


@digits
def test_many_agents_share_the_records() -> None:
    settings = DataSettings("digits", "target", "partition", partition=Partition("iid", 100_000, 20))
    population = load(settings, SEEDED).train
    assert population.agents == 100_000
    assert population.features.nbytes < 1e6
    assert population.rows.nbytes == 16_000_000


CSV = "person;age;smokes;sick\nann;30;no;0\n"


def write(folder: Path, text: str) -> DataSettings:
    (folder / "a.csv").write_text(text)
    return DataSettings("csv", "sick >= 1", path=str(folder / "a.csv"), numbers={"age": NumberRange(0, 100)})


def test_a_csv_with_other_separators_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="write the file with commas"):
        read(write(tmp_path, CSV))
    assert list(read(write(tmp_path, CSV.replace(";", ","))).columns["age"]) == ["30"]


def test_a_tsv_is_parted_by_tabs(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(CSV.replace(";", "\t"))
    settings = replace(write(tmp_path, CSV), path=str(tmp_path / "a.tsv"))
    assert list(read(settings).columns["sick"]) == ["0"]


Make = Callable[..., str]


class Maker:
    """What a module may hold under a name; attributes state what is public."""

    def __init__(self, result: object, **stated: object) -> None:
        self.result = result
        for name, value in stated.items():
            setattr(self, name, value)

    def __call__(self) -> object:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(result: object, **stated: object) -> str:
        module = type(sys)("tests_made_source")
        module.maker = Maker(result, **stated)  # type: ignore[attr-defined] # a module of the test
        monkeypatch.setitem(sys.modules, "tests_made_source", module)
        return "tests_made_source:maker"

    return make


X = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])


def test_a_function_brings_arrays(made: Make) -> None:
    source = made((X, np.array([0, 1, 1]), ["b", "a", "b"]), classes=2, features=("u", "v"))
    settings = DataSettings(source, "y", "agents")
    population = load(settings, SEEDED).train
    assert (population.agents, population.names, population.classes) == (2, ("u", "v"), 2)
    assert population.features[population.rows].tolist() == [[0.3, 0.4], [0.1, 0.2], [0.5, 0.6]]
    assert feature_names(settings) == ("u", "v")


def test_a_functions_width_is_public_even_unstated(made: Make) -> None:
    settings = DataSettings(made((X, [0.5, 1.5, 2.5], None)), "y")
    assert feature_names(settings) == ("x0", "x1")
    population = load(settings, SEEDED).train
    assert population.classes is None
    assert population.labels.tolist() == [0.5, 1.5, 2.5]


def test_a_function_brings_columns(made: Make) -> None:
    columns = {"age": [20, None, 40.0], "sex": ["f", None, "m"], "sick": np.array([1, 0, 1]), "who": [3, 3, 1]}
    settings = DataSettings(
        made(columns), "sick == 1", "who", numbers={"age": NumberRange(0, 100)}, categories={"sex": ("f", "m")}
    )
    population = load(settings, SEEDED).train
    assert population.features[population.rows].tolist() == [[-0.2, 0, 1], [-0.6, 1, 0], [0, 0, 0]]
    assert population.labels[population.rows].tolist() == [1, 1, 0]
    assert population.sizes.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("result", "stated", "told"),
    [
        (RuntimeError("a secret cell"), {}, "raised RuntimeError"),
        (5, {}, "returned int"),
        ((X, [1.0, 2.0]), {}, "returned tuple"),
        ((X, [1.0, 2.0], None), {}, "wants a matrix"),
        ((X[0], [1.0, 2.0], None), {}, "wants a matrix"),
        ((X.astype(str), [1.0, 2.0, 3.0], None), {}, "wants a matrix"),
        ((X, [[1.0], [2.0, 3.0]], None), {}, "ragged"),
        ((X, [0, 1, 1], None), {}, "must be public"),
        ((X, [0, 1, 5], None), {"classes": 2}, "from 0 to 1"),
        ((X, [0, 1, -1], None), {"classes": 2}, "from 0 to 1"),
        ((X, [0, 1, 1], None), {"classes": 1}, "2 classes or more"),
        ((X, [0.0, 1.0, 2.0], None), {"features": 3}, "states 3 features and returns 2"),
        ((X, [0.0, 1.0, 2.0], None), {"features": "uv"}, "as a number or as names"),
        ((X, [0.0, 1.0, 2.0], [1, 2, 3]), {}, "overlooks the agents"),
        ((X * np.nan, [0.0, 1.0, 2.0], None), {}, "NaN or infinity among the features"),
        ((X, [np.nan] * 3, None), {}, "no record has a label"),
        ({"z": [1.0]}, {}, "no such column"),
        ({"y": [1.0], "z": [1.0, 2.0]}, {}, "neither a public range"),
    ],
)
def test_functions_refused(made: Make, result: object, stated: dict[str, object], told: str) -> None:
    with pytest.raises(TipError, match=told) as caught:
        load(DataSettings(made(result, **stated), "y"), SEEDED)
    assert "secret" not in str(caught.value)


def test_columns_of_a_function_have_one_length(made: Make) -> None:
    settings = DataSettings(made({"y": [1.0], "x": [1.0, 2.0]}), "y > 0", numbers={"x": NumberRange(0, 1)})
    with pytest.raises(DataError, match="differ in length"):
        read(settings)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nhanse", "Did you mean 'nhanes'"),
        ("somewhere", 'Sources are nhanes, csv, digits and "package.module:function"'),
        (":f", "is not a source"),
        ("m:", "is not a source"),
        ("no_such_module_here:f", "cannot be imported"),
        ("math:nothing", "cannot be imported"),
        ("math:pi", "is no function but float"),
    ],
)
def test_sources_refused(source: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read(DataSettings(source, "y"))
