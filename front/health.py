"""Health over HTTP, in the terms of Kubernetes' probes: `/startupz`, `/readyz`, `/livez`.

They need no token: they say nothing that a stranger could use, and a probe has none.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from front.readiness import READY, Readiness


async def startupz(request: Request) -> JSONResponse:
    """200 once every version has loaded and answered an image, else 503."""
    return _answer(request.app.state.service.state.started())


async def readyz(request: Request) -> JSONResponse:
    """200 while requests are answered; 503 before, while draining, and without a worker of a default version."""
    return _answer(await request.app.state.service.state.ready())


async def livez(request: Request) -> JSONResponse:
    """200 whenever the front answers at all: it looks at no model."""
    return _answer(READY)


def _answer(readiness: Readiness) -> JSONResponse:
    if readiness.ready:
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable", "reason": readiness.reason}, status_code=503)


routes: list[BaseRoute] = [Route("/startupz", startupz), Route("/readyz", readyz), Route("/livez", livez)]
