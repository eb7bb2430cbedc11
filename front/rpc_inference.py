"""The Open Inference Protocol over gRPC: `inference.GRPCInferenceService`, all six calls."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from front._stubs import open_inference_pb2 as pb
from front._stubs import open_inference_pb2_grpc as pb_grpc
from front.access import require_token
from front.coalescing import Coalescer, Key
from front.inference import infer
from front.models import PLATFORM, ModelMetadata, TensorMetadata
from front.oip import EXTENSIONS, SERVER, is_model_ready
from front.refusals import RefusedError
from front.rpc_rows import answer_of, shareable
from front.service import Service
from front.tensors import LENGTH_HEADER, from_rest, to_rest

Context = grpc.aio.ServicerContext[Any, Any]
Call = Callable[[Any, Any, Context], Awaitable[Any]]


def refusing(call: Call) -> Call:
    """Turn a RefusedError of a call into a status of gRPC, with the HTTP status and the type as trailers."""

    @functools.wraps(call)
    async def answer(servicer: Any, request: Any, context: Context) -> Any:
        try:
            return await call(servicer, request, context)
        except RefusedError as refusal:
            await context.abort(refusal.grpc_status, refusal.message, refusal.trailers)

    return answer


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated, without types
    """Answers from what TorchServe knows, and has TorchServe infer.

    Args:
        service: the front's.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._coalescer = Coalescer(service)

    async def ServerLive(self, request: Any, context: Context) -> Any:  # noqa: N802
        """True whenever it answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Context) -> Any:  # noqa: N802
        """The truth of `/readyz`."""
        return pb.ServerReadyResponse(ready=(await self._service.state.ready()).ready)

    @refusing
    async def ModelReady(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Whether the version, or the default one, has a worker that is ready; false for a model that there is not."""
        await require_token(self._service, _authorization(context))
        try:
            ready = await is_model_ready(self._service, request.name, request.version or None)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            ready = False
        return pb.ModelReadyResponse(ready=ready)

    async def ServerMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Name, version and the protocol's extensions."""
        return pb.ServerMetadataResponse(name=SERVER.name, version=SERVER.version, extensions=EXTENSIONS)

    @refusing
    async def ModelMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802
        """The versions, inputs and outputs of a model."""
        await require_token(self._service, _authorization(context))
        return _metadata(await self._service.models.metadata(request.name, request.version or None))

    @refusing
    async def ModelInfer(self, request: Any, context: Context) -> Any:  # noqa: N802
        """The outputs of the images of one tensor."""
        authorization = _authorization(context) if self._service.upstream.asks_for_tokens else None
        if images := shareable(request):
            key = Key(request.model_name, request.model_version or None, authorization)
            if rows := await self._coalescer.ask(key, *images):
                return answer_of(request, rows, images[1])
        body, length = to_rest(request)
        headers = {LENGTH_HEADER: str(length)}
        if authorization:
            headers["Authorization"] = authorization
        reply = await infer(self._service, request.model_name, request.model_version or None, headers, body)
        return from_rest(reply, request)


def _authorization(context: Context) -> str | None:
    return next((str(value) for key, value in context.invocation_metadata() or () if key == "authorization"), None)


def _metadata(model: ModelMetadata) -> Any:
    response = pb.ModelMetadataResponse(name=model.name, versions=model.versions, platform=PLATFORM)
    response.inputs.extend(map(_tensor, model.inputs))
    response.outputs.extend(map(_tensor, model.outputs))
    return response


def _tensor(tensor: TensorMetadata) -> Any:
    return pb.ModelMetadataResponse.TensorMetadata(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
