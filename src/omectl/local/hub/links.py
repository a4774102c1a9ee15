"""Signed links to content, which need no token and expire."""

import hashlib
import hmac
import secrets
from urllib.parse import quote

from omectl.clock import Clock
from omectl.local.hub.refusals import RefusalError

PREFIX = "/cdn/"


class LinkSigner:
    """Makes and checks links of one server; a link of another server or of an earlier run is refused."""

    def __init__(self, clock: Clock, lifetime_s: float) -> None:
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._key = secrets.token_bytes(32)

    def link(self, repository: str, commit: str, path: str) -> str:
        """Path and query of a link to a file."""
        target = f"{PREFIX}{quote(repository, safe='')}/{commit}/{quote(path, safe='')}"
        expires = int(self._clock.now().timestamp() + self._lifetime_s)
        return f"{target}?Expires={expires}&Signature={self._sign(target, expires)}"

    def check(self, target: str, expires: str, signature: str) -> None:
        """Raise `RefusalError` unless the raw path `target` was signed here and is still good."""
        if not expires.isascii() or not expires.isdigit() or len(expires) > 15:
            raise RefusalError(403, "", "Missing or malformed Expires")
        if not hmac.compare_digest(self._sign(target, int(expires)), signature):
            raise RefusalError(403, "", "SignatureDoesNotMatch")
        if int(expires) <= self._clock.now().timestamp():
            raise RefusalError(403, "", "Request has expired")

    def _sign(self, target: str, expires: int) -> str:
        return hmac.new(self._key, f"{target}\n{expires}".encode(), hashlib.sha256).hexdigest()
