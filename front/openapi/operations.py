"""The operations: what can be asked at which path, with an example of each call and of each answer."""

from typing import Any

from front.openapi import errors, explanations
from front.openapi.schemas import PIXEL, ref

JSON, FORM, BINARY = "application/json", "multipart/form-data", "application/octet-stream"
IMAGE_TYPES = ("image/jpeg", "image/png")
NATIVE, STANDARD = "NativeError", "StandardError"
SHOWN_PREDICTION = {
    "class": 3,
    "class_name": "cat",
    "probability": 0.93,
    "top": [{"class": 3, "class_name": "cat", "probability": 0.93}],
    "model_version": "3.0",
}
SHOWN_OUTPUTS = [
    {"name": "class", "datatype": "INT64", "shape": [1], "data": [3]},
    {"name": "class_name", "datatype": "BYTES", "shape": [1], "data": ["cat"]},
]
SHOWN_INPUT = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [PIXEL]}
NO_ROW_ERRORS = (413, 415, 422)  # an operation without a body has none of these


def paths() -> dict[str, Any]:
    """Every path with its operations."""
    return {**_native(), **_kserve_v1(), **_open_inference(), **_explanations(), **_health()}


def _native() -> dict[str, Any]:
    body = {
        JSON: {"schema": ref("ImageInJson"), "examples": {"an image": {"value": {"image": PIXEL, "top_k": 3}}}},
        FORM: {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "string", "format": "binary"}, "top_k": {"type": "integer"}},
                "required": ["image"],
            }
        },
        **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES},
    }
    answer = _answer("Prediction", SHOWN_PREDICTION)
    predict = _operation("Classify an image.", answer, errors_as=NATIVE, body=body, tag="native")
    return {
        "/predictions/{model}": {"post": predict | {"operationId": "predict"}},
        "/predictions/{model}/{version}": {"post": predict | {"operationId": "predictByVersion"}},
        "/ping": {
            "get": _operation(
                "TorchServe's own health, which does not say whether predictions are answered.",
                {"200": _json_response({"type": "object"}, {"status": "Healthy"})},
                errors_as=NATIVE, but=NO_ROW_ERRORS, tag="native",
            )
            | {"operationId": "ping"}
        },
    }  # fmt: skip


def _kserve_v1() -> dict[str, Any]:
    body = {
        JSON: {
            "schema": ref("Instances"),
            "examples": {
                "texts": {"value": {"instances": [PIXEL, PIXEL], "parameters": {"top_k": 3}}},
                "objects": {"value": {"instances": [{"b64": PIXEL}, {"image": {"b64": PIXEL}}]}},
            },
        }
    }
    told = {"error": "a JPEG image that is cut short; expected an intact one", "code": 422, "type": "DamagedImage"}
    answer = _answer("Predictions", {"predictions": [SHOWN_PREDICTION, told]})
    predict = _operation("Classify images; of a bad one the error stands in its place.", answer, body=body, tag="V1")
    models = _operation("The models.", _answer("V1Models", {"models": ["cifar10"]}), but=NO_ROW_ERRORS, tag="V1")
    ready = {"name": "cifar10", "ready": True}
    model = _operation("Whether a model is ready.", _answer("V1Model", ready), but=(*NO_ROW_ERRORS, 503), tag="V1")
    alive = _operation("Whether the server lives.", _answer("Alive", {"status": "alive"}), but=NO_ROW_ERRORS, tag="V1")
    model["responses"]["503"] = _unready("V1Model", {"name": "cifar10", "ready": False})
    return {
        "/": {"get": alive | {"operationId": "v1Alive"}},
        "/v1/models": {"get": models | {"operationId": "v1Models"}},
        "/v1/models/{model}": {"get": model | {"operationId": "v1Model"}},
        "/v1/models/{model}:predict": {"post": predict | {"operationId": "v1Predict"}},
    }


def _open_inference() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for suffix, name in (("", ""), ("/versions/{version}", "ByVersion")):
        path = "/v2/models/{model}" + suffix
        found[path] = {"get": _model_metadata() | {"operationId": f"v2Metadata{name}"}}
        found[f"{path}/ready"] = {"get": _model_ready() | {"operationId": f"v2ModelReady{name}"}}
        found[f"{path}/infer"] = {"post": _infer() | {"operationId": f"v2Infer{name}"}}
    live = _operation("Whether the server lives.", _answer("Live", {"live": True}), but=NO_ROW_ERRORS, tag="V2")
    ready = _operation("Whether it is ready.", _answer("Ready", {"ready": True}), but=(*NO_ROW_ERRORS, 503), tag="V2")
    ready["responses"]["503"] = _unready("Ready", {"ready": False, "error": "the server is stopping"})
    server = {"name": "pixserve", "version": "2.0.0", "extensions": ["binary_tensor_data", "classification"]}
    about = _operation("The server.", _answer("ServerMetadata", server), but=NO_ROW_ERRORS, tag="V2")
    return {
        "/v2": {"get": about | {"operationId": "v2Server"}},
        "/v2/health/live": {"get": live | {"operationId": "v2Live"}},
        "/v2/health/ready": {"get": ready | {"operationId": "v2Ready"}},
        **found,
    }


