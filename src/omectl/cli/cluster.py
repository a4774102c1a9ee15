"""`omectl cluster`: a real control plane on this machine, to try things and to test against."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.failure import CliFailure

if TYPE_CHECKING:
    from omectl.local.control_plane import ControlPlaneOptions

Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of the cluster's files; else one in your cache folder.", file_okay=False),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="A real control plane on this machine, without containers.", no_args_is_help=True)
    group.command("up")(up)
    group.command("down")(down)
    group.command("kubeconfig")(kubeconfig)
    group.command("binaries")(binaries)
    app.add_typer(group, name="cluster")


def up(
    directory: Directory = None,
    profile: Annotated[
        str, typer.Option(help="`full`: a cluster as others have it; `fast`: no RBAC, ready in a second.")
    ] = "full",
    nodes: Annotated[int, typer.Option(min=0, max=100, help="Simulated GPU nodes (profile full).")] = 1,
    audit: Annotated[bool, typer.Option("--audit", help="Write an audit log of every write.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
) -> None:
    """Start a control plane and keep it until Ctrl-C."""
    import asyncio

    from omectl.cli.stopping import run_until_stopped
    from omectl.local.background import run_detached
    from omectl.local.control_plane import ControlPlaneOptions, Profile

    folder = _folder(directory)
    if profile not in set(Profile):
        raise CliFailure(f"--profile: wanted one of {', '.join(Profile)}, found {profile!r}", exit_code=2)
    full = profile == Profile.FULL
    options = ControlPlaneOptions(
        profile=Profile(profile), directory=folder, audit=audit, controllers=full, scheduler=full, kwok=full
    )
    if detach:
        arguments = ["cluster", "up", "--dir", str(folder), "--profile", profile, "--nodes", str(nodes)]
        run_detached([*arguments, "--audit"] if audit else arguments, folder)
        typer.echo(f"export KUBECONFIG={folder / 'kubeconfigs' / 'admin.yaml'}")
        return
    asyncio.run(run_until_stopped(_serve(options, folder, nodes if full else 0)))


async def _serve(options: "ControlPlaneOptions", folder: Path, nodes: int) -> None:
    from omectl.cli.progress import build_progress
    from omectl.local.background import claimed
    from omectl.local.control_plane import ControlPlane

    with claimed(folder) as claim:
        async with ControlPlane(options, progress=build_progress()) as control_plane:
            for index in range(nodes):
                await control_plane.add_node(f"gpu-node-{index}")
            path = control_plane.kubeconfig()
            claim.announce()
            typer.echo(
                f"The control plane listens at {control_plane.server}; Ctrl-C or `omectl cluster down` stops it."
            )
            typer.echo(f"export KUBECONFIG={path}")
            await control_plane.watch_children()


def down(directory: Directory = None) -> None:
    """Stop the control plane that runs in the folder."""
    from omectl.local.background import stop_detached

    folder = _folder(directory)
    typer.echo("stopped" if stop_detached(folder) else f"nothing runs in {folder}")


def kubeconfig(directory: Directory = None) -> None:
    """Print the path of the running control plane's kubeconfig."""
    from omectl.local.background import running_supervisor

    folder = _folder(directory)
    if running_supervisor(folder) is None:
        raise CliFailure(f"wanted a control plane in {folder}, found none running; start one with `omectl cluster up`")
    typer.echo(folder / "kubeconfigs" / "admin.yaml")


def binaries() -> None:
    """Find the control plane's programs, or download or build them (minutes, the first time)."""
    from omectl.cli.progress import build_progress
    from omectl.local.assets import Binary, acquire

    for binary, path in acquire(Binary, progress=build_progress()).paths.items():
        typer.echo(f"{binary}\t{path}")


def _folder(directory: Path | None) -> Path:
    from omectl.local.assets import AssetSettings

    return (directory or AssetSettings.from_environment().cache / "cluster").absolute()
