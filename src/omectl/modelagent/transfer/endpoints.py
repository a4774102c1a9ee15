"""Which URLs a credential or a byte of a model may travel over: pure rules for endpoints and redirects."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin, urlsplit

from omectl.modelagent.problems import ModelError, Reason


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what decides whether a credential may go along."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if scheme not in {"http", "https"} or not host:
            raise ModelError(
                Reason.RESPONSE_INVALID,
                f"Wanted an http or https URL, found one with scheme {scheme!r} and host {host!r}.",
                "Check the hub endpoint given to the agent, and what it redirects to.",
            )
        return cls(scheme, host, port or (443 if scheme == "https" else 80))

    @property
    def loopback(self) -> bool:
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def check_origin(origin: Origin, *, allow_http: bool) -> None:
    """Plain http only towards this machine, or where the operator said so."""
    if origin.scheme == "http" and not origin.loopback and not allow_http:
        raise ModelError(
            Reason.INSECURE_ENDPOINT,
            f"The endpoint http://{origin.host}:{origin.port} is plain http and not on this machine.",
            "Use https, or start the agent with --allow-http if that network is trusted.",
        )


def follow_redirect(url: str, location: str, *, allow_http: bool) -> str:
    """The absolute target of a redirect; never from https down to http unless plain http is allowed."""
    target = urljoin(url, location)
    check_origin(Origin.of(target), allow_http=allow_http)
    if url.startswith("https:") and target.startswith("http:") and not allow_http:
        raise ModelError(
            Reason.INSECURE_ENDPOINT,
            f"The hub redirected from https to http://{Origin.of(target).host}.",
            "Fix the hub's redirect, or start the agent with --allow-http if that network is trusted.",
        )
    return target


def headers_for(origin: Origin, url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may be sent to `url` when they were meant for `origin`: credentials stay with their origin."""
    if Origin.of(url) == origin:
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() not in {"authorization", "cookie"}}
