"""Who wrote each field of a pod, and what was lost: D 19, and invariant 7 of D.2."""

from typing import Any

from tests.unit.planner.build import RUNNER, accelerator, entry, made, runtime, service, with_class

from omectl.planner import Plan
from omectl.planner.origin import Loss

Json = Any
POD = "spec.template.spec"
MAIN = f"{POD}.containers[0]"
TIMES = ("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def origins(found: Plan, component: str = "engine") -> dict[str, str]:
    told = found.provenance[component, ""].origins
    return {path: str(origin) for path, origin in told.items()}


def losses(found: Plan) -> list[Loss]:
    return list(found.provenance["engine", ""].losses)


def lost(found: Plan, path: str) -> list[tuple[str, str, str, str]]:
    return [(one.code.value, str(one.origin), one.value, str(one.winner)) for one in losses(found) if one.path == path]


def affinity(key: str) -> Json:
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]}]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}


def test_d_19_every_field_tells_its_author() -> None:
    template = {
        "runner": {**RUNNER, "image": "sglang:1", "args": ["--tp-size", "4", "--x"]},
        "volumes": [{"name": "shm", "emptyDir": {}}],
        "tolerations": [{"key": "gpu"}],
        "affinity": affinity("runtime"),
    }
    engine = {
        "runner": {"env": [{"name": "A", "value": "1"}], "resources": {"requests": {"cpu": 2}}},
        "tolerations": [{"key": "team"}],
        "nodeSelector": {"zone.io/x": "a"},
    }
    config = {
        "runtimeArgsOverride": ["--quantization=fp8"],
        "environmentOverride": {"B": "2"},
        "tensorParallelismOverride": {"tensorParallelSize": 8},
    }
    classes = (accelerator("h100", affinity=affinity("class")),)
    found = origins(with_class(engine, template, config, accelerator_classes=classes))
    terms = f"{POD}.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions"
    assert found == {
        f"{MAIN}.name": "runtime r",
        f"{MAIN}.image": "runtime r",
        f"{MAIN}.imagePullPolicy": "controller",
        f"{MAIN}.args[0]": "class h100",
        f"{MAIN}.args[1]": "class h100",
        f"{MAIN}.args[2]": "runtime r",
        f"{MAIN}.args[3]": "class h100",
        f"{MAIN}.ports[0].containerPort": "runtime r",
        f"{MAIN}.env[0].name": "service",
        f"{MAIN}.env[0].value": "service",
        f"{MAIN}.env[1].name": "class h100",
        f"{MAIN}.env[1].value": "class h100",
        f"{MAIN}.env[2].name": "controller",
        f"{MAIN}.env[2].value": "controller",
        f"{MAIN}.env[3].name": "controller",
        f"{MAIN}.env[3].value": "controller",
        f"{MAIN}.resources.requests.cpu": "service",
        f"{MAIN}.resources.requests['nvidia.com/gpu']": "class h100",
        f"{MAIN}.resources.limits['nvidia.com/gpu']": "class h100",
        f"{MAIN}.volumeMounts[0].name": "controller",
        f"{MAIN}.volumeMounts[0].mountPath": "controller",
        f"{MAIN}.volumeMounts[0].readOnly": "controller",
        **{
            f"{MAIN}.{kind}.{field}": "controller"
            for kind in ("startupProbe", "readinessProbe", "livenessProbe")
            for field in (*TIMES, "httpGet.path", "httpGet.port")
        },
        f"{POD}.volumes[0].name": "runtime r",
        f"{POD}.volumes[0].emptyDir": "runtime r",
        f"{POD}.volumes[1].name": "controller",
        f"{POD}.volumes[1].hostPath.path": "controller",
        f"{POD}.volumes[1].hostPath.type": "controller",
        f"{POD}.tolerations[0].key": "service",
        f"{POD}.tolerations[1].key": "runtime r",
        f"{POD}.nodeSelector.gpu": "class h100",
        f"{POD}.nodeSelector['models.ome.io/clusterbasemodel.m']": "controller",
        f"{POD}.nodeSelector['zone.io/x']": "service",
        f"{terms}[0].key": "runtime r",
        f"{terms}[0].operator": "runtime r",
        f"{terms}[1].key": "class h100",
        f"{terms}[1].operator": "class h100",
    }


