"""`omectl get`: nodes with their model files, models and services of a cluster, with reasons."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.api.installation import OPERATOR_NAMESPACE
from omectl.cli.options import Context, Kubeconfig, cluster_config

if TYPE_CHECKING:
    from omectl.cli.overview import Snapshot
    from omectl.kube.credentials import ClientConfig


class What(StrEnum):
    """What to show."""

    ALL = "all"
    NODES = "nodes"
    MODELS = "models"
    SERVICES = "services"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("get")(get)


def get(
    what: Annotated[What, typer.Argument(help="Rows to show.")] = What.ALL,
    operator_namespace: Annotated[
        str, typer.Option("--operator-namespace", help="Where the nodes' ConfigMaps are.")
    ] = OPERATOR_NAMESPACE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show models, where their files are and what serves them, and why something is not Ready."""
    import asyncio

    from rich.console import Console

    from omectl.cli.overview import models_table, nodes_table, services_table

    snapshot = asyncio.run(_read(cluster_config(kubeconfig, context), operator_namespace))
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for rows, table in (
        (What.NODES, nodes_table(snapshot.nodes)),
        (What.MODELS, models_table(snapshot.models)),
        (What.SERVICES, services_table(snapshot.services)),
    ):
        if what in (What.ALL, rows):
            console.print(table)


async def _read(config: "ClientConfig", operator_namespace: str) -> "Snapshot":
    import asyncio

    from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS, INFERENCE_SERVICES
    from omectl.cli.failure import CliFailure
    from omectl.cli.overview import take_snapshot
    from omectl.kube.client import Client
    from omectl.kube.errors import NotFound
    from omectl.kube.resources import CONFIG_MAPS, NODES

    async with Client(config) as client:
        try:
            nodes, configmaps, cluster_models, models, services = await asyncio.gather(
                client.list(NODES),
                client.list(CONFIG_MAPS, operator_namespace),
                client.list(CLUSTER_BASE_MODELS),
                client.list(BASE_MODELS),
                client.list(INFERENCE_SERVICES),
            )
        except NotFound as error:
            raise CliFailure(
                f"{config.server} does not serve omectl's kinds ({error.message});"
                " install them with `omectl crds | kubectl apply --server-side -f -`"
            ) from error
    return take_snapshot(
        nodes=nodes.items,
        node_configmaps=configmaps.items,
        models=cluster_models.items + models.items,
        services=services.items,
    )
