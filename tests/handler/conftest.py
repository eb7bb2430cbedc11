"""A handler that answers batches given as rows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ts.context import Context

from handler.image_handler import ImageHandler

MakeContext = Callable[..., Context]

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
