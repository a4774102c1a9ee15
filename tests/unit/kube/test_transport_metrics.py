"""What is counted of requests to the API server, against a server on loopback that asks for patience once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from omectl import metrics
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.resources import CONFIG_MAPS


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Answers 429 first, and an object afterwards."""
    answered = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal answered
        answered += 1
        if answered == 1:
            return web.json_response({"kind": "Status", "code": 429}, status=429, headers={"Retry-After": "0"})
        return web.json_response({"metadata": {"name": "a"}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


def sample(name: str, labels: dict[str, str]) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_request_metrics_of_the_field_are_exported(server: str) -> None:
    host = server.removeprefix("http://")
    obj: Any = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}}
    async with Client(ClientConfig(server=server)) as client:
        await client.create(CONFIG_MAPS, obj)
    by_verb = {"verb": "create", "host": host}
    assert sample("rest_client_requests_total", {"code": "429", "method": "POST", "host": host}) == 1
    assert sample("rest_client_requests_total", {"code": "200", "method": "POST", "host": host}) == 1
    assert sample("rest_client_request_retries_total", {"code": "429", **by_verb}) == 1
    assert sample("rest_client_request_duration_seconds_count", by_verb) == 1
    assert sample("rest_client_request_size_bytes_sum", by_verb) > 0
    assert sample("rest_client_response_size_bytes_sum", by_verb) == len('{"metadata": {"name": "a"}}')
