"""Run folders: what a run leaves on disk, written whole or not.

Rules:

1. `write_*` and `arrays` are atomic: the bytes go into a file beside the target, reach the disk
   (fsync), and take the target's name in one rename. A reader sees the old file or the new one.
2. `append_line` adds one line in one write. A line without its end (the process died while it
   wrote) was never written: readers skip it, and the next `append_line` cuts it off.
3. A folder is taken by creating it, which one process alone can do: two runs that start at the
   same moment get `name` and `name-2`.
4. Array files hold numbers only; pickled objects are neither written nor read.
"""

from __future__ import annotations

import io
import json
import os
import re
import threading
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LONGEST_NAME: Final = 80
_LINE_END: Final = b"\n"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder; file names are relative to it and stay inside it."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> RunFolder:
        """Create the next free folder `root/name`, `root/name-2`, ... (the name made safe)."""
        safe, number = safe_name(name), 1
        while True:
            path = root / (safe if number == 1 else f"{safe}-{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if not root.is_dir():
                    raise ConfigurationError(f"{root} is not a folder.", instead="Choose another folder.") from None
                number += 1
            except OSError as error:
                raise ConfigurationError(f"{path} cannot be created: {_reason(error)}") from error
            else:
                return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of an earlier run, which has to be there."""
        if not path.is_dir():
            what = "is not a folder" if path.exists() else "does not exist"
            raise ConfigurationError(f"{path} {what}.", instead="Name the folder of a run, such as runs/my-plan.")
        return cls(path)

    def has(self, name: str) -> bool:
        """Whether the folder holds that file."""
        return self.at(name).is_file()

    def at(self, name: str) -> Path:
        """The path of a file of this folder; a name that leads elsewhere is refused."""
        if name != safe_name(name):
            raise ConfigurationError(f"{name!r} is not the name of a file in a run folder.")
        return self.path / name

    def require(self, *names: str) -> None:
        """Raise, naming every file that is missing."""
        missing = [name for name in names if not self.has(name)]
        if missing:
            raise ConfigurationError(
                f"{self.path} lacks {' and '.join(missing)}.",
                why="A run writes them as it goes.",
                instead="Name the folder of a run, or run its plan again.",
            )

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a whole file, or leave the one that was there."""
        path = self.at(name)
        write_atomically(path, content)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a whole file in UTF-8."""
        return self.write_bytes(name, text.encode())

    def write_json(self, name: str, value: Mapping[str, Any]) -> Path:
        """Write one JSON object; NaN and infinity are refused, since JSON has neither."""
        return self.write_text(name, strict_json(value, indent=2) + "\n")

    def read_text(self, name: str) -> str:
        """A whole file as UTF-8 text."""
        self.require(name)
        try:
            return self.at(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise DataError("is not UTF-8 text", file=str(self.at(name))) from error

    def read_json(self, name: str) -> dict[str, Any]:
        """One JSON object."""
        return parse_object(self.read_text(name), file=str(self.at(name)))

    def append_line(self, name: str, line: str) -> None:
        """Add one line, in one write; outlives the process (`sync` makes it outlive the machine)."""
        append_line(self.at(name), line)

    def read_lines(self, name: str) -> tuple[str, ...]:
        """All finished lines."""
        self.require(name)
        return read_lines(self.at(name))

    def sync(self, name: str) -> None:
        """Return once the file's bytes are on the disk."""
        _sync(self.at(name))

    def arrays(self, name: str, **arrays: NDArray[Any] | np.generic) -> Path:
        """Write arrays of numbers as one `.npz` file."""
        for key, array in arrays.items():
            if array.dtype.hasobject:
                raise ConfigurationError(f"{name}: {key} holds Python objects.", instead="Store numbers only.")
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return self.write_bytes(name, buffer.getvalue())

    def read_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """All arrays of an `.npz` file by name; a damaged file is told as such."""
        self.require(name)
        try:
            with np.load(io.BytesIO(self.at(name).read_bytes()), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (ValueError, TypeError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError("is no file of arrays, or damaged", file=str(self.at(name))) from error


def safe_name(name: str) -> str:
    """The name with everything but plain letters, digits, `.`, `_`, `-` replaced; never empty, never hidden."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).lstrip(".-")[:_LONGEST_NAME].rstrip(".-")
    return kept or "run"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file: beside the target, to the disk, then renamed over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {_reason(error)}") from error
    finally:
        beside.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Add one line to a file, after cutting off a last line without its end."""
    if "\n" in line or "\r" in line:
        raise ConfigurationError(f"{path.name}: a line cannot hold a line break.")
    try:
        with path.open("ab+") as file:
            _cut_unfinished(file)
            file.write(line.encode() + _LINE_END)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {_reason(error)}") from error


def read_lines(path: Path) -> tuple[str, ...]:
    """All finished lines of a file; a last line without its end was never written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist.") from None
    finished = content[: content.rfind(_LINE_END) + 1]
    try:
        return tuple(finished.decode().split("\n")[:-1])
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", file=str(path)) from error


def has_line(path: Path) -> bool:
    """Whether a file holds a finished line."""
    try:
        with path.open("rb") as file:
            return file.readline().endswith(_LINE_END)
    except FileNotFoundError:
        return False


def strict_json(value: object, *, indent: int | None = None) -> str:
    """JSON as the standard has it: no NaN, no infinity, NumPy numbers as plain ones."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent, default=_plain)
    except ConfigurationError:
        raise
    except ValueError as error:
        raise ConfigurationError("NaN and infinity cannot be written as JSON.", instead="Write null.") from error


def parse_object(text: str, *, file: str, row: int | None = None) -> dict[str, Any]:
    """One JSON object; anything else is an error that names the place."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError("is not JSON", file=file, row=row) from error
    if not isinstance(value, dict):
        raise DataError("is not a JSON object", file=file, row=row)
    return value


def _cut_unfinished(file: Any) -> None:  # noqa: ANN401 - a binary file opened to append and read
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    file.seek(size - 1)
    if file.read(1) != _LINE_END:
        file.seek(0)
        file.truncate(file.read().rfind(_LINE_END) + 1)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise ConfigurationError(f"{type(value).__name__} cannot be written as JSON.")


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
