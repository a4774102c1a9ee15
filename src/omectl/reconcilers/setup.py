"""Wires every reconciler into a manager: caches, sources, controllers. The one place that knows what wakes what."""

from collections.abc import Iterable
from dataclasses import dataclass

from omectl.api.document import as_object, at
from omectl.api.installation import OPERATOR_NAMESPACE, SETTINGS_CONFIG_MAP
from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import (
    ACCELERATOR_CLASSES,
    CLUSTER_SERVING_RUNTIMES,
    FINE_TUNED_WEIGHTS,
    INFERENCE_SERVICES,
    SERVING_RUNTIMES,
)
from omectl.api.labels import MODEL_STATUS_MARKER, ModelKey, model_entry_key
from omectl.api.model_status import ModelProgress
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, HeaderIndex, Informer, ObjectEvent
from omectl.kube.discovery import Discovery
from omectl.kube.resources import CONFIG_MAPS, DEVICE_CLASSES, NODES, PODS, RESOURCE_CLAIMS, RESOURCE_SLICES, SERVICES
from omectl.kube.third_party_kinds import GATEWAYS
from omectl.manager import (
    ChannelSource,
    Controller,
    KindSource,
    Manager,
    PollingSource,
    WriteGate,
    content_changed,
    enqueue_mapped,
    enqueue_object,
    enqueue_owner,
    on,
    resource_version_changed,
)
from omectl.planner.accelerators.devices import what_is_read_of_claims
from omectl.planner.accelerators.nodes import what_classes_read as what_classes_read_of_nodes
from omectl.planner.accelerators.pods import what_classes_read as what_classes_read_of_pods
from omectl.planner.model import download_in_words
from omectl.reconcilers.accelerator_class import AcceleratorClassReconciler
from omectl.reconcilers.accelerator_devices import AcceleratorDevices
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes
from omectl.reconcilers.capabilities import Capabilities
from omectl.reconcilers.children import OPTIONAL_KINDS, Children, label_of_pod, label_of_service
from omectl.reconcilers.gateway_watch import GatewayWatch, what_routes_need
from omectl.reconcilers.model import (
    CLUSTER,
    NAMESPACED,
    PROGRESS_INTERVAL_S,
    ModelCaches,
    ModelKind,
    ModelReconciler,
)
from omectl.reconcilers.node_cleanup import NodeCleanup
from omectl.reconcilers.node_reports import NodeReports
from omectl.reconcilers.own_writes import OwnWrites
from omectl.reconcilers.placements import Placements
from omectl.reconcilers.runtime_reach import RuntimeReach
from omectl.reconcilers.scalers import SCALER_KINDS, what_scalers_say
from omectl.reconcilers.service import ServiceCaches, ServiceReconciler
from omectl.reconcilers.service_inputs import InputCaches
from omectl.reconcilers.service_references import (
    BY_CLASS,
    BY_LABEL,
    BY_MODEL,
    BY_PICK,
    BY_RUNTIME,
    BY_WEIGHT,
    class_lookups,
    class_values,
    model_value,
    model_values,
    pick_values,
    runtime_values,
    weight_values,
)
from omectl.reconcilers.settings_watch import SettingsWatch
from omectl.workqueue import LOW_PRIORITY

_BY_ENTRY = "entry"
_RUNNING = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Pods that have a node and take something there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerOptions:
    """`namespace` is the operator's: settings and node ConfigMaps live there. Times are seconds."""

    namespace: str = OPERATOR_NAMESPACE
    model_workers: int = 4
    service_workers: int = 8
    progress_interval_s: float = PROGRESS_INTERVAL_S
    capabilities_interval_s: float = 60.0
    reconcile_timeout_s: float = 60.0


