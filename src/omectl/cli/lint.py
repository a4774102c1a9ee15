"""`omectl lint`: what is wrong with runtimes, models and accelerator classes in files, for their authors."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.options import Output

if TYPE_CHECKING:
    from omectl.api.json import JsonObject, JsonValue
    from omectl.planner.lint import Code, Document, Finding, Severity

_SHOWN = 5


class Level(StrEnum):
    """How grave a finding has to be."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lint")(lint)


def lint(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Files or folders of manifests, or -.")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="The form of the findings.")] = Output.TABLE,
    severity: Annotated[Level, typer.Option("--severity", help="The least that is shown.")] = Level.WARNING,
    fail_on: Annotated[Level, typer.Option("--fail-on", help="The least that ends with code 1.")] = Level.ERROR,
    select: Annotated[list[str] | None, typer.Option("--select", help="Only this rule; repeatable.")] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="All but this rule; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Findings of one rule that a table shows; 0 for all.")] = _SHOWN,
    explain: Annotated[str | None, typer.Option("--explain", help="Say what a rule means, and end.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="For objects that name none.")] = "default",
) -> None:
    """Check runtimes, models and accelerator classes, and say what to correct.

    Every format with autoSelect has to win for the model that it describes; fields have to mean something, pods have to
    be such as can be made. Ends with code 0 when nothing weighs as much as --fail-on, 1 when something does, 2 when
    the command line is wrong or a file cannot be opened.
    """
    from omectl.cli.failure import CliFailure
    from omectl.planner.lint import RULES, Severity
    from omectl.planner.lint import lint as check

    if explain is not None:
        code = _code(explain)
        rule = RULES[code]
        typer.echo(f"{code} ({rule.severity}): {rule.wrong}\nFor example: {rule.example}")
        return
    if not files:
        raise CliFailure("wanted files or folders of manifests, found none; name some, or - for standard input", 2)
    wanted = {_code(one) for one in select} if select else set(RULES)
    wanted -= {_code(one) for one in ignore or ()}
    found = [one for one in check(_documents(files), namespace) if one.code in wanted]
    shown = [one for one in found if one.severity.weight >= Severity(severity).weight]
    counts = {level: sum(one.severity is level for one in found) for level in Severity}
    if output is Output.TABLE:
        typer.echo("\n".join(_in_words(shown, counts, limit)))
    else:
        typer.echo(_as_data(shown, counts, output), nl=False)
    if any(one.severity.weight >= Severity(fail_on).weight for one in found):
        raise typer.Exit(1)


def _code(text: str) -> "Code":
    from omectl.cli.failure import CliFailure
    from omectl.planner.lint import Code

    try:
        return Code(text)
    except ValueError:
        raise CliFailure(f"wanted one of the rules {', '.join(Code)}, found {text}; correct it", 2) from None


def _documents(files: Iterable[str]) -> "Iterator[Document]":
    from omectl.cli.documents import items_of
    from omectl.planner.lint import Document, Source

    for one in items_of(files):
        yield Document(one.value, Source(one.file, one.document), one.mistake)


def _in_words(shown: "list[Finding]", counts: "dict[Severity, int]", limit: int) -> Iterator[str]:
    """Findings by rule, of each so many, and the numbers of all."""
    from itertools import groupby

    from omectl.planner.lint import RULES, Severity

    for code, group in groupby(shown, key=lambda one: one.code):
        of_one_rule = list(group)
        yield f"{RULES[code].severity} {code} ({len(of_one_rule)}): {RULES[code].wrong}"
        for one in of_one_rule[:limit] if limit else of_one_rule:
            where = f"{one.source}: " if one.source.file else ""
            yield f"  {where}{one.subject}"
            yield f"    {one.text}"
        if limit and len(of_one_rule) > limit:
            yield f"  ... and {len(of_one_rule) - limit} more (--limit 0 shows all)"
    hidden = sum(counts.values()) - len(shown)
    numbers = ", ".join(f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in Severity)
    yield numbers + (f"; {hidden} of them not shown (--severity)" if hidden else "")


def _as_data(shown: "list[Finding]", counts: "dict[Severity, int]", output: Output) -> str:
    """One object with every finding that is to be shown."""
    from omectl.cli.documents import rendered
    from omectl.planner.lint import RULES

    told: list[JsonValue] = [
        {
            "code": one.code.value,
            "severity": RULES[one.code].severity.value,
            "kind": one.kind,
            "name": one.name,
            "field": one.field,
            "wanted": one.wanted,
            "found": one.found,
            "do": one.do,
            "file": one.source.file,
            "document": one.source.document,
        }
        for one in shown
    ]
    numbers: JsonObject = {f"{level.value}s": count for level, count in counts.items()}
    whole: JsonObject = {"apiVersion": "omectl.io/v1", "kind": "LintReport", "counts": numbers, "findings": told}
    return rendered([whole], as_json=output is Output.JSON, alone=True)
