"""`tip calibrate`: the least noise that meets all that a flow requires, and what that costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tip.cli.printing import asides, facts, plain, print_object, results, sentences, title
from tip.cli.settings import is_flow
from tip.errors import ConfigurationError
from tip.explain.prices import price_in_words
from tip.explain.words import rounded_up
from tip.files import write_atomically
from tip.flow.language import read_file, write
from tip.flow.planning import plan
from tip.flow.reasoning import derive

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tip.flow.model import Flow, Noise
    from tip.flow.planning import Planned, Price
    from tip.privacy.guarantees import Guarantee


def calibrate(path: Path, *, out: Path | None, json: bool) -> int:
    """Plan the noises of a flow, print them with their price, write the flow that has them; returns the exit code."""
    flow = _flow(path)
    if out is not None and out.resolve() == path.resolve():
        raise ConfigurationError("is the flow that is planned", where=str(out), instead="write to another file")
    planned = plan(flow)
    guarantees = [derive(planned.flow, r.against, delta=r.delta).guarantee for r in planned.flow.requirements]
    if out is not None:
        write_atomically(out, write(planned.flow).encode())
        asides().print(plain(f"wrote {out}"), soft_wrap=True)
    if json:
        run = _told(flow, planned)
        print_object({"metrics": None, "baseline": None, "guarantees": [g.to_json() for g in guarantees], "run": run})
    else:
        _print(flow, planned, guarantees)
    return 0


def refuse_planned(path: Path) -> None:
    """Refuse to explain a flow whose noise has no size yet, and say which command finds it."""
    if not is_flow(path):
        return
    names = [noise.name for noise in read_file(path).noises if noise.planned]
    if names:
        raise ConfigurationError(
            f"leaves the size of {', '.join(map(repr, names))} to be planned", where=str(path),
            instead=f"run `tip calibrate {path} --out FILE`, then explain that file",
        )  # fmt: skip


def _flow(path: Path) -> Flow:
    if path.exists() and not is_flow(path):
        raise ConfigurationError(
            "is no flow", where=str(path), why="A plan's noise follows from its [privacy]",
            instead=f"run `tip explain {path}`",
        )  # fmt: skip
    return read_file(path)


def _print(flow: Flow, planned: Planned, guarantees: list[Guarantee]) -> None:
    console = results()
    title(console, f"{flow.name}: the least noise that meets what is required")
    facts(console, {f"{noise.name}, of {_whose(flow, noise)}": _size(noise) for noise in _sized(flow, planned)})
    title(console, "\nWhat it costs")
    facts(console, {"error": _figure(planned.error), "bytes sent": f"{planned.bytes:,}", "cost": _figure(planned.cost)})
    title(console, "\nWhat is required, and proven")
    for price, guarantee in zip(planned.prices, guarantees, strict=True):
        sentences(console, [_proven(price, guarantee), *price_in_words(price)])


def _sized(flow: Flow, planned: Planned) -> list[Noise]:
    """The noises that were planned, with their sizes."""
    return [planned.flow.noise(noise.name) for noise in flow.noises if noise.planned]


def _whose(flow: Flow, noise: Noise) -> str:
    if noise.of in flow.parties:
        return noise.of
    return f"each edge of {noise.of}" if any(graph.name == noise.of for graph in flow.graphs) else f"each {noise.of}"


def _size(noise: Noise) -> str:
    variance = float(noise.variance or 0)
    return f"variance {variance:.9g}, deviation about {math.sqrt(variance):.3g} ({noise.law})"


def _proven(price: Price, guarantee: Guarantee) -> str:
    wanted = price.requirement
    epsilon = "nothing" if guarantee.epsilon is None else f"epsilon {rounded_up(guarantee.epsilon, 4)}"
    return f"{wanted.against}: epsilon {wanted.epsilon:g} at delta {wanted.delta:g} is required, {epsilon} is proven."


def _figure(value: float) -> str:
    return rounded_up(value, 4)


def _told(flow: Flow, planned: Planned) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "flow": flow.name,
        "noises": {noise.name: str(noise.variance) for noise in _sized(flow, planned)},
        "error": planned.error,
        "bytes": planned.bytes,
        "cost": planned.cost,
        "floor": planned.floor,
        "requirements": [
            {
                "against": price.requirement.against,
                "epsilon": price.requirement.epsilon,
                "delta": price.requirement.delta,
                "binding": price.binding,
                "share": price.share,
                "halved": price.halved,
                "words": list(price_in_words(price)),
            }
            for price in planned.prices
        ],
        "text": write(planned.flow),
    }
