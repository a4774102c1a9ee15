"""What holds for every plan: order has no influence, and nothing that the schema lets through raises."""

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planner.build import NAMESPACE, child, entry, made, runtime, service

from omectl.api.codec import decode_as, encode
from omectl.api.inference_service import InferenceService
from omectl.planner import Plan

Json = Any
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"name": "http", "containerPort": 9000}]}}


def shuffled(value: Json, generator: random.Random) -> Json:
    if isinstance(value, dict):
        keys = list(value)
        generator.shuffle(keys)
        return {key: shuffled(value[key], generator) for key in keys}
    return [shuffled(item, generator) for item in value] if isinstance(value, list) else value


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_and_runtimes_does_not_change_a_byte(generator: random.Random) -> None:
    asked = service(
        metadata={"labels": {"a": "1", "b": "2"}, "annotations": {"c": "3", "d": "4"}},
        router={"config": {"Z": "1", "A": "2", "M": "3"}},
        engine={"labels": {"x": "1", "y": "2"}, "runner": {"env": [{"name": "E", "value": "1"}]}},
    )
    runtimes = [
        runtime(name, entry(), routerConfig=ROUTER, modelSizeRange={"min": "7B", "max": high})
        for name, high in (("a", "9B"), ("b", "9B"), ("c", "20B"))
    ] + [runtime("d", entry(quantization="fp8")), runtime("a", entry(), routerConfig=ROUTER, namespace=NAMESPACE)]
    wanted = made(asked, *runtimes)
    mixed = decode_as(InferenceService, shuffled(encode(asked), generator))
    others = [type(one).model_validate(shuffled(encode(one), generator)) for one in runtimes]
    generator.shuffle(others)
    found = made(mixed, *others)
    assert written(found) == written(wanted)
    assert found.explanation == wanted.explanation


def written(found: Plan) -> bytes:
    return msgspec.json.encode([list(found.objects), found.status])


runner_texts = st.text(alphabet="{}.Nameabc-$() ", max_size=12)
fuzzed = st.fixed_dictionaries(
    {},
    optional={
        "minReplicas": st.integers(-2, 3),
        "maxReplicas": st.integers(-2, 3),
        "minAvailable": st.integers(0, 2) | st.just("50%"),
        "labels": st.dictionaries(st.sampled_from(["a", "app"]), st.text(max_size=4)),
        "annotations": st.dictionaries(
            st.sampled_from(["ome.io/autoscalerClass", "ome.io/service-type", "volcano", "ome.io/volcano-queue"]),
            st.sampled_from(["", "hpa", "keda", "external", "none", "NodePort"]),
        ),
        "runner": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["", "ome-container", "x"]),
                "image": runner_texts,
                "args": st.lists(runner_texts, max_size=2),
                "env": st.lists(st.fixed_dictionaries({"name": st.sampled_from("AB"), "value": runner_texts})),
                "resources": st.dictionaries(st.sampled_from(["limits", "requests"]), st.just({"nvidia.com/gpu": "x"})),
            },
        ),
        "containers": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["", "x"]), "image": runner_texts})),
        "volumes": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["m", "v"]), "emptyDir": st.just({})})),
        "nodeSelector": st.dictionaries(st.just("zone"), st.text(max_size=3)),
    },
)


@settings(max_examples=150, deadline=None)
@given(fuzzed)
def test_any_engine_that_the_schema_lets_through_is_planned_or_refused_with_a_next_step(engine: Json) -> None:
    found = made(service(engine=engine))
    if found.problem is not None:
        assert found.problem.next_step
        assert not found.objects
    else:
        workload = child(found, "Service" if found.explanation.mode == "Serverless" else "Deployment", "svc-engine")
        pod = workload["spec"]["template"]["spec"]
        names = [container["name"] for container in pod["containers"]]
        assert all(names)
        assert len(set(names)) == len(names)
        for container in pod["containers"]:
            variables = [variable["name"] for variable in container.get("env", [])]
            assert len(set(variables)) == len(variables)
    assert {one["type"] for one in found.status["conditions"]} >= {"Ready", "EngineReady"}
