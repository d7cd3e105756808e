"""The posts that a source gave last, by id and author. A source asks here which posts it has given before.

A source needs this because it goes back a little after each connection. The memory is bounded and belongs to one
source object; posts that another worker gave are recognised by the ids in the batches.
"""

from collections import OrderedDict, deque

MARKS = 1_000  # chunks that a source can go back


class SeenPosts:
    """The last `size` ids, in the order they were given."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._authors: OrderedDict[str, str] = OrderedDict()  # by id
        self._ids: dict[str, list[str]] = {}  # by author
        self._given = 0
        self._marks: deque[tuple[str, int]] = deque(maxlen=MARKS)

    def add(self, id: str, author: str) -> bool:
        """Remember a post; false if it is known already."""
        if id in self._authors:
            return False
        self._authors[id] = author
        self._ids.setdefault(author, []).append(id)
        self._given += 1
        if len(self._authors) > self._size:
            self._forget(last=False)
        return True

    def by(self, author: str) -> list[str]:
        """The ids of an author's posts, oldest first."""
        return list(self._ids.get(author, ()))

    def mark(self, position: str) -> None:
        """Note that all posts added so far were given up to this position."""
        self._marks.append((position, self._given))

    def rewind(self, position: str) -> None:
        """Forget the posts given after this position, since they will be read again. If it is unknown, forget all."""
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
