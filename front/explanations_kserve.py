"""Explanations in KServe's protocols: V1 instances and Open Inference tensors, JSON in and out.

One image that is refused refuses the request; the message says which.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from explanation.process import Explanation, NotExplainedError
from front.access import require_token
from front.explanations import body_of, error_response, explain_row, refusal

MOST_IMAGES = 8  # of one request: each takes a second or more
OPTIONS = ("method", "class")


async def explain_instances(request: Request) -> JSONResponse:
    """V1: an instance is an image in base64, `{"b64": …}` or `{"image": {"b64": …}}`."""
    return await _answered(
        request, _instances, lambda found, document: {"explanations": [each.document for each in found]}
    )


async def explain_tensor(request: Request) -> JSONResponse:
    """A BYTES tensor of images in base64 to heat maps FP32 [N, S, S], class, class_name and probability."""
    return await _answered(request, _elements, lambda found, document: _tensors(request, document, found))


async def _answered(request: Request, images_of: Any, answer: Any) -> JSONResponse:
    service = request.app.state.service
    await require_token(service, request.headers.get("authorization"))
    try:
        document = _object(await body_of(request, service.settings.max_request_bytes))
        images = images_of(document)
        if not 1 <= len(images) <= MOST_IMAGES:
            raise refusal(400, "MissingImage", f"{len(images)} images came; expected 1 to {MOST_IMAGES}")
        given = document.get("parameters")
        options = {name: str(given[name]) for name in OPTIONS if name in given} if isinstance(given, dict) else {}
        found = []
        for number, image in enumerate(images):
            row = {"body": json.dumps({"image": image}).encode()}
            model, version = request.path_params["model"], request.path_params.get("version")
            try:
                found.append(await explain_row(service, model, version, row, {}, options=options | {"format": "json"}))
            except NotExplainedError as fault:
                failure = fault.failure
                raise NotExplainedError(
                    failure.of_image(number, len(images)), retry_after_s=fault.retry_after_s
                ) from fault
    except NotExplainedError as fault:
        return error_response(fault, standard=True)
    return JSONResponse(answer(found, document))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise refusal(400, "InvalidJson", f"invalid JSON ({fault}); expected an object") from fault
    if not isinstance(document, dict):
        raise refusal(400, "InvalidJson", f"JSON of type {type(document).__name__}; expected an object")
    return document


def _instances(document: dict[str, Any]) -> list[Any]:
    """The images of V1 instances, as base64 text; what is none is refused by the reader of images."""
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise refusal(400, "MissingImage", 'no list "instances" came; expected {"instances": [{"b64": "…"}]}')
    return [_b64(instance.get("image", instance) if isinstance(instance, dict) else instance) for instance in instances]


def _b64(value: Any) -> Any:
    return value.get("b64") if isinstance(value, dict) else value


def _elements(document: dict[str, Any]) -> list[Any]:
    """The elements of the first input, a BYTES tensor."""
    inputs = document.get("inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    if not isinstance(first, dict) or first.get("datatype") != "BYTES" or not isinstance(first.get("data"), list):
        raise refusal(
            400,
            "MissingImage",
            "no BYTES input with data came; expected images in base64 as JSON (no binary data here)",
        )
    data: list[Any] = first["data"]
    return data


def _tensors(request: Request, document: dict[str, Any], found: list[Explanation]) -> dict[str, Any]:
    maps = [each.document["heat_map"] for each in found]
    side, count = len(maps[0]), len(found)
    outputs = [
        ("heat_map", "FP32", [count, side, side], [value for heat in maps for row in heat for value in row]),
        ("class", "INT64", [count], [each.document["class"] for each in found]),
        ("class_name", "BYTES", [count], [each.document["class_name"] for each in found]),
        ("probability", "FP32", [count], [each.document["probability"] for each in found]),
    ]
    answer = {
        "model_name": request.path_params["model"],
        "model_version": found[0].document["model_version"],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shape, "data": data}
            for name, datatype, shape, data in outputs
        ],
        "parameters": {name: found[0].document[name] for name in ("method", "network", "unit")},
    }
    return answer | ({"id": str(document["id"])} if "id" in document else {})
