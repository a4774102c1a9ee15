"""`omectl manager`: the controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from omectl.api.installation import OPERATOR_NAMESPACE
from omectl.cli.failure import CliFailure
from omectl.cli.options import Context, Kubeconfig, cluster_config

if TYPE_CHECKING:
    from omectl.kube.credentials import ClientConfig
    from omectl.manager import ManagerOptions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("manager")(manager)


def manager(
    metrics_address: Annotated[
        str, typer.Option("--metrics-bind-address", help='Metrics: host:port, :port, or "0" for nowhere.')
    ] = ":8080",
    metrics_secure: Annotated[
        bool,
        typer.Option(
            "--metrics-secure", help="Metrics by TLS, and only to those whom the API server lets `get` /metrics."
        ),
    ] = False,
    metrics_cert_path: Annotated[
        str,
        typer.Option("--metrics-cert-path", help="Folder of the metrics server's certificate; else it is self-signed."),
    ] = "",
    metrics_cert_name: Annotated[
        str, typer.Option("--metrics-cert-name", help="The certificate's file in that folder.")
    ] = "tls.crt",
    metrics_cert_key: Annotated[
        str, typer.Option("--metrics-cert-key", help="The key's file in that folder.")
    ] = "tls.key",
    probe_address: Annotated[
        str, typer.Option("--health-probe-addr", help='Probes /healthz and /readyz: host:port, :port, or "0".')
    ] = ":8081",
    leader_elect: Annotated[
        bool, typer.Option("--leader-elect", help="Work only while holding the lock, so that several may run.")
    ] = False,
    election_namespace: Annotated[
        str | None, typer.Option("--leader-election-namespace", help="Where the lock lives; else --namespace.")
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace", envvar="POD_NAMESPACE", help="The operator's namespace: settings and node ConfigMaps."
        ),
    ] = OPERATOR_NAMESPACE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    log_format: Annotated[str, typer.Option("--log-format", help="json or console.")] = "json",
) -> None:
    """Run the controllers: models, services, and the nodes' ConfigMaps.

    Runs until SIGTERM. A kind that the cluster does not serve yet is named by /readyz, and its controller begins
    when it is installed. Killed at any moment, the next manager goes on from there.
    """
    import asyncio

    from omectl.cli.logs import LogFormat, LogLevel, set_up_logging
    from omectl.manager import ManagerOptions

    try:
        set_up_logging(LogFormat(log_format), LogLevel(log_level))
    except ValueError as error:
        raise CliFailure(f"--log-level or --log-format: {error}", exit_code=2) from error
    if metrics_cert_path and not metrics_secure:
        wanted = "--metrics-cert-path: wanted --metrics-secure with it, found metrics that are served without TLS"
        raise CliFailure(f"{wanted}; add --metrics-secure, or leave the path out", exit_code=2)
    options = ManagerOptions(
        leader_election=leader_elect,
        namespace=election_namespace or namespace,
        metrics_address=metrics_address,
        metrics_secure=metrics_secure,
        metrics_cert_dir=metrics_cert_path,
        metrics_cert_name=metrics_cert_name,
        metrics_cert_key=metrics_cert_key,
        probe_address=probe_address,
    )
    config = cluster_config(kubeconfig, context)
    asyncio.run(_run(config, options, namespace))


async def _run(config: ClientConfig, options: ManagerOptions, namespace: str) -> None:
    from omectl.kube.client import Client
    from omectl.manager import Manager
    from omectl.reconcilers import ReconcilerOptions, set_up

    async with Client(config) as client:
        host = Manager(client, options)
        set_up(host, ReconcilerOptions(namespace=namespace))
        await host.run_until_signal()
