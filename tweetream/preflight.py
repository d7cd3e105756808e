"""What can be known to be wrong before anything starts: sources, topics, model, abbreviations.

Ends with one line on standard error and status 2. Knows no Faust.
"""

from tweetream.models.topic import BadTopic, check_name
from tweetream.settings import Settings, fail
from tweetream.sources import Context, SourceError, open_source, without_secret


def check(settings: Settings) -> None:
    """End for the first of the settings that cannot work."""
    try:
        seen: set[str] = set()
        for url in settings.sources:
            open_source(url, Context(settings, dict)).check()
            if (shown := without_secret(url)) in seen:  # they would have one position
                raise SourceError(f"{shown} is given twice; give each once")
            seen.add(shown)
        for name in settings.topics:
            check_name(name)
        if settings.model is not None and not settings.model.is_file():
            fail(f"TWEETREAM_MODEL: there is no file {settings.model}")
    except SourceError as error:
        fail(f"source: {error}")
    except BadTopic as error:
        fail(f"TWEETREAM_TOPICS: {error}")