def test_a_placeholders_value_is_its_authors() -> None:
    found = made(service(engine={"runner": {"args": ["--n", "{{.Name}}"]}}))
    told = origins(found)
    assert told[f"{MAIN}.args[1]"] == "service"
    assert lost(found, f"{MAIN}.args") == [("Removed", "runtime r", "--x", "service")]


def test_what_two_authors_say_alike_is_the_laters() -> None:
    found = made(service(engine={"runner": {"image": "engine:1"}}))
    assert origins(found)[f"{MAIN}.image"] == "service"
    assert losses(found) == []


def test_a_value_that_lost_is_told_with_its_winner() -> None:
    found = made(service(engine={"runner": {"image": "mine"}}))
    assert lost(found, f"{MAIN}.image") == [("Overruled", "runtime r", "engine:1", "service")]


def test_a_value_that_was_removed_is_told_with_its_remover() -> None:
    template = {"runner": RUNNER, "priorityClassName": "high", "volumes": [{"name": "d", "hostPath": {"path": "/x"}}]}
    asked = service(engine={"priorityClassName": None, "volumes": [{"name": "d", "emptyDir": {}}]})
    found = made(asked, runtime("r", entry(), engineConfig=template))
    assert lost(found, f"{POD}.priorityClassName") == [("Removed", "runtime r", "high", "service")]
    assert lost(found, f"{POD}.volumes[0].hostPath") == [("Removed", "runtime r", '{"path":"/x"}', "service")]


def test_resources_of_the_runtimes_old_top_level_are_the_runtimes() -> None:
    old = [{"name": "ome-container", "image": "x", "resources": {"requests": {"cpu": "1"}}}]
    found = made(None, runtime("r", entry(), containers=old))
    assert origins(found)[f"{MAIN}.resources.requests.cpu"] == "runtime r"


def test_a_routers_configuration_is_its_authors() -> None:
    router = {"runner": {"name": "router", "image": "router:1"}, "config": {"A": "1", "B": "1"}}
    asked = service(router={"config": {"B": "2"}})
    told = origins(made(asked, runtime("r", entry(), routerConfig=router)), "router")
    assert told[f"{MAIN}.env[0].value"] == "runtime r"
    assert told[f"{MAIN}.env[1].value"] == "service"
    assert told[f"{POD}.serviceAccountName"] == "controller"


def test_side_containers_are_their_authors() -> None:
    template = {"runner": RUNNER, "initContainers": [{"name": "first", "image": "i:1", "args": ["{{.Name}}", "b"]}]}
    asked = service(engine={"containers": [{"name": "side", "image": "s:1", "args": ["--a", "1"]}]})
    told = origins(made(asked, runtime("r", entry(), engineConfig=template)))
    assert told[f"{POD}.containers[0].args[1]"] == "service"
    assert told[f"{POD}.initContainers[0].args[0]"] == "runtime r"
    assert told[f"{POD}.containers[1].args[0]"] == "runtime r"


def test_a_script_with_a_classes_flags_stays_its_authors() -> None:
    script = "python3 -m sglang.launch_server \\\n --tp-size 4"
    template = {"runner": {**RUNNER, "command": ["bash", "-c"], "args": [script]}}
    found = with_class(None, template, {"runtimeArgsOverride": ["--tp-size", "8"]})
    assert origins(found)[f"{MAIN}.args[0]"] == "runtime r"


def test_nothing_is_computed_before_somebody_asks() -> None:
    told = made().provenance["engine", ""]
    assert "origins" not in vars(told)
    assert "_reading" not in vars(told)
    assert told.origins is told.origins
