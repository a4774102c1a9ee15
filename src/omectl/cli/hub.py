"""`omectl hub`: model directories served with the Hugging Face Hub's protocol, for machines without the internet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.failure import CliFailure

if TYPE_CHECKING:
    from omectl.local.hub import HubOptions


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="A model hub on this machine, for clients of the Hugging Face Hub.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("serve")(serve)
    app.add_typer(group, name="hub")


def serve(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", help="Model directories, or directories of <org>/<name> folders.", exists=True
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="`org/name` of a single model directory; else local/<directory>.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at. Others reach you only at one of your own.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 picks a free one.")] = 8090,
    token: Annotated[
        str | None, typer.Option(envvar="OMECTL_HUB_TOKEN", help="Let in only who sends this token.")
    ] = None,
    rate_limit: Annotated[
        str | None, typer.Option(metavar="BYTES/s", help="Most bytes a second over all clients, such as 50M or 100Mi.")
    ] = None,
) -> None:
    """Serve models until Ctrl-C. Nothing is written, and nothing outside the directories can be reached.

    A folder `<name>@<revision>` is a branch or tag of `<name>`.
    """
    import asyncio

    from omectl.cli.stopping import run_until_stopped
    from omectl.local.hub import HubOptions

    options = HubOptions(name=name, host=host, port=port, token=token, rate_limit=_bytes_per_second(rate_limit))
    asyncio.run(run_until_stopped(_serve(directories, options)))


async def _serve(directories: list[Path], options: "HubOptions") -> None:
    import asyncio
    import os

    from omectl.local.hub import HubServer, RepositoryError

    try:
        server = HubServer(directories, options)
    except RepositoryError as error:
        raise CliFailure(str(error), exit_code=2) from error
    try:
        async with server as hub:
            typer.echo(f"export HF_ENDPOINT={hub.endpoint}")
            for repository in hub.repositories:
                # Large models take minutes to digest; done here, no client has to wait for it.
                typer.echo(f"serving {repository} at commit {await hub.commit(repository)}", err=True)
            await asyncio.Event().wait()
    except RepositoryError as error:
        raise CliFailure(str(error), exit_code=2) from error
    except OSError as error:
        # asyncio's own text says the address again.
        reason = os.strerror(error.errno) if error.errno else str(error)
        wanted = f"wanted to listen at {options.host}:{options.port}"
        raise CliFailure(f"{wanted}, found: {reason}; choose another --host or --port") from error


def _bytes_per_second(text: str | None) -> int | None:
    from omectl.api.quantity import Quantity, QuantityError

    if text is None:
        return None
    try:
        value = int(Quantity.parse(text.removesuffix("/s").removesuffix("B")).amount)
    except QuantityError as error:
        raise CliFailure(f"--rate-limit: wanted bytes per second such as 50M or 100Mi, found {text!r}", 2) from error
    if value < 1:
        raise CliFailure(f"--rate-limit: wanted at least 1 byte per second, found {text!r}", 2)
    return value
