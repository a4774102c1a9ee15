"""What the connections to a server are: two pools, no proxies from the environment, keep-alive, limits."""

import socket
import sys

import aiohttp
import pytest

from omectl.kube.client import ClientOptions
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import (
    ApiError,
    Cause,
    Details,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)
from omectl.kube.transport import Transport, TransportOptions


@pytest.fixture
def transport() -> Transport:
    return Transport(ClientConfig(server="http://127.0.0.1:9"), TransportOptions(retry_after_cap_s=15.0))


def sessions(transport: Transport) -> list[aiohttp.ClientSession]:
    found = [transport._calls, transport._watches]
    assert all(found)
    return [session for session in found if session is not None]


async def test_calls_have_a_limited_pool_and_watches_one_of_their_own_without_limit(transport: Transport) -> None:
    await transport.open()
    calls, watches = sessions(transport)
    assert calls.connector is not watches.connector
    assert (calls.connector.limit, watches.connector.limit) == (100, 0)
    assert (calls.connector.limit_per_host, watches.connector.limit_per_host) == (0, 0)
    await transport.close()


async def test_proxies_and_passwords_of_the_environment_are_not_looked_up(transport: Transport) -> None:
    await transport.open()
    assert [session.trust_env for session in sessions(transport)] == [False, False]
    await transport.close()


async def test_no_cookie_is_kept(transport: Transport) -> None:
    await transport.open()
    assert all(isinstance(session.cookie_jar, aiohttp.DummyCookieJar) for session in sessions(transport))
    await transport.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")
def test_a_dead_peer_shows_within_a_minute(transport: Transport) -> None:
    with transport._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        found = {
            name: made.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT", "TCP_NODELAY")
        }
    assert found == {
        "TCP_KEEPIDLE": 30,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 60_000,
        "TCP_NODELAY": 1,
    }


def test_every_kind_of_request_has_its_limit() -> None:
    limits = ClientOptions().transport
    assert limits == TransportOptions(
        connect_s=10.0,
        call_s=30.0,
        list_s=120.0,
        watch_idle_s=150.0,
        retries=10,
        retry_after_cap_s=15.0,
        connections=100,
    )


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (TooManyRequests(429, "", "", retry_after_s=2.0), 2.0),
        (TooManyRequests(429, "", "", retry_after_s=0.0), 0.0),
        (TooManyRequests(429, "", "", retry_after_s=15.0), 15.0),
        (TooManyRequests(429, "", "", retry_after_s=16.0), 15.0),
        (TooManyRequests(429, "", ""), None),
        (InternalError(500, "", "", retry_after_s=1.0), 1.0),
        (ServiceUnavailable(503, "", "", retry_after_s=1.0), 1.0),
        (ServiceUnavailable(503, "", ""), None),
        (ServerTimeout(504, "Timeout", "", retry_after_s=1.0), 1.0),
        (ServerTimeout(504, "Timeout", "Too large resource version: 9", retry_after_s=1.0), None),
        (ApiError(499, "", "", retry_after_s=1.0), None),
        (
            TooManyRequests(
                429, "", "", Details(causes=(Cause("DisruptionBudget", "", "needs 1 pod"),)), retry_after_s=10.0
            ),
            None,
        ),
    ],
)
def test_a_retry_is_for_overload_and_failures_with_a_suggested_delay(
    transport: Transport, error: ApiError, delay: float | None
) -> None:
    assert transport.retry_delay(error) == delay
