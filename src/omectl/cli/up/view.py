"""How `omectl up` looks: a live view on a terminal, plain lines elsewhere."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text

from omectl.cli.overview import ModelRow, ServiceRow, Snapshot, models_table, nodes_table, services_table
from omectl.cli.overview.tables import human_bytes, progress_text

SIMULATED = "The nodes are simulated: pods are scheduled and turn Ready, but run nothing. The model's files are real."


def live_view(snapshot: Snapshot, doing: str) -> RenderableType:
    """The whole screen at one moment."""
    return Group(
        nodes_table(snapshot.nodes),
        Text(),
        models_table(snapshot.models),
        Text(),
        services_table(snapshot.services),
        Text(),
        Spinner("dots", text=doing) if doing else Text(),
        Text(SIMULATED, style="dim italic"),
    )


def next_steps(kubeconfig: str, namespace: str, service: str, *, kubectl: str, omectl: str) -> RenderableType:
    """What to try once everything is Ready; the last two say how the programs are called here."""
    lines = [
        f"export KUBECONFIG={kubeconfig}",
        *([f"alias kubectl={kubectl}"] if kubectl != "kubectl" else []),
        "kubectl get clusterbasemodels",
        f"kubectl get inferenceservices,deployments,pods,services -n {namespace}",
        f"kubectl describe inferenceservice {service} -n {namespace}",
        f"{omectl} get",
    ]
    return Panel(
        "\n".join(lines), title="Everything is Ready. Try, in another terminal", title_align="left", expand=False
    )


def plain_lines(old: Snapshot | None, new: Snapshot) -> list[str]:
    """What changed, a line each, for logs and CI. Progress alone is told by the model's line."""
    lines: list[str] = []
    before = {(row.name, held.model): held for row in (old.nodes if old else ()) for held in row.models}
    for row in new.nodes:
        for held in row.models:
            was = before.get((row.name, held.model))
            if was is None or (was.state, was.verified, was.reason) != (held.state, held.verified, held.reason):
                verified = ", verified" if held.verified else ""
                text = f"node {row.name}: model {held.model} {held.state}"
                text += f" ({progress_text(held.completed_bytes, held.total_bytes)}{verified})"
                lines.append(f"{text} {held.reason}".rstrip())
    models = {row.key: row for row in (old.models if old else ())}
    for row in new.models:
        if row.key not in models or _model_text(models[row.key]) != _model_text(row):
            rate = f" at {human_bytes(row.rate)}/s" if row.rate else ""
            lines.append(f"model {row.key}: {_model_text(row)}{rate}")
    services = {row.key: row for row in (old.services if old else ())}
    lines += [
        f"service {row.key}: {_service_text(row)}"
        for row in new.services
        if row.key not in services or _service_text(services[row.key]) != _service_text(row)
    ]
    return lines


def _model_text(row: ModelRow) -> str:
    what = ", ".join(part for part in (row.architecture, row.parameters) if part)
    text = f"{row.state}, {row.nodes_ready} nodes ready" + (f", {what}" if what else "")
    return f"{text}. {row.reason}".rstrip(". ") if row.reason else text


def _service_text(row: ServiceRow) -> str:
    if row.ready == "True":
        return f"Ready at {row.url} (runtime {row.runtime}, mode {row.mode})"
    return f"not Ready yet ({row.ready}). {row.reason}".rstrip(". ")
