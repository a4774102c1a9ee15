"""Parts that many objects of a kind repeat, such as labels and owners: each is decoded and kept once."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from msgspec import Raw

_T = TypeVar("_T")
_MOST: Final = 1024


class Repeated(Generic[_T]):
    """One value for all who wrote it in the same bytes. What `decode` returns must not be changeable.

    Keeps `most` values and begins anew beyond: a part that differs in each object must not collect here.
    """

    def __init__(self, decode: Callable[[bytes], _T], *, most: int = _MOST) -> None:
        self._decode = decode
        self._most = most
        self._known: dict[bytes, _T] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, written: Raw) -> _T:
        """The value of these bytes. Raises what `decode` raises, and then keeps nothing."""
        value = bytes(written)
        try:
            return self._known[value]
        except KeyError:
            pass
        decoded = self._decode(value)
        if len(self._known) == self._most:
            self._known.clear()
        self._known[value] = decoded
        return decoded
