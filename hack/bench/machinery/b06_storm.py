"""B6: every resource version expires at once: 20 informers, and the API server is killed and started on the same port.

While it is down, some objects are deleted in etcd itself, so that no informer can have seen it: each must tell its
handlers of them after its relist.
"""

import time

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Collection, Profile, Stage
from hack.bench.machinery.subjects import GO, GO_TYPED, MACHINERIES, OMECTL
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "restart of the API server"
INFORMERS = 20
OBJECTS = 5_000
DELETED = 10
MOST_REPETITIONS = 3
DEADLINE_S = 120.0


def cases(options: Options) -> list[Case]:
    """20 informers of 5,000 small objects each."""
    informers = 4 if options.quick else INFORMERS
    each = options.up_to(OBJECTS)
    namespaces = [f"storm-{each}-{number:02}" for number in range(informers)]

    async def measure(stage: Stage, subject: str) -> Answer:
        for namespace in namespaces:
            await stage.fill(Collection(namespace, each), Profile.SMALL.size)
        flags = (f"--namespace={','.join(namespaces)}", f"--objects={informers * each}")
        async with stage.program(subject, "storm", *flags) as program:
            synced = await program.event("ready")
            await stage.control_plane.stop_apiserver()
            for namespace in namespaces:
                for number in range(DELETED):
                    await stage.delete_behind_the_server(namespace, f"object-{number:05}")
            started = time.monotonic_ns()
            await stage.control_plane.start_apiserver()
            ready = time.monotonic_ns()
            left = informers * (each - DELETED)
            program.send({"objects": left, "deadline_s": DEADLINE_S})
            reached = await program.event("reached")
            metrics = await stage.metrics()
            versions = await stage.versions(namespaces)
            found = await program.finish()
        for namespace in namespaces:
            await stage.fill(Collection(namespace, DELETED), Profile.SMALL.size, "--label=storm")
        requests = {
            # The server's own watch of one namespace is among them, for every subject.
            "requests": metrics.total("apiserver_request_total", resource="configmaps", scope="namespace")
            + metrics.total("apiserver_longrunning_requests", resource="configmaps", scope="namespace"),
            "refused_429": metrics.total("apiserver_request_total", resource="configmaps", code="429"),
            "listed_mb": metrics.total("apiserver_response_sizes_sum", resource="configmaps", verb="LIST") / 1e6,
            "watched_mb": metrics.total("apiserver_watch_events_sizes_sum", resource="configmaps") / 1e6,
        }
        return requests | {
            "synced_s": synced["synced_s"],
            "recovered_after_start_s": (reached["at_ns"] - started) / 1e9,
            "recovered_after_ready_s": (reached["at_ns"] - ready) / 1e9,
            "missed_deletes": informers * DELETED - reached["deletes"],
            "differences": len(set(versions.items()) ^ set(found["versions"].items())),
            "rss_bytes": reached["rss_bytes"],
            "peak_bytes": reached["peak_bytes"],
            "cpu_s": reached["cpu_s"],
            "stall_max_ms": reached.get("stall_max_ms", 0.0),
        }

    name = _name(options)
    return [Case(name=name, subjects=MACHINERIES, measure=measure, repetitions=options.repetitions(MOST_REPETITIONS))]


def _name(options: Options) -> str:
    return f"{4 if options.quick else INFORMERS} informers of {options.up_to(OBJECTS)} objects"


def bars(found: Found, options: Options) -> list[Bar]:
    """Nothing missed, and about as quick as Go."""
    case = _name(options)
    return [
        *found.limit("missed deletes", case, "missed_deletes", OMECTL, 0.0),
        *found.limit("objects that differ from the server's", case, "differences", OMECTL, 0.0),
        *found.ratio("time", case, "recovered_after_start_s", OMECTL, GO, 1.5),
        *found.ratio("time", case, "recovered_after_start_s", OMECTL, GO_TYPED, 1.5),
    ]
