"""Run folders are taken once, written whole, and hold nothing but what fits."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError
from tip.files import RunFolder, append_line, has_line, read_lines, safe_name, strict_json


def test_the_next_free_name_is_taken(tmp_path: Path) -> None:
    names = [RunFolder.create(tmp_path / "runs", "survey").path.name for _ in range(3)]
    assert names == ["survey", "survey-2", "survey-3"]


def test_runs_that_start_together_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.create(tmp_path, "a").path, range(32)))
    assert len(set(folders)) == 32


@given(st.text(max_size=200))
def test_a_safe_name_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe == safe_name(safe)
    assert safe.isascii()
    assert not safe.startswith((".", "-"))
    assert 0 < len(safe) <= 80


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "a\0b", "-rf"])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="not the name of a file"):
        RunFolder(tmp_path).write_text(name, "x")


def test_a_folder_cannot_be_made_inside_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ConfigurationError):
        RunFolder.create(tmp_path / "runs", "survey")


def test_open_wants_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        RunFolder.open(tmp_path / "file")


def test_all_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_text("plan.toml", "")
    with pytest.raises(ConfigurationError, match=r"lacks history.jsonl and model.npz"):
        folder.require("plan.toml", "history.jsonl", "model.npz")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    folder.write_text("a.txt", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="no space left"):
        folder.write_text("a.txt", "new")
    assert folder.read_text("a.txt") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_goes_round_and_has_no_nan(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("a.json", {"a": np.float64(0.5), "b": np.arange(2), "c": None, "ä": "ö"})
    assert folder.read_json("a.json") == {"a": 0.5, "b": [0, 1], "c": None, "ä": "ö"}
    for value in (math.nan, math.inf, np.float32("nan"), np.array([math.inf])):
        with pytest.raises(ConfigurationError, match="NaN"):
            strict_json({"a": value})
    with pytest.raises(ConfigurationError, match="set"):
        strict_json({"a": {1}})


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": NaN}', "[" * 100_000, "3"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    folder = RunFolder(tmp_path)
    folder.write_text("a.json", text)
    with pytest.raises(DataError, match="not"):
        folder.read_json("a.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_bytes("a.txt", b"\xff\n")
    for read in (folder.read_text, folder.read_lines):
        with pytest.raises(DataError, match="UTF-8"):
            read("a.txt")


def test_arrays_go_round_without_pickle(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.arrays("model.npz", w=np.arange(3.0), done=np.int64(4), names=np.array(["a", "ä"]))
    read = folder.read_arrays("model.npz")
    assert read["w"].tolist() == [0, 1, 2]
    assert int(read["done"]) == 4
    assert read["names"].tolist() == ["a", "ä"]
    with pytest.raises(ConfigurationError, match="Python objects"):
        folder.arrays("bad.npz", w=np.array([{}]))
    assert not folder.has("bad.npz")


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", allow_pickle=True, w=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="damaged"):
        RunFolder(tmp_path).read_arrays("evil.npz")


@pytest.mark.parametrize("cut", [0, 1, 10, 100])
def test_a_damaged_file_of_arrays_is_told(tmp_path: Path, cut: int) -> None:
    folder = RunFolder(tmp_path)
    content = folder.arrays("a.npz", w=np.arange(100.0)).read_bytes()
    folder.write_bytes("a.npz", content[:cut])
    with pytest.raises(DataError, match="damaged"):
        folder.read_arrays("a.npz")


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20), max_size=5))
def test_lines_go_round(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "a"
    path.touch()
    for line in lines:
        append_line(path, line)
    assert list(read_lines(path)) == lines


def test_a_line_without_its_end_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert not has_line(path)
    path.write_bytes(b"half")
    assert not has_line(path)
    assert read_lines(path) == ()
    append_line(path, "one")
    path.write_bytes(path.read_bytes() + '"tw\xc3'.encode("latin-1"))
    assert read_lines(path) == ("one",)
    append_line(path, "two")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("line", ["a\nb", "a\r", "\n"])
def test_a_line_is_one_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match="line break"):
        append_line(tmp_path / "a", line)


def test_lines_reach_the_disk_on_demand(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append_line("a", "one")
    folder.sync("a")
    assert folder.read_lines("a") == ("one",)
    with pytest.raises(ConfigurationError, match="lacks b"):
        folder.read_lines("b")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        append_line(tmp_path / "none" / "a", "one")
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_lines(tmp_path / "none")