def _infer() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    requests = {
        "all outputs": {"inputs": [SHOWN_INPUT], "id": "a-1"},
        "the best classes": {
            "inputs": [SHOWN_INPUT],
            "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}],
        },
        "decoded pixels": {
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [9, 9, 9]}]
        },
    }
    body = {
        JSON: {"schema": ref("InferRequest"), "examples": {name: {"value": each} for name, each in requests.items()}}
    }
    answer = _answer("InferAnswer", {"model_name": "cifar10", "model_version": "3.0", "outputs": SHOWN_OUTPUTS})
    answer["200"]["content"][BINARY] = binary
    answer["200"]["headers"] = {
        "Inference-Header-Content-Length": {
            "description": "Of a binary answer: how many bytes of it are JSON.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    }
    described = _operation("Classify a tensor of images, as JSON or in binary form.", answer, body=body, tag="V2")
    described["description"] = "In binary form (header `Inference-Header-Content-Length`) tensors follow the JSON."
    return described


def _model_metadata() -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [-1]}
    shown = {"name": "cifar10", "versions": ["1.0"], "platform": "pixserve", "inputs": [tensor], "outputs": []}
    return _operation("A model's versions and tensors.", _answer("ModelMetadata", shown), but=NO_ROW_ERRORS, tag="V2")


def _model_ready() -> dict[str, Any]:
    answer = _answer("ModelReady", {"name": "cifar10", "ready": True})
    found = _operation("Whether a model is ready.", answer, but=(*NO_ROW_ERRORS, 503), tag="V2")
    found["responses"]["503"] = _unready("ModelReady", {"name": "cifar10", "ready": False})
    return found


def _explanations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, (tag, name) in explanations.PATHS.items():
        answer = _answer(*explanations.ANSWERS[tag])
        examples = {"an image": {"value": explanations.REQUESTS[tag]}}
        body = {JSON: {"schema": ref(explanations.BODIES[tag]), "examples": examples}}
        if tag == "native":
            answer["200"]["content"]["image/png"] = {"schema": {"type": "string", "format": "binary"}}
        form = NATIVE if tag == "native" else STANDARD
        explain = _operation("Explain an answer.", answer, errors_as=form, body=body, tag=tag)
        found[path] = {"post": explain | {"operationId": name}}
    return found


def _health() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, says in (
        ("/startupz", "Whether every version has loaded and answered an image."),
        ("/readyz", "Whether requests are answered."),
        ("/livez", "Whether the front lives, whatever the models do."),
    ):
        operation = _operation(says, _answer("Health", {"status": "ok"}), but=(*NO_ROW_ERRORS, 503), tag="health")
        if path != "/livez":
            shown = {"status": "unavailable", "reason": "the server is stopping"}
            operation["responses"]["503"] = _json_response(ref("Health"), shown)
        found[path] = {"get": operation | {"operationId": path.strip("/"), "security": []}}
    return found


def _operation(
    summary: str,
    answer: dict[str, Any],
    *,
    tag: str,
    errors_as: str = STANDARD,
    body: dict[str, Any] | None = None,
    but: tuple[int, ...] = (),
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary,
        "tags": [tag],
        "responses": answer | errors.responses(errors_as, but=but),
    }
    if body:
        found["requestBody"] = {"required": True, "content": body}
    return found


def _answer(schema: str, shown: Any) -> dict[str, Any]:
    return {"200": _json_response(ref(schema), shown)}


def _json_response(schema: dict[str, Any], shown: Any) -> dict[str, Any]:
    return {"description": "The answer.", "content": {JSON: {"schema": schema, "example": shown}}}


def _unready(schema: str, shown: Any) -> dict[str, Any]:
    found: dict[str, Any] = errors.responses(STANDARD)["503"]
    content = found["content"][JSON]
    content["schema"] = {"anyOf": [ref(schema), content["schema"]]}
    content["examples"]["not ready"] = {"summary": "It is not ready.", "value": shown}
    return found
