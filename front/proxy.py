"""Passes requests on to TorchServe's inference API, and what it answers back: one address speaks everything.

Tokens, limits and errors are TorchServe's and the handler's. An error of TorchServe's own on KServe's paths gets the
key `error`, where their clients look.
"""

import json

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from front.paths import quoted
from front.refusals import INVALID_FORM, TOO_LARGE, UNREADABLE_FORM, RefusedError, is_standard_path
from front.service import Service
from front.upstream import Reply
from handler.front_end import URL_ENCODED

# Of one connection, not of the message (RFC 9110, 7.6.1); and what the other connection has of its own.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade "
    b"host content-length expect date server".split()
)


async def pass_on(request: Request, path: str) -> Response:
    """Ask TorchServe the same under this path, and answer what it answers.

    Raises:
        RefusedError: the body is too large or a broken form, or TorchServe does not answer.
    """
    service: Service = request.app.state.service
    body = await _body(request, service.settings.max_request_bytes)
    headers = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw if name not in HOP_BY_HOP
    }
    # curl says so of any --data. A form is ASCII, an image is not.
    if headers.get("content-type", "").startswith(URL_ENCODED) and not body.isascii():
        headers["content-type"] = "application/octet-stream"
    query = f"?{request.url.query}" if request.url.query else ""
    reply = await service.upstream.ask(request.method, path + query, headers, body)
    if reply.status == 500 and UNREADABLE_FORM in reply.body:
        raise RefusedError(400, INVALID_FORM, "the form cannot be read; expected parts with names, one of them image")
    return _response(reply, request.url.path, closing=service.state.is_stopping)


async def _body(request: Request, max_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise _too_large(max_bytes)
            parts.append(part)
    except ClientDisconnect as gone:
        raise RefusedError(400, "ClientDisconnected", "the client has gone before the whole body came") from gone
    return b"".join(parts)


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(413, TOO_LARGE, f"a body of more than {max_bytes:,} bytes; send a smaller one")


def _response(reply: Reply, path: str, *, closing: bool) -> Response:
    body = _with_error(reply.body) if reply.status >= 400 and is_standard_path(path) else reply.body
    response = Response(body, status_code=reply.status)
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
        if name.lower().encode("latin-1") not in HOP_BY_HOP
    ]
    response.raw_headers.append((b"content-length", str(len(body)).encode()))
    if closing:
        response.raw_headers.append((b"connection", b"close"))
    return response


def _with_error(body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict) or "error" in document or "message" not in document:
        return body
    return json.dumps({"error": document.pop("message"), **document}, separators=(",", ":")).encode()


async def ping(request: Request) -> Response:
    """TorchServe's own health."""
    return await pass_on(request, "/ping")


async def predictions(request: Request) -> Response:
    """The handler's prediction; asked for at another name of the endpoint where the query string matters."""
    names = "/".join(map(quoted, request.path_params.values()))
    if "top_k" not in request.query_params:
        return await pass_on(request, f"/predictions/{names}")
    return await pass_on(
        request, f"/{names}/predict" if "version" in request.path_params else f"/models/{names}/invoke"
    )


routes: list[BaseRoute] = [
    Route("/ping", ping),
    *(Route(f"/predictions/{names}", predictions, methods=["POST"]) for names in ("{model}", "{model}/{version}")),
]
