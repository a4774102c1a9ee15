"""`omectl explain`: why a service gets its runtime and accelerators, or what would have to change."""

from typing import TYPE_CHECKING, Annotated

import typer

from omectl.api.installation import OPERATOR_NAMESPACE
from omectl.cli.model_facts import PUBLIC_HUB, FactsOption, HubEndpoint
from omectl.cli.options import Context, Kubeconfig, Output, cluster_config, needs_no_cluster

if TYPE_CHECKING:
    from omectl.planner.report import SelectionReport

_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="ISVC", help="The service; else every one that the files hold.")
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--filename", "-f", help="File or folder of manifests instead of a cluster, or -; repeatable."),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="The form of the report.")] = Output.TABLE,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"Runtimes to tell of; else {_SHOWN} in a table and all in the other forms."),
    ] = None,
    facts: FactsOption = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="The service's; else the context's, and in files default.")
    ] = None,
    operator_namespace: Annotated[
        str, typer.Option("--operator-namespace", help="Where the cluster's settings are.")
    ] = OPERATOR_NAMESPACE,
    hub_endpoint: HubEndpoint = PUBLIC_HUB,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for a cluster.")] = 30.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Explain what is chosen for a service: every runtime and accelerator class, and what speaks against it.

    Runtimes that fit come first, by rank; then the nearest misses, each with what would have to change. Nothing is
    written anywhere. Ends with code 0 when every service has a plan, 1 when one has none or its engine does not fit its
    accelerators, 2 when nobody can say: the command line or a file is wrong, the cluster does not answer, or you may
    not read what matters.
    """
    from omectl.cli.cluster_answer import answer_of
    from omectl.cli.failure import CliFailure
    from omectl.cli.manifests import inputs_of, read_cluster, read_manifests
    from omectl.cli.model_facts import FactsSource
    from omectl.planner import plan
    from omectl.planner.report import report_of

    if files:
        needs_no_cluster(ctx, "leave out the files, or the options of a cluster")
        namespace = namespace or "default"
        where, manifests = ", ".join(files), read_manifests(files, namespace)
    elif name is None:
        raise CliFailure("wanted the name of a service, or files (-f), found neither", 2)
    else:
        config = cluster_config(kubeconfig, context)
        namespace = namespace or config.namespace or "default"
        found = namespace
        where, manifests = (
            config.server,
            answer_of(config, lambda client: read_cluster(client, found, operator_namespace), timeout),
        )
        for one in manifests.unread:
            typer.echo(f"omectl: {one.text}", err=True)
    if name is not None:
        manifests = manifests.only(name, namespace)
    if not manifests.services:
        wanted = f"InferenceService {namespace}/{name}" if name is not None else "an InferenceService"
        raise CliFailure(f"wanted {wanted} in {where}, found none; correct the name, --namespace or the files", 2)
    known = FactsSource(facts, hub_endpoint) if facts is not None else None
    reports: list[SelectionReport] = []
    for service in manifests.services:
        inputs = inputs_of(service, manifests, known)
        reports.append(report_of(inputs, plan(inputs), manifests.models))
    most = limit if limit is not None else _SHOWN if output is Output.TABLE else None
    typer.echo(rendered(reports if most is None else [one.shortened(most) for one in reports], output), nl=False)
    refused = [f"{one.service}: {why}" for one in reports if (why := _against(one))]
    if refused:
        doubtful = any(one.doubt for one in manifests.unread)
        doubt = "; not everything could be read, see above" if doubtful else ""
        raise CliFailure("; ".join(refused) + doubt, 2 if doubtful else 1)


def _against(report: "SelectionReport") -> str:
    """Why the service will not serve, "" when it is to."""
    from omectl.planner.fit.words import obstacle_of

    if report.problem is not None:
        return f"no plan: {report.problem.reason}"
    obstacle = obstacle_of(report.fit) if report.fit is not None else None
    if obstacle is not None:
        return f"the engine does not fit its accelerators: {obstacle.code}"
    return ""


def rendered(reports: "list[SelectionReport]", output: Output) -> str:
    """The reports: words, a stream of YAML documents, or one JSON object (a list of several)."""
    from omectl.planner.report import as_json, in_words

    if output is Output.TABLE:
        return "\n".join(in_words(one) for one in reports)
    from omectl.cli.documents import rendered as as_documents

    return as_documents([as_json(one) for one in reports], as_json=output is Output.JSON, alone=True)
