"""The command `tip`: its commands, exit codes, and last words.

Exit codes: 0 done, 2 the request, 3 not enough agents or budget, 4 a peer's fault, 130 interrupted,
141 the reader of standard output went away. Whatever is not a `TipError` is a bug and shows its
traceback. Results go to standard output, all else to standard error. A command's own module, and
with it the heavy rooms, is imported when that command runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Abort, Argument, Exit, Option

from tip.errors import TipError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
_READER_GONE = 141

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

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
    """Run a plan and leave a run folder: model, history, guarantee, report."""
    from tip.cli.run import run  # noqa: PLC0415 - the heavy rooms wait until they are wanted

    raise Exit(run(plan, config or (), resume=resume, out=out, json=json, quiet=quiet))


@app.command("explain")
def explain_command(
    plan: Annotated[Path | None, Argument(metavar="PLAN", help="The plan, a TOML file.", show_default=False)] = None,
    *,
    config: Settings = None,
    json: Json = False,
    keys: Annotated[bool, Option("--keys", help="Explain every key that a plan may have.")] = False,
) -> None:
    """Say what a plan promises against all standard observers, before anything runs."""
    from tip.cli.explain import explain, explain_keys  # noqa: PLC0415 - as above

    raise Exit(explain_keys(json=json) if keys else explain(plan, config or (), json=json))


@app.command("report")
def report_command(
    run: Annotated[Path, Argument(metavar="RUN", help="The folder of a run, such as runs/my-plan.")],
    *,
    json: Json = False,
) -> None:
    """Write a run's report.html again, from its folder alone, and print where it is."""
    from tip.cli.report import report  # noqa: PLC0415 - as above

    raise Exit(report(run, json=json))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    try:
        code = execute(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains on its way out
        code = _READER_GONE
    sys.exit(code)


def execute(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors become words on standard error and an exit code."""
    from tip.cli.printing import complain  # noqa: PLC0415 - rich is not wanted for --version

    try:
        return int(app(args=list(sys.argv[1:] if arguments is None else arguments), standalone_mode=False) or 0)
    except TipError as error:
        complain(str(error))
        return error.exit_code
    except (Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
