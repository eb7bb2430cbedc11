"""Explanations over gRPC: `pixserve.Explanations/Explain`, for which there is no standard.

The messages are TorchServe's of predictions: `PredictionsRequest`, whose `input` holds the image and the options, and
`PredictionResponse` with the JSON document. Errors are gRPC statuses; trailing metadata name status and type as REST
has them (`RefusedError.trailers`).
"""

import json
from typing import Any

import grpc

from explanation.process import NotExplainedError
from front.access import require_token
from front.explanations import explain_row, refusal
from front.refusals import RefusedError
from front.service import Service
from pixserve._stubs.inference_pb2 import PredictionResponse, PredictionsRequest
from pixserve.rpc import EXPLAIN

EXPLANATIONS = EXPLAIN.split("/")[1]
OPTIONS = ("method", "class", "format")


class ExplanationsServicer:
    """Answers calls of one front."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handler(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """What `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        method = grpc.unary_unary_rpc_method_handler(
            self.explain,
            request_deserializer=PredictionsRequest.FromString,
            response_serializer=PredictionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(EXPLANATIONS, {EXPLAIN.split("/")[2]: method})

    async def explain(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        """Explain the image of `request.input`."""
        fields = dict(request.input)
        try:
            await require_token(self._service, dict(context.invocation_metadata() or ()).get("authorization"))
            options = {name: _text(fields.pop(name)) for name in OPTIONS if name in fields}
            if options.get("format") == "png":
                raise refusal(400, "InvalidFormat", "format is png; over gRPC expected json or both")
            found = await explain_row(
                self._service, request.model_name, request.model_version or None, fields, {}, options=options
            )
        except NotExplainedError as fault:
            failure = fault.failure
            await _abort(context, RefusedError(failure.code, failure.type, failure.message))
        except RefusedError as fault:
            await _abort(context, fault)
        return PredictionResponse(prediction=json.dumps(found.document).encode())


async def _abort(context: grpc.aio.ServicerContext[Any, Any], refused: RefusedError) -> None:
    unavailable = grpc.StatusCode.UNIMPLEMENTED  # of a method of explaining, which RefusedError does not know
    await context.abort(
        unavailable if refused.status == 501 else refused.grpc_status, refused.message, refused.trailers
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
