"""Options that several commands share."""

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


def cluster_config(kubeconfig: Path | None, context: str | None) -> "ClientConfig":
    """The cluster that these options mean. Raises CliFailure."""
    from omectl.kube.credentials import load_config
    from omectl.kube.errors import KubeError

    try:
        return load_config(kubeconfig, context)
    except (KubeError, OSError, ValueError) as error:
        raise CliFailure(str(error), exit_code=2) from error
