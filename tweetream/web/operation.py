"""What an HTTP operation takes and answers, and the parameters that several have."""

from typing import Any

import msgspec

from tweetream.web.schemas import NAME

Schema = dict[str, Any]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter; its location is `path`, `query` or `header`."""

    name: str
    location: str
    schema: Schema
    about: str
    commas: bool = False  # a list, separated by commas


class Operation(msgspec.Struct, frozen=True):
    """A method of a path. `ok` maps each status to the type of its JSON, to a media type, or to None for no body.

    A tuple of types is one of them. `problems` are the statuses of its errors.
    """

    summary: str
    ok: dict[int, Any]
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    body: type | None = None
    token: bool = False  # whether it needs a token, where one is set
    public: bool = False  # whether it is open where reading needs a token
    any_query: bool = False  # whether it takes any query: links and probes carry what is not for us
    about: str = ""

    @property
    def query(self) -> tuple[str, ...]:
        """The names of its parameters in the query."""
        return tuple(one.name for one in self.parameters if one.location == "query")


_POSITION = "[a-z0-9][a-z0-9_-]{0,63}@[0-9a-z]{1,13}:[0-9]{1,19}"
POSITION: Schema = {"type": "string", "pattern": f"^{_POSITION}(,{_POSITION})*$"}
POSITION_OR_EMPTY: Schema = {
    "type": "string",
    "pattern": f"^({_POSITION}(,{_POSITION})*)?$",
}  # some clients send an empty one at first


def whole(least: int, most: int, default: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


name = Parameter("name", "path", NAME, "the topic")
label = Parameter("label", "query", {"type": "string"}, "only posts with this label of the model, or `unsure`")
min_score = Parameter(
    "min_score",
    "query",
    {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    "only posts with at least this score (the probability of their label); in digits, without an exponent",
)
since = Parameter(
    "since",
    "query",
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}]},
    "only posts that arrived at this time or later; ISO 8601, or milliseconds since 1970",
)
until = Parameter("until", "query", since.schema, "only posts that arrived before this time")
