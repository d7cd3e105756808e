"""The private parts of libraries that we use, and those that a release of a library no longer has.

Run as a program, for one room or all of them, it prints what is missing and then ends with status 1.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import tweetream

# Private attributes and methods that we read, call or set without overriding them, by the class that has them.
TOUCHED = {
    "faust.transport.consumer:Consumer": [
        "_acked",
        "_acked_index",
        "_clean_unacked_messages",
        "_committed_offset",
        "_is_changelog_tp",
        "_read_offset",
        "_unacked_messages",
        "_waiting_for_ack",
    ],
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread": ["_ensure_consumer"],
    "faust.assignor.partition_assignor:PartitionAssignor": ["_table_manager"],
    "faust.tables.manager:TableManager": ["_recovery", "_update_channels"],
    "faust.worker:Worker": ["_shutdown_immediately"],
    "mode.services:Service": ["_stopped"],
    "mode.utils.queues:FlowControlEvent": ["_suspend"],
    "aiohttp.web:RequestHandler": ["_request_count", "_waiter"],
    "aiohttp.web:BaseSite": ["_runner", "_server", "_ssl_context"],
    "faust.web.drivers.aiohttp:Web": ["_runner"],
    "aiokafka:AIOKafkaConsumer": ["_client", "_coordinator", "_fetch_max_wait_ms"],
    "aiokafka.admin:AIOKafkaAdminClient": ["_client"],
    "aiokafka.client:AIOKafkaClient": ["_get_conn", "_metadata_update", "_metadata_max_age_ms"],
    "aiokafka.cluster:ClusterMetadata": ["_partitions"],
    "aiokafka.conn:AIOKafkaConnection": ["_request_timeout", "_ssl_context", "_writer"],
}
# Public parts that no documentation promises, and without which something of ours fails in silence.
RELIED_ON = {
    "aiokafka:AIOKafkaProducer": ["create_batch", "send_batch", "client"],
    "aiokafka.client:AIOKafkaClient": [
        "set_topics",
        "force_metadata_update",
        "bootstrap",
        "fetch_all_metadata",
        "send",
    ],
    "aiokafka.cluster:ClusterMetadata": ["update_metadata", "failed_update", "internal_topics", "add_listener"],
    "aiokafka.consumer.group_coordinator:GroupCoordinator": ["fetch_committed_offsets"],
    "aiokafka.protocol.commit:OffsetFetchRequest": ["build"],
    "faust.cli.worker:worker": ["on_worker_created"],
    "aiohttp:ClientRequest": ["url", "headers"],
    "aiohttp.web:Request": ["transport"],
    "tweepy.asynchronous:AsyncStreamingClient": ["filter", "get_rules", "add_rules", "delete_rules", "session"],
}


def missing(room: str = "") -> list[str]:
    """What the installed libraries lack of what we touch, and a room of ours (or all) overrides, a line each."""
    lacking = [f"{owner} has no {name} any more" for owner, name in touched() if not _has(_load(owner), name)]
    for module in _modules(room):
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__:
                lacking += [f"{cls.__qualname__}.{name} overrides nothing any more" for name in _orphans(cls)]
    return lacking


def touched() -> Iterator[tuple[str, str]]:
    """Each class of a library with a name that we use of it."""
    for table in (TOUCHED, RELIED_ON):
        for owner, names in table.items():
            yield from ((owner, name) for name in names)


def overridden(cls: type) -> list[str]:
    """The names in a class that are marked as overrides."""
    return [name for name, value in vars(cls).items() if getattr(_function(value), "__override__", False)]


def unlisted() -> list[str]:
    """Private names of a library that a class of ours uses on itself, and that no table above has."""
    listed = {name for names in TOUCHED.values() for name in names}
    found = []
    for module in _modules():
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__:
                known = listed | set(overridden(cls))
                bases = [base for base in cls.__mro__[1:] if not base.__module__.startswith(("tweetream", "builtins"))]
                used = _private_names(cls) - known
                found += [
                    f"{cls.__qualname__} uses {name} of {base.__qualname__}"
                    for base in bases
                    for name in sorted(used)
                    if _has(base, name) and name in _private_names(base)
                ]
    return found


def _modules(room: str = "") -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(tweetream.__path__, "tweetream."):
        if found.name.startswith(f"tweetream.{room}") and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _load(owner: str) -> type:
    module, _, name = owner.partition(":")
    cls: type = getattr(importlib.import_module(module), name)
    return cls


def _function(value: object) -> object:
    """The function in a property, a class method, a cached property of functools or one of mode."""
    for wrapper in ("fget", "__func__", "func", "_cached_property__get"):
        value = getattr(value, wrapper, None) or value
    return value


def _has(cls: type, name: str) -> bool:
    """Whether the class has the name: as an attribute, or set on `self` in the code of a class it is made of."""
    return hasattr(cls, name) or any(name in _names_on_self(base) for base in cls.__mro__)


def _orphans(cls: type) -> list[str]:
    return [name for name in overridden(cls) if not any(name in vars(base) for base in cls.__mro__[1:])]


@cache
def _nodes(cls: type) -> list[ast.AST]:
    """The code of a class, as far as it names something of `self`: its attributes, and what is declared."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # of C, or made at run time
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) or _is_on_self(node)]


def _is_on_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _names_on_self(cls: type) -> set[str]:
    """The names of `self` that the code of a class assigns or declares."""
    stored = {node.attr for node in _nodes(cls) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    targets = [node.target for node in _nodes(cls) if isinstance(node, ast.AnnAssign)]
    return stored | {target.id for target in targets if isinstance(target, ast.Name)}


def _private_names(cls: type) -> set[str]:
    """The private names of `self` in the code of a class."""
    names = {node.attr for node in _nodes(cls) if isinstance(node, ast.Attribute) and _is_on_self(node)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


if __name__ == "__main__":
    gone = missing(*sys.argv[1:])
    print(*gone, sep="\n")
    sys.exit(bool(gone))
