"""`omectl models`: what a model is, from its small files and the headers of its weights."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from omectl.cli.failure import CliFailure
from omectl.cli.model_facts import PUBLIC_HUB, HubEndpoint
from omectl.cli.options import Output

if TYPE_CHECKING:
    from omectl.cli.model_files import ReadModel, Repository

_LONGEST_TOKEN = 4096


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Find out what a model is.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("inspect")(inspect)
    app.add_typer(group, name="models")


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="Folder, file, hf://org/name[@revision], local:///path, or a hub's https:// address."
        ),
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Say where each fact comes from.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="The form of what is told.")] = Output.TABLE,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit of a hub's repository.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="File with the hub's token; else HF_TOKEN, for the hub of hf:// alone."),
    ] = None,
    hub_endpoint: HubEndpoint = PUBLIC_HUB,
) -> None:
    """Say what a model is: architecture, parameters, context, quantization, capabilities, and what it asks of GPUs.

    Only small files and the headers of weights are read, from a hub by ranges; nothing is written, and nothing that a
    model brings is run. Ends with code 0 when all was read, 1 when the files or the hub do not tell, or not all, 2 when
    the command line is wrong.
    """
    from omectl.modelparser import ModelParseError

    try:
        if target.startswith(("http://", "https://")):
            where = _at_address(target, revision, _token(token_file))
            shown, read = f"{where.endpoint}/{where.name}", _from_hub(where)
        elif "://" in target:
            shown, read = target, _from_uri(target, revision, token_file, hub_endpoint)
        else:
            shown, read = target, _from_disk(Path(target), revision)
    except ModelParseError as error:
        raise CliFailure(f"{target}: {error}") from error
    except OSError as error:
        wrong = 2 if isinstance(error, FileNotFoundError | NotADirectoryError) else 1
        raise CliFailure(f"{target}: wanted a model, found: {error.strerror or error}; correct it", wrong) from error
    typer.echo(_rendered(shown, read, output, explain=explain), nl=False)
    if read.unread:
        told = "; ".join(str(one) for one in read.unread[:3])
        more = f"; and {len(read.unread) - 3} more" if len(read.unread) > 3 else ""
        raise CliFailure(f"{target}: the facts are without what could not be read: {told}{more}")


def _rendered(target: str, read: "ReadModel", output: Output, *, explain: bool) -> str:
    from omectl.cli.inspection import as_object, in_words

    if output is Output.TABLE:
        return in_words(target, read, explain=explain)
    from omectl.cli.documents import rendered

    told = as_object(target, read, explain=explain)
    return rendered([told], as_json=output is Output.JSON, alone=True)


def _from_disk(path: Path, revision: str | None) -> "ReadModel":
    from omectl.cli.model_files import read_file, read_folder

    if revision is not None:
        raise CliFailure("wanted a hub's repository with --revision, found a path; leave out --revision", 2)
    return read_folder(path) if path.is_dir() else read_file(path)


def _from_uri(uri: str, revision: str | None, token_file: Path | None, endpoint: str) -> "ReadModel":
    from omectl.api.storage_uri import HuggingFaceUri, LocalUri, StorageUriError, parse_storage_uri
    from omectl.cli.model_files import Repository

    try:
        parsed = parse_storage_uri(uri)
    except StorageUriError as error:
        raise CliFailure(f"{error}; or name a folder", 2) from error
    match parsed:
        case LocalUri(path=path):
            return _from_disk(Path(path), revision)
        case HuggingFaceUri(model=name, revision=named):
            if revision is not None and "@" in uri and named != revision:
                raise CliFailure(f"wanted one revision, found {named} in the URI and {revision}; leave one out", 2)
            token = _token(token_file) or os.environ.get("HF_TOKEN")
            return _from_hub(Repository(endpoint, name, revision or named, token or None))
        case _:
            wanted = "wanted hf://, local://, a folder, a file or a hub's address"
            raise CliFailure(f"{wanted}, found {uri}; copy the model's small files to a folder and name that", 2)


def _at_address(address: str, revision: str | None, token: str | None) -> "Repository":
    """`https://host/org/name`, as a browser has it: also with `/tree/REVISION`."""
    from omectl.cli.model_files import Repository

    parts = urlsplit(address)
    words = [word for word in parts.path.split("/") if word]
    named = ""
    if len(words) >= 4 and words[2] == "tree":
        words, named = words[:2], "/".join(words[3:])
    if len(words) != 2 or not parts.netloc or "@" in parts.netloc:
        found = f"wanted a hub's address with organisation/name, found {address}"
        raise CliFailure(f"{found}; correct it, or name the repository as hf://organisation/name", 2)
    return Repository(f"{parts.scheme}://{parts.netloc}", "/".join(words), revision or named, token)


def _from_hub(repository: "Repository") -> "ReadModel":
    from omectl.cli.failure import extra_needed
    from omectl.cli.model_files import hub_failure, read_repository

    with extra_needed("agent"):
        from omectl.modelagent.problems import ModelError

    try:
        return read_repository(repository)
    except ModelError as error:
        raise hub_failure(error, "give a token by --token-file (for hf:// also by HF_TOKEN)") from error
    except TimeoutError as error:
        raise CliFailure(str(error)) from error


def _token(file: Path | None) -> str | None:
    """The token in a file; it is never shown."""
    if file is None:
        return None
    try:
        with file.open(encoding="utf-8") as opened:
            token = opened.read(_LONGEST_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise CliFailure(f"--token-file: wanted a file with a token, found: {why}; name another", 2) from error
    if not token or len(token) > _LONGEST_TOKEN or not token.isprintable() or " " in token:
        raise CliFailure(f"--token-file: wanted one token in {file}, found something else; name another file", 2)
    return token
