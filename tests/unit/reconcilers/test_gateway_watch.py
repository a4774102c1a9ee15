"""Which services a Gateway concerns, and what is known of it."""

import msgspec
import pytest
from tests.unit.reconcilers.objects import added, lister

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.api.settings import Settings, parse_settings
from omectl.informers import Informer
from omectl.kube.third_party_kinds import GATEWAYS
from omectl.reconcilers.gateway_watch import GatewayWatch, what_routes_need

INGRESS = {
    "ingressGateway": "outer",
    "ingressService": "i",
    "enableGatewayAPI": True,
    "omeIngressGateway": "infra/gate",
}
SERVICE = ObjectKey("team", "svc")
SETTINGS = parse_settings({"ingress": msgspec.json.encode(INGRESS).decode()})


def gateway(name: str = "gate", *, status: str = "True", **other: int) -> JsonObject:
    told: JsonObject = {"type": "Programmed", "status": status, "reason": "Why", "message": "m"}
    return {
        "metadata": {"name": name, "namespace": "infra", "uid": "u", "generation": 1},
        "status": {"conditions": [told], **other},
    }


class Gateways:
    """The cache of Gateways as far as a watch looks at it."""

    def __init__(self, *there: JsonObject) -> None:
        self.has_synced, self.is_absent = True, False
        self.lister, _ = lister(GATEWAYS, *there)


def watch(gateways: Gateways, settings: Settings = SETTINGS) -> GatewayWatch:
    seen: Informer = gateways  # type: ignore[assignment]
    return GatewayWatch(seen, lambda: settings)


def test_the_gateway_of_the_settings_is_the_one_that_counts() -> None:
    assert watch(Gateways(gateway("other"), gateway())).current(SERVICE) == gateway()
    assert watch(Gateways(gateway("other"))).current(SERVICE) == {}


@pytest.mark.parametrize(("synced", "absent"), [(False, False), (True, True)])
def test_nothing_is_claimed_of_gateways_that_cannot_be_seen(synced: bool, absent: bool) -> None:
    gateways = Gateways()
    gateways.has_synced, gateways.is_absent = synced, absent
    assert watch(gateways).current(SERVICE) is None


def test_a_gateway_concerns_the_services_that_looked_at_it_once_each_time() -> None:
    seen = watch(Gateways())
    seen.current(SERVICE)
    assert set(seen.gateway_event(added(gateway("other")))) == set()
    assert set(seen.gateway_event(added(gateway()))) == {SERVICE}
    assert set(seen.gateway_event(added(gateway()))) == set()
    seen.current(SERVICE)
    assert set(seen.gateway_event(added(gateway()))) == {SERVICE}


async def test_who_asked_before_it_was_known_is_told_once_it_is() -> None:
    gateways = Gateways()
    gateways.is_absent = True
    seen = watch(gateways)
    assert seen.current(SERVICE) is None
    assert set(await seen.refresh()) == set()
    gateways.is_absent = False
    assert set(await seen.refresh()) == {SERVICE}
    assert set(await seen.refresh()) == set()


async def test_who_needs_no_gateway_is_not_told_of_any() -> None:
    gateways = Gateways()
    gateways.has_synced = False
    seen = watch(gateways, Settings.defaults())
    assert seen.current(SERVICE) is None
    gateways.has_synced = True
    assert set(await seen.refresh()) == set()


def test_what_a_gateway_counts_wakes_nobody() -> None:
    assert what_routes_need(gateway(listeners=1)) == what_routes_need(gateway(listeners=2))
    assert what_routes_need(gateway()) != what_routes_need(gateway(status="False"))
