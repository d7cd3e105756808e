"""Imports what a worker imports that neither reads settings nor starts: in the process that workers are forked from."""

import gc
from importlib import import_module

from tweetream.kafka.embedded import dies_with_parent

MODULES = """
aiokafka.admin faust.app.base faust.cli.faust faust.cli.worker faust.transport.drivers.aiokafka
faust.web.drivers.aiohttp numpy tweetream.cli.worker tweetream.engine.application tweetream.engine.snapshot
tweetream.engine.state tweetream.engine.worker tweetream.kafka.compacted tweetream.preflight tweetream.sources
tweetream.web.middleware
"""

for name in MODULES.split():
    import_module(name)
bind_to_server = dies_with_parent()
gc.freeze()  # a collection in a worker need not look through them, nor copy their pages