def set_up(manager: Manager, options: ReconcilerOptions | None = None) -> None:
    """Add every reconciler to the manager; call it before the manager runs."""
    wanted = options or ReconcilerOptions()
    nodes = manager.informers.informer(NODES, transform=what_classes_read_of_nodes)
    node_config_maps = manager.informers.informer(
        CONFIG_MAPS, namespace=wanted.namespace, label_selector=f"{MODEL_STATUS_MARKER}=true"
    )
    _add_node_cleanup(manager, wanted, nodes, node_config_maps)
    for kind in (NAMESPACED, CLUSTER):
        _add_models(manager, wanted, kind, nodes, node_config_maps)
    _add_accelerator_classes(manager, wanted, nodes)
    _add_services(manager, wanted)


def _add_node_cleanup(manager: Manager, options: ReconcilerOptions, nodes: Informer, config_maps: Informer) -> None:
    def config_map_of(event: ObjectEvent) -> Iterable[ObjectKey]:
        yield ObjectKey(options.namespace, event.key.name)

    cleanup = NodeCleanup(manager.leader_client, config_maps.lister, nodes.lister)
    manager.add_controller(
        Controller(
            "node-cleanup",
            cleanup.reconcile,
            [
                KindSource(config_maps, enqueue_object(), [on(updated=False, deleted=False)]),
                KindSource(nodes, enqueue_mapped(config_map_of), [on(created=False, updated=False)]),
            ],
            reconcile_timeout_s=options.reconcile_timeout_s,
        )
    )


def _add_models(
    manager: Manager, options: ReconcilerOptions, kind: ModelKind, nodes: Informer, config_maps: Informer
) -> None:
    models = manager.informers.informer(
        kind.resource,
        indexes={_BY_ENTRY: HeaderIndex(lambda header: (_entry_key(kind, header.key),))},
    )
    reports = NodeReports()
    placements = Placements(nodes.lister, lambda: reports.nodes)
    others = ChannelSource[ObjectKey](f"placement/{kind.resource.plural}")

    def queue_all() -> None:
        for key in models.lister.keys():  # noqa: SIM118 - a lister is no mapping
            others.put(key, priority=LOW_PRIORITY)

    def node_event(event: ObjectEvent) -> Iterable[ObjectKey]:
        if placements.node_event(event):
            queue_all()
        return ()

    def entries_event(event: ObjectEvent) -> Iterable[ObjectKey]:
        keys = [key for entry in reports.changed_keys(event) for key in models.lister.index_keys(_BY_ENTRY, entry)]
        if event.type is not EventType.UPDATED:
            placements.agents_changed()
            queue_all()
        return keys

    caches = ModelCaches(models=models.lister, nodes=nodes.lister, reports=reports, placements=placements)
    gate = WriteGate(models)
    reconciler = ModelReconciler(
        kind,
        manager.leader_client.view(observer=gate.observe),
        caches,
        manager.events,
        manager.clock,
        progress_interval_s=options.progress_interval_s,
    )
    manager.add_controller(
        Controller(
            kind.resource.kind.lower(),
            reconciler.reconcile,
            [
                KindSource(config_maps, enqueue_mapped(entries_event)),
                KindSource(nodes, enqueue_mapped(node_event)),
                KindSource(models, enqueue_object(), [resource_version_changed]),
                others,
            ],
            kind=kind.resource,
            workers=options.model_workers,
            reconcile_timeout_s=options.reconcile_timeout_s,
            gate=gate,
        )
    )


