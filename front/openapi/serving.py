"""Serves the document and its page; both are made once."""

from functools import cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from front.openapi.document import document
from front.openapi.page import page

POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
}


async def openapi_json(request: Request) -> Response:
    """The document."""
    return _json()


async def docs(request: Request) -> Response:
    """The page."""
    return _page()


@cache
def _json() -> JSONResponse:
    return JSONResponse(document())


@cache
def _page() -> HTMLResponse:
    return HTMLResponse(page(document()), headers=POLICY)


routes: list[BaseRoute] = [Route("/openapi.json", openapi_json), Route("/docs", docs)]
