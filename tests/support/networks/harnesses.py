"""All sources that the contract is for, each by its harness. A new source adds its own here."""

import pytest
from support.networks.contract import EXCEPTIONS, Ability, Harness
from support.networks.jetstream_harness import BlueskyHarness
from support.networks.lines_server import LinesHarness
from support.networks.mastodon_harness import MastodonHarness
from support.networks.replay_harness import ReplayHarness
from support.networks.x_harness import XHarness

HARNESSES: list[type[Harness]] = [ReplayHarness, LinesHarness, MastodonHarness, BlueskyHarness, XHarness]


def who_can(*abilities: Ability) -> pytest.MarkDecorator:
    """Run for every source but those that cannot by nature."""
    able = [harness for harness in HARNESSES if not any((harness.name, ability) in EXCEPTIONS for ability in abilities)]
    return pytest.mark.parametrize("network", able, ids=lambda harness: harness.name)


every_source = who_can()