def _add_accelerator_classes(manager: Manager, options: ReconcilerOptions, nodes: Informer) -> None:
    classes = manager.informers.informer(ACCELERATOR_CLASSES)
    pods = manager.informers.informer(PODS, field_selector=_RUNNING, transform=what_classes_read_of_pods)
    device_classes, slices = (manager.informers.informer(kind) for kind in (DEVICE_CLASSES, RESOURCE_SLICES))
    claims = manager.informers.informer(RESOURCE_CLAIMS, transform=what_is_read_of_claims)
    inventory = AcceleratorNodes()
    devices = AcceleratorDevices(inventory)
    gate = WriteGate(classes)
    reconciler = AcceleratorClassReconciler(
        manager.leader_client.view(observer=gate.observe), classes.lister, inventory, devices, manager.clock
    )
    manager.add_controller(
        Controller(
            "acceleratorclass",
            reconciler.reconcile,
            [
                KindSource(nodes, enqueue_mapped(inventory.node_event)),
                KindSource(pods, enqueue_mapped(inventory.pod_event)),
                KindSource(device_classes, enqueue_mapped(devices.device_class_event), optional=True),
                KindSource(slices, enqueue_mapped(devices.slice_event), optional=True),
                KindSource(claims, enqueue_mapped(devices.claim_event), optional=True),
                KindSource(classes, enqueue_object(), [resource_version_changed]),
            ],
            kind=ACCELERATOR_CLASSES,
            reconcile_timeout_s=options.reconcile_timeout_s,
            gate=gate,
        )
    )


def _add_services(manager: Manager, options: ReconcilerOptions) -> None:
    informers = manager.informers
    services = informers.informer(
        INFERENCE_SERVICES,
        indexes={
            BY_MODEL: model_values,
            BY_RUNTIME: runtime_values,
            BY_PICK: pick_values,
            BY_WEIGHT: weight_values,
            BY_CLASS: class_values,
            BY_LABEL: HeaderIndex(lambda header: (label_of_service(header.key),)),
        },
    )
    models, cluster_models = (informers.informer(kind.resource) for kind in (NAMESPACED, CLUSTER))
    runtimes, cluster_runtimes = (informers.informer(kind) for kind in (SERVING_RUNTIMES, CLUSTER_SERVING_RUNTIMES))
    weights = informers.informer(FINE_TUNED_WEIGHTS)
    accelerator_classes = informers.informer(ACCELERATOR_CLASSES)
    settings_map = informers.informer(
        CONFIG_MAPS, namespace=options.namespace, field_selector=f"metadata.name={SETTINGS_CONFIG_MAP}"
    )
    children = Children(informers)
    everyone = ChannelSource[ObjectKey]("settings/services")

    def queue_all() -> None:
        for key in services.lister.keys():  # noqa: SIM118 - a lister is no mapping
            everyone.put(key, priority=LOW_PRIORITY)

    def of_model(event: ObjectEvent) -> Iterable[ObjectKey]:
        return services.lister.index_keys(BY_MODEL, model_value(event.key))

    def of_runtime(event: ObjectEvent) -> Iterable[ObjectKey]:
        return reach.concerned(event)

    def of_weight(event: ObjectEvent) -> Iterable[ObjectKey]:
        return services.lister.index_keys(BY_WEIGHT, event.key.name)

    def of_accelerator_class(event: ObjectEvent) -> Iterable[ObjectKey]:
        return {key for value in class_lookups(event.key) for key in services.lister.index_keys(BY_CLASS, value)}

    def of_label(event: ObjectEvent) -> Iterable[ObjectKey]:
        return services.lister.index_keys(BY_LABEL, label_of_pod(event.header))

    def of_settings(event: ObjectEvent) -> Iterable[ObjectKey]:
        settings.settings_event(event)
        return ()

    settings = SettingsWatch(manager.events, queue_all)
    reach = RuntimeReach(
        services=services.lister,
        models=models.lister,
        cluster_models=cluster_models.lister,
        settings=lambda: settings.current,
    )
    gateways = informers.informer(GATEWAYS)
    gateway = GatewayWatch(gateways, lambda: settings.current)
    capabilities = Capabilities(Discovery(manager.client), services.lister.keys)
    caches = ServiceCaches(
        services=services.lister,
        inputs=InputCaches(
            models=models.lister,
            cluster_models=cluster_models.lister,
            weights=weights.lister,
            runtimes=runtimes.lister,
            cluster_runtimes=cluster_runtimes.lister,
            accelerator_classes=accelerator_classes.lister,
        ),
        children=children,
        kinds=capabilities,
        settings=lambda: settings.current,
        gateway=gateway.current,
    )
    gate = WriteGate(services)
    writer = manager.leader_client.view(observer=gate.observe)
    own = OwnWrites(everyone.put)
    reconciler = ServiceReconciler(writer, caches, manager.events, manager.clock, own)
    owned = [
        KindSource(
            informer,
            enqueue_owner(INFERENCE_SERVICES),
            [
                own.news(kind),
                content_changed(what_scalers_say) if kind in SCALER_KINDS else resource_version_changed,
            ],
            optional=kind in OPTIONAL_KINDS,
        )
        for kind, informer in children.informers.items()
    ]
    manager.add_controller(
        Controller(
            "inferenceservice",
            reconciler.reconcile,
            [
                KindSource(settings_map, enqueue_mapped(of_settings)),
                KindSource(services, enqueue_object(), [own.news(INFERENCE_SERVICES), resource_version_changed]),
                *(
                    KindSource(informer, enqueue_mapped(of_model), [content_changed(_what_services_need)])
                    for informer in (models, cluster_models)
                ),
                *(
                    KindSource(informer, enqueue_mapped(of_runtime), [content_changed(_all_but_status)])
                    for informer in (runtimes, cluster_runtimes)
                ),
                KindSource(weights, enqueue_mapped(of_weight), [content_changed(_what_is_read_of_weights)]),
                KindSource(
                    accelerator_classes, enqueue_mapped(of_accelerator_class), [content_changed(_what_choices_need)]
                ),
                *owned,
                KindSource(
                    gateways,
                    enqueue_mapped(gateway.gateway_event),
                    [content_changed(what_routes_need)],
                    optional=True,
                ),
                # One of Knative's, with whose name a service waits, has no service as its owner.
                KindSource(children.informers[SERVICES], enqueue_mapped(of_label), [on(created=False, updated=False)]),
                KindSource(children.pods, enqueue_mapped(of_label), [resource_version_changed]),
                PollingSource("discovery", options.capabilities_interval_s, capabilities.refresh),
                PollingSource("gateway", options.capabilities_interval_s, gateway.refresh),
                everyone,
            ],
            kind=INFERENCE_SERVICES,
            workers=options.service_workers,
            reconcile_timeout_s=options.reconcile_timeout_s,
            gate=gate,
        )
    )


