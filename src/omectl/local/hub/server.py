"""The hub server: routes, admission, and what is counted."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import quote, unquote, urlencode

import msgspec
from aiohttp import hdrs, web
from anyio import to_thread

from omectl.api.json import JsonValue
from omectl.api.storage_uri import DEFAULT_REVISION
from omectl.listening import stop_listening
from omectl.local.hub import refusals
from omectl.local.hub.content import Delivery, open_unchanged, send
from omectl.local.hub.digests import DigestsClosedError
from omectl.local.hub.faults import FaultPlan
from omectl.local.hub.library import Library
from omectl.local.hub.links import LinkSigner
from omectl.local.hub.listing import describe, entry, tree
from omectl.local.hub.options import FileFault, HubOptions
from omectl.local.hub.ranges import UnsatisfiableRangeError, parse_range
from omectl.local.hub.refusals import RefusalError
from omectl.local.hub.repository import HubFile, RepositoryError, Snapshot
from omectl.local.hub.statistics import FileStatistics, HubStatistics, Traffic
from omectl.local.hub.throttle import RequestWindow, TokenBucket

_RESOLVE = re.compile(r"^/(?P<name>[^/]+(?:/[^/]+)?)/(?:resolve|raw)/(?P<revision>[^/]+)/(?P<path>.+)$")
_INFO = re.compile(r"^/api/models/(?P<name>[^/]+(?:/[^/]+)?)(?:/revision/(?P<revision>[^/]+))?$")
_TREE = re.compile(r"^/api/models/(?P<name>[^/]+(?:/[^/]+)?)/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?$")
_PATHS = re.compile(r"^/api/models/(?P<name>[^/]+(?:/[^/]+)?)/paths-info/(?P<revision>[^/]+)$")
_REFS = re.compile(r"^/api/models/(?P<name>[^/]+(?:/[^/]+)?)/refs$")
_LINK = re.compile(r"^/cdn/(?P<name>[^/]+)/(?P<commit>[0-9a-f]{40})/(?P<path>[^/]+)$")
_MAX_BODY = 1 << 20

Handler: TypeAlias = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]


class HubServer:
    """Serves model directories with the Hugging Face Hub's protocol, read-only.

        async with HubServer(Path("models"), HubOptions(token="hf_x")) as hub:
            snapshot_download("org/name", endpoint=hub.endpoint)

    `directories` is a model directory, a directory of `<org>/<name>` folders, several of them, or names mapped to
    model directories. Nothing outside them can be reached: a path is looked up among the files found, never opened.
    Belongs to one event loop. Leaving the context closes every connection.
    """

    def __init__(
        self, directories: Path | Sequence[Path] | Mapping[str, Path], options: HubOptions | None = None
    ) -> None:
        self._options = (options or HubOptions()).validated()
        self._library = Library(directories, self._options)
        self._links = LinkSigner(self._options.clock, self._options.link_lifetime_s)
        self._bucket = TokenBucket(self._options.rate_limit) if self._options.rate_limit else None
        limit = self._options.request_limit
        self._window = RequestWindow(limit.requests, limit.window_s) if limit else None
        self._faults = FaultPlan(self._options.faults)
        self._traffic = Traffic()
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._port = 0
        self._routes: tuple[tuple[re.Pattern[str], str, Handler], ...] = (
            (_LINK, "GET HEAD", self._serve_link),
            (_TREE, "GET", self._serve_tree),
            (_PATHS, "POST", self._serve_paths),
            (_REFS, "GET", self._serve_refs),
            (_INFO, "GET HEAD", self._serve_info),
            (_RESOLVE, "GET HEAD", self._serve_file),
        )

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        loop, answers = asyncio.get_running_loop(), self._runner.server
        assert answers is not None
        try:
            self._server = await loop.create_server(answers, self._options.host, self._options.port)
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.close()
        runner, self._runner = self._runner, None
        server, self._server = self._server, None
        if runner is None or server is None:
            return
        try:
            await stop_listening(server)
        finally:
            await runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened at; 0 before the start."""
        return self._port

    @property
    def endpoint(self) -> str:
        """What `HF_ENDPOINT` is set to."""
        host = self._options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def repositories(self) -> tuple[str, ...]:
        """Names of what is served."""
        return self._library.names

    @property
    def digests_computed(self) -> int:
        """How many files have been read for their digests so far."""
        return self._library.digests_computed

    def statistics(self) -> HubStatistics:
        """The traffic so far; the files' numbers go on counting."""
        return self._traffic.statistics()

    async def commit(self, name: str, revision: str = DEFAULT_REVISION) -> str:
        """The commit that a revision stands for now. Reads every file once; clients need not wait for it afterwards."""
        snapshot = await self._library.snapshot(name, revision, fresh=True)
        if snapshot is None:
            raise KeyError(f"{name} has no revision {revision}")
        return snapshot.commit

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._traffic.requests += 1
        try:
            self._admit()
            path = request.rel_url.raw_path
            for pattern, methods, handler in self._routes:
                if (match := pattern.match(path)) is not None:
                    if request.method not in methods.split():
                        raise RefusalError(
                            405, "", f"{request.method} is not supported", {"Allow": methods.replace(" ", ", ")}
                        )
                    parts = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
                    return await handler(request, parts)
            if path in {"/", "/healthz"}:
                return web.json_response({"repositories": list(self.repositories)})
            raise refusals.not_found()
        except RepositoryError as error:
            return RefusalError(500, "", str(error)).response()
        except DigestsClosedError:
            return RefusalError(503, "", "The hub is closing").response()
        except RefusalError as refusal:
            self._traffic.refused += refusal.status in {401, 403, 429}
            return refusal.response()

    def _admit(self) -> None:
        faults = self._options.faults
        if self._traffic.requests <= faults.fail_first_requests:
            self._traffic.failed += 1
            wait = faults.fail_retry_after_s
            raise RefusalError(
                faults.fail_status, "", "Asked to fail", {"Retry-After": str(wait)} if wait is not None else {}
            )
        if self._window is not None and (wait_s := self._window.admit()) > 0:
            raise refusals.too_many(wait_s)

    def _authorize(self, request: web.Request, name: str) -> None:
        """Raise the refusal with which the hub answers whoever may not see a repository."""
        options = self._options
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else ""
        known = token and (options.token is None or token == options.token or token in options.refused_tokens)
        if header and not known:
            raise refusals.bad_token()
        if not self._library.has(name):
            raise refusals.repository_unknown(name, authenticated=bool(known) or options.token is None)
        if token in options.refused_tokens:
            raise refusals.gated(name, authenticated=True)
        if name in options.gated and not known:
            raise refusals.gated(name, authenticated=False)
        if options.token is not None and not known:
            raise refusals.repository_unknown(name, authenticated=False)

    async def _snapshot(self, request: web.Request, parts: Mapping[str, str], *, fresh: bool) -> Snapshot:
        self._authorize(request, parts["name"])
        revision = parts.get("revision", DEFAULT_REVISION)
        snapshot = await self._library.snapshot(parts["name"], revision, fresh=fresh)
        if snapshot is None:
            raise refusals.revision_unknown(revision)
        return snapshot

    async def _serve_info(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        snapshot = await self._snapshot(request, parts, fresh=True)
        name = parts["name"]
        return _json(
            describe(
                name,
                snapshot,
                gated=name in self._options.gated,
                blobs=request.query.get("blobs", "").lower() in {"true", "1"},
                fault_of=self._lister(name),
                extra=self._options.faults.listed_names,
            ),
            {"X-Repo-Commit": snapshot.commit},
        )

    async def _serve_tree(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        snapshot = await self._snapshot(request, parts, fresh=True)
        recursive = request.query.get("recursive", "").lower() in {"true", "1"}
        folder = parts.get("path", "").strip("/")
        extra = self._options.faults.listed_names if not folder else ()
        entries = tree(snapshot, folder, recursive=recursive, fault_of=self._lister(parts["name"]), extra=extra)
        if entries is None:
            raise refusals.entry_unknown(snapshot.commit)
        start = _number(request.query.get("cursor"), 0)
        size = min(max(1, _number(request.query.get("limit"), self._options.page_size)), self._options.page_size)
        headers = {"X-Repo-Commit": snapshot.commit}
        if start + size < len(entries):
            query = urlencode({**request.query, "cursor": str(start + size)})
            headers["Link"] = f'<{self._base(request)}{request.rel_url.raw_path}?{query}>; rel="next"'
        return _json(entries[start : start + size], headers)

    async def _serve_paths(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        snapshot = await self._snapshot(request, parts, fresh=True)
        try:
            asked = msgspec.json.decode(await request.read(), type=_PathsBody).paths
        except msgspec.DecodeError:
            form = await request.post()
            asked = [value for value in form.getall("paths", []) if isinstance(value, str)]
        fault_of = self._lister(parts["name"])
        found = [entry(file, fault_of(path)) for path in asked if (file := snapshot.files.get(path)) is not None]
        return _json(list(found), {"X-Repo-Commit": snapshot.commit})

    async def _serve_refs(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        self._authorize(request, parts["name"])
        branches: list[JsonValue] = []
        for revision in self._library.revisions(parts["name"]):
            snapshot = await self._library.snapshot(parts["name"], revision, fresh=True)
            if snapshot is not None:
                branches.append({"name": revision, "ref": f"refs/heads/{revision}", "targetCommit": snapshot.commit})
        return _json({"branches": branches, "tags": [], "converts": [], "pullRequests": []})

    async def _serve_file(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        name, path = parts["name"], parts["path"]
        snapshot = await self._snapshot(request, parts, fresh=False)
        file = snapshot.files.get(path)
        if file is None or not await to_thread.run_sync(file.unchanged):
            snapshot = await self._snapshot(request, parts, fresh=True)
            file = snapshot.files.get(path)
        if file is None:
            raise refusals.entry_unknown(snapshot.commit)
        if not file.large:
            return await self._deliver(request, name, snapshot, file)
        fault = self._faults.of(name, path)
        size = fault.listed_size if fault is not None and fault.listed_size is not None else file.size
        digest = fault.listed_digest if fault is not None and fault.listed_digest else file.sha256
        etag = fault.etag if fault is not None and fault.etag is not None else digest
        self._count(name, path, request, 302)
        link = self._links.link(name, snapshot.commit, path)
        headers = {
            "Location": f"{self._base(request, link=True)}{link}",
            "X-Repo-Commit": snapshot.commit,
            "X-Linked-Size": str(size),
            "X-Linked-ETag": f'"{etag}"',
            "ETag": f'"{etag}"',
            "Accept-Ranges": "bytes",
        }
        return web.Response(status=302, headers=headers, text=f"Found. Redirecting to {quote(link)}")

    async def _serve_link(self, request: web.Request, parts: Mapping[str, str]) -> web.StreamResponse:
        self._traffic.tokens_at_links += hdrs.AUTHORIZATION in request.headers
        query = request.query
        self._links.check(request.rel_url.raw_path, query.get("Expires", ""), query.get("Signature", ""))
        if not self._library.has(parts["name"]):
            raise refusals.not_found()
        snapshot = await self._library.snapshot(parts["name"], parts["commit"], fresh=False)
        file = snapshot.files.get(parts["path"]) if snapshot is not None else None
        if snapshot is None or file is None:
            raise refusals.not_found()
        return await self._deliver(request, parts["name"], snapshot, file)

    async def _deliver(self, request: web.Request, name: str, snapshot: Snapshot, file: HubFile) -> web.StreamResponse:
        """Answer with content: the whole file, a range of it, or that the client has it already."""
        fault = (
            self._faults.take(name, file.path) if request.method == hdrs.METH_GET else self._faults.of(name, file.path)
        )
        if fault is not None and fault.status is not None:
            self._count(name, file.path, request, fault.status)
            self._traffic.failed += 1
            wait = fault.retry_after_s
            raise RefusalError(
                fault.status, "", "Asked to fail", {"Retry-After": str(wait)} if wait is not None else {}
            )
        etag = f'"{fault.etag if fault is not None and fault.etag is not None else file.etag}"'
        headers = {
            "ETag": etag,
            "X-Repo-Commit": snapshot.commit,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.path.rsplit('/', 1)[-1], safe='')}",
        }
        if _names(request.headers.get(hdrs.IF_NONE_MATCH), etag):
            self._count(name, file.path, request, 304)
            return web.Response(status=304, headers=headers)
        wanted: tuple[int, int] | None = None
        if not (fault is not None and fault.ignore_range) and _current(request.headers.get(hdrs.IF_RANGE), etag):
            try:
                wanted = parse_range(request.headers.get(hdrs.RANGE), file.size)
            except UnsatisfiableRangeError:
                self._count(name, file.path, request, 416)
                headers["Content-Range"] = f"bytes */{file.size}"
                return web.Response(status=416, headers=headers)
        start, end = wanted or (0, file.size)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        response = web.StreamResponse(status=206 if wanted is not None else 200, headers=headers)
        if fault is not None and fault.no_length:
            response.enable_chunked_encoding()
        else:
            response.content_length = end - start
        counted = self._count(name, file.path, request, response.status)
        if request.method == hdrs.METH_HEAD:
            await response.prepare(request)
            await response.write_eof()
            return response
        # Not in a thread: a client that leaves cancels this handler, and nobody would close what the thread opened.
        stream = open_unchanged(file)
        if stream is None:
            raise RefusalError(500, "", "The file changed on disk; ask for the revision again")
        with self._traffic.sending(counted, start) as sent:
            await send(request, response, stream, Delivery(file, start, end, fault, self._bucket, sent))
        return response

    def _count(self, name: str, path: str, request: web.Request, status: int) -> FileStatistics:
        return self._traffic.answered(name, path, status, head=request.method == hdrs.METH_HEAD)

    def _lister(self, name: str) -> Callable[[str], FileFault | None]:
        return lambda path: self._faults.of(name, path)

    def _base(self, request: web.Request, *, link: bool = False) -> str:
        """Scheme and host by which the client reached us, so that links work through a tunnel too."""
        if link and self._options.links_on_other_host:
            return f"http://localhost:{self._port}"
        return f"{request.scheme}://{request.host}"


class _PathsBody(msgspec.Struct):
    paths: list[str]


def _json(value: JsonValue, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", headers=headers)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else default


def _names(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` names this ETag."""
    if header is None:
        return False
    return header.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in header.split(","))


def _current(header: str | None, etag: str) -> bool:
    """Whether an `If-Range` allows a partial answer."""
    return header is None or header.strip() == etag
