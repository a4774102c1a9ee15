"""The command's outermost layer: which groups there are, and how a failure leaves the process."""

import gc
import os
import sys
from importlib import import_module
from typing import NoReturn, cast

import typer

from omectl import __version__
from omectl.cli.failure import CliFailure

_SILENT = frozenset({"plan", "explain", "lint", "models", "crds", "version"})
"""Commands that log nothing, unless they say so, and begin at once: the logging library takes a tenth of a second."""
_NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Else pydantic reads the metadata of every package that is installed, in search of plugins."""
GROUPS = (
    "up",
    "get",
    "plan",
    "explain",
    "lint",
    "models",
    "accelerators",
    "manager",
    "agent",
    "crds",
    "cluster",
    "hub",
)


def build_app(only: str | None = None) -> typer.Typer:
    """The Typer application with every command, or with `only` this one when it is the name of one.

    Modules of commands import what is heavy only when they run. Help is plain text: Rich's takes as long to import as
    everything else together.
    """
    app = typer.Typer(
        name="omectl",
        help="Serve large language models on Kubernetes: find out what a model is, place it, pick its runtime, run it.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for group in GROUPS if only not in GROUPS else (only,):
        import_module(f"omectl.cli.{group}").register(app)
    app.command("version")(version)
    app.callback()(be_quiet)
    return app


def be_quiet(context: typer.Context) -> None:
    """Send warnings to standard error, and nothing else anywhere; servers set up logging of their own."""
    if context.invoked_subcommand not in _SILENT:
        from omectl.cli.logs import set_up_quiet_logging

        set_up_quiet_logging()


def begin_at_once() -> None:
    """Leave out what only a process needs that goes on: the collection of garbage, and plugins of pydantic."""
    gc.disable()
    os.environ.setdefault(*_NO_PLUGINS)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> NoReturn:
    """Run the command line. A failure that explains itself ends without a traceback; `OMECTL_TRACEBACK=1` shows it."""
    command = next(iter(sys.argv[1:]), None)
    if command in _SILENT:
        begin_at_once()
    try:
        build_app(only=command)()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone (`omectl crds | head`); nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        failure = explained(error)
        if failure is None or os.environ.get("OMECTL_TRACEBACK"):
            raise
        typer.secho(f"omectl: {failure.message}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(failure.exit_code)
    sys.exit(0)


def explained(error: Exception) -> CliFailure | None:
    """The error as a message for people; None when it is a defect of ours and its traceback is what helps."""
    if isinstance(error, CliFailure):
        return error
    if isinstance(error, ExceptionGroup):
        return _together([explained(one) for one in cast("ExceptionGroup[Exception]", error).exceptions])

    from omectl.informers import CacheNotSynced
    from omectl.kube.errors import KubeError
    from omectl.local.errors import LocalError
    from omectl.manager import BadAddress, ManagerError, RunnableFailed

    if isinstance(error, RunnableFailed) and isinstance(error.__cause__, Exception):
        # One that explains itself needs no name of ours before it; a defect's traceback is in the log.
        return explained(error.__cause__) or CliFailure(str(error))
    if isinstance(error, BadAddress):
        return CliFailure(str(error), exit_code=2)
    if isinstance(error, KubeError | LocalError | ManagerError | CacheNotSynced):
        return CliFailure(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return CliFailure(f"wanted to use {error.filename}, found: {error.strerror}; mend that, or name another path")
    return None


def _together(failures: list[CliFailure | None]) -> CliFailure | None:
    """One failure that says each message once; None when one of them is a defect."""
    known = [failure for failure in failures if failure is not None]
    if len(known) < len(failures):
        return None
    messages = dict.fromkeys(failure.message for failure in known)
    return CliFailure("; ".join(messages), max(failure.exit_code for failure in known))
