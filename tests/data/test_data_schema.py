"""Schema: features from public ranges and lists alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tip.data import DataSettings, NumberRange, feature_names
from tip.data.schema import Records, encode, scaled
from tip.data.sources import Table
from tip.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

BASE = DataSettings(
    "csv",
    "sick >= 1",
    path="a.csv",
    numbers={"age": NumberRange(20, 80, (7, "Refused"))},
    categories={"sex": ("f", "m")},
)


def made(settings: DataSettings, **columns: list[str] | NDArray[Any]) -> Records:
    length = len(next(iter(columns.values())))
    filled = {"age": ["50"] * length, "sex": ["f"] * length, "sick": ["1"] * length, **columns}
    return encode(Table("a.csv", filled, np.arange(1, length + 1)), settings)


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("20", -1.0),
        ("50", 0.0),
        ("80", 1.0),
        ("65", 0.5),
        ("-5", -1.0),
        ("1e308", 1.0),
        ("-1e308", -1.0),
        ("5.397605346934028e-79", -1.0),
        (" 65 ", 0.5),
        ("+65.0", 0.5),
        ("", 0.0),
        ("NaN", 0.0),
        ("inf", 0.0),
        ("-Infinity", 0.0),
        ("1e400", 0.0),
        ("7", 0.0),
        ("7.0", 0.0),
        ("Refused", 0.0),
        ("refused", 0.0),
        ("NA", 0.0),
        ("n/a", 0.0),
        ("null", 0.0),
    ],
)
def test_numbers(text: str, feature: float) -> None:
    records = made(replace(BASE, indicators=True), age=[text, "50"])
    assert records.features[0, 0] == feature
    silent = feature == 0 and text != "50"
    assert records.features[0, feature_names(replace(BASE, indicators=True)).index("age: no answer")] == silent


@pytest.mark.parametrize("text", ["abc", "1_000", "1,5", "--", "7 or more", "0x10", "5" * 5000 + "x"])
def test_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(DataError, match="a text where a number is wanted") as caught:
        made(BASE, age=["50", text])
    assert (caught.value.row, caught.value.column, caught.value.file) == (2, "age", "a.csv")
    assert text not in str(caught.value) or len(text) < 3  # cells are somebody's data


@pytest.mark.parametrize("text", ["", "NaN", "inf", "7", "Refused"])
def test_refuse_says_where(text: str) -> None:
    with pytest.raises(DataError, match="refuses missing") as caught:
        made(replace(BASE, missing="refuse"), age=["50", text])
    assert (caught.value.row, caught.value.column) == (2, "age")
    assert made(replace(BASE, missing="refuse"), age=["50", "90"]).features[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "one_hot", "silent"),
    [("f", [1, 0], 0), ("m", [0, 1], 0), ("x", [0, 0], 0), ("F", [0, 0], 0), ("", [0, 0], 1), ("NA", [0, 0], 1)],
)
def test_categories(text: str, one_hot: list[float], silent: float) -> None:
    records = made(replace(BASE, indicators=True), sex=[text])
    assert records.features[0].tolist() == [0, *one_hot, 0, silent]


def test_a_listed_text_is_an_answer_whatever_it_says() -> None:
    settings = replace(BASE, categories={"sex": ("None", "m")}, indicators=True)
    assert made(settings, sex=["None"]).features[0].tolist() == [0, 1, 0, 0, 0]


def test_names_follow_the_settings_alone() -> None:
    assert feature_names(BASE) == ("age", "sex = f", "sex = m")
    settings = replace(BASE, indicators=True, numbers={**BASE.numbers, "sick": NumberRange(0, 1)})
    assert feature_names(settings) == ("age", "sex = f", "sex = m", "age: no answer", "sex: no answer")
    assert made(settings, age=["1", "2"], sex=["q", "r"]).names == feature_names(settings)


TEXTS = st.one_of(st.sampled_from(["", "NaN", "inf", "7", "Refused"]), st.floats().map(repr))


def is_its_own(encoder: Callable[[list[str]], Matrix], ages: list[str], place: int) -> bool:
    """Whether a row's features are the same alone and in company."""
    return np.array_equal(encoder(ages)[place], encoder([ages[place]])[0])


