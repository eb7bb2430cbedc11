"""uvicorn, told to refuse new connections first and to end a little later."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

BACKLOG = 2048
KEEP_ALIVE_S = 75
SETTLE_S = 0.3  # in which a client that has a connection is answered that the server stops
GRACE_S = 30  # for answers on their way


class HttpServer(uvicorn.Server):
    """Serves an app until `stop` is called; the signals are the caller's."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `serve` end, in order."""
        self.should_exit = True
        self.stopping.set()

    async def main_loop(self) -> None:
        """Keep the header `Date` right, once a second; uvicorn's own loop wakes up ten times."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), timeout=1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, go on answering on the connections there are for a moment, then end them."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await asyncio.sleep(SETTLE_S)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: the address cannot be had.
    """
    return socket.create_server((host, port), backlog=BACKLOG)
