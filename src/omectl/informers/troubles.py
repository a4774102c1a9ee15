"""What went wrong with one collection, and when somebody should hear of it."""

import structlog

from omectl.kube.errors import Forbidden, InvalidResponse, Unauthorized

_log = structlog.stdlib.get_logger(__name__)
_PASSING_TROUBLES = 3
_PASSING_S = 2.0
_MOST_TOLD = 100


class Troubles:
    """Warns once of what somebody must mend, and of what does not pass by itself; the rest is logged for debugging.

    `last` is the newest one until the server answers well. Times are the loop's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.last: Exception | None = None
        self._in_a_row = 0
        self._told: set[str] = set()

    def note(self, error: Exception, at: float) -> None:
        """Remember, and tell if it is due."""
        self.last = error
        self._in_a_row += 1
        if self._in_a_row == 1:
            self._row_began_at = at
        must_be_mended = isinstance(error, InvalidResponse | Unauthorized | Forbidden)
        stays = self._in_a_row >= _PASSING_TROUBLES and at - self._row_began_at >= _PASSING_S
        text = str(error)
        told = text in self._told or len(self._told) >= _MOST_TOLD
        if told or not (must_be_mended or stays):
            _log.debug("reflector_round_ended", reflector=self._name, error=text)
            return
        self._told.add(text)
        _log.warning("reflector_round_ended", reflector=self._name, error=text)

    def end_row(self) -> None:
        """What comes next is a first trouble."""
        self._in_a_row = 0

    def end(self) -> None:
        """The server has answered well."""
        self.last = None
        self.end_row()

    def tell_again(self) -> None:
        """All has been well for long: what was told may be told anew."""
        self._told.clear()
