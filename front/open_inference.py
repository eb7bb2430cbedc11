"""The Open Inference Protocol over REST: metadata, liveness and readiness of server and models, and infer.

Infer is passed on to the handler, which speaks it (`front/proxy.py`).
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from front.access import require_token
from front.explanations_kserve import explain_tensor
from front.models import PLATFORM, TensorMetadata
from front.oip import EXTENSIONS, SERVER, is_model_ready
from front.paths import infer_path
from front.proxy import pass_on
from front.service import Service

MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"


async def server_metadata(request: Request) -> JSONResponse:
    """Name, version and the protocol's extensions."""
    return JSONResponse({"name": SERVER.name, "version": SERVER.version, "extensions": list(EXTENSIONS)})


async def live(request: Request) -> JSONResponse:
    """True whenever it answers."""
    return JSONResponse({"live": True})


async def ready(request: Request) -> JSONResponse:
    """The truth of `/readyz`."""
    readiness = await _service(request).state.ready()
    if readiness.ready:
        return JSONResponse({"ready": True})
    return JSONResponse({"ready": False, "error": readiness.reason}, status_code=503)


async def model_ready(request: Request) -> JSONResponse:
    """Whether the version, or the default one, has a worker that is ready."""
    await require_token(_service(request), request.headers.get("authorization"))
    name = request.path_params["model"]
    is_ready = await is_model_ready(_service(request), name, request.path_params.get("version"))
    return JSONResponse({"name": name, "ready": is_ready}, status_code=200 if is_ready else 503)


async def model_metadata(request: Request) -> JSONResponse:
    """The versions, inputs and outputs of a model."""
    await require_token(_service(request), request.headers.get("authorization"))
    model = await _service(request).models.metadata(request.path_params["model"], request.path_params.get("version"))
    return JSONResponse(
        {
            "name": model.name,
            "versions": list(model.versions),
            "platform": PLATFORM,
            "inputs": list(map(_tensor, model.inputs)),
            "outputs": list(map(_tensor, model.outputs)),
        }
    )


async def infer(request: Request) -> Any:
    """The handler's answer to tensors."""
    return await pass_on(request, infer_path(request.path_params["model"], request.path_params.get("version")))


async def explain(request: Request) -> Any:
    """Explanations of a tensor of images; not the handler's, whose predictions would wait for them."""
    return await explain_tensor(request)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _tensor(tensor: TensorMetadata) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


routes: list[BaseRoute] = [
    Route("/v2", server_metadata),
    Route("/v2/health/live", live),
    Route("/v2/health/ready", ready),
    *(Route(f"{path}/infer", infer, methods=["POST"]) for path in (MODEL, VERSION)),
    *(Route(f"{path}/explain", explain, methods=["POST"]) for path in (MODEL, VERSION)),
    *(Route(f"{path}/ready", model_ready) for path in (MODEL, VERSION)),
    *(Route(path, model_metadata) for path in (MODEL, VERSION)),
]
