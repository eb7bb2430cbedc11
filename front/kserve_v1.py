"""KServe's V1 protocol: models and whether they are ready; `:predict` and `:explain` are passed on to the handler."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from front.access import require_token
from front.explanations_kserve import explain_instances
from front.oip import is_model_ready
from front.paths import quoted
from front.proxy import pass_on
from front.refusals import UNAVAILABLE, RefusedError
from front.upstream import UpstreamError

MODEL = "/v1/models/{model}"


class RouteOfClients(Route):
    """A route for all but browsers, which ask for HTML: theirs is another's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """No match where the client would rather have HTML."""
        if any(name == b"accept" and b"text/html" in value for name, value in scope.get("headers", ())):
            return Match.NONE, {}
        return super().matches(scope)


async def alive(request: Request) -> JSONResponse:
    """What KServe's client takes for life."""
    return JSONResponse({"status": "alive"})


async def models(request: Request) -> JSONResponse:
    """The names of all models."""
    service = request.app.state.service
    await require_token(service, request.headers.get("authorization"))
    try:
        return JSONResponse({"models": await service.models.names()})
    except UpstreamError as fault:
        raise RefusedError(503, UNAVAILABLE, str(fault)) from fault


async def model(request: Request) -> JSONResponse:
    """Whether the default version has a worker that is ready."""
    service, name = request.app.state.service, request.path_params["model"]
    await require_token(service, request.headers.get("authorization"))
    is_ready = await is_model_ready(service, name, None)
    return JSONResponse({"name": name, "ready": is_ready}, status_code=200 if is_ready else 503)


async def predict(request: Request) -> Any:
    """The handler's predictions for instances."""
    return await pass_on(request, f"/v1/models/{quoted(request.path_params['model'])}:predict")


async def explain(request: Request) -> Any:
    """Explanations of instances; not the handler's, whose predictions would wait for them."""
    return await explain_instances(request)


routes: list[BaseRoute] = [
    RouteOfClients("/", alive),
    Route("/v1/models", models),
    Route(f"{MODEL}:predict", predict, methods=["POST"]),
    Route(f"{MODEL}:explain", explain, methods=["POST"]),
    Route(MODEL, model),
]
