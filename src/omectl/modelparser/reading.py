"""Reading a model's facts from anywhere: says which bytes it wants, is given them, answers with the facts."""

from collections.abc import Mapping

from omectl.api.facts import ModelFacts
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.gguf import MAX_GGUF_HEADER, GgufHeader, HeaderCutError, parse_gguf_header
from omectl.modelparser.layout import plain_listing
from omectl.modelparser.parser import parse_model
from omectl.modelparser.requests import Request, needed_files
from omectl.modelparser.tensors import SafetensorsHeader, header_bytes, parse_safetensors_header
from omectl.modelparser.weights import TensorSummary

MAX_TENSORS_IN_ALL = 1_000_000
_GROWTH = 8


class ModelReading:
    """A model's facts, in as few reads as possible; does no I/O itself.

        reading = ModelReading(listing)
        while requests := reading.wanted():
            for request in requests:
                reading.feed(request, fetch(request))
        facts = reading.facts()

    Every request has to be fed before `wanted` is asked again; the answers may come in any order. A weight
    file that can't be understood doesn't end the reading: it is left out of the count and named in `problems`.
    Use it from one task or thread at a time.
    """

    def __init__(self, listing: Mapping[str, int]) -> None:
        self._sizes = plain_listing(listing)
        self._wanted: dict[str, Request] = {request.path: request for request in needed_files(self._sizes)}
        self._files: dict[str, bytes] = {}
        self._prefixes: dict[str, bytes] = {}
        self._headers: dict[str, SafetensorsHeader] = {}
        self._gguf: dict[str, GgufHeader] = {}
        self._problems: list[ModelParseError] = []
        self._tensors = 0

    @property
    def problems(self) -> tuple[ModelParseError, ...]:
        """Weight files that could not be read, each with its reason."""
        return tuple(self._problems)

    def wanted(self) -> tuple[Request, ...]:
        """The reads to make now; empty when `facts` can be asked."""
        return tuple(self._wanted.values())

    def feed(self, request: Request, data: bytes) -> None:
        """Take the bytes of one request; fewer bytes than asked for count as a cut file."""
        if self._wanted.pop(request.path, None) != request:
            raise ValueError(f"{request} was not asked for")
        kind = request.path.lower().rpartition(".")[2]
        if kind not in {"safetensors", "gguf"}:
            self._files[request.path] = data
            return
        prefix = self._prefixes.pop(request.path, b"") + data[: request.length]
        try:
            if kind == "gguf":
                self._feed_gguf(request, prefix)
            else:
                self._feed_header(request, prefix)
        except ModelParseError as error:
            self._problems.append(error)

    def _feed_header(self, request: Request, prefix: bytes) -> None:
        path, size = request.path, self._sizes[request.path]
        end = header_bytes(prefix, size, path=path)
        if len(prefix) < end and len(prefix) == request.end:
            # From the start once more: joined to what was read, a long header would be in memory twice.
            self._wanted[path] = Request(path, 0, end)
        else:
            header = parse_safetensors_header(prefix[:end], size, path=path)
            self._count_tensors(path, len(header.tensors))
            self._headers[path] = header

    def _feed_gguf(self, request: Request, prefix: bytes) -> None:
        """A header whose length only its end tells: read on in ever longer pieces."""
        path, size = request.path, self._sizes[request.path]
        try:
            header = parse_gguf_header(prefix, size, path=path)
        except HeaderCutError as error:
            if len(prefix) < request.end:
                raise ModelParseError(path, "header", f"{len(prefix)} bytes", f"{request.end} bytes") from error
            end = min(size, MAX_GGUF_HEADER, max(error.needed, len(prefix) * _GROWTH))
            self._prefixes[path] = prefix
            self._wanted[path] = Request(path, len(prefix), end - len(prefix))
        else:
            self._count_tensors(path, len(header.tensors))
            self._gguf[path] = header

    def _count_tensors(self, path: str, count: int) -> None:
        self._tensors += count
        if self._tensors > MAX_TENSORS_IN_ALL:
            raise ModelParseError(path, "header", f"{self._tensors} tensors so far", f"at most {MAX_TENSORS_IN_ALL}")

    def facts(self) -> ModelFacts:
        """The facts; `ModelParseError` when no document says what the model is."""
        if self._wanted:
            raise RuntimeError(f"{len(self._wanted)} reads are still to be fed")
        return parse_model(self._files, TensorSummary(self._headers, self.problems, self._gguf), self._sizes)
