"""Unfit: the refusal of a flow, with the path of what does not fit in it.

A path speaks the words of the flow language: ("messages", "sum", "says"). `tip.flow.language` finds the line by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.locating import Path


class Unfit(ConfigurationError):
    """Something of a flow that does not fit; `path` is its place in the flow's text."""

    def __init__(self, error: ConfigurationError, path: Path) -> None:
        self.path = path
        super().__init__(error.what, where=error.where, why=error.why, instead=error.instead)


@contextmanager
def at(*path: str | int) -> Iterator[None]:
    """What is refused inside is refused for this part of the flow, unless something inside knows better."""
    try:
        yield
    except Unfit:
        raise
    except ConfigurationError as error:
        raise Unfit(error, path) from error
