"""The front's process: HTTP and gRPC in one event loop, from the first request to the last."""

import asyncio
import logging
import signal
from logging.handlers import RotatingFileHandler
from pathlib import Path

from explanation.process import ExplanationQueue
from front.app import make_app
from front.http_server import GRACE_S, HttpServer, listen
from front.models import Models
from front.readiness import ServerState
from front.rpc import make_rpc_server
from front.service import Service
from front.settings import FrontSettings
from front.upstream import Upstream

LOG_BYTES = 10_000_000


async def serve(settings: FrontSettings) -> None:
    """Serve until SIGTERM or SIGINT; then refuse what is new, answer what is in flight, and return.

    Raises:
        OSError, RuntimeError: a port cannot be had.
    """
    async with Upstream(settings) as upstream:
        models = Models(upstream)
        explanations = ExplanationQueue(priority=settings.explanation_priority)
        service = Service(settings, upstream, models, ServerState(settings.directory, models), explanations)
        listener = listen(settings.host, settings.port)
        rpc, http = make_rpc_server(service), HttpServer(make_app(service))

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, service.state.announce_stop)  # sent by serving/front.py
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, http.stop)
        await rpc.start()
        async with asyncio.TaskGroup() as serving:
            serving.create_task(http.serve(sockets=[listener]))
            await http.stopping.wait()
            service.state.announce_stop()
            serving.create_task(rpc.stop(GRACE_S))
        explanations.close()


def log_to(path: Path) -> None:
    """Write the log into a file that is rotated."""
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    logging.basicConfig(
        handlers=[handler], level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
