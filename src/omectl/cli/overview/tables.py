"""The overview as Rich tables, with the reasons of what is not Ready below each."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from omectl.cli.overview.snapshot import ModelRow, NodeRow, ServiceRow

READY = "Ready"
_STYLES = {READY: "green", "True": "green", "Failed": "red", "False": "red", "Unreadable": "red"}


def human_bytes(count: float | None) -> str:
    """Bytes in decimal units, as disks and networks are sold: 90.9 MB."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def progress_text(completed: int | None, total: int | None) -> str:
    if not total:
        return "–"
    if completed is not None and completed >= total:
        return human_bytes(total)
    return f"{human_bytes(completed or 0)} of {human_bytes(total)}"


def nodes_table(rows: tuple[NodeRow, ...]) -> RenderableType:
    table = _table("Nodes", "NODE", "READY", "GPUS", "MODEL", "STATE", "BYTES", "RATE", "VERIFIED")
    for row in rows:
        first = (row.name, _state("True" if row.ready else "False"), row.gpus)
        for held in row.models:
            table.add_row(
                *first,
                held.model,
                _state(held.state),
                progress_text(held.completed_bytes, held.total_bytes),
                f"{human_bytes(held.rate)}/s" if held.rate else "–",
                "yes" if held.verified else "–",
            )
            first = ("", Text(), "")
        if not row.models:
            table.add_row(*first, "–", Text("–"), "–", "–", "–")
    failing = [
        (f"{row.name}, {held.model}", held.reason) for row in rows for held in row.models if held.state != "Ready"
    ]
    return _with_reasons(table, failing)


def models_table(rows: tuple[ModelRow, ...]) -> RenderableType:
    table = _table("Models", "MODEL", "STATE", "ARCHITECTURE", "PARAMETERS", "NODES", "BYTES", "RATE", "VERIFIED")
    for row in rows:
        nodes = f"{row.nodes_ready} ready" + (f", {row.nodes_failed} failed" if row.nodes_failed else "")
        table.add_row(
            row.key,
            _state(row.state),
            row.architecture or "–",
            row.parameters or "–",
            nodes,
            progress_text(row.completed_bytes, row.total_bytes),
            f"{human_bytes(row.rate)}/s" if row.rate else "–",
            "yes" if row.verified else "–",
        )
    return _with_reasons(table, [(row.key, row.reason) for row in rows])


def services_table(rows: tuple[ServiceRow, ...]) -> RenderableType:
    table = _table("Services", "SERVICE", "MODEL", "RUNTIME", "MODE", "READY", "URL")
    for row in rows:
        table.add_row(row.key, row.model or "–", row.runtime or "–", row.mode or "–", _state(row.ready), row.url or "–")
    return _with_reasons(table, [(row.key, row.reason) for row in rows])


def _with_reasons(table: Table, reasons: list[tuple[str, str]]) -> RenderableType:
    lines = [Text.assemble(("  " + key, "bold"), ": ", reason) for key, reason in reasons if reason]
    return Group(table, *lines) if lines else table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="dim"
    )
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _state(text: str) -> Text:
    return Text(text, style=_STYLES.get(text, "yellow"))
