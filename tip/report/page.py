"""One run as one self-contained page: for reading, printing, sending.

The page loads nothing and runs nothing: a content security policy allows its own style sheet, by
hash, and not even another inline style. It is made from the run folder alone, and the same folder
gives the same page to the byte. The guarantee comes before the curves, what nobody enforces before
what is promised, and every figure that no guarantee covers is marked where it stands.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.explain.sights import not_protected, sight
from tip.explain.tongues import tongue_of
from tip.explain.words import (
    FALSE_ALARMS,
    beyond_words,
    coalition_in_words,
    out_of,
    rounded_up,
    status_in_words,
    tell,
)
from tip.privacy.guarantees import Status
from tip.report import question
from tip.report.history import Release
from tip.report.markup import Markup, element, join, rows, section
from tip.report.rounds import curves, given_up
from tip.report.sights import sights
from tip.report.story import figure, label, scale, story
from tip.report.style import STYLE

if TYPE_CHECKING:
    from pathlib import Path

    from tip.privacy.guarantees import Guarantee
    from tip.report.story import Story


_PLAIN: Final = tongue_of("en").plain


def page(folder: Path) -> str:
    """The page of a run, from what its folder holds."""
    told = story(folder)
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{told.name} · run report"),
        element("style", Markup(STYLE)),
    )
    sections = _OF_A_QUESTION if told.asks else _OF_TRAINING
    footer = element("footer", "Made by tip from the files of the run folder alone. It loads nothing and runs nothing.")
    body = element("body", _header(told), element("main", *(part(told) for part in sections)), footer)
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _header(told: Story) -> Markup:
    about = told.plan.get("about")
    state = "finished" if told.finished else "not finished"
    kind = "simulated" if told.seeded else "live randomness"
    return element(
        "header",
        element("p", f"Run report · {told.folder} · {state} · {kind}", class_="eyebrow"),
        element("h1", told.name),
        element("p", str(about), class_="lead") if about else "",
    )


def _result(told: Story) -> Markup:
    mark = f"{label(told)}{' and baseline' if told.baseline else ''}: {Release.EVALUATION}"
    facts = (
        _fact(label(told), figure(told.figures.get(told.metric)), _this_run(told)),
        _fact("Central baseline", figure(told.baseline.get(told.metric)), "all data pooled, no privacy"),
        _fact("Rounds released", f"{len(told.rounds) - len(told.given_up):,}", _rounds_note(told)),
        _fact("Epsilon spent", *_spent(told)),
    )
    others = [
        f"{name.replace('_', ' ')} {figure(value)} (baseline: {figure(told.baseline.get(name))})"
        for name, value in told.figures.items()
        if name != told.metric
    ]
    return section(
        "Result",
        "result",
        element("p", element("span", mark, class_="mark")),
        element("dl", *facts, class_="facts"),
        element("p", _who(told)) if told.rounds else "",
        element("p", f"Also measured, as evaluation only: {', '.join(others)}.", class_="note") if others else "",
    )


def _this_run(told: Story) -> str:
    run = "this run" if told.finished else "as far as it came"
    return f"{run}; {scale(told)}" if scale(told) else run


def _who(told: Story) -> str:
    """Who was asked and who answered, and what the plan let liars do."""
    asked, answered = ((min(n), max(n)) for n in zip(*((r.cohort, r.survivors) for r in told.rounds), strict=True))
    words = f"{_between(asked)} agents were asked in a round, and {_between(answered)} of them answered."
    kind, share = told.setting("adversary", "kind"), told.setting("adversary", "fraction")
    if isinstance(share, int | float) and 0 < share <= 1:
        words += f" Of the enrolled agents {rounded_up(100 * share)} % were simulated liars ({kind})."
    return words


def _between(ends: tuple[int, int]) -> str:
    low, high = ends
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _rounds_note(told: Story) -> str:
    planned = told.setting("algorithm", "rounds")
    return f"of {planned:,} planned, {len(told.given_up):,} given up" if isinstance(planned, int) else ""


def _spent(told: Story) -> tuple[str, str]:
    if told.limit is None:
        return "–", "the plan states no privacy requirement"
    spent = told.rounds[-1].epsilon_spent if told.rounds else 0.0
    return rounded_up(spent), f"of {told.limit:g}, the plan's limit"


def _fact(name: str, value: str, note: str) -> Markup:
    told = element("dd", value, class_="value"), element("dd", note, class_="note")
    return element("div", element("dt", name), *told)


def _promise(told: Story) -> Markup:
    if not told.guarantees:
        return section("What is promised", "promise", element("p", "The run folder holds no guarantee."))
    first, *others = (_Parts.of(g) for g in told.asked)
    further = (_further(parts, first) for parts in others)
    return section(
        "What is promised",
        "promise",
        *(element("div", element("p", w), class_="warning", role="note") for w in first.warnings),
        _box(first),
        _plain(*first.rest),
        join(element("h3", _PLAIN.relies), _plain(*first.assumed)) if first.assumed else "",
        _engineers(first),
        *further,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """A guarantee's sentences, parted by where they stand on the page."""

    guarantee: Guarantee
    warnings: tuple[str, ...]
    main: tuple[str, ...]
    rest: tuple[str, ...]
    assumed: tuple[str, ...]

    @classmethod
    def of(cls, guarantee: Guarantee) -> _Parts:
        """What nothing enforces, and that a run was seeded, warn; who against and how much come next."""
        told = tell(guarantee)
        said = (*told.against, *told.figures, *told.standing)
        return cls(guarantee, told.warnings, said[:2], said[2:], told.premises)


