"""Thousands of mutated uploads through the handler: no exception, no 5xx, no line in the log, no neighbour harmed."""

import json
import logging
import random
from typing import Any

import pytest

from handler.image_handler import ImageHandler
from tests import odd_images
from tests import sample_pictures as samples
from tests.mutations import mutated
from tests.sample_pictures import GREEN, jpeg

MUTATIONS_A_FILE = 8
LARGEST_SEED = 100_000  # bytes


def seeds() -> dict[str, bytes]:
    files = {**odd_images.coloured(), **odd_images.grey(), **samples.every_kind(samples.cat())}
    files |= {name: data for name, (data, _) in odd_images.unsupported().items()}
    return {name: data for name, data in files.items() if len(data) < LARGEST_SEED}


def test_mutated_uploads_are_answered_or_refused_and_harm_no_neighbour(
    make_context: Any, with_rows: Any, caplog: pytest.LogCaptureFixture
) -> None:
    chance, context, handler = random.Random(29), make_context(), ImageHandler()
    handler.initialize(context)
    caplog.clear()  # what loading says
    uploads = [mutated(data, chance) for data in seeds().values() for _ in range(MUTATIONS_A_FILE)]
    assert len(uploads) > 1500
    rows = [row for upload in uploads for row in ({"body": bytearray(upload)}, {"image": jpeg(GREEN)})]
    with caplog.at_level(logging.INFO):
        for start in range(0, len(rows), 32):
            batch = rows[start : start + 32]
            answers = handler.handle(batch, with_rows(context, *[{"explain": "False"}] * len(batch)))
            statuses = [context.get_response_status(index)[0] for index in range(len(batch))]
            assert set(statuses[::2]) <= {200, 400, 413, 415, 422}
            assert set(statuses[1::2]) == {200}
            assert {json.loads(answer)["class_name"] for answer in answers[1::2]} == {"green"}
    assert not caplog.records
