"""Errors of a group's coordinator that aiokafka passes over when it asks for committed offsets.

While a broker starts, or a group moves to another broker, the answer has an error for the group and no partitions.
aiokafka looks at the errors of partitions alone, so it takes the offsets for missing: a worker would read everything
again. Here the error is raised, and aiokafka looks for the coordinator again and repeats its question.
"""

from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchRequest


def heed_group_errors(connections: AIOKafkaClient) -> None:
    """Make the client raise the error of an answer about committed offsets."""
    send = connections.send

    async def heeding(node: int, request: Any, **more: Any) -> Any:
        answer = await send(node, request, **more)
        if isinstance(request, OffsetFetchRequest) and (code := getattr(answer, "error_code", 0)):
            raise for_code(code)
        return answer

    connections.send = heeding  # type: ignore[method-assign]
