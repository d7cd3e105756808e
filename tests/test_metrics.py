"""The reasons why a post is dropped are a closed list, and each is exported from the start."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tweetream.metrics import registry
from tweetream.models.drop import Drop


def samples(name: str) -> list[dict[str, str]]:
    text = generate_latest(registry).decode()
    return [s.labels for family in text_string_to_metric_families(text) for s in family.samples if s.name == name]


def test_every_reason_is_exported_before_any_post_was_dropped_and_no_other_is() -> None:
    assert sorted(labels["reason"] for labels in samples("tweetream_posts_dropped_total")) == sorted(Drop)


def test_reasons_are_the_documented_ones() -> None:
    assert set(Drop) == {
        "blank", "not_a_post", "malformed", "too_long", "language", "edited", "duplicate", "fenced", "unmatched",
        "refused",
    }  # fmt: skip


def test_counters_without_labels_are_exported_from_the_start() -> None:
    for name in ("posts_matched_total", "duplicates_total", "offset_gaps_total", "sse_clients"):
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
