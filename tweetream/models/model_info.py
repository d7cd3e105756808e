"""Which model classifies the posts: what `GET /model` answers and what the records of feeds name.

Two models come with the package. TWEETREAM_MODEL and `--model` take the name of one, or the path of another file.
"""

from typing import NamedTuple

SHIPPED_NAME = "shipped"  # of the default
SHIPPED_MODELS = {SHIPPED_NAME: "model.safetensors", "traffic-kinds": "traffic-kinds.safetensors"}


class ModelInfo(NamedTuple):
    """A model by its name and its file's SHA-256. A post whose score is below `threshold` is unsure."""

    name: str
    sha256: str
    labels: tuple[str, ...]
    threshold: float
