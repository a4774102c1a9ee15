"""Makes and renews the webhook server's certificates, and tells the API server whom to trust. Only the leader does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from omectl.admission.certificate_secret import SECRET_NAME, held_in, secret_with
from omectl.admission.rotation import Held, Lifetimes, Step, decide, taken
from omectl.admission.trust import TrustTarget, trust_patch
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import WEBHOOKS_MANAGER
from omectl.api.resource import ResourceKind
from omectl.clock import Clock, SystemClock
from omectl.kube.errors import KubeError, NotFound
from omectl.kube.resources import SECRETS
from omectl.manager import NotLeading

_log = structlog.stdlib.get_logger(__name__)


class RotatorClient(Protocol):
    """The part of a client that the rotator needs."""

    async def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject: ...

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject: ...

    async def replace(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject: ...

    async def json_patch(
        self, kind: ResourceKind, name: str, operations: list[JsonValue], namespace: str = "", *, field_manager: str
    ) -> JsonObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatorOptions:
    """Names, lifetimes, and seconds.

    `settle_s` is what every API server is given to read a new bundle before a certificate relies on it. `pass_s` limits
    one pass, `check_s` lies between two, `retry_s` after one that failed. Raises ValueError without any host.
    """

    namespace: str
    hosts: Sequence[str]
    targets: Sequence[TrustTarget]
    secret: str = SECRET_NAME
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    settle_s: float = 60.0
    check_s: float = 10.0
    retry_s: float = 5.0
    pass_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("wanted the names under which webhooks are called, found no hosts; see service_hosts")


def service_hosts(service: str, namespace: str) -> list[str]:
    """The names under which a Service is called within the cluster."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", f"{service}.{namespace}"]


class CertificateRotator:
    """Brings Secret and targets to what is due, again and again. Every step may be repeated or cut off anywhere."""

    name = "webhook-certificates"
    needs_leader = True

    def __init__(self, client: RotatorClient, options: RotatorOptions, clock: Clock | None = None) -> None:
        self._client = client
        self._options = options
        self._clock = clock or SystemClock()
        self._held: Held | None = None
        self._published = b""
        self._published_at = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            wait_s = self._options.check_s
            try:
                async with asyncio.timeout(self._options.pass_s):
                    wait_s = await self.rotate()
            except (KubeError, NotLeading, TimeoutError) as error:
                wait_s = self._options.retry_s
                _log.warning("webhook_certificates_failed", error=str(error) or "no answer in time")
            await asyncio.sleep(wait_s)

    async def rotate(self) -> float:
        """One pass: Secret first, then trust; the seconds until the next. Raises KubeError, Conflict among others."""
        held = await self._settle_secret()
        await self._publish(held.bundle_pem)
        if not self._is_published(held):
            # What only waits for the bundle to be known is done as soon as it is.
            return min(self._options.check_s, self._options.settle_s)
        return self._options.check_s

    async def _settle_secret(self) -> Held:
        """Take every step that is due, each written before the next relies on it; what the Secret holds then."""
        options = self._options
        live = await self._live_secret()
        # A Secret that somebody deleted comes back as it was: what it held is still served and trusted.
        held = found = held_in(live) if live is not None else self._held or Held()
        while (
            decision := decide(held, options.hosts, self._clock.now(), published=self._is_published(held))
        ).step is not Step.KEEP:
            _log.info("webhook_certificates_renewed", step=decision.step.value, reason=decision.reason)
            held = taken(decision.step, held, options.hosts, self._clock.now(), options.lifetimes)
        if live is None:
            obj = secret_with(held, options.namespace, options.secret)
            await self._client.create(SECRETS, obj, field_manager=WEBHOOKS_MANAGER)
        elif held != found:
            obj = secret_with(held, options.namespace, options.secret, live)
            await self._client.replace(SECRETS, obj, field_manager=WEBHOOKS_MANAGER)
        self._held = held
        return held

    async def _live_secret(self) -> JsonObject | None:
        try:
            return await self._client.get(SECRETS, self._options.secret, self._options.namespace)
        except NotFound:
            return None

    async def _publish(self, bundle: bytes) -> None:
        """Put the bundle wherever it is not; a target that does not exist needs none."""
        for target in self._options.targets:
            try:
                live = await self._client.get(target.kind, target.name)
            except NotFound:
                continue
            operations = trust_patch(target, live, bundle)
            if operations:
                await self._client.json_patch(target.kind, target.name, operations, field_manager=WEBHOOKS_MANAGER)
                _log.info("webhook_trust_published", target=str(target))
        if bundle != self._published:
            self._published, self._published_at = bundle, _now()

    def _is_published(self, held: Held) -> bool:
        """Whether the bundle has been in every target for long enough."""
        known = bool(held.bundle) and held.bundle_pem == self._published
        return known and _now() >= self._published_at + self._options.settle_s


def _now() -> float:
    return asyncio.get_running_loop().time()
