"""The sources in words: what each waits for, and when it tries again."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node
NOW = "2026-01-01T12:00:00.000Z"
QUIET = {
    **{"url": "bluesky:", "state": "streaming", "reason": "", "posts": 0, "posts_per_minute": 0},
    **{"last_post_at": None, "reconnects": 0, "retry_at": None},
}


def said(folder: Path, *sources: dict[str, Any], language: str = "en") -> list[tuple[str, bool]]:
    """What is said of each, and whether somebody should look."""
    script = f"""
    import {{ setLanguage }} from "./words.js";
    import {{ sourceWords }} from "./sources.js";
    setLanguage("{language}");
    const said = {json.dumps([{**QUIET, **source} for source in sources])}
      .map((source) => sourceWords(source, Date.parse("{NOW}")));
    console.log(JSON.stringify(said.map(({{ text, alert }}) => [text, alert])));
    """
    return [(text, alert) for text, alert in page_modules.run(folder, script)]


def test_a_source_that_cannot_be_reached_says_why_and_counts_down(tmp_path: Path) -> None:
    away = {"state": "backing-off", "reason": "no such host.", "retry_at": "2026-01-01T12:00:11.200Z"}
    assert said(tmp_path, away) == [("cannot be reached: no such host; tries again in 12 s", True)]
    assert said(tmp_path, away, language="id") == [
        ("tidak dapat dihubungi: no such host; mencoba lagi dalam 12 dtk", True)
    ]


def test_a_time_that_has_passed_or_is_unknown_is_never_counted_below_nothing(tmp_path: Path) -> None:
    times = ["2026-01-01T11:59:00.000Z", None]
    found = said(tmp_path, *({"state": "backing-off", "retry_at": at} for at in times))
    assert found == [("cannot be reached; tries again now", True)] * 2


def test_a_source_that_streams_is_calm_and_says_how_much_comes(tmp_path: Path) -> None:
    last = "2026-01-01T11:57:00.000Z"
    busy, new, quiet = said(tmp_path, {"posts_per_minute": 1, "last_post_at": last}, {}, {"last_post_at": last})
    assert busy[0].startswith("1 post a minute; last post 3") and not busy[1]
    assert new == ("connected, no post yet", False)
    assert quiet[0].startswith("connected, quiet; last post 3") and not quiet[1]


def test_a_refused_source_says_that_it_is_not_tried_again(tmp_path: Path) -> None:
    ((text, alert),) = said(tmp_path, {"state": "refused", "reason": "401 Unauthorized"})
    assert text.startswith("refused: 401 Unauthorized; it is not tried again") and alert


def test_the_other_states_call_for_nobody_and_one_of_a_newer_worker_is_shown_as_it_is(tmp_path: Path) -> None:
    assert said(
        tmp_path,
        {"state": "connecting"},
        {"state": "connecting", "reason": "reset"},
        {"state": "ended", "posts": 1200},
        {"state": "resting", "reason": "night"},
    ) == [
        ("connecting…", False),
        ("tries again now; the last time: reset", False),
        ("at its end, 1,200 posts read", False),
        ("resting: night", False),
    ]


def test_a_source_is_called_by_its_network_and_what_tells_it_from_others(tmp_path: Path) -> None:
    names = {
        "bluesky:": "Bluesky",
        "bluesky://": "Bluesky",
        "bluesky:?url=ws://127.0.0.1:1": "Bluesky",
        "mastodon://mas.example": "Mastodon mas.example",
        "mastodon://mas.example/?scheme=http": "Mastodon mas.example",
        "replay:/data/posts.csv?rate=20&loop=true": "Replay posts.csv",
        "x:": "X",
        "radio://tower": "radio tower",
        "odd": "odd",
    }
    urls = json.dumps(list(names))
    script = f'import {{ sourceName }} from "./sources.js"; console.log(JSON.stringify({urls}.map(sourceName)));'
    assert page_modules.run(tmp_path, script) == list(names.values())
