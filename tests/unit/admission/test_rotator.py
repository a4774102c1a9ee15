"""The leader's part: Secret and trust, with faults, in virtual time."""

import asyncio
import base64
import copy
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from omectl.admission import (
    CertificateRotator,
    Lifetimes,
    RotatorOptions,
    SecretCertificate,
    TrustTarget,
    service_hosts,
    trust_patch,
)
from omectl.admission.certificate_secret import held_in, secret_with
from omectl.admission.rotation import Held
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.certificates import CertificateAuthority, KeyPair, read_facts, split_certificates
from omectl.clock import FakeClock
from omectl.kube.errors import AlreadyExists, Conflict, ConnectionFailed, Details, NotFound
from omectl.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    SECRETS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
)
from omectl.manager import CertificateUnavailable, NotLeading

pytestmark = pytest.mark.looptime

HOST = "hooks.ome.svc"
MUTATING = TrustTarget(MUTATING_WEBHOOK_CONFIGURATIONS, "hooks")
VALIDATING = TrustTarget(VALIDATING_WEBHOOK_CONFIGURATIONS, "hooks")
DEFINITION = TrustTarget(CUSTOM_RESOURCE_DEFINITIONS, "things.ome.io")
TARGETS = (MUTATING, VALIDATING, DEFINITION)


def configuration(webhooks: int, bundle: str = "Cg==") -> Any:
    config = {"service": {"name": "hooks", "namespace": "ome"}, "caBundle": bundle}
    return {"webhooks": [{"name": f"w{number}", "clientConfig": dict(config)} for number in range(webhooks)]}


