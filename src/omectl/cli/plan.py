"""`omectl plan`: what the controller would do: from files without a cluster, or to a cluster."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.api.installation import OPERATOR_NAMESPACE
from omectl.cli.model_facts import PUBLIC_HUB, FactsOption, HubEndpoint
from omectl.cli.options import Context, Kubeconfig, cluster_config, needs_no_cluster

if TYPE_CHECKING:
    from omectl.cli.live_changes import ServiceChanges
    from omectl.cli.manifests import Manifests
    from omectl.cli.model_facts import FactsSource


class Output(StrEnum):
    """What is printed; of a cluster the changes, in each form but EXPLAIN."""

    YAML = "yaml"
    JSON = "json"
    EXPLAIN = "explain"
    TABLE = "table"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="ISVC", help="The service; else every one that the files hold.")
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--filename", "-f", help="File or folder of manifests, or - for standard input; repeatable."),
    ] = None,
    output: Annotated[
        Output | None,
        typer.Option(
            "--output", "-o", help="Objects (yaml, json), the reasons, or what it costs; of a cluster, what changes."
        ),
    ] = None,
    facts: FactsOption = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="For objects that name none; else default, or the context's."),
    ] = None,
    hub_endpoint: HubEndpoint = PUBLIC_HUB,
    live: Annotated[bool, typer.Option("--live", help="Compare the files with a cluster.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 3 when a cluster would change.")] = False,
    operator_namespace: Annotated[
        str, typer.Option("--operator-namespace", help="Where the cluster's settings are.")
    ] = OPERATOR_NAMESPACE,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for a cluster.")] = 30.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show which objects the controller would create for the services in these files, and why.

    The files hold services, models, runtimes and, if wanted, the settings ConfigMap. Nothing is sent anywhere.
    A table tells of each service what is chosen, downloaded and paid for.

    With --live, or without files, the cluster is read, and told is what the controller would create, change and delete
    there; dry runs write nothing.

    Ends with code 0 when every service is planned, 1 when one is refused or the hub does not answer, 2 when the command
    line or a file is wrong. Of a cluster, 1 also when an object would be refused, 2 also when nobody can say.
    """
    from omectl.cli.failure import CliFailure
    from omectl.cli.manifests import read_manifests
    from omectl.cli.model_facts import FactsSource

    if not files and name is None:
        raise CliFailure("wanted the name of a service, or files (-f), found neither", 2)
    known = FactsSource(facts, hub_endpoint) if facts is not None else None
    if files and not live:
        needs_no_cluster(ctx, "add --live")
        manifests = read_manifests(files, namespace or "default")
        _offline(_named(manifests, name, namespace or "default", files), output or Output.YAML, known)
        return
    if output is Output.EXPLAIN:
        raise CliFailure("wanted -o table, yaml or json of a cluster, found explain; use `omectl explain`", 2)
    config = cluster_config(kubeconfig, context)
    space = namespace or config.namespace or "default"
    wanted = _named(read_manifests(files, space), name, space, files) if files else None

    from omectl.cli.cluster_answer import answer_of
    from omectl.cli.live_changes import changes_in

    told = answer_of(config, lambda client: changes_in(client, wanted, name, space, operator_namespace, known), timeout)
    if not told:
        text = f"wanted InferenceService {space}/{name} in {config.server}, found none; correct the name or --namespace"
        raise CliFailure(text, 2)
    _tell(told, output or Output.TABLE)
    if exit_code and any(one.would_change for one in told):
        raise typer.Exit(3)


def _named(manifests: "Manifests", name: str | None, namespace: str, files: list[str]) -> "Manifests":
    from omectl.cli.failure import CliFailure

    found = manifests if name is None else manifests.only(name, namespace)
    if not found.services:
        wanted = "an InferenceService" if name is None else f"InferenceService {namespace}/{name}"
        raise CliFailure(f"wanted {wanted} in {', '.join(files)}, found none; add a file that has one", 2)
    return found


def _offline(manifests: "Manifests", output: Output, known: "FactsSource | None") -> None:
    from omectl.cli.documents import rendered
    from omectl.cli.failure import CliFailure
    from omectl.cli.manifests import inputs_of
    from omectl.planner import plan as make_plan

    asked = [inputs_of(service, manifests, known) for service in manifests.services]
    plans = [(inputs, make_plan(inputs)) for inputs in asked]
    if output is Output.EXPLAIN:
        from omectl.planner.report import in_words, report_of

        typer.echo("\n".join(in_words(report_of(inputs, made, manifests.models)) for inputs, made in plans), nl=False)
    elif output is Output.TABLE:
        from omectl.cli.plan_summary import summary_lines

        for inputs, made in plans:
            listed = known.of(inputs.model).size_bytes if known is not None and inputs.model is not None else None
            typer.echo("\n".join(summary_lines(inputs, made, listed)))
    else:
        objects = [obj for _, made in plans for obj in made.objects]
        typer.echo(rendered(objects, as_json=output is Output.JSON), nl=False)
    problems = [(inputs.service.key, made.problem) for inputs, made in plans if made.problem is not None]
    if problems:
        raise CliFailure("\n".join(f"{key}: {problem}" for key, problem in problems))


def _tell(told: "list[ServiceChanges]", output: Output) -> None:
    """Print the changes. Raises: `CliFailure` when one is refused, or cannot be known."""
    from omectl.cli.changes_table import as_data, table
    from omectl.cli.documents import rendered
    from omectl.cli.failure import CliFailure
    from omectl.cli.live_changes import Action

    unread = dict.fromkeys(unread for one in told for unread in one.unread)
    for one in unread:
        typer.echo(f"omectl: {one.text}", err=True)
    if output is Output.TABLE:
        typer.echo(table(told), nl=False)
    else:
        typer.echo(rendered([as_data(one) for one in told], as_json=output is Output.JSON), nl=False)
    against = [f"{one.service}: no plan: {one.made.problem.reason}" for one in told if one.made.problem is not None]
    against.extend(
        f"{one.service}: {change.action.value}: {change.kind} {change.name}"
        for one in told
        for change in one.changes
        if change.action in (Action.REFUSED, Action.UNKNOWN)
    )
    doubtful = any(one.doubt for one in unread)
    if against:
        doubt = "; not everything could be read, see above" if doubtful else ""
        raise CliFailure("; ".join(against) + doubt, 2 if doubtful else 1)
