"""`omectl accelerators`: accelerator classes for the nodes that there are."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.options import Context, Kubeconfig, cluster_config

if TYPE_CHECKING:
    from omectl.api.json import JsonObject
    from omectl.kube.credentials import ClientConfig


class Output(StrEnum):
    """How classes are printed."""

    YAML = "yaml"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Accelerator classes.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("generate")(generate)
    app.add_typer(group, name="accelerators")


def generate(
    files: Annotated[
        list[str] | None,
        typer.Option("--filename", "-f", help="Nodes as `kubectl get nodes -o yaml` prints them, or -; repeatable."),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="The form of the classes.")] = Output.YAML,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print an AcceleratorClass for each kind of accelerator that the nodes' labels tell of.

    The labels are those of the vendors' operators (GPU Feature Discovery and others). Nothing is written to the
    cluster: look at the classes, add prices, and apply them. Ends with code 1 when there is none.
    """
    import asyncio

    from omectl.cli.documents import documents, rendered
    from omectl.cli.failure import CliFailure
    from omectl.planner.accelerators.generation import generate_classes
    from omectl.planner.accelerators.nodes import view_node

    if files:
        nodes = [raw for _, raw in documents(files) if raw.get("kind") == "Node"]
        where = ", ".join(files)
    else:
        config = cluster_config(kubeconfig, context)
        nodes, where = asyncio.run(_read(config)), config.server
    made = generate_classes([view_node(node) for node in nodes])
    for note in made.notes:
        typer.echo(f"omectl: {note}", err=True)
    if not made.classes:
        found = f"{len(nodes)} nodes without any" if nodes else "no nodes"
        raise CliFailure(f"wanted nodes with labelled accelerators in {where}, found {found}")
    typer.echo(rendered(list(made.classes), as_json=output is Output.JSON), nl=False)


async def _read(config: "ClientConfig") -> "list[JsonObject]":
    from omectl.kube.client import Client
    from omectl.kube.resources import NODES

    async with Client(config) as client:
        return (await client.list(NODES)).items
