"""Unfit: refusals of a flow carry the path of what does not fit in it.

A path speaks the words of the flow language: ("messages", "sum", "says"). `tip.flow.language` finds the line by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def at(*path: str | int) -> Iterator[None]:
    """What is refused inside is refused for this part of the flow, unless something inside knows better."""
    try:
        yield
    except ConfigurationError as error:
        if error.path is not None:
            raise
        raise ConfigurationError(
            error.what, where=error.where, why=error.why, instead=error.instead, path=path
        ) from error
