"""`tip explain` answers what it is asked, `tip verify` believes nothing, and both say what would be right."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tip.cli import app
from tip.explain import in_words
from tip.plan.proving import derive, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.explain import Audience, Language

    Json = dict[str, Any]

EXAMPLES = Path(__file__).parents[2] / "examples"
GOSSIP, HOSPITALS = EXAMPLES / "flows" / "gossip.toml", EXAMPLES / "flows" / "hospital_consortium.toml"
SURVEY, QUESTION = EXAMPLES / "survey.toml", EXAMPLES / "question.toml"
KEYS = ["metrics", "baseline", "guarantees", "run"]
NARROW, WIDE = "\u202f", "\u00a0"
LEAKY = """
format = 1
name = "leaky"
about = "Two people tell everybody their number, hidden by nothing."

[agents]
person = 2

[secrets.number]
of = "person"
range = [0, 1]
neighboring = "replace-one"
adaptive = false

[messages.told]
by = "person"
says = "number"
to = ["everybody"]
"""


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def refused(runner: CliRunner, *arguments: object) -> str:
    """What a request that cannot be met is told: one sentence on standard error, exit code 2."""
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    assert result.stderr.startswith("tip: ")
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def words_of(runner: CliRunner, *arguments: object) -> str:
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split(" ")).replace("\n", " ")


def joined(text: str) -> str:
    """Without line breaks and indents; spaces that do not break stay what they are."""
    return " ".join(part for part in text.replace("\n", " ").split(" ") if part)


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("audience", ["participant", "engineer", "reviewer"])
@pytest.mark.parametrize("path", [HOSPITALS, SURVEY, QUESTION], ids=lambda p: p.name)
def test_each_audience_reads_its_own_words_in_its_own_language(
    runner: CliRunner, path: Path, audience: Audience, language: Language
) -> None:
    said = joined(words_of(runner, "explain", path, "--for", audience, "--lang", language))
    proven = derive(read(path))
    for sentence in in_words(proven.guarantee, audience, language, derivation=proven):
        assert sentence in said


def test_a_flow_is_explained_without_being_asked_more(runner: CliRunner) -> None:
    said = joined(words_of(runner, "explain", HOSPITALS))
    assert said.startswith("hospital-consortium Three hospitals publish a total of counts")
    assert "Against whoever runs the rounds and “paris”, who pool all that they see." in said


def test_what_no_guarantee_covers_is_said_of_plans(runner: CliRunner) -> None:
    assert "This is not protected:" in words_of(runner, "explain", SURVEY, "--for", "participant")
    assert f"Ceci n’est pas protégé{WIDE}:" in words_of(runner, "explain", QUESTION, "--lang", "fr")


def test_another_coalition_is_answered(runner: CliRunner) -> None:
    more = json.loads(words_of(runner, "explain", SURVEY, "--against", "coordinator + 30% of agents", "--json"))
    less = json.loads(words_of(runner, "explain", SURVEY, "--for", "engineer", "--json"))
    assert list(more) == KEYS
    assert more["guarantees"][0]["coalition"] == "coordinator + 30% of agents"
    assert more["guarantees"][0]["epsilon"] > less["guarantees"][0]["epsilon"]
    assert more["run"]["flow"] == "diabetes-survey"
    assert more["run"]["colluders"] == 1204


def test_settings_change_what_is_explained(runner: CliRunner) -> None:
    said = joined(words_of(runner, "explain", SURVEY, "--for", "participant", "-c", "rounds=7 max_participations=7"))
    assert "the totals of all 7 rounds" in said


def test_french_keeps_its_spaces_on_a_narrow_terminal(runner: CliRunner) -> None:
    """A line that ends before a colon or within a number would be a misprint."""
    for path in (GOSSIP, QUESTION, SURVEY):
        result = runner.invoke(app, ["explain", str(path), "--lang", "fr"], env={"COLUMNS": "40"})
        assert result.exit_code == 0, result.stderr
        lines = result.stdout.splitlines()[1:]
        sentences = lines if path != GOSSIP else lines[2:]  # after the name and the author's own words
        assert max(map(len, sentences)) <= 40
        assert not [line for line in lines if line.lstrip(" ")[:1] in {":", ";", "?", "!", "»", "%"}]
        assert not [line for line in lines if line.endswith(("«", NARROW, WIDE, " "))]
        assert f"{WIDE}: " in joined(result.stdout)
        assert not {"\ue000", "\ue001"} & set(result.stdout)
        proven = derive(read(path))
        for sentence in in_words(proven.guarantee, "participant", "fr", derivation=proven):
            assert sentence.replace(" ", "") in joined(result.stdout).replace(
                " ", ""
            )  # a name may be wider than a line


def test_a_leak_is_told_and_leaves_with_2(runner: CliRunner, tmp_path: Path) -> None:
    path, proof = tmp_path / "leaky.toml", tmp_path / "proof.json"
    path.write_text(LEAKY)
    result = runner.invoke(app, ["explain", str(path), "--against", "world", "--derivation", str(proof)])
    assert result.exit_code == 2
    assert "They can read your answer exactly." in joined(result.stdout)
    checked = runner.invoke(app, ["verify", str(proof)])
    assert checked.exit_code == 2
    assert "leaky: nothing is promised" in checked.stdout
    assert "the derivation holds" not in checked.stdout
    told = json.loads(runner.invoke(app, ["verify", str(proof), "--json"]).stdout)
    assert told["run"]["holds"] is False
    assert told["guarantees"][0]["epsilon"] is None


# -- files ----------------------------------------------------------------------------------------


def test_pictures_are_written_where_they_were_asked_for(runner: CliRunner, tmp_path: Path) -> None:
    drawn, text, curve = tmp_path / "flow.svg", tmp_path / "flow.mmd", tmp_path / "curve.svg"
    result = runner.invoke(
        app, ["explain", str(GOSSIP), "--diagram", str(drawn), "--curve", str(curve), "--lang", "fr"]
    )
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"wrote {drawn}", f"wrote {curve}"]
    assert runner.invoke(app, ["explain", str(QUESTION), "--diagram", str(text)]).exit_code == 0
    for path in (drawn, curve):
        assert ET.fromstring(path.read_text()).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert "Le flux «" in drawn.read_text()
    assert "deviner au hasard" in curve.read_text()
    assert text.read_text().startswith("flowchart")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.svg", "flow.mmd", "flow.svg"]


@pytest.mark.parametrize("path", [GOSSIP, HOSPITALS, SURVEY, QUESTION], ids=lambda p: p.name)
def test_what_is_derived_is_verified_from_its_file_alone(runner: CliRunner, path: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    result = runner.invoke(app, ["explain", str(path), "--derivation", str(proof), "--json"])
    assert result.exit_code == 0, result.stderr
    said = joined(words_of(runner, "verify", proof))
    assert "the derivation holds" in said
    assert "Taken on trust" in said
    assert "declared: nobody sees more than the flow declares" in said
    told = json.loads(words_of(runner, "verify", proof, "--json"))
    assert list(told) == KEYS
    assert told["run"]["holds"] is True
    assert told["run"]["checked"]
    assert told["guarantees"] == json.loads(result.stdout)["guarantees"]


def _bolder(data: Json) -> None:
    data["guarantee"]["epsilon"] /= 2


def _less_shift(data: Json) -> None:
    node = data["root"]
    while node["rule"] != "linear-gaussian":
        (node,) = node["premises"][:1]
    node["numbers"]["mu_squared"] = "1/1000"


def _quieter_flow(data: Json) -> None:
    data["flow"] = data["flow"].replace("variance = 16", "variance = 9")


def _other_coalition(data: Json) -> None:
    data["coalition"] = data["guarantee"]["coalition"] = "coordinator + lille"


@pytest.mark.parametrize(
    ("tamper", "step"),
    [
        (_bolder, "delta ledger"), (_less_shift, "linear-gaussian"), (_quieter_flow, "linear-gaussian"),
        (_other_coalition, "every coalition"),
    ],
)  # fmt: skip
def test_a_proof_that_was_tampered_with_is_refused_with_its_step(
    runner: CliRunner, tamper: Callable[[Json], None], step: str, tmp_path: Path
) -> None:
    proof = tmp_path / "proof.json"
    assert runner.invoke(app, ["explain", str(HOSPITALS), "--derivation", str(proof)]).exit_code == 0
    data = json.loads(proof.read_text())
    before = json.dumps(data)
    tamper(data)
    assert json.dumps(data) != before
    proof.write_text(json.dumps(data))
    result = runner.invoke(app, ["verify", str(proof)])
    assert result.exit_code == 4, result.stdout + result.stderr
    assert result.stdout == ""
    assert step in result.stderr


# -- what cannot be met ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--for", "nobody"), ("'nobody' is no audience", "participant, engineer, reviewer")),
        (("--lang", "de"), ("'de' is no language", "en or fr")),
        (("--against", "the neighbors"), ("is not a known party", "10% of agents")),
        (("--against", "101% of agents"), ("101",)),
        (("-c", "rounds=3", "--for", "engineer"), ("a flow has no settings",)),
        (("--diagram", "flow.png"), ("--diagram 'flow.png' ends with .png", ".mermaid or .mmd or .svg")),
        (("--curve", "curve"), ("--curve 'curve' ends with nothing", "End it with .svg")),
        (("--derivation", "proof.toml"), ("End it with .json",)),
        (("--diagram", "a.svg", "--curve", "a.svg"), ("written by --diagram already", "Name another file")),
        (("--diagram", "none/a.svg"), ("none/a.svg cannot be written: no such file or directory",)),
        (("--curve", "folder.svg"), ("folder.svg cannot be written: is a directory",)),
    ],
)
def test_wrong_requests_are_told_what_would_be_right(
    runner: CliRunner,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.svg").mkdir()
    told = refused(runner, "explain", GOSSIP, *arguments)
    for word in words:
        assert word in told
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_a_plan_is_not_overwritten_by_its_own_proof(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "flow.json"  # TOML under another name
    path.write_text(GOSSIP.read_text())
    assert "is the plan itself" in refused(runner, "explain", path, "--derivation", path)
    assert path.read_text() == GOSSIP.read_text()


def test_who_is_nobody_in_a_plan_is_told(runner: CliRunner) -> None:
    assert "'paris' is not a known party" in refused(runner, "explain", SURVEY, "--against", "coordinator + paris")
    assert "no guarantee against 'network'" in refused(runner, "explain", SURVEY, "--against", "network")
    nothing = refused(
        runner,
        "explain",
        SURVEY,
        "-c",
        "privacy=none budget=none protocol.kind=clear influence=none",
        "--for",
        "engineer",
    )
    assert "states no [privacy] requirement" in nothing


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (('"gossip(', '"gosip('), 'says = "gosip(', "Did you mean 'gossip'?"),
        (("deviation = 2", "deviation = -2"), "deviation = -2", "a number above 0"),
        (('of = "person"\nrange', 'of = "persons"\nrange'), 'of = "persons"', "persons"),
    ],
)
def test_mistakes_in_a_flow_are_told_with_file_and_line(
    runner: CliRunner, change: tuple[str, str], line: str, words: str, tmp_path: Path
) -> None:
    path, text = tmp_path / "mine.toml", GOSSIP.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    number = 1 + [line in one for one in path.read_text().splitlines()].index(True)
    for arguments in ((), ("--for", "reviewer")):
        told = refused(runner, "explain", path, *arguments)
        assert f"{path}:{number} " in told
        assert words in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "is not JSON"), (b"[1]", "is not a JSON object"), (b"{}", "not a derivation written by tip"),
        (b"\xff\xfe\x00", "is no text in UTF-8"), (b"[" * 200_000, "is not JSON"), (b'{"a": NaN}', "is not JSON"),
        (b"", "is not JSON"),
    ],
)  # fmt: skip
def test_files_that_are_no_proof_are_refused(runner: CliRunner, content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(content)
    for more in ((), ("--json",)):
        told = refused(runner, "verify", path, *more)
        assert words in told
        assert str(path) in told
        assert "tip explain PLAN --derivation FILE" in told


def test_missing_files_folders_and_huge_files_are_refused(runner: CliRunner, tmp_path: Path) -> None:
    assert "does not exist" in refused(runner, "verify", tmp_path / "none.json")
    assert f"such as {tmp_path / 'derivation.json'}" in refused(runner, "verify", tmp_path)
    huge = tmp_path / "huge.json"
    huge.touch()
    os.truncate(huge, 1 << 40)  # a hole: it takes no room on the disk
    assert "larger than any derivation" in refused(runner, "verify", huge)
    huge.unlink()
    assert "does not exist" in refused(runner, "explain", tmp_path / "none.toml", "--for", "engineer")


def test_masks_of_a_plan_are_told_in_both_languages(runner: CliRunner) -> None:
    told = {
        ("engineer", "en"): "consents to the set that is summed",
        ("engineer", "fr"): "accords sur l’ensemble sommé",
        ("participant", "en"): "cancel out in the total",
        ("participant", "fr"): "s’annulent dans le total",
    }
    for (audience, language), words in told.items():
        found = runner.invoke(app, ["explain", str(SURVEY), "--for", audience, "--lang", language])
        assert words in found.stdout.replace("\n  ", " ")
        ideal = ["explain", str(SURVEY), "--for", audience, "--lang", language, "-c", "protocol.kind=ideal"]
        assert words not in runner.invoke(app, ideal).stdout.replace("\n  ", " ")
