"""The posts that a source gave last, by id and author, so that what it reads again is known.

Duty: a source that goes back a little after each connection asks here what it has given already, and whose posts it
gave. It holds for one source object alone: what another worker gave is known by the ids in the batches. Bounded.
"""

from collections import OrderedDict, deque

MARKS = 1_000  # chunks that one can go back to


class Recent:
    """The last `size` ids, in the order they were given."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._authors: OrderedDict[str, str] = OrderedDict()  # by id
        self._ids: dict[str, list[str]] = {}  # by author
        self._given = 0
        self._marks: deque[tuple[str, int]] = deque(maxlen=MARKS)

    def add(self, id: str, author: str) -> bool:
        """Remember a post; false if it is known."""
        if id in self._authors:
            return False
        self._authors[id] = author
        self._ids.setdefault(author, []).append(id)
        self._given += 1
        if len(self._authors) > self._size:
            self._forget(last=False)
        return True

    def by(self, author: str) -> list[str]:
        """The ids of this author, oldest first."""
        return list(self._ids.get(author, ()))

    def mark(self, position: str) -> None:
        """What was added until now was given in chunks up to this position."""
        self._marks.append((position, self._given))

    def back_to(self, position: str) -> None:
        """Forget what was given behind this position: it is asked for again. Of an unknown position forget all."""
        given = next((given for known, given in self._marks if known == position), None)
        while self._authors and (given is None or self._given > given):
            self._forget(last=True)
            self._given -= 1
        while self._marks and self._marks[-1][1] > self._given:
            self._marks.pop()

    def _forget(self, last: bool) -> None:
        _, author = self._authors.popitem(last=last)
        ids = self._ids[author]
        ids.pop(-1 if last else 0)
        if not ids:
            del self._ids[author]
