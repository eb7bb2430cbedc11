"""The front over HTTP: a Starlette app of the routes of the modules listed here, first match first."""

from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from front import explanations, health, kserve_v1, open_inference, openapi, page, proxy
from front.refusals import RefusedError, document_for
from front.service import Service

MODULES: list[ModuleType] = [openapi, health, explanations, open_inference, kserve_v1, page, proxy]  # each has `routes`


def make_app(service: Service) -> Starlette:
    """Return the app; an endpoint finds the service in `request.app.state.service`, and may raise RefusedError."""
    app = Starlette(
        routes=[route for module in MODULES for route in module.routes],
        exception_handlers={RefusedError: refused, HTTPException: not_found},
    )
    app.state.service = service
    return app


async def refused(request: Request, refusal: Exception) -> JSONResponse:
    """The answer to a request that is refused, in the form of its protocol."""
    assert isinstance(refusal, RefusedError)
    return JSONResponse(document_for(request.url.path, refusal), status_code=refusal.status)


async def not_found(request: Request, fault: Exception) -> JSONResponse:
    """The answer where there is no such path (404), or no such method of it (405)."""
    assert isinstance(fault, HTTPException)
    known = fault.status_code == 405
    message = f"{request.method} is no method of this path" if known else "there is nothing at this path"
    refusal = RefusedError(fault.status_code, "MethodNotAllowed" if known else "NotFound", message)
    return JSONResponse(
        document_for(request.url.path, refusal), status_code=refusal.status, headers=dict(fault.headers or {})
    )
