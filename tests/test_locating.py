"""Lines: every key of a TOML text is found where it stands."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.locating import Path, label, load

TEXT = '''# a comment with [brackets] and key = "value"
name = "x" # another = 1
"quoted key" = 'literal # no comment'
dotted.inner . deep = 1
long = """
[not.a.table]
fake = 1
\\"""still inside
""" # after
literal = \'\'\'
also = "inside
\'\'\'
list = [
    1, # one ]
    "two, ]",
    { inside = true, deeper = { last = 1 } },
]
inline = { a = 1, "b c" = [1, 2], d.e = 3 }

[table]
date = 1979-05-27T07:32:00-08:00
number = -1.5e+3

[[many]]
first = 1
[many.sub]
x = 1
[[many]]
first = 2
[many.sub]
x = 2
[[many.nested]]
y = 1
[ spaced . "name" ]
z = """""two quotes inside"""""
end = 1'''

EXPECTED: dict[Path, int] = {
    ("name",): 2,
    ("quoted key",): 3,
    ("dotted",): 4,
    ("dotted", "inner", "deep"): 4,
    ("long",): 5,
    ("literal",): 10,
    ("list",): 13,
    ("list", 2): 16,
    ("list", 2, "inside"): 16,
    ("list", 2, "deeper", "last"): 16,
    ("inline",): 18,
    ("inline", "a"): 18,
    ("inline", "b c"): 18,
    ("inline", "d", "e"): 18,
    ("table",): 20,
    ("table", "date"): 21,
    ("table", "number"): 22,
    ("many",): 24,
    ("many", 0): 24,
    ("many", 0, "first"): 25,
    ("many", 0, "sub"): 26,
    ("many", 0, "sub", "x"): 27,
    ("many", 1): 28,
    ("many", 1, "first"): 29,
    ("many", 1, "sub", "x"): 31,
    ("many", 1, "nested", 0, "y"): 33,
    ("spaced", "name"): 34,
    ("spaced", "name", "z"): 35,
    ("spaced", "name", "end"): 36,
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_key_is_found_on_its_line(newline: str) -> None:
    tables, places = load(TEXT.replace("\n", newline), "f.toml")
    assert tables == tomllib.loads(TEXT)
    for path, line in EXPECTED.items():
        assert places.known[path] == f"f.toml:{line}", path
    assert ("fake",) not in places.known
    assert ("not",) not in places.known


def test_an_absent_key_has_the_place_of_its_table() -> None:
    _, places = load("[a]\nb = 1\n", "f.toml")
    assert places.of("a", "c") == "f.toml:1"
    assert places.of("z") == "f.toml"
    assert places.changed(("a", "b"), "elsewhere").of("a", "b") == "elsewhere"


KEYS = st.text(st.characters(codec="utf-8"), max_size=6)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def leaves(value: Any, path: Path = ()) -> list[Path]:  # noqa: ANN401 - any TOML value
    if isinstance(value, dict):
        inner = [leaves(v, (*path, k)) for k, v in value.items()]
        return [path, *(p for paths in inner for p in paths)] if path else [p for paths in inner for p in paths]
    if isinstance(value, list):
        inner = [leaves(v, (*path, i)) for i, v in enumerate(value) if isinstance(v, dict)]
        return [path, *(p for paths in inner for p in paths)]
    return [path]


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_key_that_tomllib_reads_has_a_line(tables: dict[str, Any]) -> None:
    text = tomli_w.dumps(tables)
    read, places = load(text, "f")
    assert read == tables
    lines = text.split("\n")
    for path in leaves(read):
        place = places.known[path]
        assert 1 <= int(place.removeprefix("f:")) <= len(lines)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), st.text(" \t", max_size=2)), unique_by=lambda p: p[0])
)
def test_lines_are_counted_as_an_editor_counts_them(pairs: list[tuple[str, str]]) -> None:
    text = "\n\n".join(f"{space}{name}{space}={space}1" for name, space in pairs)
    _, places = load(text, "f")
    for index, (name, _) in enumerate(pairs):
        assert places.of(name) == f"f:{2 * index + 1}"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("[t\n", 1), ("x = 'open", 1), ('x = """open\n\n', 3), ("\0", 1)],
)
def test_invalid_toml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^f.toml:{line} is not TOML: "):
        load(text, "f.toml")


@pytest.mark.parametrize("depth", [*range(200, 600, 7), 20_000])
def test_deep_nesting_is_refused_and_never_crashes(depth: int) -> None:
    try:
        load(f"a = {'[' * depth}{']' * depth}", "f.toml")
    except ConfigurationError as error:
        assert "too deeply" in str(error)  # noqa: PT017 - whether it is raised depends on the caller's own depth


def test_paths_are_written_as_toml_writes_them() -> None:
    assert label(("privacy", "also", 0, "epsilon")) == "privacy.also[0].epsilon"
    assert label(("data", "numbers", "Heart rate", "range")) == 'data.numbers."Heart rate".range'
    assert label(("a", 'say "x"')) == 'a."say \\"x\\""'


def test_decimals_may_be_kept_exactly() -> None:
    tables, places = load("a = 0.1\nb = [1e-2, 3]\n", "flow.toml", parse_float=Fraction)
    assert tables == {"a": Fraction(1, 10), "b": [Fraction(1, 100), 3]}
    assert places.of("b") == "flow.toml:2"


@pytest.mark.parametrize("key", [".".join("a" * 100), ' . "x" . '.join("a" * 50), ".".join("a" * 100_000)])
def test_keys_of_many_parts_are_refused_at_once(key: str) -> None:
    for text in (f"x = 1\n{key} = 1", f"x = 1\n[{key}]"):
        with pytest.raises(ConfigurationError, match=r"f\.toml:2 is not TOML: a key has more than 64 parts"):
            load(text, "f.toml")


def test_long_texts_with_points_are_no_keys() -> None:
    tables, _ = load('a = "' + "1.5, " * 500 + '"\nb = ' + "[" + "1.5, " * 500 + "]", "f.toml")
    assert len(tables["b"]) == 500


def test_numbers_that_python_refuses_to_read_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"f\.toml holds a value that cannot be read"):
        load("a = " + "9" * 5000, "f.toml")
