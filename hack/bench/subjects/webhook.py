"""Answer reviews: the object is read, and allowed when it has a name. Ends at SIGTERM."""

import argparse
import asyncio
from pathlib import Path

from hack.bench.subjects.subject import Figures, LoopLag, main, weight

from omectl.admission import AdmissionRequest, AdmissionResponse, WebhookOptions, WebhookServer, allowed, denied
from omectl.manager import CertificateFiles, ServingCertificate, stop_on_signals


async def judge(request: AdmissionRequest) -> AdmissionResponse:
    """Allowed when the object has a name."""
    metadata = (request.object or {}).get("metadata")
    return allowed() if isinstance(metadata, dict) and metadata.get("name") else denied("wanted a name")


async def run(flags: argparse.Namespace) -> Figures:
    certificate = ServingCertificate("webhook", CertificateFiles(Path(flags.certificates)))
    server = WebhookServer(certificate, WebhookOptions(address=f"127.0.0.1:{flags.port}"))
    server.register("/validate", judge)
    lag, stopping = LoopLag(), asyncio.Event()
    tasks = [asyncio.create_task(server.run()), asyncio.create_task(lag.run())]
    with stop_on_signals(stopping.set):
        await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return weight() | lag.figures()


main(run, port=0, certificates="")
