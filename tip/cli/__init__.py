"""The command `tip`: its commands, exit codes, and last words.

Exit codes: 0 done, 2 the request, 3 not enough agents or budget, 4 a peer's fault, 130 interrupted,
141 the reader of standard output went away. Whatever is not a `TipError` is a bug and shows its
traceback. Results go to standard output, all else to standard error. A command's own module, and
with it the heavy packages, is imported when that command runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Abort, Argument, Exit, Option
from typer.core import TyperGroup

from tip.cli.codes import INTERRUPTED, READER_GONE
from tip.errors import ConfigurationError, TipError


class _Commands(TyperGroup):
    """All commands, with errors as words on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's context has moved between its versions
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except TipError as error:
            _complain(str(error))
            raise Exit(error.exit_code) from None
        except (KeyboardInterrupt, Abort):
            _complain("interrupted")
            raise Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _write_no_more()
            raise Exit(READER_GONE) from None
        except OSError as error:  # the disk is full, a file may not be read: nothing that tip could have known
            _write_no_more()
            place = f"{error.filename}: " if error.filename else ""
            _complain(f"{place}{(error.strerror or str(error)).lower()}.")
            raise Exit(ConfigurationError.exit_code) from None


def _write_no_more() -> None:
    """Let what is left for standard output go nowhere, else Python complains on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    from tip.cli.printing import complain  # noqa: PLC0415 - rich is not wanted for --version

    complain(message)


app = typer.Typer(cls=_Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Settings = Annotated[
    list[str] | None,
    Option("-c", "--config", metavar="KEY=VALUE", help="Change a key of the plan, such as -c rounds=50. Repeatable."),
]
Json = Annotated[bool, Option("--json", help="Print one JSON object: metrics, baseline, guarantees, run.")]


@app.callback(invoke_without_command=True)
def tip(
    context: typer.Context,
    version: Annotated[bool, Option("--version", help="Print the version.")] = False,
) -> None:
    """Transparent AI preserving Privacy: learn together, and say with a proof who learns how much about whom."""
    if version:
        from importlib.metadata import version as version_of  # noqa: PLC0415 - slow, and wanted here alone

        print(f"tip {version_of('tip')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command("run")
def run_command(
    plan: Annotated[Path | None, Argument(metavar="PLAN", help="The plan, a TOML file.", show_default=False)] = None,
    *,
    config: Settings = None,
    resume: Annotated[
        Path | None, Option("--resume", metavar="RUN", help="Continue the run in this folder, to the same model.")
    ] = None,
    out: Annotated[Path, Option("--out", metavar="DIR", help="Where the run's folder is made.")] = Path("runs"),
    json: Json = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Run a plan, leave a run folder."""
    from tip.cli.run import run  # noqa: PLC0415 - the heavy packages wait until they are wanted

    raise Exit(run(plan, config or (), resume=resume, out=out, json=json, quiet=quiet))


@app.command("explain")
def explain_command(  # noqa: PLR0913 - what can be asked
    plan: Annotated[
        Path | None, Argument(metavar="PLAN", help="The plan or the flow, a TOML file.", show_default=False)
    ] = None,
    *,
    config: Settings = None,
    json: Json = False,
    keys: Annotated[bool, Option("--keys", help="Explain every key that a plan may have.")] = False,
    audience: Annotated[str, Option("--for", metavar="WHOM", help="participant, engineer or reviewer.")] = "",
    language: Annotated[str, Option("--lang", metavar="LANG", help="en or fr.")] = "",
    against: Annotated[
        str, Option("--against", metavar="WHOM", help='A coalition, such as "coordinator + 30% of agents".')
    ] = "",
    diagram: Annotated[
        Path | None, Option("--diagram", metavar="FILE", help="Draw who sees what: .svg, or .mmd for Mermaid.")
    ] = None,
    curve: Annotated[
        Path | None, Option("--curve", metavar="FILE", help="Draw the best attacker's hit rates as SVG.")
    ] = None,
    derivation: Annotated[
        Path | None, Option("--derivation", metavar="FILE", help="Write the proof as JSON, for `tip verify`.")
    ] = None,
) -> None:
    """Say what a plan or a flow promises, before anything runs."""
    from tip.cli.settings import is_flow  # noqa: PLC0415 - as above

    asks = any((audience, language, against, diagram, curve, derivation))
    if plan is not None and not keys and (asks or is_flow(plan)):
        from tip.cli.calibrate import refuse_planned  # noqa: PLC0415 - as above
        from tip.cli.proofs import Asked, explain_one  # noqa: PLC0415 - as above

        refuse_planned(plan)
        asked = Asked(audience, language, against, diagram, curve, derivation)
        raise Exit(explain_one(plan, config or (), asked, json=json))
    from tip.cli.explain import explain, explain_keys  # noqa: PLC0415 - as above

    if keys:
        raise Exit(explain_keys(json=json))
    raise Exit(explain(plan, config or (), json=json))


@app.command("calibrate")
def calibrate_command(
    flow: Annotated[Path, Argument(metavar="FLOW", help='A flow with noise "to be planned", a TOML file.')],
    *,
    out: Annotated[
        Path | None, Option("--out", metavar="FILE", help="Write the flow with its noises filled in.")
    ] = None,
    json: Json = False,
) -> None:
    """Find the least noise that meets what a flow requires, and what that costs."""
    from tip.cli.calibrate import calibrate  # noqa: PLC0415 - as above

    raise Exit(calibrate(flow, out=out, json=json))


@app.command("verify")
def verify_command(
    derivation: Annotated[
        Path, Argument(metavar="FILE", help="A proof that `tip explain --derivation` wrote, or a run left.")
    ],
    *,
    json: Json = False,
) -> None:
    """Check a derivation from its file alone, step by step."""
    from tip.cli.proofs import verify_file  # noqa: PLC0415 - as above

    raise Exit(verify_file(derivation, json=json))


@app.command("report")
def report_command(
    run: Annotated[Path, Argument(metavar="RUN", help="The folder of a run, such as runs/my-plan.")],
    *,
    json: Json = False,
) -> None:
    """Write a run's report again."""
    from tip.cli.report import report  # noqa: PLC0415 - as above

    raise Exit(report(run, json=json))


def main() -> None:
    """The program `tip`. A standard stream that the caller closed is read and written as nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the program ends
    app()
