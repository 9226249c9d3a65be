"""What `tip run` and `tip explain` print of a question."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from tip.cli.printing import OUTSIDE, asides, facts, plain, print_object, promises, results, sentences, title
from tip.explain.words import rounded_up
from tip.report.answers import LEVEL
from tip.report.mechanism import described, for_participants, influence_in_words

if TYPE_CHECKING:
    from tip.plan.posing import Posed
    from tip.simulation import QuestionRun

_MOST: Final = 20  # items that are printed


def tell_answer(done: QuestionRun, *, json: bool, quiet: bool) -> None:
    """Print a question's answer for people, or as one JSON object."""
    for note in () if quiet else done.notes:
        asides().print(f"{plain(note)} ({OUTSIDE})", soft_wrap=True)
    if json:
        print_object(done.to_json())
        return
    console, answer = results(), done.answer
    title(console, done.plan.question.text or f"{done.plan.name}: {done.plan.question.column}")
    order = sorted(range(len(answer.items)), key=lambda place: -answer.estimate[place])[:_MOST]
    facts(console, {answer.items[place]: _entry(done, place) for place in order})
    left = len(answer.items) - len(order)
    sentences(console, [f"And {left:,} more items: see the report."] if left else [])
    sentences(console, [f"({LEVEL:.0%} interval{_beside(done)})"])
    refused = f", {answer.refused:,} refused" if answer.refused else ""
    told = {
        "reports": f"{answer.counted:,} of {answer.asked:,} asked{refused}",
        "epsilon spent": f"{rounded_up(answer.epsilon_spent)} of {done.plan.privacy.epsilon:g}",
    }
    facts(console, told)
    title(console, "\nWhat is promised")
    promises(console, done.stated)
    console.print()
    repeat = f"tip run {shlex.quote(str(done.folder / 'plan.toml'))}"
    facts(console, {"report": str(done.folder / "report.html"), "to repeat": repeat})


def tell_mechanism(posed: Posed) -> None:
    """Print how a report hides the answer, and what liars could do."""
    console, plan = results(), posed.plan
    told = described(posed.mechanism, posed.items, posed.chosen)
    title(console, "\nIf you are asked")
    sentences(console, for_participants(told, posed.required))
    title(console, "\nHow it is done")
    why = [f"{posed.chosen.rstrip('.')}."] if posed.chosen else []
    sentences(console, [f"{told['name']}, {told['report_bits']} bits a report.", *why])
    title(console, "\nWhat liars can do")
    ends = plan.question.range
    scale = None if ends is None else ends[1] / 2 - ends[0] / 2
    words = influence_in_words(told, counted=posed.enrolled, malicious=plan.robustness.malicious, scale=scale)
    sentences(console, words)


def _entry(done: QuestionRun, place: int) -> str:
    answer = done.answer
    value, low, high = (_shown(done, part[place]) for part in (answer.estimate, answer.low, answer.high))
    truth = f"   (true: {_shown(done, answer.truth[place])})" if answer.truth else ""
    return f"{value}   {low} to {high}{truth}"


def _beside(done: QuestionRun) -> str:
    return f"; true: the answer without privacy, {OUTSIDE}" if done.answer.truth else ""


def _shown(done: QuestionRun, value: float) -> str:
    return f"{100 * value:.1f} %" if done.plan.task.kind == "histogram" else f"{value:.4g}"
