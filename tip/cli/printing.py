"""How commands print: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.text import Text

from tip.explain.words import in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tip.privacy.guarantees import Guarantee

_INDENT: Final = "  "
_ITEM: Final = "– "  # of a list
_TIED: Final = {0xA0: "\ue000", 0x202F: "\ue001"}  # spaces that no line may end at, while lines are broken
_UNTIED: Final = {0xE000: "\u00a0", 0xE001: "\u202f"}
OUTSIDE: Final = "evaluation only, outside the guarantee"


class _Console(Console):
    """A console that tells its caller when the reader went away, as other files do."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def results() -> Console:
    """A console on standard output. Nothing that is printed is read as markup."""
    return _Console(highlight=False, markup=False, emoji=False)


def asides() -> Console:
    """A console on standard error."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def complain(message: str) -> None:
    """Say on standard error what went wrong."""
    asides().print(Text.assemble(("tip: ", "bold red"), plain(message)), soft_wrap=True)


def print_object(value: Mapping[str, Any]) -> None:
    """Print one JSON object, alone on standard output."""
    sys.stdout.write(json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2) + "\n")


def title(console: Console, text: str) -> None:
    """A heading."""
    console.print(Text(plain(text), "bold"), soft_wrap=True)


def sentences(console: Console, lines: Iterable[str]) -> None:
    """Sentences, one after another, indented and wrapped at the width of the terminal."""
    for line in lines:
        inner = _INDENT if line.startswith(_ITEM) else ""  # the further lines of an item stand below its words
        width = max(console.width - len(_INDENT + inner), 20)
        for number, part in enumerate(Text(plain(line).translate(_TIED)).wrap(console, width)):
            margin = _INDENT + (inner if number else "")
            console.print(f"{margin}{part.plain.rstrip().translate(_UNTIED)}", soft_wrap=True)


def promises(console: Console, guarantees: Iterable[Guarantee]) -> None:
    """Print in words what is promised, guarantee after guarantee."""
    for number, words in enumerate(in_turn(guarantees)):
        if number:
            title(console, "\nAlso required")
        sentences(console, words)


def facts(console: Console, told: Mapping[str, str]) -> None:
    """Names and values in two columns; values stay whole, so that paths can be copied."""
    width = max(map(len, told), default=0)
    for name, value in told.items():
        console.print(Text.assemble("  ", (f"{name:<{width}}", "dim"), "  ", plain(value)), soft_wrap=True)


def plain(text: str) -> str:
    """The text without control characters: a plan's name may come from anybody, and terminals obey."""
    kept = (
        c if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf"} else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return "".join(kept)
