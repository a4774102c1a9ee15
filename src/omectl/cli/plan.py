"""`omectl plan`: what the controller would do, from files, without a cluster."""

from enum import StrEnum
from typing import Annotated

import typer

from omectl.cli.model_facts import PUBLIC_HUB, FactsOption, HubEndpoint


class Output(StrEnum):
    """What is printed."""

    YAML = "yaml"
    JSON = "json"
    EXPLAIN = "explain"
    TABLE = "table"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    files: Annotated[
        list[str],
        typer.Option("--filename", "-f", help="File or folder of manifests, or - for standard input; repeatable."),
    ],
    output: Annotated[
        Output, typer.Option("--output", "-o", help="Objects to apply, the reasons, or what it costs.")
    ] = Output.YAML,
    facts: FactsOption = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="For objects that name none.")] = "default",
    hub_endpoint: HubEndpoint = PUBLIC_HUB,
) -> None:
    """Show which objects the controller would create for the services in these files, and why.

    The files hold services, models, runtimes and, if wanted, the settings ConfigMap. Nothing is sent anywhere.
    A table tells of each service what is chosen, downloaded and paid for. Ends with code 0 when every service is
    planned, 1 when one is refused or the hub does not answer, 2 when the command line or a file is wrong.
    """
    from omectl.cli.documents import rendered
    from omectl.cli.failure import CliFailure
    from omectl.cli.manifests import inputs_of, read_manifests
    from omectl.cli.model_facts import FactsSource
    from omectl.planner import plan as make_plan

    manifests = read_manifests(files, namespace)
    if not manifests.services:
        raise CliFailure(f"wanted an InferenceService in {', '.join(files)}, found none; add a file that has one", 2)
    known = FactsSource(facts, hub_endpoint) if facts is not None else None
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
