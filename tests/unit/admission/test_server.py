"""The webhook server on loopback: what the API server meets, and how it starts and ends."""

import asyncio
import base64
import io
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from omectl import metrics
from omectl.admission import (
    AdmissionRequest,
    AdmissionResponse,
    HubAndSpokes,
    Spoke,
    WebhookOptions,
    WebhookServer,
    allowed,
)
from omectl.admission.review import BODY_LIMIT
from omectl.admission.server import _CONVERSION_LIMIT, _patience_s
from omectl.certificates import CertificateAuthority, KeyPair
from omectl.kube.errors import ConnectionFailed
from omectl.manager import AddressUnavailable, CertificateUnavailable, Group, ServingCertificate
from omectl.manager.runnable import group_of


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.made()


class Given:
    """A source that the test turns."""

    def __init__(self, pair: KeyPair | Exception) -> None:
        self.pair = pair

    async def read(self) -> KeyPair:
        if isinstance(self.pair, Exception):
            raise self.pair
        return self.pair


@pytest.fixture
def source(authority: CertificateAuthority) -> Given:
    return Given(authority.server(["127.0.0.1"]))


def server_of(source: Given, *, client_authorities: bytes = b"", poll_s: float = 10.0, **options: Any) -> WebhookServer:
    certificate = ServingCertificate("webhooks", source, client_authorities=client_authorities, poll_s=poll_s)
    given: dict[str, Any] = {"address": "127.0.0.1:0", "certificate_retry_s": 0.01, **options}
    return WebhookServer(certificate, WebhookOptions(**given))


@asynccontextmanager
async def running(server: WebhookServer) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.ensure_future(server.run())
    async with asyncio.timeout(5.0):
        while server.problem() is not None and not task.done():
            await asyncio.sleep(0.001)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def session(authority: CertificateAuthority) -> AsyncIterator[aiohttp.ClientSession]:
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as opened:
        yield opened


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def review(version: str = "v1", **request: Any) -> dict[str, Any]:
    asked = {"uid": "u-1", "operation": "CREATE", "name": "a", "namespace": "ns", "object": {"a": 1}, **request}
    return {"apiVersion": f"admission.k8s.io/{version}", "kind": "AdmissionReview", "request": asked}


def sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def post(session: aiohttp.ClientSession, url: str, **sent: Any) -> tuple[int, Any]:
    async with session.post(url, **sent) as response:
        assert response.headers["Content-Type"] == "application/json"
        return response.status, await response.json()


async def yes(request: AdmissionRequest) -> AdmissionResponse:
    return allowed()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_review_is_answered_in_its_version_with_its_uid(
    source: Given, session: aiohttp.ClientSession, version: str
) -> None:
    asked: list[AdmissionRequest] = []

    async def handler(request: AdmissionRequest) -> AdmissionResponse:
        asked.append(request)
        return allowed(warnings=["old"], patch=[{"op": "add", "path": "/b", "value": 2}])

    server = server_of(source)
    server.register("/mutate", handler)
    async with running(server):
        status, answer = await post(session, server.url + "/mutate?timeout=10s", json=review(version))
    assert status == 200
    assert (answer["apiVersion"], answer["kind"]) == (f"admission.k8s.io/{version}", "AdmissionReview")
    response = answer["response"]
    assert (response["uid"], response["allowed"], response["status"], response["warnings"]) == (
        "u-1",
        True,
        {"code": 200},
        ["old"],
    )
    assert json.loads(base64.b64decode(response["patch"])) == [{"op": "add", "path": "/b", "value": 2}]
    assert asked == [AdmissionRequest(uid="u-1", operation="CREATE", name="a", namespace="ns", object={"a": 1})]


async def test_paths_that_nobody_registered_are_not_found(source: Given, session: aiohttp.ClientSession) -> None:
    server = server_of(source)
    server.register("/here", yes)
    async with running(server):
        assert (await session.post(server.url + "/there", json=review())).status == 404
        assert (await session.get(server.url + "/here")).status == 405


