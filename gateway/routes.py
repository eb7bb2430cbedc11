"""Every path that exists at the gateway: what may be asked there, whether it needs a key, and which server answers.

What is not here is answered 404: management, metrics, workflows. A path is never passed on as it came but written
anew from its parts, so that nginx and TorchServe cannot read one path in two ways.
"""

from dataclasses import dataclass
from typing import Literal

Server = Literal["rest", "front"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL, _VERSION = f"(?<model>{_NAME})", f"(?<version>{_NAME})"


@dataclass(frozen=True)
class Route:
    """One kind of path over HTTP.

    Args:
        match: what follows `location` in nginx's configuration.
        method: the one that is taken; GET takes HEAD too.
        server: who answers.
        target: the path that is asked for there, with nginx's variables.
        public: whether it is answered without a key.
        tutorial: whether the answer has the shape of PyTorch's Flask tutorial.
        model: the model where the path does not name it.
        native: whether the answer is the handler's own; the front answers some requests that TorchServe cannot read.
    """

    match: str
    method: Literal["GET", "POST"]
    server: Server
    target: str
    public: bool = False
    tutorial: bool = False
    model: str | None = None
    native: bool = False

    @property
    def methods(self) -> str:
        """The methods for a regular expression."""
        return "GET|HEAD" if self.method == "GET" else self.method


@dataclass(frozen=True)
class GrpcRoute:
    """A gRPC service or method: where (see `Route`), who answers, whether without a key, how long it may be silent."""

    match: str
    server: Literal["grpc", "front_grpc"]
    public: bool = False
    silent_s: int | None = None


def routes(model: str) -> list[Route]:
    """Return the paths of the gateway; `model` is what /classify asks."""
    versioned = f"/v2/models/{_MODEL}/versions/{_VERSION}"
    return [
        Route("= /classify", "POST", "rest", "/predictions/$model$canary", tutorial=True, model=model, native=True),
        Route(f'~ "^/predictions/{_MODEL}$"', "POST", "rest", "/predictions/$model$canary", native=True),
        Route(f'~ "^/predictions/{_MODEL}/{_VERSION}$"', "POST", "rest", "/predictions/$model/$version", native=True),
        Route(f'~ "^/explanations/{_MODEL}$"', "POST", "rest", "/explanations/$model"),
        Route(f'~ "^/explanations/{_MODEL}/{_VERSION}$"', "POST", "rest", "/explanations/$model/$version"),
        # KServe's protocols go by the front, whose errors have the key that their clients read.
        *(
            Route(f'~ "^/v1/models/{_MODEL}:{verb}$"', "POST", "front", f"/v1/models/$model:{verb}")
            for verb in ("predict", "explain")
        ),
        *(
            Route(f'~ "^/v2/models/{_MODEL}/{verb}$"', "POST", "front", f"/v2/models/$model/{verb}")
            for verb in ("infer", "explain")
        ),
        *(
            Route(f'~ "^{versioned}/{verb}$"', "POST", "front", f"/v2/models/$model/versions/$version/{verb}")
            for verb in ("infer", "explain")
        ),
        Route("= /v1/models", "GET", "front", "/v1/models"),
        Route(f'~ "^/v1/models/{_MODEL}$"', "GET", "front", "/v1/models/$model"),
        Route("= /v2", "GET", "front", "/v2"),
        Route("= /v2/health/live", "GET", "front", "/v2/health/live", public=True),
        Route("= /v2/health/ready", "GET", "front", "/v2/health/ready", public=True),
        Route(f'~ "^/v2/models/{_MODEL}$"', "GET", "front", "/v2/models/$model"),
        Route(f'~ "^/v2/models/{_MODEL}/ready$"', "GET", "front", "/v2/models/$model/ready"),
        Route(f'~ "^{versioned}$"', "GET", "front", "/v2/models/$model/versions/$version"),
        Route(f'~ "^{versioned}/ready$"', "GET", "front", "/v2/models/$model/versions/$version/ready"),
        *(Route(f"= /{probe}", "GET", "front", f"/{probe}", public=True) for probe in ("livez", "readyz", "startupz")),
        *(Route(f"= /{page}", "GET", "front", f"/{page}", public=True) for page in ("openapi.json", "docs")),
    ]


_TORCHSERVE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService"

GRPC_ROUTES = [
    # Not StreamPredictions2: a few calls of it stop a version of a model (docs/explanation/torchserve.md).
    *(GrpcRoute(f"= {_TORCHSERVE}/{method}", "grpc") for method in ("Predictions", "StreamPredictions", "Ping")),
    GrpcRoute("/inference.GRPCInferenceService/", "front_grpc"),
    # A health watch says nothing for as long as nothing changes.
    GrpcRoute("/grpc.health.v1.Health/", "front_grpc", public=True, silent_s=3600),
    GrpcRoute("/grpc.reflection.v1alpha.ServerReflection/", "front_grpc", public=True),
]
