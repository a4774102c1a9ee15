"""Which fault an answer gets, and how often it still happens."""

from omectl.local.hub.options import Faults, FileFault


class FaultPlan:
    """Counts down the faults of files as they happen. Belongs to one event loop."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults.files
        self._left = [fault.times for fault in faults.files]

    def of(self, repository: str, path: str) -> FileFault | None:
        """The fault that the next answer with this file's content will have."""
        index = self._index(repository, path)
        return None if index is None else self._faults[index]

    def take(self, repository: str, path: str) -> FileFault | None:
        """The same, counted as happened."""
        index = self._index(repository, path)
        if index is None:
            return None
        left = self._left[index]
        if left is not None:
            self._left[index] = left - 1
        return self._faults[index]

    def _index(self, repository: str, path: str) -> int | None:
        for index, fault in enumerate(self._faults):
            if self._left[index] != 0 and fault.matches(repository, path):
                return index
        return None
