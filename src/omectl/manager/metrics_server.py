"""The metrics server as a manager's options describe it."""

from __future__ import annotations

from pathlib import Path

from omectl.clock import Clock
from omectl.manager.access import AccessFilter, ReviewClient
from omectl.manager.options import ManagerOptions
from omectl.manager.server import HttpServer
from omectl.manager.serving_certificate import CertificateFiles, SelfSignedCertificate, ServingCertificate


def metrics_server(options: ManagerOptions, client: ReviewClient, clock: Clock) -> HttpServer:
    """Plain HTTP for everyone or, when secure, TLS for those whom the API server lets read.

    Secure without a folder of certificates answers with a self-signed one.
    """
    if not options.metrics_secure:
        return HttpServer("metrics", options.metrics_address, options.metrics_flag)
    source = SelfSignedCertificate(clock=clock)
    if options.metrics_cert_dir:
        folder = Path(options.metrics_cert_dir)
        source = CertificateFiles(folder, options.metrics_cert_name, options.metrics_cert_key)
    return HttpServer(
        "metrics",
        options.metrics_address,
        options.metrics_flag,
        certificate=ServingCertificate("metrics", source),
        guard=AccessFilter(client),
    )
