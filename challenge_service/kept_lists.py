"""Lists that are kept as encoded responses.

A list is a function of the request, the catalogue, the shown periods, and the values that are read of the player. So it
is kept by all of these, and not by the player: what a player has now is read for every call, and a list that was made
from the same values is the same list. Nothing has to be invalidated, and nothing can be out of date.

Decoding 500 completions and splicing them takes several times what reading them takes. Most players look at a list
more often than they change it. One look says nothing about another one, so a list is kept when it is made for the
second time: players who look once leave no more than a number. Once there is no more room, a list takes the place of
those that were asked for less often only. With more players than there is room for, lists that came and went without
being found would cost a fifth of a call and more, for memory that is not in the processor's cache.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from operator import is_
from typing import NamedTuple

from shared.postgres.execution import Values

LOOKS_MAX = 8_192
"""Number of looks at lists that are not kept after which all counts of looks are halved; so there are at most twice as
many counts, of about a hundred bytes each."""

_ENTRY_BYTES = 1_024
"""About what an entry takes in addition to its response and the values in its key."""


class _Kept(NamedTuple):
    """A list that is kept."""

    key: Hashable
    response: bytes
    size: int
    """Number of bytes that it takes."""


class KeptLists:
    """Encoded lists, up to a number of bytes: those that are asked for most often, by counts that fade."""

    def __init__(self, bytes_max: int) -> None:
        """With 0 bytes nothing is kept."""
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._basis: tuple[object, ...] = ()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        """By the hash of their keys: of two lists with the same one, only the first is kept."""
        self._bytes = 0
        self._looks: dict[int, int] = {}
        """The number of times that lists were asked for, by the hash of their keys, faded."""
        self._made = 0

    @property
    def total_bytes(self) -> int:
        """The number of bytes that are kept."""
        return self._bytes

    def lookup(self, basis: tuple[object, ...], request: Hashable) -> Lookup:
        """Return the search for the list of a request, which is complete once a player is read.

        `basis` are the objects that all lists are made from until they change. With None as the request, nothing is
        found and nothing is kept.
        """
        return Lookup(self, basis, request if self._bytes_max else None)

    def find(self, basis: tuple[object, ...], number: int, key: Hashable) -> bytes | None:
        """Return a list that is kept, or None. Forget all that were made from another basis.

        `number` is the hash of the key.
        """
        with self._lock:
            if not self._is_of(basis):
                self._kept.clear()
                self._looks.clear()
                self._bytes = 0
                self._basis = basis
                return None
            found = self._kept.get(number)
            if found is None or found.key != key:
                return None
            self._kept.move_to_end(number)
            self._look(number)
            return found.response

    def keep(self, basis: tuple[object, ...], number: int, key: Hashable, response: bytes, values: Values) -> None:
        """Keep a list if it is made for the second time, and there is room or what is less asked for takes it.

        `number` is the hash of the key, and `values` are the part of it whose length counts.
        """
        if len(response) > self._bytes_max:
            return
        with self._lock:
            if not self._is_of(basis) or number in self._kept:
                return
            looks = self._look(number)
            self._made += 1
            if self._made >= LOOKS_MAX:
                self._fade()
            if looks > 1:
                size = len(response) + sum(map(len, filter(None, values))) + _ENTRY_BYTES
                if size <= self._bytes_max and self._make_room(size, looks):
                    self._kept[number] = _Kept(key, response, size)
                    self._bytes += size

    def _look(self, number: int) -> int:
        """Count a look at a list, and return how many there were."""
        looks = self._looks[number] = self._looks.get(number, 0) + 1
        return looks

    def _fade(self) -> None:
        """Halve all counts of looks, and forget those of a single one."""
        self._looks = {number: looks // 2 for number, looks in self._looks.items() if looks > 1}
        self._made = 0

    def _make_room(self, size: int, looks: int) -> bool:
        """Drop lists that were asked for less often than `looks`, and return whether there is room then.

        The one that was not asked for the longest goes first; one that was asked for as often stays, and ends it.
        """
        while self._bytes + size > self._bytes_max:
            number = next(iter(self._kept))
            if self._looks.get(number, 0) >= looks:
                return False
            self._bytes -= self._kept.pop(number).size
        return True

    def _is_of(self, basis: tuple[object, ...]) -> bool:
        # By identity: comparing catalogues would take longer than making a list.
        return len(basis) == len(self._basis) and all(map(is_, basis, self._basis))


class Lookup:
    """The search for one list."""

    __slots__ = ("_basis", "_key", "_lists", "_number", "_request", "_values", "response")

    def __init__(self, lists: KeptLists, basis: tuple[object, ...], request: Hashable) -> None:
        self._lists = lists
        self._basis = basis
        self._request = request
        self._key: Hashable = None
        self._number = 0
        self._values: Values = ()
        self.response = b""
        """The list, if it was found."""

    def is_known(self, values: Values) -> bool:
        """Look for the list that was made from these values, and return whether it is kept."""
        if self._request is None:
            return False
        self._values = values
        self._key = self._request, values
        # Computed once: the values may have many kilobytes.
        self._number = hash(self._key)
        found = self._lists.find(self._basis, self._number, self._key)
        self.response = found or b""
        return found is not None

    def keep(self, response: bytes) -> None:
        """Keep the list that was made, if it is made for the second time."""
        if self._request is not None:
            self._lists.keep(self._basis, self._number, self._key, response, self._values)
