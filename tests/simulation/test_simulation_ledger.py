"""Runs that share a ledger: spends add up, the budget stops them, a resend is free."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import BudgetExhausted, ConfigurationError, ProtocolMisuse
from tip.files import RunFolder
from tip.ledger import Ledger
from tip.plan.explaining import explain, in_words
from tip.plan.spending import identities, owner
from tip.privacy.guarantees import Guarantee, Status
from tip.privacy.integer import epsilon_of_rho
from tip.simulation import Run, simulate
from tip.simulation.charging import Book, line_of
from tip.simulation.federation import prepare
from tip.simulation.rounds import rounds, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.plan import Plan
    from tip.report.history import Round

LEDGER = "spends.sqlite"


@pytest.fixture
def kept(plan: Plan) -> Plan:
    """Room for two runs of epsilon 8 and not for three."""
    return plan.replace(f"ledger={LEDGER}", "budget.epsilon=14", "baseline=none", "checkpoint_every=3")


def seeded(plan: Plan, seed: int) -> Plan:
    return plan.replace(f"simulation.seed={seed}")


def unseeded(plan: Plan) -> Plan:
    return plan.replace("simulation=none")


def interrupt_after(last: int) -> Callable[[Round], None]:
    def watch(played: Round) -> None:
        if played.number == last:
            raise KeyboardInterrupt

    return watch


def counts() -> dict[str, int]:
    """The participations of each agent, over all runs."""
    db = sqlite3.connect(LEDGER)
    found = dict(
        db.execute("SELECT identity, sum(participations) FROM spends JOIN agents USING (agent) GROUP BY identity")
    )
    db.close()
    return found


def total(run: Run) -> Guarantee:
    assert "all runs of this ledger" in run.guarantees[1].scope
    return run.guarantees[1]


def test_spends_add_up_for_each_person_whatever_the_split(kept: Plan) -> None:
    first, second = simulate(seeded(kept, 1)), simulate(seeded(kept, 2))
    per_round = (first.guarantees[0].rho or Fraction(0)) / 6
    expected: dict[str, int] = {}
    for plan in (seeded(kept, 1), seeded(kept, 2)):
        federation = prepare(plan)
        progress = [p for p, _ in rounds(federation, start(federation), lambda _: None)][-1]
        for who, count in zip(identities(plan, federation.train), progress.participation.counts, strict=True):
            expected[who] = expected.get(who, 0) + int(count)
    assert counts() == {who: count for who, count in expected.items() if count}
    assert total(first).rho == first.guarantees[0].rho
    enrolled = identities(seeded(kept, 2), prepare(seeded(kept, 2)).train)
    earlier = prepare(seeded(kept, 1))
    progress = [p for p, _ in rounds(earlier, start(earlier), lambda _: None)][-1]
    spent = dict(zip(identities(seeded(kept, 1), earlier.train), progress.participation.counts, strict=True))
    most = max(int(spent.get(who, 0)) for who in enrolled)
    assert total(second).rho == per_round * most + (second.guarantees[0].rho or 0)
    assert total(second).epsilon == epsilon_of_rho(total(second).rho or Fraction(0), 1e-4)
    assert total(second).coalition == second.guarantees[0].coalition
    assert total(second).assumptions[-1].name == "ledger"
    summary = json.loads((second.folder / "summary.json").read_text())
    assert Guarantee.from_json(summary["guarantees"][1]) == total(second)


def test_a_spent_budget_stops_run_and_explain_before_anything(kept: Plan) -> None:
    for seed in (1, 2):
        simulate(seeded(kept, seed))
    before = counts()
    for door in (simulate, explain, in_words):
        with pytest.raises(BudgetExhausted) as caught:
            door(seeded(kept, 3))
        assert "budget.epsilon = 14 has no room for this run: in 2 earlier runs an agent has spent" in str(caught.value)
        assert caught.value.exit_code == 3
    assert not Path("runs/small-3").exists()
    assert counts() == before
    told = str(caught.value)
    possible = told[told.index("Possible: ") :].removesuffix(".").replace("Possible: ", "")
    smaller, larger = possible.split(", or ")
    explain(seeded(kept, 3).replace(larger.replace(" ", "")))
    simulate(seeded(kept, 3).replace(smaller.split(" for")[0].replace(" ", "")))


def test_explain_says_what_a_run_then_says_and_makes_no_file(kept: Plan) -> None:
    told = explain(kept)
    assert not Path(LEDGER).exists()
    assert len(told.settled.stated) == 2
    assert "all runs so far, this one included" in in_words(kept)
    assert simulate(kept).guarantees == told.guarantees
    again = explain(seeded(kept, 9)).settled.over_runs
    assert again is not None
    assert again.epsilon is not None
    assert again.epsilon > (told.settled.required[0].epsilon or 0)


def test_a_seeded_run_that_is_resumed_is_charged_once(kept: Plan) -> None:
    whole = simulate(kept)
    once = counts()
    Path(LEDGER).unlink()
    cut = simulate(kept, watch=interrupt_after(4))
    saved = RunFolder(cut.folder).read_arrays("checkpoint.npz")
    resumed = simulate(kept, folder=cut.folder, resume=True)
    assert counts() == once
    RunFolder(cut.folder).arrays("checkpoint.npz", **saved)  # as after kill -9: rounds 5 and 6 are repeated
    again = simulate(kept, folder=cut.folder, resume=True)
    assert counts() == once
    assert whole.parameters.tobytes() == resumed.parameters.tobytes() == again.parameters.tobytes()
    assert again.guarantees == whole.guarantees


def test_a_seed_draws_the_noise_of_one_run(kept: Plan) -> None:
    simulate(kept, watch=interrupt_after(1))
    with pytest.raises(ConfigurationError, match=r"seed 3 has drawn the noise.*Take another simulation.seed"):
        simulate(kept.replace("clipping_norm=0.4"))
    assert not Path("runs/small-2").exists()


def test_system_randomness_is_charged_again_for_what_is_drawn_again(kept: Plan) -> None:
    real = unseeded(kept).replace("cohort.dropout=0")
    cut = simulate(real, watch=interrupt_after(4))
    assert total(cut).status is Status.PROVEN
    assert set(counts().values()) == {4}
    saved = RunFolder(cut.folder).read_arrays("checkpoint.npz")
    done = simulate(real, folder=cut.folder, resume=True)
    assert set(counts().values()) == {6}
    assert total(done).rho == done.guarantees[0].rho
    RunFolder(cut.folder).arrays("checkpoint.npz", **saved)  # a copy of the folder that is resumed as well
    again = simulate(real, folder=cut.folder, resume=True)
    assert set(counts().values()) == {8}
    assert total(again).rho == (done.guarantees[0].rho or 0) * Fraction(8, 6)


def test_a_round_that_was_cut_off_stays_charged(kept: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    real = unseeded(kept).replace("cohort.dropout=0")

    def cut_off(*_: object) -> None:
        assert set(counts().values()) == {1}  # charged before anything is computed
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(type(prepare(real).engine), "sum_of", cut_off)
        cut = simulate(real)
    assert cut.rounds_done == 0
    (cut.folder / "history.jsonl").touch()
    resumed = simulate(real, folder=cut.folder, resume=True)
    assert set(counts().values()) == {6}  # five rounds more, and in the last nobody has a participation left
    assert [played.released for played in resumed.history] == [True] * 5 + [False]


def test_a_round_that_was_given_up_is_charged(kept: Plan) -> None:
    strict = kept.replace("cohort.minimum=57", "privacy.epsilon=13")
    run = simulate(strict)
    assert any(not played.released for played in run.history)
    assert sum(counts().values()) == sum(played.survivors for played in run.history)


def test_a_later_run_after_a_seeded_one_is_not_called_proven(kept: Plan) -> None:
    simulate(kept)
    run = simulate(unseeded(kept))
    assert run.guarantees[0].status is Status.PROVEN
    assert total(run).status is Status.SIMULATED
    assert total(run).assumptions[0].name == "seeded-before"


def test_other_people_and_another_promise_are_refused(kept: Plan) -> None:
    simulate(kept)
    for change in ("against=world", "data.agent=row"):
        with pytest.raises(ConfigurationError):
            simulate(seeded(kept, 8).replace(change))
    with pytest.raises(ConfigurationError, match="another promise"):
        explain(kept.replace("against=world"))
    data = replace(kept.data, label="y == 1")
    assert owner(replace(kept, data=data)) == owner(kept)  # another question to the same people


def test_a_run_that_its_ledger_does_not_know_is_not_resumed(kept: Plan) -> None:
    cut = simulate(kept, watch=interrupt_after(3))
    Path(LEDGER).unlink()
    with pytest.raises(ConfigurationError, match="does not know the run"):
        simulate(kept, folder=cut.folder, resume=True)
    simulate(seeded(kept, 8))  # another ledger of that name. Mutant: any ledger will do
    with pytest.raises(ConfigurationError, match="does not know the run"):
        simulate(kept, folder=cut.folder, resume=True)
    RunFolder(cut.folder).write_json("ledger.json", {"run": 5})
    with pytest.raises(ConfigurationError, match="does not know the run"):
        simulate(kept, folder=cut.folder, resume=True)


def test_rounds_are_not_played_past_the_ledger(kept: Plan) -> None:
    federation = prepare(kept)
    with pytest.raises(ProtocolMisuse):
        next(rounds(federation, start(federation)))


def test_without_a_ledger_nothing_is_written(plan: Plan) -> None:
    run = simulate(plan)
    assert not Path(LEDGER).exists()
    assert not (run.folder / "ledger.json").exists()
    assert not any("ledger" in g.scope for g in run.guarantees)


def test_names_do_not_lie_in_the_ledger_in_the_open(kept: Plan) -> None:
    simulate(kept)
    assert all(who.startswith("sha256:") and len(who) == 39 for who in counts())


def test_runs_at_once_lose_no_charge_and_keep_the_limit_together(kept: Plan) -> None:
    """Three runs that each fit alone, started at one moment: two fit, and the third is stopped on its way."""
    books = []
    for seed in (1, 2, 3):
        federation = prepare(seeded(kept, seed).replace("cohort.dropout=0"))
        progress = start(federation)
        books.append((federation, progress, line_of(federation, progress.participation, None)))
    stopped: list[int] = []

    def play(place: int) -> None:
        federation, progress, line = books[place]
        with Book(federation, line) as book:
            try:
                for _ in rounds(federation, progress, lambda p: book.charge(p.participation)):
                    pass
            except BudgetExhausted:
                stopped.append(place)

    threads = [threading.Thread(target=play, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stopped
    with Ledger.open(Path(LEDGER), owner(kept)) as ledger:
        people = tuple(counts())
        spent = ledger.spent(people)
        assert epsilon_of_rho(spent.of(spent.most), 1e-4) <= 14
    assert sum(counts().values()) >= 2 * 6 * 0.7 * 64


def test_the_book_charges_what_the_run_counts(kept: Plan) -> None:
    federation = prepare(kept)
    begun = start(federation)
    line = line_of(federation, begun.participation, None)
    with Book(federation, line) as book:
        for progress, _ in rounds(federation, begun, lambda p: book.charge(p.participation)):
            expected = dict(
                zip(identities(kept, federation.train), progress.participation.counts.tolist(), strict=True)
            )
            assert counts() == {who: count for who, count in expected.items() if count}
    assert np.array_equal(line.before, np.zeros(64, dtype=np.int32))
