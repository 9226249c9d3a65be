"""`tip explain` with a question of its own, and `tip verify`: words, pictures and proofs of one guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.cli.printing import asides, plain, print_object, results, sentences, title
from tip.cli.settings import parted
from tip.errors import ConfigurationError
from tip.explain import AUDIENCES, LANGUAGES, in_words
from tip.explain.curves import trade_off_svg
from tip.explain.diagrams import svg
from tip.explain.masks import masks_in_words
from tip.explain.mermaid import mermaid
from tip.files import parse_object, strict_json, write_atomically
from tip.flow.files import from_json, to_json
from tip.flow.model import Flow
from tip.flow.verification import verify
from tip.plan import Plan
from tip.plan.masking import masks_of
from tip.plan.proving import Subject, derive, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tip.explain import Audience, Language
    from tip.flow.derivation import Derivation

_REQUEST: Final = 2
_LARGEST: Final = 1 << 26  # bytes of a proof; one about a million agents has 17 million
_MERMAID: Final = frozenset({".mmd", ".mermaid"})
_DRAWN: Final = frozenset({".svg"})
_PROOF: Final = "derivation.json"
_INSTEAD: Final = f"Use the {_PROOF} of a run, or what `tip explain PLAN --derivation FILE` writes."


@dataclass(frozen=True, slots=True)
class Asked:
    """What `tip explain` was asked beside the plan: for whom, in which language, against whom, which files."""

    audience: str = ""
    language: str = ""
    against: str = ""
    diagram: Path | None = None
    curve: Path | None = None
    derivation: Path | None = None


def explain_one(path: Path, config: Iterable[str], asked: Asked, *, json: bool) -> int:
    """One guarantee of a plan or a flow: in words on standard output, and in the files that were asked for."""
    audience, language = _audience(asked.audience or "participant"), _language(asked.language or "en")
    _check_files(path, asked)
    subject = _subject(path, config)
    proven = derive(subject, asked.against)
    _leave_files(asked, proven, language)
    if json:
        run = {"flow": proven.flow.name, "agent": proven.agent, "colluders": len(proven.colluders)}
        print_object({"metrics": None, "baseline": None, "guarantees": [proven.guarantee.to_json()], "run": run})
    else:
        console = results()
        title(console, proven.flow.name)
        sentences(console, [proven.flow.about] if isinstance(subject, Flow) and proven.flow.about else [])
        protocol = "" if isinstance(subject, Flow) else subject.protocol.kind
        sentences(console, in_words(proven.guarantee, audience, language, derivation=proven, protocol=protocol))
        if isinstance(subject, Plan) and (masks := masks_of(subject, proven.flow.enrolled)) is not None:
            sentences(console, masks_in_words(masks.told, audience, language))
    return 0 if proven.guarantee.epsilon is not None else _REQUEST


def verify_file(path: Path, *, json: bool) -> int:
    """Check a derivation from its file alone; returns the exit code, 4 if it does not hold."""
    proven = _proof(path)
    checked = verify(proven)
    code = 0 if checked.holds else _REQUEST
    if json:
        run = {"holds": checked.holds, "checked": list(checked.claims), "trusted": list(checked.trusted)}
        print_object({"metrics": None, "baseline": None, "guarantees": [proven.guarantee.to_json()], "run": run})
        return code
    console = results()
    title(console, f"{proven.flow.name}: {'the derivation holds' if checked.holds else 'nothing is promised'}")
    sentences(console, checked.claims)
    if checked.trusted:
        title(console, "\nTaken on trust")
        sentences(console, checked.trusted)
    return code


def _proof(path: Path) -> Derivation:
    """The derivation of a file; what is none is refused in words."""
    if path.is_dir():
        raise ConfigurationError("is a folder", where=str(path), instead=f"Name the file, such as {path / _PROOF}.")
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError("is larger than any derivation", where=str(path), instead=_INSTEAD)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError("does not exist", where=str(path), instead=_INSTEAD) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError("is no text in UTF-8", where=str(path), instead=_INSTEAD) from error
    try:
        return from_json(parse_object(text, file=str(path)))
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=f"{path}:", why=error.why, instead=_INSTEAD) from error


def _subject(path: Path, config: Iterable[str]) -> Subject:
    subject = read(path)
    settings = [setting for text in config for setting in parted(text)]
    if not settings:
        return subject
    if isinstance(subject, Flow):
        raise ConfigurationError("a flow has no settings", where="-c", instead="Change its text.")
    return subject.replace(*settings)


def _leave_files(asked: Asked, proven: Derivation, language: Language) -> None:
    """Write what was asked for, and say where it is."""
    made: list[tuple[Path, str]] = []
    if asked.diagram is not None:
        draw = mermaid if asked.diagram.suffix in _MERMAID else svg
        made.append((asked.diagram, draw(proven.flow, proven.coalition, language=language)))
    if asked.curve is not None:
        made.append((asked.curve, trade_off_svg(proven.guarantee, language)))
    if asked.derivation is not None:
        made.append((asked.derivation, strict_json(to_json(proven), indent=1) + "\n"))
    for path, content in made:
        write_atomically(path, content.encode())
        asides().print(plain(f"wrote {path}"), soft_wrap=True)


def _check_files(plan: Path, asked: Asked) -> None:
    """Refuse, before anything is computed, a picture in a form that is not drawn and a file that is written twice."""
    wanted = {
        "--diagram": (asked.diagram, _DRAWN | _MERMAID),
        "--curve": (asked.curve, _DRAWN),
        "--derivation": (asked.derivation, frozenset({".json"})),
    }
    taken = {plan.resolve(): "the plan itself"}
    for option, (file, forms) in wanted.items():
        if file is None:
            continue
        if file.suffix not in forms:
            ends = " or ".join(sorted(forms))
            raise ConfigurationError(
                f"{str(file)!r} ends with {file.suffix or 'nothing'}", where=option, instead=f"End it with {ends}."
            )
        if file.resolve() in taken:
            raise ConfigurationError(
                f"{str(file)!r} is {taken[file.resolve()]}", where=option, instead="Name another file."
            )
        taken[file.resolve()] = f"written by {option} already"


def _audience(text: str) -> Audience:
    if text not in AUDIENCES:
        raise ConfigurationError(f"{text!r} is no audience", where="--for", instead=f"Write {', '.join(AUDIENCES)}.")
    return text


def _language(text: str) -> Language:
    if text not in LANGUAGES:
        raise ConfigurationError(f"{text!r} is no language", where="--lang", instead=f"Write {' or '.join(LANGUAGES)}.")
    return text
