"""Explanations over HTTP: `POST /explanations/MODEL[/VERSION]`, which pixels spoke for the class.

They are computed in a process of their own (`explanation/process.py`), never in TorchServe's workers. Limits, tokens
and error types are those of predictions. Readers of other protocols call `explain_row`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from explanation.process import Explanation, Failure, Job, NotExplainedError
from front.access import require_token
from front.service import Service

JSON, PNG = "application/json", "image/png"
REPEATED = " (again)"  # ends the name of a field that came before, as in the handler
MOST_FIELDS = 100


async def explanations(request: Request) -> Response:
    """Answer with a JSON document, or with the overlay where `format` or the header Accept ask for a PNG."""
    service: Service = request.app.state.service
    try:
        await require_token(service, request.headers.get("authorization"))
        row, headers = await _row_of(request, service.settings.max_request_bytes)
        explanation = await explain_row(
            service,
            request.path_params["model"],
            request.path_params.get("version"),
            row,
            headers,
            options=dict(request.query_params),
            accepts_png=_prefers_png(request.headers.get("accept", "")),
        )
    except NotExplainedError as refusal:
        return error_response(refusal)
    if explanation.format == "png":
        return Response(explanation.png, media_type=PNG)
    return JSONResponse(explanation.document)


async def explain_row(
    service: Service,
    model: str,
    version: str | None,
    row: Mapping[str, Any],
    headers: Mapping[str, Any],
    *,
    options: Mapping[str, str],
    accepts_png: bool = False,
) -> Explanation:
    """Explain one image; the protocols of the front share this.

    Args:
        service: the front's.
        model: a registered model.
        version: one of its versions, None for the default one.
        row: fields by name, as the handler gets them: `{"image": b"..."}` will do.
        headers: of the request, and by field name that part's `content-type`; may be empty.
        options: `method`, `class`, `format`, where they are no fields of the row.
        accepts_png: whether a PNG is wanted where `format` does not say.

    Raises:
        NotExplainedError: its `failure` is the answer.
        RefusedError: there is no such model.
    """
    require_not_draining(service)
    archive = await _archive_of(service, model, version)
    job = Job(archive, row, headers, options, accepts_png=accepts_png)
    return await service.explanations.explain(job, before=lambda: require_not_draining(service))


def require_not_draining(service: Service) -> None:
    """Refuse what has not begun while the server stops: predictions are refused by the same file."""
    if service.settings.directory.draining.exists():
        raise refusal(503, "ServerStopping", "the server is stopping; send the request to another, or again later")


def refusal(code: int, kind: str, message: str) -> NotExplainedError:
    """An error answer, to be raised."""
    return NotExplainedError(Failure(code, kind, message))


def error_response(fault: NotExplainedError, *, standard: bool = False) -> JSONResponse:
    """The answer that says why there is no explanation; `standard` is KServe's form of it."""
    failure = fault.failure
    headers = {"Retry-After": str(fault.retry_after_s)} if fault.retry_after_s else None
    said = "error" if standard else "message"
    body = {"code": failure.code, "type": failure.type, said: failure.message}
    return JSONResponse(body, status_code=failure.code, headers=headers)


async def _archive_of(service: Service, model: str, version: str | None) -> Path:
    """The archive of a registered version; raises RefusedError where there is none."""
    store = service.settings.endpoints.store
    assert store is not None, "the front is started in a runtime directory, which names the store"
    return store / Path((await service.models.require(model, version)).archive).name


async def _row_of(request: Request, max_bytes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the request and their headers, as TorchServe would hand them to the handler.

    Raises:
        NotExplainedError: more bytes than TorchServe itself would read, or a broken form.
    """
    body = await body_of(request, max_bytes)
    content_type = request.headers.get("content-type", "")
    headers: dict[str, Any] = {
        name: request.headers[name] for name in ("content-type", "content-encoding") if name in request.headers
    }
    if not content_type.lower().startswith("multipart/form-data"):
        return {"body": body}, headers | {"body": {"content-type": content_type.partition(";")[0].strip().lower()}}
    replayed = Request(request.scope, _replay(body))
    row: dict[str, Any] = {}
    try:
        async with replayed.form(max_files=MOST_FIELDS, max_fields=MOST_FIELDS, max_part_size=max_bytes) as form:
            for name, value in form.multi_items():
                unique = name + REPEATED if name in row else name
                if isinstance(value, UploadFile):
                    row[unique] = await value.read()
                    headers[unique] = {"content-type": (value.content_type or "").lower()}
                else:
                    row[unique] = value.encode()
    except (MultiPartException, StarletteHTTPException) as fault:
        raise refusal(400, "MissingImage", f"a form came that cannot be read ({fault}); expected multipart") from fault
    return row, headers


async def body_of(request: Request, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        NotExplainedError: it has more bytes than that.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > max_bytes:
            raise refusal(
                413,
                "TooManyBytes",
                f"a body of more than {max_bytes:,} bytes; expected at most that: send a smaller one",
            )
    return bytes(received)


def _prefers_png(accept: str) -> bool:
    """Whether `Accept` names PNG images and no JSON before them."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    wanted = [kind for kind in kinds if kind in (PNG, "image/*", JSON)]
    return bool(wanted) and wanted[0] != JSON


def _replay(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


routes: list[BaseRoute] = [
    Route("/explanations/{model}", explanations, methods=["POST"]),
    Route("/explanations/{model}/{version}", explanations, methods=["POST"]),
]
