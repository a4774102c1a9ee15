"""The command's outermost layer: which groups there are, and how a failure leaves the process."""

import os
import sys
from importlib import import_module
from typing import NoReturn, cast

import typer

from omectl import __version__
from omectl.cli.failure import CliFailure

_GROUPS = ("up", "get", "plan", "manager", "agent", "crds", "cluster", "hub")


def build_app() -> typer.Typer:
    """The Typer application with every command. Modules of commands import what is heavy only when they run."""
    app = typer.Typer(
        name="omectl",
        help="Serve large language models on Kubernetes: find out what a model is, place it, pick its runtime, run it.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for group in _GROUPS:
        import_module(f"omectl.cli.{group}").register(app)
    app.command("version")(version)
    return app


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> NoReturn:
    """Run the command line. A failure that explains itself ends without a traceback; `OMECTL_TRACEBACK=1` shows it."""
    try:
        build_app()()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone (`omectl crds | head`); nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        failure = _failure(error)
        if failure is None or os.environ.get("OMECTL_TRACEBACK"):
            raise
        typer.secho(f"omectl: {failure.message}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(failure.exit_code)
    sys.exit(0)


def _failure(error: Exception) -> CliFailure | None:
    """The error as a message for people; None when it is a defect of ours and its traceback is what helps."""
    from omectl.kube.errors import KubeError
    from omectl.local.errors import LocalError

    if isinstance(error, ExceptionGroup):
        inner = cast("ExceptionGroup[Exception]", error).exceptions
        return _failure(inner[0]) if len(inner) == 1 else None
    if isinstance(error, CliFailure):
        return error
    return CliFailure(str(error)) if isinstance(error, KubeError | LocalError) else None