def _box(parts: _Parts) -> Markup:
    dots = _dots(parts.guarantee)
    said = element("div", *(element("p", sentence, class_="sentence") for sentence in parts.main))
    return element("div", said, dots, class_="promise with-dots" if dots else "promise")


def _further(parts: _Parts, first: _Parts) -> Markup:
    """A further requirement: in full where it differs from the first one."""
    new = tuple(w for w in parts.rest if w not in first.rest)
    rests = tuple(sentence for sentence in parts.assumed if sentence not in first.assumed)
    warnings = (w for w in parts.warnings if w not in first.warnings)
    return join(
        element("h3", "Also required", class_="also"),
        *(element("div", element("p", w), class_="warning", role="note") for w in warnings),
        _box(parts),
        _plain(*new),
        join(element("p", _PLAIN.relies_besides), _plain(*rests)) if rests else "",
        _engineers(parts),
    )


def _engineers(parts: _Parts) -> Markup:
    return element("details", element("summary", "For engineers"), _plain(*beyond_words(parts.guarantee)))


def _plain(*sentences: str) -> Markup:
    return (
        element("ul", *(element("li", sentence) for sentence in sentences), class_="plain") if sentences else Markup("")
    )


def _dots(guarantee: Guarantee) -> Markup:
    """The hit rate as counted dots, where a hundred dots tell it."""
    if guarantee.epsilon is None:
        return Markup("")
    hits, base = out_of(guarantee.hit_rate(FALSE_ALARMS))
    alarms = round(FALSE_ALARMS * base)
    if base > 100 or hits >= base:
        return Markup("")
    circles = [
        element(
            "circle",
            cx=f"{10 * (i % 20) + 5}",
            cy=f"{10 * (i // 20) + 5}",
            r="3.4",
            class_="hit guess" if i < alarms else "hit" if i < hits else "rest",
        )
        for i in range(base)
    ]
    told = f"{hits} of {base} dots are filled, {alarms} of them ringed."
    drawn = element("svg", *circles, viewBox="0 0 200 50", role="img", aria_label=told)
    legend = f"Filled: noticed, at most {hits} of {base} cases. Ringed: blind guessing would notice {alarms}."
    return element("div", drawn, element("p", legend), class_="dots")


def _observers(told: Story) -> Markup:
    protocol = str(told.setting("protocol", "kind"))
    head = ("Observer", "What it saw", "Epsilon", "Delta", "Noticed*", "Status")
    body = [
        (
            join(element("strong", g.coalition.text), element("small", coalition_in_words(g.coalition))),
            sight(g.coalition, protocol),
            *_numbers(g),
            g.status if g.status is not Status.NOT_PROVEN else f"not proven; missing: {g.missing}",
        )
        for g in told.guarantees
    ]
    caption = (
        "* at most so many cases out of 100 are noticed at 1 false alarm out of 100. "
        f"{' '.join(sorted({status_in_words(g) for g in told.guarantees if g.epsilon is not None}))}"
    )
    return section("What each observer learns", "observers", rows(head, body, caption=caption, look="cards"))


def _numbers(guarantee: Guarantee) -> tuple[str, str, str]:
    if guarantee.epsilon is None:
        return ("–", "–", "–")
    noticed = 100 * guarantee.hit_rate(FALSE_ALARMS)
    return (rounded_up(guarantee.epsilon), rounded_up(guarantee.delta.total), rounded_up(min(noticed, 100.0), 2))


def _not_protected(told: Story) -> Markup:
    sentences = not_protected(str(told.setting("protocol", "kind")))
    return section("What is not protected", "open", _plain(*sentences))


def _settings(told: Story) -> Markup:
    command = f"tip run {shlex.quote(f'{told.folder}/plan.toml')}"
    made = "answer" if told.asks else "model"
    again = (
        f"The run was seeded: on one machine and one NumPy build the same settings give the same {made} to the bit."
        if told.seeded
        else f"The run drew fresh randomness: the same settings give another {made} of the same kind."
    )
    return section(
        "Exact settings",
        "settings",
        element("p", "All settings, with the values that were filled in. To repeat the run, beside its folder:"),
        element("pre", element("code", command)),
        element("p", again, class_="note"),
        element("pre", element("code", told.plan_text), tabindex="0", aria_label="plan.toml"),
    )


_OF_TRAINING: Final = (_result, _promise, sights, curves, _observers, _not_protected, given_up, _settings)
_OF_A_QUESTION: Final = (
    question.result,
    _promise,
    question.participants,
    question.bars,
    sights,
    _observers,
    question.liars,
    _not_protected,
    _settings,
)
