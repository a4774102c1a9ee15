"""`omectl up`: the main job on this machine, from nothing to a Ready service, in one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omectl.cli.failure import CliFailure

if TYPE_CHECKING:
    from rich.console import RenderableType

    from omectl.cli.up.screen import Screen
    from omectl.cli.up.session import Session, SessionOptions

_SHOWN_MOST_OFTEN_S = 0.25


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    model: Annotated[
        str | None,
        typer.Option(metavar="hf://ORG/NAME|DIR", help="Another model than the demo's: from a hub, or a directory."),
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, max=16, help="Simulated GPU nodes.")] = 3,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep everything in this folder; else a temporary one.", file_okay=False),
    ] = None,
    exit_when_ready: Annotated[
        bool, typer.Option("--exit-when-ready", help="Stop everything and exit 0 once the service is Ready.")
    ] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, help="With --exit-when-ready: seconds after which to give up.")
    ] = 600.0,
    audit: Annotated[bool, typer.Option("--audit", help="Have the API server log every write.")] = False,
) -> None:
    """Run the main job: a whole cluster on this machine takes a real model to a Ready service.

    Real: etcd, the API server, its controllers and scheduler, omectl's manager and one agent a node, and the model's
    files, downloaded and verified onto a directory a node. Simulated: the nodes, whose pods run nothing.
    """
    import asyncio

    from omectl.cli.up.demo import choose_model
    from omectl.cli.up.session import SessionOptions

    options = SessionOptions(model=choose_model(model), nodes=nodes, directory=directory, audit=audit)
    ready = asyncio.run(_run(options, exit_when_ready=exit_when_ready, timeout_s=timeout_s))
    if exit_when_ready and not ready:
        raise CliFailure(f"wanted a Ready service within {timeout_s:.0f} s, found the state above")


async def _run(options: "SessionOptions", *, exit_when_ready: bool, timeout_s: float) -> bool:
    """Whether everything became Ready."""
    from omectl.cli.stopping import run_until_stopped
    from omectl.cli.up.screen import make_screen
    from omectl.cli.up.session import Session
    from omectl.local.assets import CONTROL_PLANE, acquire_cancellable

    with make_screen() as screen:
        # Building takes minutes once, which the time limit is not about.
        if await run_until_stopped(acquire_cancellable(CONTROL_PLANE, screen.progress)) is None:
            return False
        session = Session(options, announce=screen.announce, progress=screen.progress)
        work = _work(session, screen, exit_when_ready=exit_when_ready)
        return bool(await run_until_stopped(work, timeout_s=timeout_s if exit_when_ready else None))


async def _work(session: "Session", screen: "Screen", *, exit_when_ready: bool) -> bool:
    """Start everything and show it; ends only when asked to exit once Ready."""
    import time

    started = time.monotonic()
    told = False
    async with session:
        screen.announce("waiting for the service to be Ready")
        async for snapshot in session.snapshots(most_often_s=_SHOWN_MOST_OFTEN_S):
            screen.show(snapshot)
            if snapshot.all_ready and not told:
                told = True
                namespace, _, service = snapshot.services[0].key.rpartition("/")
                advice = None if exit_when_ready else _advice(session, namespace, service)
                screen.finish(time.monotonic() - started, advice)
            if told and exit_when_ready:
                return True
    raise AssertionError("snapshots go on until they are cancelled")


def _advice(session: "Session", namespace: str, service: str) -> "RenderableType":
    """What to try next, with programs named so that a shell here finds them."""
    import shutil
    import sys

    from omectl.cli.up.view import next_steps
    from omectl.local.assets import Binary

    kubectl = "kubectl" if shutil.which("kubectl") else str(session.control_plane.binary(Binary.KUBECTL))
    called = sys.argv[0] if sys.argv[0].endswith("/omectl") else f"{sys.executable} -m omectl"
    omectl = "omectl" if shutil.which("omectl") else called
    return next_steps(str(session.kubeconfig), namespace, service, kubectl=kubectl, omectl=omectl)
