"""The harnesses of all sources in the contract. A new source adds its harness here."""

import pytest
from support.networks.contract import EXCEPTIONS, Ability, Harness
from support.networks.jetstream_harness import BlueskyHarness
from support.networks.lines_server import LinesHarness
from support.networks.mastodon_harness import MastodonHarness
from support.networks.replay_harness import ReplayHarness
from support.networks.x_harness import XHarness

HARNESSES: list[type[Harness]] = [ReplayHarness, LinesHarness, MastodonHarness, BlueskyHarness, XHarness]


def able_to(*abilities: Ability) -> pytest.MarkDecorator:
    """Run for every source with these abilities."""
    able = [harness for harness in HARNESSES if not any((harness.name, ability) in EXCEPTIONS for ability in abilities)]
    return pytest.mark.parametrize("network", able, ids=lambda harness: harness.name)


every_source = able_to()
