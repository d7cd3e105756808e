"""The checks before anything starts: sources, topics, the model's file, abbreviations, tokens and ports.

A failed check ends the program with one line on standard error and status 2. No Faust here.
"""

from tweetream.archive.address import parse_address
from tweetream.archive.errors import BadArchive
from tweetream.models.messages import fail, say
from tweetream.models.model_info import SHIPPED_MODELS
from tweetream.models.token import BadTokens, exposure, parse_tokens
from tweetream.models.topic import BadTopic, check_name
from tweetream.settings import Settings
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
        if len(set(settings.topics)) > settings.max_topics:
            fail(f"TWEETREAM_TOPICS names more topics than TWEETREAM_MAX_TOPICS allows ({settings.max_topics})")
        if settings.model and str(settings.model) not in SHIPPED_MODELS and not settings.model.is_file():
            fail(f"TWEETREAM_MODEL: there is no file {settings.model}")
        if settings.abbreviations is not None:
            load_abbreviations(settings.abbreviations)
        if archive := settings.archive.get_secret_value():
            check_archive(archive)
        check_access(settings)
    except SourceError as error:
        fail(f"source: {error}")
    except BadTopic as error:
        fail(f"TWEETREAM_TOPICS: {error}")
    except BadAbbreviations as error:
        fail(f"TWEETREAM_ABBREVIATIONS: {error}")


def check_archive(text: str) -> None:
    """End the program if no search can read the archive."""
    try:
        if parse_address(text).kind == "parquet":
            fail("TWEETREAM_ARCHIVE: files cannot be searched; write sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    except BadArchive as error:
        fail(f"TWEETREAM_ARCHIVE: {error}")


def check_access(settings: Settings) -> None:
    """End the program if nobody could read, if no token can be read, or if two servers have one port."""
    if settings.tokens is not None:
        try:
            parse_tokens(settings.tokens.read_text("utf-8"))
            if wrong := exposure(settings.tokens.stat().st_mode, secret=False):
                say(f"warning: TWEETREAM_TOKENS: {settings.tokens}: {wrong}")
        except (OSError, UnicodeDecodeError, BadTokens) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            fail(f"TWEETREAM_TOKENS: {settings.tokens}: {reason}")
    elif settings.read == "token" and not settings.api_token.get_secret_value():
        fail("TWEETREAM_READ=token needs a token: set TWEETREAM_TOKENS or TWEETREAM_API_TOKEN")
    if settings.metrics_port == settings.web_port:
        fail("TWEETREAM_METRICS_PORT must be another port than TWEETREAM_WEB_PORT")