def test_a_path_is_registered_once(source: Given) -> None:
    server = server_of(source)
    server.register("/here", yes)
    versions = HubAndSpokes("ome.io", "Thing", "v1", {})
    with pytest.raises(ValueError, match="webhooks: wanted a path that nothing serves yet, found POST /here twice"):
        server.register("/here", yes)
    with pytest.raises(ValueError, match="POST /here twice"):
        server.register_conversion("/here", versions)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"data": b"", "headers": {"Content-Type": "application/json"}}, "found an empty body"),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, "found 'text/plain'"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, "found something else"),
        ({"data": b'{"a":' * 100_000, "headers": {"Content-Type": "application/json"}}, "found something else"),
        (
            {"data": b"no gzip", "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}},
            "wanted a whole body, found after 0 bytes: 400, message",
        ),
        ({"json": review("v2")}, "found 'AdmissionReview' of 'admission.k8s.io/v2'"),
    ],
    ids=["empty", "content type", "no JSON", "too deep", "no gzip", "version"],
)
async def test_what_cannot_be_read_is_answered_by_a_response_of_400(
    source: Given, session: aiohttp.ClientSession, logged: list[Any], sent: Any, problem: str
) -> None:
    server = server_of(source)
    server.register("/here", yes)
    async with running(server):
        status, answer = await post(session, server.url + "/here", **sent)
    assert status == 200
    assert answer["apiVersion"] == "admission.k8s.io/v1"
    assert (answer["response"]["uid"], answer["response"]["allowed"]) == ("", False)
    assert answer["response"]["status"]["code"] == 400
    assert problem in answer["response"]["status"]["message"]
    assert [entry["path"] for entry in logged if entry["event"] == "admission_unreadable"] == ["/here"]


