"""How one request can fail, and whether to try it again."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from omectl.modelagent.problems import ModelError, Reason

_RETRIED = frozenset({408, 425, 429})


class TransferCancelledError(Exception):
    """The transfer was told to stop; raised in its threads only."""


class PassingError(Exception):
    """A request failed in a way that may not happen again; `problem` is what to say when it does."""

    def __init__(self, problem: ModelError) -> None:
        super().__init__(str(problem))
        self.problem = problem


def unreachable(host: str, cause: BaseException) -> PassingError:
    return PassingError(
        ModelError(
            Reason.HUB_UNREACHABLE,
            f"No connection to {host}: {_cause(cause)}.",
            "The agent keeps trying. Check that the host is up and reachable from this node.",
        )
    )


def interrupted(host: str, what: str) -> PassingError:
    return PassingError(
        ModelError(
            Reason.TRANSFER_INTERRUPTED,
            f"{host} {what}.",
            "The agent keeps what it has and goes on from there. Check the network if this lasts.",
        )
    )


def refused(url_host: str, status: int, what: str, retry_after: str | None = None) -> ModelError | PassingError:
    """The fault behind a response that is not the wanted one."""
    if status == 429:
        problem = ModelError(
            Reason.RATE_LIMITED,
            f"{url_host} limits the rate of requests (429) for {what}.",
            "The agent waits as told and goes on. Give the agent a token to get a higher limit.",
            retry_after_s=parse_retry_after(retry_after),
        )
        return PassingError(problem)
    if status >= 500 or status in _RETRIED:
        problem = ModelError(
            Reason.HUB_UNREACHABLE,
            f"{url_host} answered {status} for {what}.",
            "The agent keeps trying. Check the hub's state if this lasts.",
            retry_after_s=parse_retry_after(retry_after),
        )
        return PassingError(problem)
    if status in {401, 403}:
        return access_denied(url_host, status, what)
    if status in {404, 410}:
        return ModelError(
            Reason.MODEL_NOT_FOUND,
            f"{url_host} has no {what} ({status}).",
            "Check the name in storage.storageUri; a private repository also answers like this without a token.",
        )
    return ModelError(
        Reason.RESPONSE_INVALID,
        f"{url_host} answered {status} for {what}; wanted 206 with the range asked for.",
        "Check that the hub endpoint is a hub, or a mirror that serves byte ranges.",
    )


def access_denied(host: str, status: int, what: str) -> ModelError:
    if status == 401:
        next_step = "Put a valid token into a Secret and name it in storage.key (data key `token`)."
    else:
        next_step = "Ask for access on the model's page with the token's account, or use a token that has it."
    return ModelError(Reason.ACCESS_DENIED, f"{host} refused {what} ({status}).", next_step)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or an HTTP date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _cause(cause: BaseException) -> str:
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return text or type(cause).__name__
