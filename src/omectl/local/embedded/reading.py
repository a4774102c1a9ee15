"""The verbs that change nothing: get, list, and how a watch begins. Pure and synchronous."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from omectl.api.json import JsonObject
from omectl.local.embedded import statuses
from omectl.local.embedded.objects import in_order, sort_key
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.representations import Representation, parse_accept
from omectl.local.embedded.requests import Place, RecordedRequest
from omectl.local.embedded.selectors import Selection, parse_selection
from omectl.local.embedded.statuses import Refusal, VersionTooNew
from omectl.local.embedded.storage import State, Storage, Stored
from omectl.local.embedded.watchers import Watcher

_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"
_MATCH = "resourceVersionMatch"
_INCONSISTENT = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class OpenWatch:
    """A watch that has begun; `marker_due` says that the marker is still to be sent, after the initial events."""

    watcher: Watcher
    timeout_s: float
    bookmarks: bool
    marker_due: bool
    too_new: VersionTooNew | None = None


class _Token(msgspec.Struct):
    """What a continue token says."""

    v: str
    rv: int
    start: str


class Reader:
    """Answers reads from a storage; raises Refusal, and VersionTooNew for what has not happened yet."""

    def __init__(self, storage: Storage, options: EmbeddedOptions) -> None:
        self._storage = storage
        self._options = options

    def get(self, request: RecordedRequest, place: Place) -> Answer:
        """One object."""
        representation = self._representation(request, place, of_list=False)
        version = request.query.get("resourceVersion", "")
        if version:
            self._storage.await_version(_version(version))
        stored = self._storage.get(place.served.shelf, place.key)
        if stored is None:
            raise statuses.not_found(place.served, place.name)
        return Answer(200, representation.one(stored))

    def page(self, request: RecordedRequest, place: Place) -> Answer:
        """A page of a collection."""
        query = request.query
        representation = self._representation(request, place, of_list=True)
        _check_list_options(request)
        selection = parse_selection(place.served, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        limit = max(0, _number(query.get("limit", "")))
        token = query.get("continue", "")
        after = ""
        if token:
            version, after, state = self._continued(place, token)
            if query.get("resourceVersion") == "0" and self._options.watch_cache:
                limit = 0
        else:
            version, state, limit = self._from_start(place, query, limit)
        found = self._page(state, place.namespace, selection, after)
        page = found[:limit] if limit else found
        metadata: JsonObject = {"resourceVersion": str(version)}
        if len(page) < len(found):
            metadata["continue"] = _encode_token(version, page[-1])
            if selection.everything:
                metadata["remainingItemCount"] = len(found) - len(page)
        return Answer(200, representation.many(page, metadata))

    def watch(self, request: RecordedRequest, place: Place, wake: Callable[[], None]) -> OpenWatch:
        """A watcher with everything that it has to say so far; the caller tells it of what comes."""
        query = request.query
        representation = self._representation(request, place, of_list=False)
        streaming = request.flag("sendInitialEvents")
        _check_watch_options(request, served_here=self._options.streaming_lists)
        selection = parse_selection(place.served, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        timeout_s = _number(query.get("timeoutSeconds", "")) or self._options.watch_timeout_s
        bookmarks = request.flag("allowWatchBookmarks") is True
        text = query.get("resourceVersion", "")
        version = _version(text) if text else 0
        newest = self._storage.version
        from_state = streaming is True or (streaming is None and version == 0)
        start = newest if from_state or version == 0 else version
        watcher = Watcher(representation, place.namespace, selection, wake=wake, after=start)
        too_new: VersionTooNew | None = None
        if streaming is True and version > newest:
            too_new = VersionTooNew(version, newest)
        elif from_state:
            watcher.initial(in_order(self._storage.state(place.served.shelf).values()))
        elif version:
            try:
                watcher.catch_up(self._storage.changes_after(place.served.shelf, version))
            except Refusal as expired:
                # A version that is forgotten is told within the stream, as its first and last event.
                watcher.fail(expired.body)
        return OpenWatch(watcher, float(timeout_s), bookmarks, streaming is True and bookmarks, too_new)

    def _representation(self, request: RecordedRequest, place: Place, *, of_list: bool) -> Representation:
        form = parse_accept(request.header("accept"), of_list=of_list, custom=place.served.custom)
        include = request.query.get("includeObject", "") or "Metadata"
        return Representation(
            served=place.served,
            form=form,
            include=include,
            now=self._options.clock.now(),
        )

    def _from_start(self, place: Place, query: Mapping[str, str], limit: int) -> tuple[int, State, int]:
        text, match = query.get("resourceVersion", ""), query.get(_MATCH, "")
        shelf = place.served.shelf
        version = _list_version(text)
        if version and (match == _EXACT or (not match and limit)):
            return version, self._storage.state_at(shelf, version), limit
        self._storage.await_version(version)
        if text == "0" and self._options.watch_cache:
            limit = 0  # the watch cache has everything at hand and gives it whole
        return self._storage.version, self._storage.state(shelf), limit

    def _continued(self, place: Place, text: str) -> tuple[int, str, State]:
        token = _decode_token(text)
        if token.rv == _INCONSISTENT:
            return self._storage.version, token.start, self._storage.state(place.served.shelf)
        if not self._storage.remembers(place.served.shelf, token.rv):
            raise statuses.continue_expired(_token(_INCONSISTENT, token.start))
        return token.rv, token.start, self._storage.state_at(place.served.shelf, token.rv)

    def _page(self, state: State, namespace: str, selection: Selection, after: str) -> list[Stored]:
        return [
            stored
            for stored in in_order(state.values())
            if (not namespace or stored.key.namespace == namespace)
            and (not after or sort_key(stored.key) > after)
            and selection.matches(stored.obj)
        ]


def _check_list_options(request: RecordedRequest) -> None:
    query = request.query
    version, match = query.get("resourceVersion", ""), query.get(_MATCH, "")
    causes: list[tuple[str, str, str]] = []
    if match and query.get("continue"):
        causes.append(_forbidden(f"{_MATCH} is forbidden when continue is provided"))
    elif match and not version:
        causes.append(_forbidden(f"{_MATCH} is forbidden unless resourceVersion is provided"))
    elif match == _EXACT and version == "0":
        causes.append(_forbidden(f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    elif match not in {"", _EXACT, _NOT_OLDER}:
        supported = f'supported values: "{_EXACT}", "{_NOT_OLDER}", ""'
        causes.append(("FieldValueNotSupported", _MATCH, f'Unsupported value: "{match}": {supported}'))
    if request.flag("sendInitialEvents") is not None:
        message = "Forbidden: sendInitialEvents is forbidden for list"
        causes.append(("FieldValueForbidden", "sendInitialEvents", message))
    if causes:
        raise statuses.invalid_options("ListOptions", causes)
    if query.get("continue") and version not in {"", "0"}:
        raise statuses.bad_request("specifying resource version is not allowed when using continue")


def _check_watch_options(request: RecordedRequest, *, served_here: bool) -> None:
    streaming, match = request.flag("sendInitialEvents"), request.query.get(_MATCH, "")
    causes: list[tuple[str, str, str]] = []
    if streaming is not None and not served_here:
        message = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        causes.append(("FieldValueForbidden", "sendInitialEvents", message))
    elif streaming is None and match:
        causes.append(_forbidden(f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"))
    elif streaming is not None and match != _NOT_OLDER:
        causes.append(_forbidden(f"sendInitialEvents requires setting {_MATCH} to {_NOT_OLDER}"))
        if match:
            message = f'Unsupported value: "{match}": supported values: "{_NOT_OLDER}"'
            causes.append(("FieldValueNotSupported", _MATCH, message))
    if causes:
        raise statuses.invalid_options("ListOptions", causes)


def _forbidden(message: str) -> tuple[str, str, str]:
    return "FieldValueForbidden", _MATCH, f"Forbidden: {message}"


def _list_version(text: str) -> int:
    if text and not _is_number(text):
        raise statuses.bad_request(f"invalid resource version: {_malformed(text)}")
    return int(text or 0)


def _version(text: str) -> int:
    if not _is_number(text):
        raise statuses.plain_error(_malformed(text))
    return int(text)


def _malformed(text: str) -> str:
    return f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'


def _number(text: str) -> int:
    if not text:
        return 0
    if not _is_number(text.removeprefix("-")):
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _encode_token(version: int, last: Stored) -> str:
    return _token(version, sort_key(last.key))


def _token(version: int, start: str) -> str:
    encoded = msgspec.json.encode(_Token("meta.k8s.io/v1", version, start))
    return base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def _decode_token(text: str) -> _Token:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Token)
    except (ValueError, msgspec.DecodeError) as error:
        raise statuses.bad_request(f"invalid continue token: continue key is not valid: {error}") from error
