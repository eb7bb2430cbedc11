"""Predictions over gRPC: the methods, results and errors of pixserve/rest.py."""

import json
import re
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from pixserve._stubs.inference_pb2 import PredictionResponse, PredictionsRequest
from pixserve._stubs.inference_pb2_grpc import InferenceAPIsServiceStub
from pixserve.addresses import grpc_address, is_loopback
from pixserve.errors import (
    AddressError,
    ClientError,
    HandlerFailedError,
    ModelNotFoundError,
    NotAcceptedError,
    RequestTooLargeError,
    TimedOutError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
    VersionNotFoundError,
    error_of,
)
from pixserve.inference import DEFAULT_TIMEOUT_S, EXPLANATION_FACTOR, Explain, InferenceClient
from pixserve.records import Explanation, Health, Prediction
from pixserve.retries import DEFAULT_RETRIES, Retries
from pixserve.tokens import Tokens

# The messages are those of predictions; answers are JSON documents, errors gRPC statuses with these two entries.
EXPLAIN = "/pixserve.Explanations/Explain"
ERROR_CODE, ERROR_TYPE = "error-code", "error-type"
MAX_ANSWER_BYTES = 16_000_000
# The last line of TorchServe's details: the class of its exception.
JAVA_CLASS = re.compile(r"(?:[\w.]+\.)?(?P<kind>\w+Exception)(?:\.\(\))?")
# Over gRPC TorchServe answers most faults with INTERNAL; these are its statuses over REST.
REST_STATUS: dict[type[ClientError], int] = {
    UnauthorizedError: 400,
    ModelNotFoundError: 404,
    VersionNotFoundError: 404,
    RequestTooLargeError: 413,
    NotAcceptedError: 503,
    HandlerFailedError: 503,
}


class GrpcClient(InferenceClient):
    """The inference API over gRPC.

        with GrpcClient("127.0.0.1:7070") as client:
            client.predict(Path("cat.jpg"), top_k=3).best.name

    Args:
        address: host and port, in plain text: TorchServe speaks TLS only where it was given a certificate.
        tokens, retries, explain: see `InferenceClient`.
        timeout_s: how long one call may take in all; an explanation five times as long.
        front: host and port of the front's gRPC, which answers explanations; None does without.
    """

    def __init__(
        self,
        address: str,
        *,
        tokens: Tokens | None = None,
        retries: Retries | None = None,
        explain: Explain | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        front: str | None = None,
    ) -> None:
        super().__init__(tokens=tokens, retries=retries or DEFAULT_RETRIES, explain=explain)
        self._address = grpc_address(address)
        self._timeout_s = timeout_s
        self._channel = _channel(self._address)
        self._front_channel = _channel(grpc_address(front)) if front else None
        self._service = InferenceAPIsServiceStub(self._channel)

    def close(self) -> None:
        """Close the channels."""
        self._channel.close()
        if self._front_channel is not None:
            self._front_channel.close()

    def _predict(
        self, image: bytes, model: str, version: str | None, top_k: int | None, headers: dict[str, str]
    ) -> Prediction:
        fields = {"image": image} if top_k is None else {"image": image, "top_k": str(top_k).encode()}
        request = PredictionsRequest(model_name=model, model_version=version or "", input=fields)
        return read_answer(self._call(self._service.Predictions, request, headers).prediction)

    def _explanation(
        self, image: bytes, model: str, version: str | None, options: dict[str, str], headers: dict[str, str]
    ) -> Explanation:
        if self._front_channel is None:
            raise AddressError("the front's gRPC address is not known: give it as `front`, 127.0.0.1:8001 say")
        fields = {"image": image, **{name: value.encode() for name, value in options.items()}}
        request = PredictionsRequest(model_name=model, model_version=version or "", input=fields)
        method = self._front_channel.unary_unary(
            EXPLAIN,
            request_serializer=PredictionsRequest.SerializeToString,
            response_deserializer=PredictionResponse.FromString,
        )
        answer = self._call(method, request, headers, timeout_s=EXPLANATION_FACTOR * self._timeout_s).prediction
        try:
            return Explanation.from_json(json.loads(answer))
        except (ValueError, KeyError, TypeError) as fault:
            raise UnexpectedAnswerError(f"an unexpected answer: {answer[:200]!r}", code=200) from fault

    def _health(self, headers: dict[str, str]) -> Health:
        text = self._call(self._service.Ping, Empty(), headers).health
        try:
            return Health.from_body(text)
        except (ValueError, KeyError, TypeError) as fault:
            raise UnexpectedAnswerError(f"an unexpected answer: {text[:200]}") from fault

    def _call(
        self, method: Callable[..., Any], request: Any, headers: dict[str, str], *, timeout_s: float | None = None
    ) -> Any:
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            return method(request, timeout=timeout_s or self._timeout_s, metadata=metadata)
        except grpc.RpcError as fault:
            raise error_of_rpc(fault, address=self._address) from fault


def _channel(address: str) -> grpc.Channel:
    options = [
        ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
        ("grpc.enable_retries", 0),  # `retries` decides
        ("grpc.enable_http_proxy", int(not is_loopback(address))),  # as in open_http
    ]
    return grpc.insecure_channel(address, options=options)


def read_answer(body: bytes) -> Prediction:
    """Return the handler's prediction: over gRPC its errors come with the status OK.

    Raises:
        ClientError: the handler answered with an error.
    """
    try:
        answer = json.loads(body)
        if {"code", "type", "message"} <= answer.keys():
            raise error_of(answer["message"], code=answer["code"], kind=answer["type"])
        return Prediction.from_json(answer)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as fault:
        raise UnexpectedAnswerError(f"an unexpected answer: {body[:200]!r}", code=200) from fault


def error_of_rpc(fault: grpc.RpcError, *, address: str) -> ClientError:
    """Return the error that a failed call stands for: gRPC's own, or TorchServe's, named in the last line of it."""
    code, details = fault.code(), fault.details() or ""
    said: dict[str, Any] = dict(fault.trailing_metadata() or ())  # type: ignore[arg-type]  # pairs
    if ERROR_TYPE in said:
        return error_of(details, code=int(said[ERROR_CODE]), kind=said[ERROR_TYPE])
    message, _, last_line = details.rpartition("\n")
    if named := JAVA_CLASS.fullmatch(last_line):
        return _with_rest_status(error_of(message, code=500, kind=named["kind"]))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOutError(f"{address} did not answer in time")
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnreachableError(f"nobody answers at {address} ({details}); `make start` starts a server")
    if code is grpc.StatusCode.CANCELLED:  # Java's gRPC resets the stream of a message that is too long
        return RequestTooLargeError("the request has more bytes than the server reads", code=413)
    return _with_rest_status(error_of(details or code.name, code=500))


def _with_rest_status(error: ClientError) -> ClientError:
    error.code = REST_STATUS.get(type(error), error.code)
    return error
