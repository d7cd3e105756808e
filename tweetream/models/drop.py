"""The closed list of reasons why a post is dropped. Posts read = matched + dropped, always."""

from enum import StrEnum


class Drop(StrEnum):
    """Why a post was dropped. Each member is a value of the label `reason`."""

    BLANK = "blank"  # an empty line
    NOT_A_POST = "not_a_post"  # a message of the network that is no post, such as a deletion
    MALFORMED = "malformed"  # a line that does not parse
    TOO_LONG = "too_long"  # a text over 64 KiB, or a line over 1 MiB
    LANGUAGE = "language"  # in a language that the source's URL leaves out
    EDITED = "edited"  # a new text of a post that was read before; the first text stays
    DUPLICATE = "duplicate"  # read again after another worker took over, or sent twice
    FENCED = "fenced"  # read by a worker that another one had replaced
    UNMATCHED = "unmatched"  # it matches no topic
    REFUSED = "refused"  # Kafka will never take it; it is a dead letter