def by_schema(ages: list[str]) -> Matrix:
    features = made(replace(BASE, indicators=True), age=ages).features
    assert np.abs(features).max() <= 1
    return features


def by_pooled_mean(ages: list[str]) -> Matrix:
    """The mutant: what is missing becomes the mean of what is there."""
    numbers = np.array([float(age or "nan") for age in ages])
    return np.where(np.isnan(numbers), np.nanmean(numbers) if (~np.isnan(numbers)).any() else 0, numbers)[:, None]


@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(0, 5))
def test_nothing_comes_from_pooled_data(ages: list[str], place: int) -> None:
    assert is_its_own(by_schema, ages, place % len(ages))


def test_the_law_above_rejects_pooled_means() -> None:
    assert is_its_own(by_schema, ["30", "", "70"], 1)
    assert not is_its_own(by_pooled_mean, ["30", "", "70"], 1)


@given(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308), st.floats(allow_nan=True, allow_infinity=False))
@example(-1e308, 1e308, 1e308)
@example(0.0, 1e-320, 1e-321)
def test_scaling_stays_in_the_cube(low: float, high: float, value: float) -> None:
    if not (low < high and high / 2 - low / 2 > 0):
        return
    bounds = NumberRange(low, high)
    feature = float(scaled(np.array([value]), bounds)[0])
    assert -1 <= feature <= 1
    if np.isnan(value):
        assert feature == 0


def test_scaling_equals_its_slow_twin() -> None:
    values = np.linspace(-10, 120, 1001)
    slow = [2 * (min(max(v, 20), 80) - 20) / 60 - 1 for v in values]
    assert np.allclose(scaled(values, NumberRange(20, 80)), slow, rtol=0, atol=1e-15)


def test_labels_by_comparison() -> None:
    records = made(BASE, sick=["1", "0", "", "nan", "inf", "2"])
    assert records.labels.tolist() == [1, 0, 1]
    assert records.labels.dtype == np.int64
    assert records.kept.tolist() == [0, 1, 5]
    assert records.classes == 2
    assert records.notes == ("3 records without a label were left out.",)
    coded = replace(BASE, numbers={**BASE.numbers, "sick": NumberRange(0, 1, (9, "?"))})
    assert made(coded, sick=["1", "9", "?"]).kept.tolist() == [0]
    assert made(coded, sick=["1"]).features.shape == (1, 3)


def test_labels_from_a_list_and_from_a_range() -> None:
    listed = replace(BASE, label="sick", categories={**BASE.categories, "sick": ("no", "yes", "maybe")})
    records = made(listed, sick=["yes", "no", "perhaps", "", "maybe"])
    assert (records.labels.tolist(), records.classes) == ([1, 0, 2], 3)
    ranged = replace(BASE, label="sick", numbers={**BASE.numbers, "sick": NumberRange(0, 10, (99,))})
    records = made(ranged, sick=["0", "10", "5", "12", "99"])
    assert (records.labels.tolist(), records.classes) == ([-1, 1, 0, 1], None)


def test_no_label_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="no record has a label"):
        made(BASE, sick=["", "NA"])
    with pytest.raises(DataError, match="a text where a number is wanted"):
        made(BASE, sick=["1", "yes"])


def test_a_missing_number_without_label_is_not_refused() -> None:
    records = made(replace(BASE, missing="refuse"), age=["50", ""], sick=["1", ""])
    assert len(records.features) == 1


def test_constant_columns_and_one_class_are_fine() -> None:
    records = made(BASE, age=["50"] * 4)
    assert records.features.tolist() == [[0, 1, 0]] * 4
    assert records.labels.tolist() == [1] * 4


@pytest.mark.parametrize("nobody", ["", "NaN", "nan"])
def test_rows_of_nobody_are_refused(nobody: str) -> None:
    with pytest.raises(DataError, match="belongs to nobody") as caught:
        made(replace(BASE, agent="who"), who=["ann", nobody])
    assert (caught.value.row, caught.value.column) == (2, "who")


def test_numbers_name_agents_too() -> None:
    assert made(replace(BASE, agent="who"), who=np.array([3, 1])).owners.tolist() == [3, 1]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="belongs to nobody"):
        made(replace(BASE, agent="who"), who=np.array([3.0, np.nan]))
