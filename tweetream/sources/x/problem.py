"""X's description of an error: in a response, in its `errors`, or in a line of the stream."""

import msgspec


class XProblem(msgspec.Struct):
    """One error, with the fields that X uses in different places."""

    title: str | None = None
    type: str | None = None
    detail: str | None = None
    details: list[str] | None = None
    message: str | None = None
    value: str | None = None  # of a rule

    def line(self) -> str:
        """X's explanation in one line, of any length and with any characters."""
        return " ".join((self.detail or self.message or "; ".join(self.details or ()) or self.title or "").split())

    @property
    def is_cap(self) -> bool:
        """Whether X allows no more rules."""
        return (self.type or "").endswith("/rule-cap")

    @property
    def is_duplicate(self) -> bool:
        """Whether X has the same rule already."""
        return (self.type or "").endswith("/duplicate-rules") or self.title == "DuplicateRule"
