"""The hub's error answers: status, `X-Error-Code` and `X-Error-Message` as clients expect them."""

from aiohttp import web


class RefusalError(Exception):
    """An answer other than what was asked for."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self) -> web.Response:
        headers = {"X-Error-Message": self.message, **self.headers}
        if self.code:
            headers["X-Error-Code"] = self.code
        return web.json_response({"error": self.message}, status=self.status, headers=headers)


def repository_unknown(name: str, *, authenticated: bool) -> RefusalError:
    """The hub tells strangers 401 for whatever they may not know of."""
    if authenticated:
        return RefusalError(404, "RepoNotFound", f"Repository {name} not found")
    return RefusalError(401, "RepoNotFound", "Invalid username or password.")


def revision_unknown(revision: str) -> RefusalError:
    return RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")


def entry_unknown(commit: str) -> RefusalError:
    return RefusalError(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})


def bad_token() -> RefusalError:
    return RefusalError(401, "", "Invalid credentials in Authorization header")


def gated(name: str, *, authenticated: bool) -> RefusalError:
    if authenticated:
        return RefusalError(
            403, "GatedRepo", f"Access to model {name} is restricted and you are not in the authorized list."
        )
    return RefusalError(
        401, "GatedRepo", f"Access to model {name} is restricted. You must be authenticated to access it."
    )


def not_found() -> RefusalError:
    return RefusalError(404, "", "Sorry, we can't find the page you are looking for.")


def too_many(retry_after_s: float) -> RefusalError:
    wait = str(max(1, round(retry_after_s)))
    return RefusalError(429, "", "Too many requests", {"Retry-After": wait, "RateLimit": f'"resolvers";r=0;t={wait}'})
