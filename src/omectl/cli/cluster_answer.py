"""Asking a cluster for something, within a time."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from omectl.kube.client import Client
    from omectl.kube.credentials import ClientConfig

_T = TypeVar("_T")


def answer_of(config: "ClientConfig", ask: "Callable[[Client], Awaitable[_T]]", timeout_s: float) -> _T:
    """What `ask` finds out within `timeout_s` seconds. Raises: `CliFailure` with code 2 when nobody can say."""
    import asyncio

    from omectl.cli.failure import CliFailure
    from omectl.cli.logs import set_up_quiet_logging
    from omectl.kube.client import Client
    from omectl.kube.errors import KubeError

    async def within() -> _T:
        async with asyncio.timeout(timeout_s), Client(config) as client:
            return await ask(client)

    set_up_quiet_logging()
    try:
        return asyncio.run(within())
    except TimeoutError as error:
        text = (
            f"wanted the objects of {config.server} within {timeout_s:g} s, found no answer; wait longer by --timeout"
        )
        raise CliFailure(text, 2) from error
    except KubeError as error:
        # 1 would say that the service has no plan.
        raise CliFailure(str(error), 2) from error