def _entry_key(kind: ModelKind, key: ObjectKey) -> str:
    return model_entry_key(ModelKey(kind.resource.kind, key.namespace, key.name))


def _what_services_need(model: JsonObject) -> JsonValue:
    """A model with its download in tenths: what services tell of it, and not each report."""
    status = as_object(model.get("status"))
    told: JsonObject = {name: value for name, value in status.items() if name != "progress"}
    progress = as_object(status.get("progress"))
    done = download_in_words(ModelProgress.model_validate(progress)) if status.get("state") != "Ready" else ""
    return [_all_but_status(model), told, done]


def _what_is_read_of_weights(weight: JsonObject) -> JsonValue:
    """A weight with whether it is ready, and whether it goes."""
    state, going = at(weight, "status", "state"), at(weight, "metadata", "deletionTimestamp")
    return [_all_but_status(weight), state, going is not None]


def _what_choices_need(accelerator_class: JsonObject) -> JsonValue:
    """A class without most counts: how many are free decides no more once a service has its class."""
    nodes, largest = (at(accelerator_class, "status", name) for name in ("availableNodes", "acceleratorsPerNode"))
    return [accelerator_class.get("spec"), nodes if nodes is None else nodes != 0, largest]


def _all_but_status(obj: JsonObject) -> JsonValue:
    metadata = obj.get("metadata")
    kept = {name: metadata.get(name) for name in ("annotations", "labels")} if isinstance(metadata, dict) else None
    return [obj.get("spec"), kept]
