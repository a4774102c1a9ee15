"""`omectl agent`: the node agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from omectl.api.installation import DEFAULT_MODELS_ROOT, OPERATOR_NAMESPACE
from omectl.cli.failure import CliFailure, extra_needed
from omectl.cli.options import Context, Kubeconfig, cluster_config

if TYPE_CHECKING:
    from omectl.kube.credentials import ClientConfig
    from omectl.modelagent.options import AgentOptions

_MIB = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("agent")(agent)


def agent(
    node_name: Annotated[
        str, typer.Option("--node-name", envvar="NODE_NAME", help="The Node that this agent speaks for.")
    ],
    models_root: Annotated[
        str, typer.Option("--models-root-dir", help="Where models lie, as the node and its pods name it.")
    ] = DEFAULT_MODELS_ROOT,
    host_prefix: Annotated[
        str, typer.Option("--host-prefix", help="Where this process sees the node's root directory.")
    ] = "/",
    namespace: Annotated[str, typer.Option("--namespace", help="The operator's namespace.")] = OPERATOR_NAMESPACE,
    hub_endpoint: Annotated[
        str, typer.Option("--hub-endpoint", envvar="HF_ENDPOINT", help="The hub behind hf:// URIs.")
    ] = "https://huggingface.co",
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Speak plain http to other machines too. Only for trusted networks.")
    ] = False,
    downloads: Annotated[
        int, typer.Option("--num-download-worker", min=1, help="Models that are downloaded in parallel.")
    ] = 5,
    connections: Annotated[
        int, typer.Option("--multipart-concurrency", min=1, help="Connections of one model's download.")
    ] = 8,
    range_mib: Annotated[
        float, typer.Option("--range-size-mib", min=0.0625, help="What one request asks for, in MiB.")
    ] = 64,
    progress_interval_s: Annotated[
        float, typer.Option("--progress-interval", min=1, help="Seconds between two reports of progress.")
    ] = 10,
    heartbeat_interval_s: Annotated[
        float, typer.Option("--heartbeat-interval", min=1, help="Seconds between two renewals of the agent's Lease.")
    ] = 20,
    disk_headroom_mib: Annotated[
        int, typer.Option("--disk-headroom-mib", min=0, help="A download that would leave less free is not begun.")
    ] = 1024,
    metrics_address: Annotated[
        str | None,
        typer.Option("--metrics-bind-address", help='Metrics and probes: host:port, :port, or "0" for nowhere.'),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Short for --metrics-bind-address :PORT.")] = 8080,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    log_format: Annotated[str, typer.Option("--log-format", help="json or console.")] = "json",
) -> None:
    """Bring the models that belong on this node, and say which are here.

    Runs until SIGTERM. A download that is cut short, even by SIGKILL, goes on where it was when the agent runs again.
    """
    import asyncio
    import os

    from omectl.cli.logs import LogFormat, LogLevel, set_up_logging

    with extra_needed("agent"):
        from omectl.modelagent.options import AgentOptions
        from omectl.modelagent.problems import ModelError
        from omectl.modelagent.storage.http import SmallReadOptions
        from omectl.modelagent.transfer.options import TransferOptions

    try:
        set_up_logging(LogFormat(log_format), LogLevel(log_level))
    except ValueError as error:
        raise CliFailure(f"--log-level or --log-format: {error}", exit_code=2) from error
    options = AgentOptions(
        node_name=node_name,
        models_root=models_root,
        host_prefix=host_prefix,
        namespace=namespace,
        hub_endpoint=hub_endpoint,
        hub_token=os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"),
        allow_http=allow_http,
        downloads=downloads,
        progress_interval_s=progress_interval_s,
        heartbeat_interval_s=heartbeat_interval_s,
        http_address=f":{port}" if metrics_address is None else metrics_address,
        transfer=TransferOptions(
            connections=connections,
            range_bytes=int(range_mib * _MIB),
            disk_headroom_bytes=disk_headroom_mib * _MIB,
            allow_http=allow_http,
        ),
        small_reads=SmallReadOptions(allow_http=allow_http),
    )
    config = cluster_config(kubeconfig, context)
    try:
        options = options.validated()
    except ModelError as error:
        raise CliFailure(f"{error.message} {error.next_step}", exit_code=2) from error
    except ValueError as error:
        raise CliFailure(str(error), exit_code=2) from error
    asyncio.run(_run(options, config))


async def _run(options: AgentOptions, config: ClientConfig) -> None:
    from omectl.kube.client import Client
    from omectl.manager import stop_on_signals
    from omectl.modelagent import Agent

    async with Client(config) as client:
        agent = Agent(client, options)
        with stop_on_signals(agent.stop):
            await agent.run()
