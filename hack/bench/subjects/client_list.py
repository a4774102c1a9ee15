"""List a namespace's ConfigMaps with another client library and keep them; runs in the peers' own environment."""

import argparse
import asyncio
from typing import Any

from hack.bench.subjects.subject import Figures, arguments, resident_bytes, seconds_since_start, tell, weight


async def with_lightkube(flags: argparse.Namespace) -> tuple[list[Any], float]:
    from lightkube import AsyncClient, KubeConfig
    from lightkube.resources.core_v1 import ConfigMap

    imported_s = seconds_since_start()
    client = AsyncClient(config=KubeConfig.from_file(flags.kubeconfig))
    return [found async for found in client.list(ConfigMap, namespace=flags.namespace, chunk_size=500)], imported_s


async def with_kubernetes_asyncio(flags: argparse.Namespace) -> tuple[list[Any], float]:
    from kubernetes_asyncio import client, config

    imported_s = seconds_since_start()
    await config.load_kube_config(config_file=str(flags.kubeconfig))
    found: list[Any] = []
    async with client.ApiClient() as api:
        token = None
        while token != "":
            page = await client.CoreV1Api(api).list_namespaced_config_map(flags.namespace, limit=500, _continue=token)
            found += page.items
            token = page.metadata._continue or ""
    return found, imported_s


async def run(flags: argparse.Namespace) -> Figures:
    before = resident_bytes()
    listing = with_lightkube if flags.client == "lightkube" else with_kubernetes_asyncio
    kept, imported_s = await listing(flags)
    found: Figures = {"synced_s": seconds_since_start(), "ready_s": imported_s} | weight()
    if len(kept) != flags.objects:
        raise SystemExit(f"wanted {flags.objects} objects, found {len(kept)}")
    return found | {"bytes_per_object": (found["rss_bytes"] - before) / len(kept)}


tell(asyncio.run(run(arguments(client="lightkube"))))
