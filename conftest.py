"""For all tests: hypothesis' settings; pages whose code blocks run, each in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

# No test asserts a time, so neither does hypothesis; a commit is judged on the same examples every time.
settings.register_profile(
    "tip", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tip")

_HERE = Path(__file__).parent


def _enter(namespace: dict[str, Any]) -> None:
    """A page runs in an empty folder that sees the examples, so that what it writes goes away."""
    folder = TemporaryDirectory()
    (Path(folder.name) / "examples").symlink_to(_HERE / "examples")
    namespace["_folder"], namespace["_before"] = folder, Path.cwd()
    os.chdir(folder.name)


def _leave(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    excludes=["CHANGELOG.md", ".venv*/**", "docs/decisions/*"],
    setup=_enter,
    teardown=_leave,
).pytest()
