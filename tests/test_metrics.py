"""The reasons why a post is dropped are a closed list, and each is exported from the start."""

import time

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tweetream import metrics
from tweetream.metrics import registry
from tweetream.models.drop import Drop


def samples(name: str) -> list[dict[str, str]]:
    text = generate_latest(registry).decode()
    return [s.labels for family in text_string_to_metric_families(text) for s in family.samples if s.name == name]


def value(name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None
    return found


def test_every_reason_is_exported_before_any_post_was_dropped_and_no_other_is() -> None:
    assert sorted(labels["reason"] for labels in samples("tweetream_posts_dropped_total")) == sorted(Drop)


def test_reasons_are_the_documented_ones() -> None:
    assert set(Drop) == {
        "blank", "not_a_post", "malformed", "too_long", "language", "edited", "duplicate", "fenced", "unmatched",
        "refused",
    }  # fmt: skip


def test_counters_without_labels_are_exported_from_the_start() -> None:
    for name in ("posts_matched_total", "duplicates_total", "offset_gaps_total", "offset_resets_total", "sse_clients"):
        assert samples(f"tweetream_{name}") == [{}], name


def test_the_documented_metrics_exist() -> None:
    families = {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert families >= {
        f"tweetream_{name}"
        for name in (
            "posts_read", "posts_matched", "posts_dropped", "posts_fed", "dead_letters", "duplicates", "offset_gaps",
            "sse_clients", "sse_dropped",
        )
    }  # fmt: skip


def test_the_series_of_topics_and_sources_begin_at_0_so_that_no_alert_misses_the_first_step() -> None:
    metrics.declare(["t-posts"], ["replay:a.txt"])
    assert {"topic": "t-posts"} in samples("tweetream_dead_letters_total")
    assert {"source": "replay:a.txt"} in samples("tweetream_posts_read_total")
    assert {"source": "replay:a.txt"} in samples("tweetream_source_reconnects_total")


def test_the_series_of_a_deleted_topic_go_and_those_of_one_that_was_added_again_stay() -> None:
    metrics.follow_feeds({}, {"t-feed-hujan-1": "hujan", "t-feed-macet-2": "macet"})
    assert {"topic": "hujan"} in samples("tweetream_posts_fed_total")
    assert {"topic": "t-feed-hujan-1"} in samples("tweetream_dead_letters_total")
    before = {"t-feed-hujan-1": "hujan", "t-feed-macet-2": "macet"}
    metrics.follow_feeds(before, {"t-feed-macet-3": "macet"})
    assert {"topic": "hujan"} not in samples("tweetream_posts_fed_total")
    assert {"topic": "macet"} in samples("tweetream_posts_fed_total")
    assert {"topic": "t-feed-macet-2"} not in samples("tweetream_dead_letters_total")


def test_a_sources_silence_grows_until_its_next_post_and_goes_with_its_worker() -> None:
    metrics.follow_silence("replay:b.txt", time.time() - 100)
    assert 100 <= value("tweetream_source_silence_seconds", source="replay:b.txt") < 110
    metrics.follow_silence("replay:b.txt", time.time())
    assert value("tweetream_source_silence_seconds", source="replay:b.txt") < 10
    metrics.forget_sources()
    assert {"source": "replay:b.txt"} not in samples("tweetream_source_silence_seconds")
