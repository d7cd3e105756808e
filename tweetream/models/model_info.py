"""Which model classifies the posts: what `GET /model` answers and what the records of feeds name."""

from typing import NamedTuple


class ModelInfo(NamedTuple):
    """A model by its name and its file's SHA-256. A post whose score is below `threshold` is unsure."""

    name: str
    sha256: str
    labels: tuple[str, ...]
    threshold: float
