"""Delimited text: every way in which a file can be broken has its own sentence."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.data.delimited import read_delimited
from tip.errors import DataError


def every(header: list[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(header)}


def read(folder: Path, raw: bytes) -> tuple[dict[str, list[str]], list[int]]:
    path = folder / "a.csv"
    path.write_bytes(raw)
    columns, numbers = read_delimited(path, every, delimiter=",")
    return columns, numbers.tolist()


@pytest.mark.parametrize(
    "raw",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y",
        b"\xef\xbb\xbfa,b\n1,x\n2,y",
        b'"a","b"\n"1","x"\n 2 ,y \n',
        b"a , b\n1,x\n2,y\n",
    ],
)
def test_line_ends_marks_quotes_and_blanks(tmp_path: Path, raw: bytes) -> None:
    assert read(tmp_path, raw) == ({"a": ["1", "2"], "b": ["x", "y"]}, [1, 2])


def test_quotes_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    raw = b'a,b\n"1,5","say ""yes""\nor no"\n'
    assert read(tmp_path, raw)[0] == {"a": ["1,5"], "b": ['say "yes"\nor no']}


def test_empty_lines_are_passed_over_but_counted(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n\n1,x\n\n\n2,y\n\n") == ({"a": ["1", "2"], "b": ["x", "y"]}, [2, 5])


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b",,\n1,2,3\n", "is empty"),
        (b"a,b\n", "a header and no row"),
        (b"a,b\n\n\n", "a header and no row"),
        (b"a,a\n1,2\n", "names a column 2 times"),
        (b"a, a\n1,2\n", "names a column 2 times"),
        (b"a,b\n1,2\n1,2,3\n", r"row 2: has 3 cells where the header has 2"),
        (b"a,b\n1,2\n1\n", r"row 2: has 1 cells where the header has 2"),
        (b'a,b\n1,2\n"1,2\n3,4\n', r"row 2: is not delimited text.*quote left open"),
        (b'a,b\n1,2\n"1"x,2\n', r"row 2: is not delimited text"),
        (b'"a,b\n1,2\n', "header is not delimited text"),
        (b"a,b\n1,2\n3," + b"x" * 200_000 + b"\n", r"row 2: is not delimited text: field larger"),
        ("a,b\n1,2\nMüller,3\n".encode("latin-1"), r"byte 10 \(0xfc, line 3\) is not UTF-8"),
        (b"\xef\xbb\xbf" + "a,b\n1,ü\n".encode("latin-1"), r"byte 10 \(0xfc, line 2\)"),
        ("a,b\n1,2\n".encode("utf-16"), "looks like UTF-16"),
        (b"PK\x03\x04\xff\xff", "looks like a spreadsheet"),
        (b"\x1f\x8b\x08\x00", "looks like gzip"),
        (b"a,b\n1,\xed\xa0\x80\n", "is not UTF-8"),
    ],
)
def test_broken_files(tmp_path: Path, raw: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read(tmp_path, raw)
    assert caught.value.file == str(tmp_path / "a.csv")
    assert "Müller" not in str(caught.value)


def test_a_wrong_byte_far_behind_is_found(tmp_path: Path) -> None:
    raw = b"a,b\n" + b"1,2\n" * 50_000 + b"1,\xff\n"
    with pytest.raises(DataError, match=f"byte {len(raw) - 1} ") as caught:
        read(tmp_path, raw)
    assert caught.value.row == 50_001


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist.*working directory"):
        read_delimited(tmp_path / "nobody.csv", every, delimiter=",")
    with pytest.raises(DataError, match="is a folder"):
        read_delimited(tmp_path, every, delimiter=",")
    with pytest.raises(DataError, match="device without an end"):
        read_delimited(Path("/dev/zero"), every, delimiter=",")


CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_what_the_standard_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b"), *rows])
    columns, _ = read(tmp_path_factory.mktemp("law"), text.getvalue().encode())
    assert columns == {"a": [a.strip() for a, _ in rows], "b": [b.strip() for _, b in rows]}
