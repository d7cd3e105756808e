"""The closed list of reasons for which a post is dropped. read = matched + dropped, always."""

from enum import StrEnum


class Drop(StrEnum):
    """Why a post was dropped. Each member is a value of the label `reason`."""

    BLANK = "blank"  # a line with nothing in it
    NOT_A_POST = "not_a_post"  # deletes, limits and other notices among the posts
    MALFORMED = "malformed"  # a line that no parser of its format can read
    TOO_LONG = "too_long"  # a text over 64 KiB, or a line over 1 MiB
    LANGUAGE = "language"  # in a language that the source's URL does not ask for
    EDITED = "edited"  # a new text of a post: the first one stays
    DUPLICATE = "duplicate"  # read again after another worker took over, or sent twice
    FENCED = "fenced"  # read by a worker that another one had replaced
    UNMATCHED = "unmatched"  # no topic wants it
    REFUSED = "refused"  # Kafka will never take it; in the dead letters
