"""The checks before anything starts: sources, topics, the model's file, abbreviations.

A failed check ends the program with one line on standard error and status 2. No Faust here.
"""

from tweetream.models.topic import BadTopic, check_name
from tweetream.settings import Settings, fail
from tweetream.sources import Context, SourceError, open_source, without_secret
from tweetream.text import BadAbbreviations, load_abbreviations


def check(settings: Settings) -> None:
    """End the program at the first setting that cannot work."""
    try:
        seen: set[str] = set()
        for url in settings.sources:
            open_source(url, Context(settings, dict)).check()
            if (shown := without_secret(url)) in seen:  # both would have the same position
                raise SourceError(f"{shown} is given twice; give each once")
            seen.add(shown)
        for name in settings.topics:
            check_name(name)
        if settings.model is not None and not settings.model.is_file():
            fail(f"TWEETREAM_MODEL: there is no file {settings.model}")
        if settings.abbreviations is not None:
            load_abbreviations(settings.abbreviations)
    except SourceError as error:
        fail(f"source: {error}")
    except BadTopic as error:
        fail(f"TWEETREAM_TOPICS: {error}")
    except BadAbbreviations as error:
        fail(f"TWEETREAM_ABBREVIATIONS: {error}")
