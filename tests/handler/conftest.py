"""A handler that answers batches given as rows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ts.context import Context

from handler.image_handler import ImageHandler

MakeContext = Callable[..., Context]
Ask = Callable[..., tuple[int, Any, bytes]]

PREDICTIONS = {"explain": "False", "url_path": ""}  # what TorchServe says of /predictions
STANDARD_PATH = {"explain": "False"}  # and of /v1/models/M:predict and /v2/models/M/infer


@pytest.fixture
def served(make_context: MakeContext, with_rows: MakeContext) -> Callable[..., tuple[list[Any], list[int]]]:
    """Answers and statuses of a batch given as rows; `headers` by row."""
    context = make_context()
    handler = ImageHandler()
    handler.initialize(context)

    def serve(*rows: dict[str, Any], headers: list[dict[str, Any]] | None = None) -> tuple[list[Any], list[int]]:
        with_rows(context, *(headers or [{} for _ in rows]))
        answers = [json.loads(answer) for answer in handler.handle(rows, context)]
        statuses = [context.get_response_status(index)[0] for index in range(len(rows))]
        assert {context.get_response_content_type(index) for index in range(len(rows))} <= {"application/json"}
        return answers, statuses

    return serve


@pytest.fixture
def ask(make_context: Any, with_rows: Any) -> Ask:
    """Send one request of the Open Inference Protocol, a document or the pair of a body and its headers.

    Returns status, document and binary data.
    """
    context, handler = make_context(), ImageHandler()
    handler.initialize(context)

    def send(request: Any, path: dict[str, str] = STANDARD_PATH) -> tuple[int, Any, bytes]:
        body, headers = request if isinstance(request, tuple) else (request, {})
        (answer,) = handler.handle([{"body": body}], with_rows(context, path | headers))
        length = context.get_response_headers(0).get("Inference-Header-Content-Length")
        is_binary = context.get_response_content_type(0) == "application/octet-stream"
        assert is_binary == (length is not None)
        size = int(length) if length else len(answer)
        return context.get_response_status(0)[0], json.loads(answer[:size]), answer[size:]

    return send
