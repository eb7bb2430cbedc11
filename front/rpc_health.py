"""The standard health service of gRPC (`grpc.health.v1`): the same truth as `/readyz`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from front.readiness import ServerState

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
WATCH_EVERY_S = 1.0


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated, without types
    """Answers for the whole server (the empty name) and for each service of this port.

    Args:
        state: what is known of the server.
        services: the full names of the services.
    """

    def __init__(self, state: ServerState, services: tuple[str, ...]) -> None:
        self._state = state
        self._known = ("", *services)

    async def Check(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """SERVING or NOT_SERVING; NOT_FOUND for a name that is no service of this port."""
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service[:100]} is served here")
        return health_pb2.HealthCheckResponse(status=await self._status())

    async def Watch(  # noqa: N802
        self, request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        """The status now, and again whenever it has changed, looked at once a second while somebody watches."""
        told = None
        while True:
            status = await self._status() if request.service in self._known else SERVICE_UNKNOWN
            if status != told:
                yield health_pb2.HealthCheckResponse(status=status)
                told = status
            if self._state.is_stopping:
                return
            await asyncio.sleep(WATCH_EVERY_S)

    async def _status(self) -> int:
        return int(SERVING if (await self._state.ready()).ready else NOT_SERVING)
