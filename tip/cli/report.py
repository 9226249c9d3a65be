"""`tip report`: make a run's page again, from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.cli.printing import print_object
from tip.files import RunFolder
from tip.report.page import page

if TYPE_CHECKING:
    from pathlib import Path


def report(path: Path, *, json: bool) -> int:
    """Write `report.html` and print where it is; returns the exit code."""
    folder = RunFolder.open(path)
    written = folder.write_text("report.html", page(path))
    if json:
        summary = folder.read_json("summary.json") if folder.has("summary.json") else {}
        told = {"metrics": None, "baseline": None, **folder.read_json("guarantee.json"), **summary}
        run = told.get("run")
        told["run"] = {**(run if isinstance(run, dict) else {}), "report": str(written)}
        print_object({key: told[key] for key in ("metrics", "baseline", "guarantees", "run")})
    else:
        print(written)
    return 0
