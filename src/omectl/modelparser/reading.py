"""Reading a model's facts from anywhere: says which bytes it wants, is given them, answers with the facts."""

from collections.abc import Mapping

from omectl.api.facts import ModelFacts
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.layout import plain_listing
from omectl.modelparser.parser import parse_model
from omectl.modelparser.requests import Request, needed_files
from omectl.modelparser.tensors import SafetensorsHeader, header_bytes, parse_safetensors_header
from omectl.modelparser.weights import TensorSummary

MAX_TENSORS_IN_ALL = 1_000_000


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
        if not request.path.lower().endswith(".safetensors"):
            self._files[request.path] = data
            return
        try:
            self._feed_header(request, self._prefixes.pop(request.path, b"") + data[: request.length])
        except ModelParseError as error:
            self._problems.append(error)

    def _feed_header(self, request: Request, prefix: bytes) -> None:
        path, size = request.path, self._sizes[request.path]
        end = header_bytes(prefix, size, path=path)
        if len(prefix) < end and len(prefix) == request.end:
            self._prefixes[path] = prefix
            self._wanted[path] = Request(path, len(prefix), end - len(prefix))
        else:
            header = parse_safetensors_header(prefix[:end], size, path=path)
            self._tensors += len(header.tensors)
            if self._tensors > MAX_TENSORS_IN_ALL:
                raise ModelParseError(
                    path, "header", f"{self._tensors} tensors so far", f"at most {MAX_TENSORS_IN_ALL}"
                )
            self._headers[path] = header

    def facts(self) -> ModelFacts:
        """The facts; `ModelParseError` when no document says what the model is."""
        if self._wanted:
            raise RuntimeError(f"{len(self._wanted)} reads are still to be fed")
        return parse_model(self._files, TensorSummary(self._headers, self.problems), self._sizes)
