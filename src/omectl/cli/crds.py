"""`omectl crds`: the CustomResourceDefinitions, made from the types."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

_FOLDER = Path("manifests/crds")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("crds")(crds)


def crds(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write one file a CRD into this folder.", file_okay=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when the files in the folder differ from the types.")
    ] = False,
) -> None:
    """Print the CRDs as one YAML stream, or write them to files.

    They are large: install them with `kubectl apply --server-side`.
    """
    from omectl.api.crds.files import definition_files

    files = definition_files()
    if check:
        _check(output or _FOLDER, files)
    elif output is None:
        typer.echo("".join(f"---\n{text}" for text in files.values()), nl=False)
    else:
        _write(output, files)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    from omectl.cli.failure import CliFailure

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliFailure(f"wanted to write the CRDs to {folder}, found: {error}; name another folder", 1) from error
    typer.echo(f"{len(files)} CRDs written to {folder}", err=True)


def _check(folder: Path, files: Mapping[str, str]) -> None:
    from omectl.cli.failure import CliFailure

    found = {path.name: path for path in folder.glob("*.ome.io.yaml")} if folder.is_dir() else {}
    different = sorted(
        {name for name, text in files.items() if name not in found or found[name].read_text(encoding="utf-8") != text}
        | (found.keys() - files.keys())
    )
    if different:
        raise CliFailure(
            f"wanted {folder} to hold exactly what the types say, found a difference in {', '.join(different)};"
            f" write them again with `omectl crds --output {folder}`",
            1,
        )
    typer.echo(f"{folder} equals the types", err=True)
