"""Help for every key, and answers to wrong spellings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.plan.keys import ELSEWHERE, Key, Part, cells, plain, required, rows, unknown
from tip.plan.tables import Plan

ROWS = {row.name: row for row in rows(Plan)}


def answer(name: str) -> str:
    return unknown(Plan, name, "f.toml:1").instead


def all_cells(table: type, prefix: str = "") -> list[tuple[str, bool, Key]]:
    found = []
    for name, (cell, what) in cells(table).items():
        if isinstance(what, Key):
            found.append((f"{prefix}{name}", required(cell), what))
        elif isinstance(what, Part) and what.of() is not table:
            found += all_cells(what.of(), f"{prefix}{name}.")
    return found


def test_every_key_has_help_and_a_kind() -> None:
    for row in ROWS.values():
        assert len(row.help) >= 10, row.name
        assert row.words, row.name
        assert not row.help.endswith("."), row.name


def test_a_key_that_decides_privacy_has_no_default() -> None:
    for name, must_be_given, key in all_cells(Plan):
        if key.decides_privacy:
            assert must_be_given, name
        if must_be_given:
            assert key.example, name


@pytest.mark.parametrize(
    "name",
    ["epsilon", "delta", "unit", "neighboring", "against", "max_participations", "mechanism", "clipping_norm"],
)
def test_all_parts_of_a_requirement_decide_privacy(name: str) -> None:
    assert ROWS[f"privacy.{name}"].decides_privacy


def test_speed_decides_no_privacy() -> None:
    assert not any(row.decides_privacy for name, row in ROWS.items() if name.startswith("execution."))


def test_each_word_of_other_frameworks_is_answered_with_an_existing_key() -> None:
    for word, ours in ELSEWHERE.items():
        assert word == plain(word)
        assert ours in ROWS or ours.endswith((".", "?")), word


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("algorithm.num-server-rounds", "algorithm.rounds"),
        ("algorithm.num_rounds", "algorithm.rounds"),
        ("num_rounds", "algorithm.rounds"),
        ("algorithm.central_num_iterations", "algorithm.rounds"),
        ("algorithm.local-epochs", "algorithm.local_epochs"),
        ("algorithm.local_num_epochs", "algorithm.local_epochs"),
        ("algorithm.learning-rate", "algorithm.local_learning_rate"),
        ("algorithm.lr", "algorithm.local_learning_rate"),
        ("algorithm.client_lr", "algorithm.local_learning_rate"),
        ("algorithm.batch-size", "algorithm.batch_size"),
        ("cohort.train_cohort_size", "cohort.size"),
        ("cohort.min_available_nodes", "cohort.minimum"),
        ("privacy.max_grad_norm", "privacy.clipping_norm"),
        ("privacy.sclip_norm", "privacy.clipping_norm"),
        ("privacy.max_epsilon", "privacy.epsilon"),
        ("algorithm.rouds", "algorithm.rounds"),
        ("ROUNDS", "algorithm.rounds"),
        ("algorithm.epsilon", "privacy.epsilon"),
        ("cohort.minimun", "cohort.minimum"),
        ("simulation.random_seed", "simulation.seed"),
    ],
)
def test_keys_of_other_frameworks_and_misspelt_ones_are_answered_with_ours(theirs: str, ours: str) -> None:
    assert f"Did you mean {ours} ({ROWS[ours].words})?" in answer(theirs)


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ("privacy.noise_multiplier", "calculated, never typed: state privacy.epsilon"),
        ("privacy.sensitivity", "privacy.clipping_norm"),
        ("fraction-fit", "cohort.size"),
        ("cohort.fraction_train", "cohort.size"),
        ("algoritm", "[algorithm]"),
        ("algorithm.zzzzzz", "[algorithm] has the keys kind, rounds"),
        ("zzzzzz", "The plan has the keys format, name, about."),
        ("nowhere.zzzzzz", "The tables are [task], [data]"),
        ("data.numbers.Age.rnge", "data.numbers.Age.range"),
    ],
)
def test_what_has_no_single_key_is_answered_with_a_sentence(theirs: str, told: str) -> None:
    assert told in answer(theirs)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_name_gets_an_answer(name: str) -> None:
    assert answer(name)


def test_the_reference_plans_keys_all_exist() -> None:
    text = (Path(__file__).parents[2] / "examples/survey.toml").read_text()
    assert Plan.parse(text).format == 1
    assert len(ROWS) > 60