def padded(size: int) -> bytes:
    """A review of exactly so many bytes."""
    empty = len(json.dumps(review(object={"a": ""})))
    body = json.dumps(review(object={"a": "x" * (size - empty)})).encode()
    assert len(body) == size
    return body


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body that does not tell its length before it is through."""
    for start in range(0, len(body), 1 << 20):
        yield body[start : start + (1 << 20)]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(
    source: Given, session: aiohttp.ClientSession, chunked: bool
) -> None:
    server = server_of(source)
    server.register("/here", yes)
    headers = {"Content-Type": "application/json"}

    def sent(size: int) -> Any:
        return pieces(padded(size)) if chunked else io.BytesIO(padded(size))

    async with running(server):
        _, fits = await post(session, server.url + "/here", data=sent(BODY_LIMIT), headers=headers)
        status, larger = await post(session, server.url + "/here", data=sent(BODY_LIMIT + 1), headers=headers)
    assert fits["response"]["allowed"] is True
    assert status == 200
    assert larger["response"] == {
        "uid": "",
        "allowed": False,
        "status": {"code": 413, "message": "wanted a review of at most 7340032 bytes, found a larger one"},
    }


async def test_who_sends_without_end_is_not_read_without_end(source: Given, session: aiohttp.ClientSession) -> None:
    server = server_of(source)
    server.register("/here", yes)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    async with running(server):
        asked = session.post(server.url + "/here", data=endless(), headers={"Content-Type": "application/json"})
        # The answer may or may not arrive before the end of the connection.
        with suppress(aiohttp.ClientError):
            async with asyncio.timeout(10.0), asked as response:
                assert (await response.json())["response"]["status"]["code"] == 413
    assert BODY_LIMIT < sent < 15 * BODY_LIMIT


async def test_a_body_that_stops_coming_is_given_up(
    source: Given, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omectl.admission.server._LONGEST_S", 0.05)
    server = server_of(source)
    server.register("/here", yes)
    end = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await end.wait()

    async with running(server):
        asked = session.post(server.url + "/here", data=stalled(), headers={"Content-Type": "application/json"})
        async with asyncio.timeout(5.0), asked as response:
            status = (await response.json())["response"]["status"]
            end.set()
    assert status == {"code": 400, "message": "wanted the whole body within 0.05 s, found 1 bytes"}


async def test_a_caller_that_hangs_up_within_the_body_is_said_to_and_leaves_nothing_behind(
    source: Given, session: aiohttp.ClientSession, logged: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = server_of(source)
    server.register("/hung-up", yes)
    async with running(server):
        host, _, port = server.url.removeprefix("https://").rpartition(":")
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(host, int(port), ssl=anyone)
        writer.write(
            b"POST /hung-up HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        await writer.drain()
        async with asyncio.timeout(5.0):
            while not sample("controller_runtime_webhook_requests_in_flight", webhook="/hung-up"):
                await asyncio.sleep(0.001)
        writer.transport.abort()
        async with asyncio.timeout(5.0):
            while sample("controller_runtime_webhook_requests_in_flight", webhook="/hung-up"):
                await asyncio.sleep(0.001)
        assert (await post(session, server.url + "/hung-up", json=review()))[0] == 200
    assert [entry["error"] for entry in logged if entry["event"] == "admission_unreadable"] == [
        "wanted a whole body, found after 1 bytes: Connection lost"
    ]
    assert "Error handling request" not in caplog.text


@pytest.mark.parametrize(
    ("error", "panics"), [(KeyError("spec"), 1), (ConnectionFailed("https://api", "refused"), 0), (OSError("disk"), 0)]
)
async def test_an_exception_is_answered_by_500_and_counted_when_nobody_designed_it(
    source: Given, session: aiohttp.ClientSession, logged: list[Any], error: Exception, panics: int
) -> None:
    async def handler(request: AdmissionRequest) -> AdmissionResponse:
        raise error

    server = server_of(source)
    server.register("/here", handler)
    before = sample("controller_runtime_webhook_panics_total")
    async with running(server):
        status, answer = await post(session, server.url + "/here", json=review())
        assert (await post(session, server.url + "/here", json=review()))[0] == 200
    assert status == 200
    assert answer["response"] == {
        "uid": "u-1",
        "allowed": False,
        "status": {
            "code": 500,
            "message": f"/here: the webhook failed: {type(error).__name__}: {error}; look at the manager's log",
        },
    }
    assert sample("controller_runtime_webhook_panics_total") == before + 2 * panics
    failed = [entry for entry in logged if entry["event"] == "admission_failed"]
    assert [(entry["object"], entry["exc_info"]) for entry in failed] == [("ns/a", error)] * 2


async def test_an_answer_that_is_no_json_is_a_failure_of_the_webhook(
    source: Given, session: aiohttp.ClientSession
) -> None:
    async def handler(request: AdmissionRequest) -> AdmissionResponse:
        return allowed(patch=[{"op": "add", "path": "/a", "value": object()}])  # type: ignore[dict-item]

    server = server_of(source)
    server.register("/here", handler)
    before = sample("controller_runtime_webhook_panics_total")
    async with running(server):
        status, answer = await post(session, server.url + "/here", json=review())
    assert status == 200
    assert answer["response"]["status"]["code"] == 500
    assert answer["response"]["status"]["message"].startswith("/here: the webhook failed: TypeError: ")
    assert sample("controller_runtime_webhook_panics_total") == before + 1


async def test_a_handler_has_as_long_as_the_server_waits(source: Given, session: aiohttp.ClientSession) -> None:
    async def endless(request: AdmissionRequest) -> AdmissionResponse:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    server = server_of(source)
    server.register("/here", endless)
    async with running(server):
        _, answer = await post(session, server.url + "/here?timeout=50ms", json=review())
    assert answer["response"]["status"] == {
        "code": 504,
        "message": "/here: wanted a judgement within 0.05 s, found none; try again",
    }


async def test_a_timeout_of_the_handlers_own_is_an_error_like_any_other(
    source: Given, session: aiohttp.ClientSession
) -> None:
    async def late(request: AdmissionRequest) -> AdmissionResponse:
        raise TimeoutError("the registry")

    server = server_of(source)
    server.register("/here", late)
    async with running(server):
        _, answer = await post(session, server.url + "/here?timeout=10s", json=review())
    assert answer["response"]["status"]["code"] == 500


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("30s", 30.0),
        ("31s", 30.0),
        ("1m", 30.0),
        ("", 30.0),
        ("s", 30.0),
        ("10", 30.0),
        ("-1s", 30.0),
        ("10s ", 30.0),
    ],
)
def test_how_long_the_server_waits_is_read_from_the_query(text: str, seconds: float) -> None:
    assert _patience_s(text) == seconds


async def test_requests_are_measured_by_path(source: Given, session: aiohttp.ClientSession) -> None:
    seen: list[float] = []

    async def handler(request: AdmissionRequest) -> AdmissionResponse:
        seen.append(sample("controller_runtime_webhook_requests_in_flight", webhook="/measured"))
        return allowed()

    async def versions(request: AdmissionRequest) -> AdmissionResponse:
        return allowed()

    server = server_of(source)
    server.register("/measured", handler)
    server.register("/other", versions)
    name, latency = "controller_runtime_webhook_requests_total", "controller_runtime_webhook_latency_seconds"
    before = sample(name, webhook="/measured", code="200"), sample(name, webhook="/other", code="200")
    async with running(server):
        await post(session, server.url + "/measured", json=review())
        await post(session, server.url + "/measured", data=b"", headers={"Content-Type": "application/json"})
    assert sample(name, webhook="/measured", code="200") == before[0] + 2
    assert sample(name, webhook="/other", code="200") == before[1]
    assert seen == [1.0]
    assert sample("controller_runtime_webhook_requests_in_flight", webhook="/measured") == 0.0
    assert sample(f"{latency}_count", webhook="/measured") >= 2
    assert sample(f"{latency}_bucket", webhook="/measured", le="1000.0") >= 2
    bounds = {
        found.labels["le"]
        for family in metrics.REGISTRY.collect()
        if family.name == latency
        for found in family.samples
        if "le" in found.labels
    }
    assert len(bounds) == 13
    assert {"1e-08", "+Inf"} <= bounds


# Conversion

CONVERSION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "ConversionReview",
    "request": {
        "uid": "u-2",
        "desiredAPIVersion": "ome.io/v1",
        "objects": [{"apiVersion": "ome.io/v1alpha1", "kind": "Thing", "metadata": {"name": "t"}}],
    },
}


def crash(obj: Any) -> Any:
    raise KeyError("spec")


async def test_objects_are_converted(source: Given, session: aiohttp.ClientSession) -> None:
    server = server_of(source)
    same = Spoke(lambda obj: obj, lambda obj: obj)
    server.register_conversion("/convert", HubAndSpokes("ome.io", "Thing", "v1", {"v1alpha1": same}))
    async with running(server):
        status, answer = await post(session, server.url + "/convert", json=CONVERSION)
    assert status == 200
    assert answer["response"]["uid"] == "u-2"
    assert answer["response"]["result"] == {"status": "Success"}
    assert [obj["apiVersion"] for obj in answer["response"]["convertedObjects"]] == ["ome.io/v1"]


async def test_a_conversion_that_crashes_fails_and_is_counted(
    source: Given, session: aiohttp.ClientSession, logged: list[Any]
) -> None:
    server = server_of(source)
    versions = HubAndSpokes("ome.io", "Thing", "v1", {"v1alpha1": Spoke(crash, crash)})
    server.register_conversion("/convert", versions)
    before = sample("controller_runtime_conversion_webhook_panics_total")
    async with running(server):
        status, answer = await post(session, server.url + "/convert", json=CONVERSION)
    assert status == 200
    assert answer["response"] == {
        "uid": "u-2",
        "convertedObjects": [],
        "result": {"status": "Failure", "message": "/convert: the conversion failed: KeyError: 'spec'"},
    }
    assert sample("controller_runtime_conversion_webhook_panics_total") == before + 1
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["conversion_failed"]


async def test_a_page_of_objects_may_be_larger_than_an_admission(source: Given, session: aiohttp.ClientSession) -> None:
    server = server_of(source)
    same = Spoke(lambda obj: obj, lambda obj: obj)
    server.register_conversion("/convert", HubAndSpokes("ome.io", "Thing", "v1", {"v1alpha1": same}))
    request = CONVERSION["request"]
    objects = [{**request["objects"][0], "spec": "x" * BODY_LIMIT}] * 2
    body = json.dumps({**CONVERSION, "request": {**request, "objects": objects}}).encode()
    headers = {"Content-Type": "application/json"}
    async with running(server):
        status, answer = await post(session, server.url + "/convert", data=io.BytesIO(body), headers=headers)
    assert status == 200
    assert [len(obj["spec"]) for obj in answer["response"]["convertedObjects"]] == [BODY_LIMIT] * 2


def test_a_page_of_objects_is_bounded() -> None:
    assert _CONVERSION_LIMIT == 64 * 1024 * 1024


@pytest.mark.parametrize(("body", "code"), [(b"{", 400), (b" " * 1001, 413)], ids=["no JSON", "too large"])
async def test_a_conversion_that_cannot_be_read_is_refused_by_its_http_status(
    source: Given, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, body: bytes, code: int
) -> None:
    monkeypatch.setattr("omectl.admission.server._CONVERSION_LIMIT", 1000)
    server = server_of(source)
    server.register_conversion("/convert", HubAndSpokes("ome.io", "Thing", "v1", {}))
    async with running(server):
        status, answer = await post(
            session, server.url + "/convert", data=io.BytesIO(body), headers={"Content-Type": "application/json"}
        )
    assert status == code
    assert answer["response"]["result"]["status"] == "Failure"


# Start and end


def test_it_is_a_runnable_that_starts_before_the_caches_on_every_replica(source: Given) -> None:
    server = server_of(source)
    assert group_of(server) is Group.WEBHOOKS
    assert not server.needs_leader


def test_the_options_are_those_of_the_field() -> None:
    options = WebhookOptions()
    assert (options.address, options.idle_s, options.shutdown_s, options.dial_s) == (":9443", 90.0, 60.0, 10.0)
    assert (options.dial_every_s, options.certificate_retry_s) == (10.0, 1.0)


async def test_it_says_why_it_is_not_ready_and_serves_once_there_is_a_certificate(
    authority: CertificateAuthority, session: aiohttp.ClientSession
) -> None:
    source = Given(CertificateUnavailable("no Secret yet"))
    server = server_of(source)
    server.register("/here", yes)
    assert server.problem() == "the webhook server has not been started"
    task = asyncio.ensure_future(server.run())
    async with asyncio.timeout(5.0):
        while server.problem() == "the webhook server has not been started":
            await asyncio.sleep(0)
    assert server.problem() == "waiting for a certificate: no Secret yet"
    assert server.url == ""
    source.pair = authority.server(["127.0.0.1"])
    async with asyncio.timeout(5.0):
        while server.problem() is not None:
            await asyncio.sleep(0.001)
    assert (await post(session, server.url + "/here", json=review()))[0] == 200
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert server.problem() == "the webhook server has been stopped"
    assert server.url == ""


async def test_it_calls_itself_to_know_that_it_answers(source: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_of(source, dial_every_s=0.01)
    async with running(server):
        port = server.url.rpartition(":")[2]

        async def refused(*args: Any, **options: Any) -> Any:
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(asyncio, "open_connection", refused)
        async with asyncio.timeout(5.0):
            while server.problem() is None:
                await asyncio.sleep(0.001)
        assert server.problem() == (
            f"the webhook server does not answer at 127.0.0.1:{port}: [Errno 111] Connection refused"
        )
        monkeypatch.undo()
        async with asyncio.timeout(5.0):
            while server.problem() is not None:
                await asyncio.sleep(0.001)


async def test_a_call_of_itself_that_hangs_is_given_up(source: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_of(source, dial_every_s=0.01, dial_s=0.01)

    async def silent(*args: Any, **options: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    async with running(server):
        monkeypatch.setattr(asyncio, "open_connection", silent)
        async with asyncio.timeout(5.0):
            while server.problem() is None:
                await asyncio.sleep(0.001)
        assert str(server.problem()).endswith(": nothing within 0.01 s")


async def test_it_may_listen_on_all_interfaces(source: Given, session: aiohttp.ClientSession) -> None:
    server = server_of(source, address="0.0.0.0:0")
    server.register("/here", yes)
    async with running(server):
        assert server.problem() is None
        port = server.url.rpartition(":")[2]
        assert (await post(session, f"https://127.0.0.1:{port}/here", json=review()))[0] == 200


async def test_a_port_in_use_is_named(source: Given) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = server_of(source, address=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(AddressUnavailable, match="--webhook-bind-address"):
            await server.run()


async def test_a_running_request_is_answered_before_the_end(source: Given, session: aiohttp.ClientSession) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: AdmissionRequest) -> AdmissionResponse:
        begun.set()
        await go_on.wait()
        return allowed()

    server = server_of(source)
    server.register("/slow", slow)
    async with running(server) as task:
        url = server.url
        asked = asyncio.ensure_future(post(session, url + "/slow", json=review()))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        async with aiohttp.ClientSession() as late:
            with pytest.raises(aiohttp.ClientConnectorError):
                await late.post(url + "/slow", ssl=False)
        go_on.set()
        assert (await asked)[1]["response"]["allowed"] is True
        await asyncio.wait({task})
        assert task.cancelled()


async def test_a_request_that_takes_too_long_at_the_end_is_cut_off(
    source: Given, session: aiohttp.ClientSession
) -> None:
    begun = asyncio.Event()

    async def endless(request: AdmissionRequest) -> AdmissionResponse:
        begun.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    server = server_of(source, shutdown_s=0.05)
    server.register("/slow", endless)
    async with running(server) as task:
        asked = asyncio.ensure_future(session.post(server.url + "/slow", json=review()))
        await begun.wait()
        task.cancel()
        async with asyncio.timeout(5.0):
            await asyncio.wait({task})
        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_clients_need_a_certificate_where_their_authority_is_given(
    authority: CertificateAuthority, source: Given, tmp_path: Path
) -> None:
    server = server_of(source, client_authorities=authority.certificate)
    server.register("/here", yes)
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    async with running(server):
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(server.url + "/here", json=review(), ssl=trusting)
        pair = authority.client("kube-apiserver")
        (tmp_path / "client.pem").write_bytes(pair.certificate + pair.key)
        trusting.load_cert_chain(tmp_path / "client.pem")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
            assert (await post(session, server.url + "/here", json=review()))[0] == 200


async def test_a_new_certificate_is_taken_up_while_it_serves(authority: CertificateAuthority, source: Given) -> None:
    server = server_of(source, poll_s=0.01)
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    new = authority.server(["127.0.0.1"])

    async def met() -> bytes:
        host, _, port = server.url.removeprefix("https://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=trusting)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return bytes(found)

    async with running(server):
        assert await met() != ssl.PEM_cert_to_DER_cert(new.certificate.decode())
        source.pair = new
        async with asyncio.timeout(5.0):
            while await met() != ssl.PEM_cert_to_DER_cert(new.certificate.decode()):
                await asyncio.sleep(0.01)
