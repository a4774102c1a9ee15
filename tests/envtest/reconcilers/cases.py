"""What services live through: the birth in each mode, and each change of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tests.envtest.reconcilers.groups import grouped_spec
from tests.envtest.reconcilers.lives import Shape, Step
from tests.envtest.reconcilers.scalers import KEDA
from tests.envtest.reconcilers.services import runtime_spec

from omectl.api.json import JsonObject
from omectl.api.labels import (
    AUTOSCALER_CLASS,
    DEPLOYMENT_MODE,
    INGRESS_CLASS_NAME,
    INGRESS_DISABLE_CREATION,
    INGRESS_DOMAIN,
    INGRESS_TLS_SECRET,
    STOP,
)

_TWO: Final[JsonObject] = {"minReplicas": 2}
_ROUTER: Final[JsonObject] = {
    "name": "router",
    "image": "example.org/router:1",
    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
}
_EXPOSED: Final = {INGRESS_DISABLE_CREATION: "false", INGRESS_DOMAIN: "example.org"}


def _scaled(autoscaler: JsonObject) -> Shape:
    return Shape(spec={"engine": {"minReplicas": 2, "maxReplicas": 9, "autoscaler": autoscaler}})


RAW: Final = Shape()
ROUTED: Final = Shape("routed", {"engine": _TWO, "router": {"minReplicas": 1}})
EXTERNAL: Final = Shape("next", {"engine": _TWO}, {AUTOSCALER_CLASS: "external"})
KEDA_SCALED: Final = _scaled(KEDA)
HPA_SCALED: Final = _scaled({"class": "HPA"})
OTHERS_SCALE: Final = _scaled({"class": "External"})
NOBODY_SCALES: Final = _scaled({"class": "None"})
EXPOSED: Final = Shape(
    "routed",
    {"engine": _TWO, "router": {"minReplicas": 1}},
    {**_EXPOSED, INGRESS_CLASS_NAME: "nginx", INGRESS_TLS_SECRET: "certificate"},
)
EXPOSED_PLAINLY: Final = Shape(annotations=_EXPOSED)
GROUPS: Final = Shape("grouped")
SCALED_GROUPS: Final = Shape(
    "grouped",
    {"engine": {"minReplicas": 2, "maxReplicas": 4, "minAvailable": 1, "autoscaler": {"class": "HPA"}}},
)
RAY: Final = Shape(annotations={DEPLOYMENT_MODE: "MultiNodeRayVLLM"})
SERVERLESS: Final = Shape(annotations={DEPLOYMENT_MODE: "Serverless"})
EXPOSED_SERVERLESS: Final = Shape(annotations={DEPLOYMENT_MODE: "Serverless", **_EXPOSED})
APART: Final = Shape("pair", {"engine": _TWO, "decoder": _TWO, "router": {}})
GROUPS_APART: Final = Shape("pair-of-groups", {"engine": _TWO, "decoder": _TWO, "router": {}})
VIRTUAL: Final = Shape(annotations={DEPLOYMENT_MODE: "VirtualDeployment"})
OLD_FORM: Final = Shape(spec={"predictor": {"minReplicas": 2}})

_BIRTHS: Final = {
    "raw": RAW,
    "with a router": ROUTED,
    "scaled by KEDA": KEDA_SCALED,
    "behind an Ingress": EXPOSED,
    "groups": GROUPS,
    "groups that are scaled": SCALED_GROUPS,
    "ray": RAY,
    "serverless": SERVERLESS,
    "serverless behind Istio": EXPOSED_SERVERLESS,
    "prefill and decode": APART,
    "groups of prefill and decode": GROUPS_APART,
    "virtual": VIRTUAL,
    "the old form": OLD_FORM,
}
_SWITCHES: Final = {
    "an HPA to KEDA, scaled": (HPA_SCALED, KEDA_SCALED),
    "KEDA to an HPA, scaled": (KEDA_SCALED, HPA_SCALED),
    "KEDA to somebody else, scaled": (KEDA_SCALED, OTHERS_SCALE),
    "an HPA to nobody, scaled": (HPA_SCALED, NOBODY_SCALES),
    "nobody to KEDA": (NOBODY_SCALES, KEDA_SCALED),
}
_STOPS: Final = {
    "raw, scaled, stopped and resumed": HPA_SCALED,
    "groups, stopped and resumed": GROUPS,
    "ray, stopped and resumed": RAY,
    "serverless behind Istio, stopped and resumed": EXPOSED_SERVERLESS,
}
NUMBERS: Final = {
    "raw, scaled, stopped and resumed": 4,
    "an HPA to KEDA, scaled": 4,
    "KEDA to an HPA, scaled": 4,
    "KEDA to somebody else, scaled": 4,
    "an HPA to nobody, scaled": 2,
    "nobody to KEDA": 2,
}
"""How many replicas the engine has in the end; before, somebody had scaled what may be scaled to 4."""
_CHANGES: Final = {
    "raw to serverless": (RAW, SERVERLESS),
    "serverless to raw": (SERVERLESS, RAW),
    "raw to ray": (RAW, RAY),
    "ray to raw": (RAY, RAW),
    "raw to groups": (RAW, GROUPS),
    "groups to raw": (GROUPS, RAW),
    "serverless to ray": (SERVERLESS, RAY),
    "serverless to groups": (SERVERLESS, GROUPS),
    "groups to serverless": (GROUPS, SERVERLESS),
    "raw to prefill and decode": (RAW, APART),
    "prefill and decode to raw": (APART, RAW),
    "prefill and decode to groups of both": (APART, GROUPS_APART),
    "a router goes, the image changes, others scale": (ROUTED, EXTERNAL),
    "an Ingress comes": (RAW, EXPOSED_PLAINLY),
    "an Ingress goes": (EXPOSED, ROUTED),
    "raw to serverless, exposed": (EXPOSED_PLAINLY, EXPOSED_SERVERLESS),
    "serverless to raw, exposed": (EXPOSED_SERVERLESS, EXPOSED_PLAINLY),
    "raw to virtual": (RAW, VIRTUAL),
    "virtual to raw": (VIRTUAL, RAW),
    "groups to virtual": (GROUPS, VIRTUAL),
    "the old form to the new one": (OLD_FORM, RAW),
}


_SCALED: Final = Step("scaled", replicas=4, faulty=False)


def _birth(shape: Shape) -> tuple[Step, ...]:
    return (Step("birth", shape), Step("available"))


def _change(old: Shape, new: Shape) -> tuple[Step, ...]:
    born = (Step("birth", old, faulty=False), Step("available", faulty=False))
    return (*born, Step("change", new), Step("available again"))


def _switch(old: Shape, new: Shape) -> tuple[Step, ...]:
    first, second, *rest = _change(old, new)
    return (first, second, *([_SCALED] if old is not NOBODY_SCALES else []), *rest)


def _stop(shape: Shape) -> tuple[Step, ...]:
    stopped = replace(shape, annotations={**shape.annotations, STOP: "true"})
    first, second, resumed, last = _change(shape, replace(shape))
    scaled = [_SCALED] if shape is HPA_SCALED else []
    return (first, second, *scaled, Step("stop", stopped), Step("down"), replace(resumed, name="resume"), last)


CASES: Final = {
    **{name: _birth(shape) for name, shape in _BIRTHS.items()},
    **{name: _change(*shapes) for name, shapes in _CHANGES.items()},
    **{name: _switch(*shapes) for name, shapes in _SWITCHES.items()},
    **{name: _stop(shape) for name, shape in _STOPS.items()},
}
GATEWAY_CASES: Final = {
    "behind a Gateway": _birth(EXPOSED),
    "a Gateway comes": _change(RAW, EXPOSED_PLAINLY),
    "a Gateway goes": _change(EXPOSED, ROUTED),
}
"""Those with Gateway API instead of Ingresses."""


def runtimes() -> dict[str, JsonObject]:
    """The runtimes that the shapes name."""
    plain: Any = runtime_spec()
    groups: Any = grouped_spec(1)
    router: JsonObject = {"routerConfig": {"runner": _ROUTER}}
    return {
        "plain": plain,
        "next": runtime_spec(image="example.org/vllm:2"),
        "routed": {**plain, **router},
        "grouped": groups,
        "pair": {**plain, "decoderConfig": plain["engineConfig"], **router},
        "pair-of-groups": {**groups, "decoderConfig": groups["engineConfig"], **router},
    }
