"""Every way out that a report tells leads on: tried by making its changes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.planner.build import accelerator, entry, model, runtime, service
from tests.unit.planner.report.applying import applied

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import decode, encode
from omectl.api.inference_service import InferenceService
from omectl.api.object import Resource
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings
from omectl.planner import PlanInputs, plan, resolve_model
from omectl.planner.report import SelectionReport, Way, report_of

Json = Any


class Cluster:
    """Objects as a user has them in files: one service, and what it may refer to."""

    def __init__(self, *objects: Resource, strict: bool = False) -> None:
        self.objects, self.strict = objects, strict

    @property
    def models(self) -> tuple[BaseModel | ClusterBaseModel, ...]:
        return tuple(one for one in self.objects if isinstance(one, BaseModel | ClusterBaseModel))

    def inputs(self) -> PlanInputs:
        asked = next(one for one in self.objects if isinstance(one, InferenceService))
        models = {one.key: one for one in self.models}
        return PlanInputs(
            service=asked,
            model=resolve_model(asked, models.get),
            runtimes=tuple(one for one in self.objects if isinstance(one, ServingRuntime | ClusterServingRuntime)),
            accelerator_classes=tuple(one for one in self.objects if isinstance(one, AcceleratorClass)),
            settings=settings_of(strict=self.strict),
        )

    def report(self) -> SelectionReport:
        inputs = self.inputs()
        return report_of(inputs, plan(inputs), self.models)

    def after(self, way: Way) -> Cluster:
        return Cluster(*map(decode, applied(way.changes, map(encode, self.objects))), strict=self.strict)


def settings_of(*, strict: bool) -> Settings:
    settings = Settings.defaults()
    selection = settings.omectl.selection.model_copy(update={"strict": strict})
    return settings.model_copy(update={"omectl": settings.omectl.model_copy(update={"selection": selection})})


def texts(report: SelectionReport) -> list[str]:
    return [way.text for way in report.ways]


def each_leads_to_a_plan(cluster: Cluster) -> list[str]:
    """Asserts it of the ways that consist of changes. Returns: all ways in words."""
    report = cluster.report()
    assert report.problem is not None
    for way in report.ways:
        if way.changes:
            assert cluster.after(way).report().problem is None, way
    return texts(report)


R = runtime("r", entry())


def test_a_model_that_is_spelled_otherwise_is_proposed() -> None:
    cluster = Cluster(service(model={"name": "lama-3-8b"}), model("llama-3-8b"), model("bert"), R)
    assert each_leads_to_a_plan(cluster) == ["did you mean ClusterBaseModel llama-3-8b?"]


def test_a_model_of_another_namespace_has_the_service_move() -> None:
    cluster = Cluster(service(), model(namespace="elsewhere"), R)
    assert each_leads_to_a_plan(cluster) == ["namespace elsewhere has a BaseModel of that name; move the service there"]


def test_a_kind_that_rules_the_model_out_is_told() -> None:
    cluster = Cluster(service(model={"name": "m", "kind": "BaseModel"}), model(), R)
    told = each_leads_to_a_plan(cluster)
    assert told == ["the cluster has a ClusterBaseModel of that name; without a kind it is found"]


def test_models_that_are_there_are_listed_when_none_is_like_it() -> None:
    known = [model(name) for name in ("a", "b", "c", "d", "e", "f", "g")]
    assert texts(Cluster(service(model={"name": "zzzz"}), *known, R).report()) == [
        "models that are there: a, b, c, d, e and 2 more"
    ]


def test_the_only_model_is_proposed_whatever_its_name() -> None:
    told = each_leads_to_a_plan(Cluster(service(model={"name": "zzzz"}), model("other"), R))
    assert told == ["models that are there: other"]


def test_no_model_at_all_is_told() -> None:
    (way,) = Cluster(service(), R).report().ways
    assert way.text.startswith("no model is known at all: ")


def test_a_service_that_names_no_model_is_told_of_those_that_are_there() -> None:
    assert each_leads_to_a_plan(Cluster(service(model=None), model(), R)) == ["models that are there: m"]


def test_the_old_form_is_corrected_where_it_stands() -> None:
    asked = service(model=None, engine=None, predictor={"model": {"baseModel": "mm"}})
    (way,) = Cluster(asked, model("mmm"), R).report().ways
    assert way.changes[0].field == "spec.predictor.model.baseModel"
    assert each_leads_to_a_plan(Cluster(asked, model("mmm"), R))


def test_a_disabled_model_is_enabled() -> None:
    assert each_leads_to_a_plan(Cluster(service(), model(disabled=True), R)) == ["enable the model"]


def test_a_path_outside_the_models_root_is_left_out() -> None:
    outside = {"storageUri": "hf://org/m", "path": "/etc"}
    told = each_leads_to_a_plan(Cluster(service(), model(storage=outside), R))
    assert told == ["leave the path out: the model then lies below the models root"]


def test_a_runtime_that_is_spelled_otherwise_is_proposed_those_that_fit_first() -> None:
    others = (runtime("vllm-b", entry(modelArchitecture="B")), runtime("vllm-llama", entry()))
    cluster = Cluster(service(runtime={"name": "vllm-lama"}), model(), *others)
    assert each_leads_to_a_plan(cluster) == [
        "did you mean runtime vllm-llama?",
        "did you mean runtime vllm-b, which does not fit as it is?",
        "leave the runtime open: vllm-llama would be chosen",
    ]


def test_a_kind_that_rules_the_runtime_out_is_told() -> None:
    told = each_leads_to_a_plan(Cluster(service(runtime={"name": "r", "kind": "ServingRuntime"}), model(), R))
    assert told[0] == "the cluster has a ClusterServingRuntime of that name; without a kind it is found"


def test_a_disabled_runtime_is_enabled_or_left_open() -> None:
    named = runtime("off", entry(), disabled=True)
    told = each_leads_to_a_plan(Cluster(service(runtime={"name": "off"}), model(), named, R))
    assert told == ["have runtime off take the model", "leave the runtime open: r would be chosen"]


def test_what_is_missing_of_a_model_is_to_be_filled_in() -> None:
    bare = model(modelFormat=None, modelFramework=None, modelArchitecture=None)
    report = Cluster(service(), bare, R).report()
    assert report.ways[0].text.endswith(": --facts hf://org/m")
    fields = [(change.field, change.to_fill) for change in report.ways[0].changes]
    assert fields == [
        ("spec.modelFormat", ("<format>", "<format version>")),
        ("spec.modelFramework", ("<framework>", "<framework version>")),
        ("spec.modelArchitecture", ("<architecture>",)),
    ]
    assert [one.name for one in report.runtimes] == ["r"]
    assert each_leads_to_a_plan(Cluster(service(), bare, R)) == [report.ways[0].text]


def test_a_tie_is_decided_by_a_name() -> None:
    cluster = Cluster(service(), model(), R, runtime("s", entry()), strict=True)
    assert each_leads_to_a_plan(cluster) == ["name runtime r", "name runtime s"]


@pytest.mark.parametrize(
    ("selector", "told"),
    [
        ({"acceleratorClass": "h10"}, ["have class h10 be used", "do without: no class for the engine"]),
        ({"policy": "Cheap"}, ["policy Cheapest", "do without: no class for the engine"]),
    ],
)
def test_a_class_or_policy_that_is_spelled_otherwise_is_corrected(selector: Json, told: list[str]) -> None:
    listed = {"acceleratorRequirements": {"acceleratorClasses": ["h10", "h100"]}}
    cluster = Cluster(
        service(acceleratorSelector=selector), model(), runtime("r", entry(), **listed), accelerator("h100")
    )
    assert each_leads_to_a_plan(cluster) == told


def test_a_runtime_that_lists_no_class_is_to_list_those_that_are_there() -> None:
    cluster = Cluster(service(acceleratorSelector={"policy": "Cheapest"}), model(), R, accelerator("h100"))
    assert each_leads_to_a_plan(cluster) == [
        "have the runtime list the classes that are there",
        "do without: no class for the engine",
    ]


@pytest.mark.parametrize("weights", [["w"], ["w", "x"]])
def test_weights_that_cannot_be_served_are_left_out(weights: list[str]) -> None:
    adapters = {"name": "m", "fineTunedWeights": weights}
    assert each_leads_to_a_plan(Cluster(service(model=adapters), model(), R)) == ["do without it"]


def test_runtimes_are_told_although_the_plan_ended_before_the_selection() -> None:
    report = Cluster(service(model={"name": "m", "fineTunedWeights": ["w"]}), model(), R).report()
    assert report.outcome == ""
    assert [(one.name, one.rank) for one in report.runtimes] == [("r", 1)]


def test_a_runtime_that_comes_to_no_plan_is_given_what_it_lacks_or_left_for_another() -> None:
    bare = runtime("bare", entry(priority=2), engineConfig={"runner": {"name": "ome-container"}})
    also = runtime("bare-too", entry(priority=2), engineConfig={"runner": {"name": "ome-container"}})
    cluster = Cluster(service(), model(), bare, also, R)
    assert each_leads_to_a_plan(cluster) == ["give it an image", "name runtime r, which fits too"]
    (change,) = cluster.report().ways[0].changes
    assert (change.field, change.to_fill) == ("spec.engine.runner.image", ("<image>",))
    named = Cluster(service(runtime={"name": "bare"}), model(), bare, R)
    assert each_leads_to_a_plan(named) == ["give it an image", "name runtime r, which fits too"]


def test_no_other_runtime_is_named_that_comes_to_no_plan_either() -> None:
    bare = runtime("bare", entry(), engineConfig={"runner": {"name": "ome-container"}})
    also = runtime("bare-too", entry(), engineConfig={"runner": {"name": "ome-container"}})
    assert each_leads_to_a_plan(Cluster(service(), model(), bare, also)) == ["give it an image"]


def test_a_model_that_is_spelled_otherwise_in_another_namespace_is_proposed_with_it() -> None:
    cluster = Cluster(service(model={"name": "lama-3-8b"}), model("llama-3-8b", namespace="elsewhere"), R)
    told = each_leads_to_a_plan(cluster)
    assert told == ["did you mean BaseModel llama-3-8b of namespace elsewhere? move the service there"]


def test_an_annotation_that_is_wrong_is_left_out_where_it_stands() -> None:
    odd = {"ome.io/autoscalerClass": "odd"}
    of_service = Cluster(service(metadata={"annotations": odd}), model(), R)
    assert each_leads_to_a_plan(of_service) == ["do without it"]
    of_engine = Cluster(service(engine={"annotations": odd}), model(), R)
    assert each_leads_to_a_plan(of_engine) == ["do without it"]
    assert of_engine.report().ways[0].changes[0].field == "spec.engine.annotations[ome.io/autoscalerClass]"


def test_a_runtime_for_engine_and_decoder_is_given_both_or_neither() -> None:
    parts = {name: {"runner": {"name": "ome-container", "image": f"{name}:1"}} for name in ("decoder", "router")}
    pair = runtime("r", entry(), decoderConfig=parts["decoder"], routerConfig=parts["router"])
    cluster = Cluster(service(), model(), pair)
    report = cluster.report()
    ways = [[(change.field, change.value) for change in way.changes] for way in report.ways]
    assert ways == [[("spec.decoder", {}), ("spec.router", {})]]
    (check,) = report.runtimes[0].checks
    assert [(change.field, change.value) for change in check.instead] == [("spec.decoderConfig", None)]
    each_leads_to_a_plan(cluster)
    bare = Cluster(service(), model(), runtime("r", entry(), decoderConfig={}))
    assert all(change.field != "spec.decoder" for way in bare.report().ways for change in way.changes)


def test_a_component_without_a_container_is_given_one_or_left_out() -> None:
    bare = runtime("r", entry(), routerConfig={"minReplicas": 1})
    cluster = Cluster(service(router={}), model(), bare)
    assert each_leads_to_a_plan(cluster) == ["give it a container", "do without spec.router"]


def test_a_runtime_that_nobody_has_is_left_open_although_none_fits_yet() -> None:
    cluster = Cluster(service(runtime={"name": "zzzz"}), model(), runtime("r", entry(modelArchitecture="X")))
    report = cluster.report()
    assert texts(report) == [
        "leave the runtime open: none fits as it is, and what is missing of the nearest is told then"
    ]
    assert texts(cluster.after(report.ways[0]).report())[0].startswith("have runtime r take the model")


@pytest.mark.parametrize("named", [None, {"name": "r"}])
def test_a_namespace_without_runtimes_is_told(named: Json) -> None:
    report = Cluster(service(runtime=named), model(), runtime("r", entry(), namespace="elsewhere")).report()
    assert texts(report) == ["namespace team has no runtime to choose: create one, or give its file with -f"]


def test_a_named_runtime_of_a_model_that_nobody_has_read_is_told_with_the_others() -> None:
    bare = model(modelFormat=None)
    missing = Cluster(service(runtime={"name": "none"}), bare, R).report()
    assert ([one.name for one in missing.runtimes], [one.name for one in missing.others]) == ([], ["r"])
    there = Cluster(service(runtime={"name": "r"}), bare, R, runtime("s", entry())).report()
    assert ([one.name for one in there.runtimes], [one.name for one in there.others]) == (["r"], ["s"])


def test_a_runtime_that_is_only_not_chosen_unasked_is_named_first() -> None:
    shy = runtime("shy", entry(autoSelect=None))
    assert each_leads_to_a_plan(Cluster(service(), model(), shy)) == [
        "name runtime shy: it takes the model, and is only not chosen unasked",
        "have runtime shy take the model",
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_a_runtime_that_does_not_list_the_model_may_be_named_unless_selection_is_strict(strict: bool) -> None:
    other = runtime("other", entry(modelArchitecture="X", autoSelect=None))
    told = each_leads_to_a_plan(Cluster(service(), model(), other, strict=strict))
    more = "have runtime other take the model, as one more format, if its engine can serve it"
    named = "name runtime other: it is used with a warning, although it does not list the model"
    assert told == ([more] if strict else [more, named])
