"""The events of a stream as httpx-sse gives them."""

from collections.abc import Iterator

from httpx_sse import EventSource, ServerSentEvent


def events_of(source: EventSource) -> Iterator[ServerSentEvent]:
    """The events of a stream without the first position, which tells only where the stream begins."""
    begun = False
    for event in source.iter_sse():
        if event.event == "position" and not begun:
            begun = True
        else:
            yield event
