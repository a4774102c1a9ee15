"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.failure import CliFailure

if TYPE_CHECKING:
    from omectl.kube.credentials import ClientConfig

Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        help="Path of the kubeconfig; else $KUBECONFIG, the service account, ~/.kube/config.",
        dir_okay=False,
    ),
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig; else its current one.")]


_OF_A_CLUSTER = frozenset({"kubeconfig", "context", "operator_namespace", "timeout", "exit_code"})


class Output(StrEnum):
    """The form of what is told."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def needs_no_cluster(ctx: typer.Context, remedy: str) -> None:
    """Refuse options that would have no effect, as files alone are read. Raises CliFailure."""
    given: list[str] = []
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name) if param.name in _OF_A_CLUSTER else None
        if source is not None and source.name == "COMMANDLINE":
            given.append(param.opts[0])
    if given:
        raise CliFailure(f"wanted a cluster with {' and '.join(given)}, found files alone; {remedy}", 2)


def cluster_config(kubeconfig: Path | None, context: str | None) -> "ClientConfig":
    """The cluster that these options mean. Raises CliFailure."""
    from omectl.kube.credentials import load_config
    from omectl.kube.errors import KubeError

    try:
        return load_config(kubeconfig, context)
    except (KubeError, OSError, ValueError) as error:
        raise CliFailure(str(error), exit_code=2) from error
