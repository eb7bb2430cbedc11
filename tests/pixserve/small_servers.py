"""Small real servers over REST and gRPC that answer what a test tells them to."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

from pixserve._stubs.inference_pb2 import PredictionResponse
from pixserve._stubs.inference_pb2_grpc import (
    InferenceAPIsServiceServicer,
    add_InferenceAPIsServiceServicer_to_server,
)

CAT = {"class": 3, "class_name": "cat", "probability": 0.9}
ANSWER = json.dumps({**CAT, "top": [CAT], "model_version": "1.0"})
DAMAGED = json.dumps({"code": 422, "type": "DamagedImage", "message": "cut short"})
Reply = Callable[[bytes, dict[str, str]], tuple[int, str]]


@contextmanager
def rest_server(reply: Reply, *, most: int | None = None) -> Iterator[str]:
    """Answer requests with `reply`, at most `most` of them: later ones find the connection closed."""
    answered = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if most is not None and next(answered) > most:
                self.close_connection = True
                return
            status, text = reply(body, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_PUT = do_POST  # noqa: N815 (the name that http.server calls)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that gave up
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def grpc_server(reply: Reply) -> Iterator[str]:
    class Service(InferenceAPIsServiceServicer):  # type: ignore[misc]
        def Predictions(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
            status, text = reply(
                request.input["image"], {key.title(): value for key, value in context.invocation_metadata()}
            )
            if status == 500:
                context.abort(grpc.StatusCode.INTERNAL, text)
            return PredictionResponse(prediction=text.encode())

    with futures.ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        add_InferenceAPIsServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()