class Cluster:
    """Objects with resource versions; faults before or after a write on demand."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Any] = {}
        self.writes: list[str] = []
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.chance = random.Random(0)
        self.fails = 0.0
        self._version = 0
        self.put(MUTATING, configuration(2))
        self.put(VALIDATING, configuration(1))
        webhook = {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://x"}}}
        self.put(DEFINITION, {"spec": {"conversion": webhook}})

    def put(self, target: TrustTarget, obj: Any) -> None:
        self._version += 1
        metadata = {**obj.get("metadata", {}), "name": target.name, "resourceVersion": str(self._version)}
        self.objects[target.kind.kind, target.name] = {**copy.deepcopy(obj), "metadata": metadata}

    @property
    def secret(self) -> Any:
        return self.objects.get(("Secret", "ome-webhook-server-cert"))

    @property
    def held(self) -> Held:
        return held_in(self.secret) if self.secret else Held()

    def bundles(self) -> list[str]:
        """Every `caBundle` of the targets, as text; "" where there is none."""
        found: list[str] = []
        for target in TARGETS:
            obj = self.objects.get((target.kind.kind, target.name))
            if obj is None:
                continue
            hooks = obj.get("webhooks") or [obj["spec"]["conversion"]["webhook"]]
            found += [base64.b64decode(hook["clientConfig"].get("caBundle", "")).decode() for hook in hooks]
        return found

    async def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject:
        self._trouble()
        try:
            return copy.deepcopy(self.objects[kind.kind, name])
        except KeyError:
            raise NotFound(404, "NotFound", f"{name} not found", Details(name=name)) from None

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject:
        metadata: Any = obj["metadata"]
        assert (field_manager, metadata["namespace"]) == ("omectl-webhooks", "ome")
        self._trouble()
        if (kind.kind, metadata["name"]) in self.objects:
            raise AlreadyExists(409, "AlreadyExists", "it is there")
        return self._write("create", kind, metadata["name"], obj)

    async def replace(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject:
        metadata: Any = obj["metadata"]
        assert field_manager == "omectl-webhooks"
        self._trouble()
        if self.objects[kind.kind, metadata["name"]]["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise Conflict(409, "Conflict", "stale")
        return self._write("replace", kind, metadata["name"], obj)

    async def json_patch(
        self, kind: ResourceKind, name: str, operations: list[Any], namespace: str = "", *, field_manager: str
    ) -> JsonObject:
        assert field_manager == "omectl-webhooks"
        self._trouble()
        obj = copy.deepcopy(self.objects[kind.kind, name])
        for operation in operations:
            *steps, last = operation["path"][1:].split("/")
            place = obj
            for step in steps:
                place = place[int(step)] if isinstance(place, list) else place[step]
            if operation["op"] == "test":
                assert place[last] == operation["value"]
            else:
                place[last] = operation["value"]
        return self._write("patch", kind, name, obj)

    def _write(self, verb: str, kind: ResourceKind, name: str, obj: Any) -> JsonObject:
        self.put(TrustTarget(kind, name), obj)
        self.writes.append(f"{verb} {kind.kind}")
        if self.after:
            raise self.after.pop(0)
        if self.chance.random() < self.fails:
            raise ConnectionFailed("https://api", "cut off after the write")
        return copy.deepcopy(self.objects[kind.kind, name])

    def _trouble(self) -> None:
        if self.before:
            raise self.before.pop(0)
        if self.chance.random() < self.fails:
            raise ConnectionFailed("https://api", "refused")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def options(**changes: Any) -> RotatorOptions:
    return RotatorOptions(**{"namespace": "ome", "hosts": [HOST], "targets": TARGETS, **changes})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def pass_by(clock: FakeClock, seconds: float) -> None:
    """Let time pass on the calendar and in the loop, where years are cut: a loop counts them in days."""
    clock.advance(seconds)
    await asyncio.sleep(min(seconds, 61.0))


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_the_first_pass_makes_the_secret_and_then_publishes_whom_to_trust(
    cluster: Cluster, clock: FakeClock
) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    assert cluster.writes == [
        "create Secret",
        "patch MutatingWebhookConfiguration",
        "patch ValidatingWebhookConfiguration",
        "patch CustomResourceDefinition",
    ]
    assert cluster.secret["type"] == "kubernetes.io/tls"
    assert cluster.secret["metadata"]["labels"] == {"app.kubernetes.io/part-of": "omectl"}
    assert set(cluster.secret["data"]) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert set(cluster.bundles()) == {cluster.held.bundle_pem.decode()}
    assert len(cluster.bundles()) == 4


async def test_a_pass_with_nothing_to_do_writes_nothing(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    cluster.writes.clear()
    await rotator.rotate()
    await pass_by(clock, 100.0)
    await rotator.rotate()
    await CertificateRotator(cluster, options(), clock).rotate()
    assert cluster.writes == []


async def test_the_certificate_is_renewed_after_sixty_days_and_trust_stays(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    first, trusted = cluster.held.leaf, cluster.bundles()
    cluster.writes.clear()
    await pass_by(clock, timedelta(days=59).total_seconds())
    await rotator.rotate()
    assert cluster.writes == []
    await pass_by(clock, timedelta(days=1).total_seconds())
    await rotator.rotate()
    assert cluster.writes == ["replace Secret"]
    assert cluster.held.leaf != first
    assert cluster.bundles() == trusted


async def test_a_new_authority_is_trusted_for_a_minute_before_it_signs(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    renew_at = read_facts(cluster.held.bundle[0]).renew_at
    # Certificates are renewed on the way.
    while clock.now() < renew_at - timedelta(days=20):
        await pass_by(clock, timedelta(days=20).total_seconds())
        await rotator.rotate()
    leaf = cluster.held.leaf
    await pass_by(clock, (renew_at - clock.now()).total_seconds())
    cluster.writes.clear()
    await rotator.rotate()
    assert (len(cluster.held.bundle), cluster.held.leaf) == (2, leaf)
    assert set(cluster.bundles()) == {cluster.held.bundle_pem.decode()}
    assert cluster.writes[0] == "replace Secret"
    await pass_by(clock, 59.9)
    assert await rotator.rotate() == 10.0
    assert cluster.held.leaf == leaf
    await pass_by(clock, 0.2)
    await rotator.rotate()
    assert cluster.held.leaf is not None
    assert read_facts(cluster.held.leaf.certificate).issued_by.startswith("CN=omectl-webhooks/")
    assert cluster.held.leaf != leaf


async def test_a_new_leader_waits_a_minute_too_before_it_relies_on_the_bundle(
    cluster: Cluster, clock: FakeClock
) -> None:
    await CertificateRotator(cluster, options(), clock).rotate()
    leaf = cluster.held.leaf
    assert leaf is not None
    await pass_by(clock, (read_facts(leaf.certificate).renew_at - clock.now()).total_seconds())
    successor = CertificateRotator(cluster, options(), clock)
    await successor.rotate()
    assert cluster.held.leaf == leaf
    await pass_by(clock, 60.0)
    await successor.rotate()
    assert cluster.held.leaf != leaf


async def test_trust_that_somebody_overwrites_is_restored(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    trusted = cluster.bundles()
    cluster.put(MUTATING, configuration(2))
    cluster.writes.clear()
    await rotator.rotate()
    assert cluster.bundles() == trusted
    assert cluster.writes == ["patch MutatingWebhookConfiguration"]


async def test_targets_that_come_later_are_given_trust_then(cluster: Cluster, clock: FakeClock) -> None:
    absent = cluster.objects.pop(("ValidatingWebhookConfiguration", "hooks"))
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    cluster.put(VALIDATING, absent)
    await rotator.rotate()
    assert set(cluster.bundles()) == {cluster.held.bundle_pem.decode()}


async def test_a_deleted_secret_comes_back_as_it_was(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    held = cluster.held
    del cluster.objects["Secret", "ome-webhook-server-cert"]
    cluster.writes.clear()
    await rotator.rotate()
    assert cluster.held == held
    assert cluster.writes == ["create Secret"]


async def test_a_certificate_that_somebody_broke_is_replaced_and_other_data_stays(
    cluster: Cluster, clock: FakeClock
) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    await rotator.rotate()
    cluster.secret["data"]["tls.crt"] = "!"
    cluster.secret["data"]["note"] = "bXk="
    await rotator.rotate()
    assert cluster.held.leaf is not None
    assert cluster.secret["data"]["note"] == "bXk="


async def test_another_writer_is_not_overwritten(cluster: Cluster, clock: FakeClock) -> None:
    rotator = CertificateRotator(cluster, options(), clock)
    cluster.after = [ConnectionFailed("https://api", "cut off after the write")]
    with pytest.raises(ConnectionFailed):
        await rotator.rotate()
    held = cluster.held
    assert held.leaf is not None
    await rotator.rotate()
    assert cluster.held == held


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
async def test_a_pass_that_was_cut_off_anywhere_is_completed_by_the_next(
    cluster: Cluster, clock: FakeClock, lost: int
) -> None:
    real = cluster._write

    def write(verb: str, kind: ResourceKind, name: str, obj: Any) -> JsonObject:
        result = real(verb, kind, name, obj)
        if len(cluster.writes) == lost + 1:
            raise ConnectionFailed("https://api", "cut off")
        return result

    cluster._write = write  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailed):
        await CertificateRotator(cluster, options(), clock).rotate()
    await CertificateRotator(cluster, options(), clock).rotate()
    assert set(cluster.bundles()) == {cluster.held.bundle_pem.decode()}
    assert cluster.held.leaf is not None


async def test_it_looks_every_ten_seconds_and_sooner_after_a_failure(
    cluster: Cluster, clock: FakeClock, logged: list[Any]
) -> None:
    moments: list[float] = []
    real = cluster.get

    async def get(kind: ResourceKind, name: str, namespace: str = "") -> JsonObject:
        if kind == SECRETS:
            moments.append(asyncio.get_running_loop().time())
        return await real(kind, name, namespace)

    cluster.get = get  # type: ignore[method-assign]
    cluster.before = [ConnectionFailed("https://api", "refused")]
    task = asyncio.ensure_future(CertificateRotator(cluster, options(), clock).run())
    await asyncio.sleep(30.0)
    task.cancel()
    await asyncio.wait({task})
    assert [round(moment - moments[0]) for moment in moments] == [0, 5, 15, 25]
    (failed,) = (entry for entry in logged if entry["event"] == "webhook_certificates_failed")
    assert "refused" in failed["error"]


async def test_a_write_that_is_refused_as_the_lead_may_be_lost_is_tried_again(
    cluster: Cluster, clock: FakeClock, logged: list[Any]
) -> None:
    refused = NotLeading("create Secret ome/ome-webhook-server-cert", "the lease was not renewed")
    real = cluster.create

    async def create(kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject:
        raise refused

    cluster.create = create  # type: ignore[method-assign]
    task = asyncio.ensure_future(CertificateRotator(cluster, options(), clock).run())
    await asyncio.sleep(1.0)
    cluster.create = real  # type: ignore[method-assign]
    await asyncio.sleep(5.0)
    assert cluster.held.leaf is not None
    assert [entry["error"] for entry in logged if entry["log_level"] == "warning"] == [str(refused)]
    task.cancel()
    await asyncio.wait({task})


async def test_a_server_that_hangs_ends_the_pass_after_a_minute(
    cluster: Cluster, clock: FakeClock, logged: list[Any]
) -> None:
    async def get(kind: ResourceKind, name: str, namespace: str = "") -> JsonObject:
        await asyncio.sleep(3600.0)
        raise AssertionError

    real = cluster.get
    cluster.get = get  # type: ignore[method-assign]
    task = asyncio.ensure_future(CertificateRotator(cluster, options(), clock).run())
    await asyncio.sleep(61.0)
    assert [entry["error"] for entry in logged] == ["no answer in time"]
    cluster.get = real  # type: ignore[method-assign]
    await asyncio.sleep(5.0)
    assert cluster.held.leaf is not None
    task.cancel()
    await asyncio.wait({task})


def verify(held_leaf: KeyPair, bundle: str, now: Any) -> None:
    """Verify as a strict client does. Raises VerificationError."""
    roots = [x509.load_pem_x509_certificate(pem) for pem in split_certificates(bundle.encode())]
    verifier = PolicyBuilder().store(Store(roots)).time(now).build_server_verifier(x509.DNSName(HOST))
    verifier.verify(x509.load_pem_x509_certificate(held_leaf.certificate), [])


@pytest.mark.parametrize("seed", range(2))
async def test_through_five_years_of_faults_what_is_served_is_always_trusted(
    cluster: Cluster, clock: FakeClock, seed: int
) -> None:
    chance = random.Random(seed)
    given = options(lifetimes=Lifetimes(authority=timedelta(days=450), leaf=timedelta(days=90)))
    cluster.chance = chance
    rotator = CertificateRotator(cluster, given, clock)
    await rotator.rotate()
    cluster.fails = 0.1
    authorities, leaves = {cluster.held.bundle[0]}, {cluster.held.leaf}
    served = cluster.held.leaf
    ends = clock.now() + timedelta(days=5 * 365)
    while clock.now() < ends:
        days = timedelta(days=chance.uniform(0, 8)).total_seconds()
        await pass_by(clock, chance.choice([61.0, days]))
        if chance.random() < 0.1:
            rotator = CertificateRotator(cluster, given, clock)
        for _ in range(4):
            # An outage of weeks would be another story.
            try:
                await rotator.rotate()
            except ConnectionFailed:
                continue
            break
        for leaf in {served, cluster.held.leaf}:
            assert leaf is not None
            for bundle in set(cluster.bundles()):
                verify(leaf, bundle, clock.now())
        served = cluster.held.leaf
        authorities.add(cluster.held.bundle[0])
        leaves.add(served)
        assert len(cluster.held.bundle) <= 2
    assert len(authorities) >= 5
    assert len(leaves) >= 5 * 365 // 90


def test_a_rotator_needs_a_host() -> None:
    with pytest.raises(ValueError, match="wanted the names under which webhooks are called, found no hosts"):
        options(hosts=[])


async def test_a_service_is_called_by_these_names() -> None:
    assert service_hosts("hooks", "ome") == ["hooks.ome.svc", "hooks.ome.svc.cluster.local", "hooks.ome"]


def test_only_the_leader_rotates(cluster: Cluster) -> None:
    rotator = CertificateRotator(cluster, options())
    assert (rotator.name, rotator.needs_leader) == ("webhook-certificates", True)
    given = options()
    assert (given.secret, given.settle_s, given.check_s, given.retry_s, given.pass_s) == (
        "ome-webhook-server-cert",
        60.0,
        10.0,
        5.0,
        60.0,
    )
    assert given.lifetimes == Lifetimes()


# Serving from the Secret


async def test_replicas_serve_what_the_secret_holds(cluster: Cluster, clock: FakeClock) -> None:
    source = SecretCertificate(cluster, "ome")
    with pytest.raises(CertificateUnavailable, match="in Secret ome/ome-webhook-server-cert, found"):
        await source.read()
    await CertificateRotator(cluster, options(), clock).rotate()
    assert await source.read() == cluster.held.leaf


async def test_a_secret_without_a_certificate_is_said_to_be_so(cluster: Cluster) -> None:
    cluster.put(TrustTarget(SECRETS, "mine"), {"data": {"tls.crt": "eA=="}})
    with pytest.raises(CertificateUnavailable, match=r"ome/mine, found no tls.crt and tls.key in it; the leader"):
        await SecretCertificate(cluster, "ome", "mine").read()


def test_a_secret_holds_what_was_put_in() -> None:
    authority = CertificateAuthority.made()
    other = CertificateAuthority.made()
    held = Held(authority.pair.key, (authority.certificate, other.certificate), authority.server(["a"]))
    assert held_in(secret_with(held, "ome", "s")) == held
    assert held_in({}) == held_in({"data": {"ca.crt": 1, "tls.key": "%%%"}}) == Held()
    assert held_in({"data": {"ca.crt": "é", "ca.key": "eA=="}}) == Held(b"x")
    empty = secret_with(Held(), "ome", "s")
    assert empty["data"] == {"ca.crt": "", "ca.key": "", "tls.crt": "", "tls.key": ""}


# Trust


def test_every_webhook_that_lacks_the_bundle_is_patched_for_this_version_only() -> None:
    live = configuration(3, base64.b64encode(b"old").decode())
    live["webhooks"][1]["clientConfig"]["caBundle"] = base64.b64encode(b"new").decode()
    del live["webhooks"][2]["clientConfig"]["caBundle"]
    live["metadata"] = {"resourceVersion": "7"}
    new = base64.b64encode(b"new").decode()
    assert trust_patch(MUTATING, live, b"new") == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": new},
        {"op": "add", "path": "/webhooks/2/clientConfig/caBundle", "value": new},
    ]


def test_a_definition_is_patched_only_where_a_webhook_converts() -> None:
    live: Any = {"metadata": {"resourceVersion": "7"}, "spec": {"conversion": {"strategy": "None"}}}
    assert trust_patch(DEFINITION, live, b"new") == []
    live["spec"]["conversion"]["webhook"] = {"clientConfig": {}}
    assert trust_patch(DEFINITION, live, b"new")[1:] == [
        {
            "op": "add",
            "path": "/spec/conversion/webhook/clientConfig/caBundle",
            "value": base64.b64encode(b"new").decode(),
        }
    ]


def test_what_has_the_bundle_or_no_webhooks_is_left_alone() -> None:
    assert trust_patch(VALIDATING, {}, b"x") == []
    assert trust_patch(VALIDATING, configuration(2, base64.b64encode(b"x").decode()), b"x") == []
    assert str(VALIDATING) == "ValidatingWebhookConfiguration hooks"
