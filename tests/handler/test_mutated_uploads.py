"""Thousands of mutated uploads through each protocol: no exception, no 5xx, no line in the log, no neighbour harmed."""

import base64
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from handler.image_handler import ImageHandler
from tests import odd_images
from tests import sample_pictures as samples
from tests.handler.conftest import PREDICTIONS, STANDARD_PATH
from tests.handler.tensors import as_binary, as_json
from tests.mutations import mutated
from tests.sample_pictures import GREEN, jpeg

LARGEST_SEED = 100_000  # bytes
REFUSED = {400, 413, 415, 422}
Row = tuple[dict[str, Any], dict[str, str]]


def uploads(chance: random.Random, *, mutations: int) -> list[bytes]:
    files = {**odd_images.coloured(), **odd_images.grey(), **samples.every_kind(samples.cat())}
    files |= {name: data for name, (data, _) in odd_images.unsupported().items()}
    seeds = [data for data in files.values() if len(data) < LARGEST_SEED]
    return [mutated(data, chance) for data in seeds for _ in range(mutations)]


def native(image: bytes) -> Row:
    return {"body": bytearray(image)}, PREDICTIONS


def v1(*images: bytes) -> Row:
    return {"body": {"instances": [base64.b64encode(image).decode() for image in images]}}, STANDARD_PATH


def v2_json(*images: bytes) -> Row:
    return {"body": as_json(*images)}, STANDARD_PATH


def v2_binary(*images: bytes) -> Row:
    body, headers = as_binary(*images)
    return {"body": bytearray(body)}, STANDARD_PATH | headers


@pytest.fixture
def answered(make_context: Any, with_rows: Any, caplog: pytest.LogCaptureFixture) -> Any:
    """Answer rows in batches of 32, and see that nothing is logged: yields the status and the body of each."""
    context, handler = make_context(), ImageHandler()
    handler.initialize(context)
    caplog.clear()  # what loading says
    caplog.set_level(logging.INFO)

    def serve(rows: list[Row]) -> list[tuple[int, Any]]:
        found = []
        for start in range(0, len(rows), 32):
            batch = rows[start : start + 32]
            with_rows(context, *(headers for _, headers in batch))
            answers = handler.handle([row for row, _ in batch], context)
            found += [(context.get_response_status(i)[0], json.loads(answer)) for i, answer in enumerate(answers)]
        assert not caplog.records
        return found

    return serve


@pytest.mark.parametrize(("protocol", "mutations"), [(native, 8), (v1, 2), (v2_json, 2), (v2_binary, 2)])
def test_mutated_uploads_are_answered_or_refused_and_harm_no_neighbour(
    answered: Any, protocol: Callable[[bytes], Row], mutations: int
) -> None:
    images = uploads(random.Random(29), mutations=mutations)
    assert len(images) > 190 * mutations
    found = answered([row for image in images for row in (protocol(image), native(jpeg(GREEN)))])
    statuses = {status for status, _ in found[::2]}
    assert statuses <= {200, *REFUSED}
    assert len(statuses) > 3
    assert all(status == 200 and answer["class_name"] == "green" for status, answer in found[1::2])


def test_mutated_images_of_one_request_harm_no_neighbour_there(answered: Any) -> None:
    images = uploads(random.Random(30), mutations=2)
    rows = [v1(*images[start : start + 15], jpeg(GREEN)) for start in range(0, len(images), 15)]
    rows += [v2_json(*images[start : start + 15], jpeg(GREEN)) for start in range(0, len(images), 15)]
    found = answered(rows)
    assert {status for status, _ in found} == {200}
    v1_answers, v2_answers = found[: len(found) // 2], found[len(found) // 2 :]
    assert {answer["predictions"][-1]["class_name"] for _, answer in v1_answers} == {"green"}
    named = [{output["name"]: output["data"] for output in answer["outputs"]} for _, answer in v2_answers]
    assert {outputs["class_name"][-1] for outputs in named} == {"green"}
    told = [each["error"] for _, answer in v1_answers for each in answer["predictions"] if "error" in each]
    assert told == [text for outputs in named for text in outputs["error"] if text]
    assert len(told) > 200


@pytest.mark.parametrize("seed", range(2))
def test_mutated_bodies_are_answered_or_refused(answered: Any, seed: int) -> None:
    """The documents themselves, JSON and binary, cut and changed."""
    chance = random.Random(seed)
    rows = []
    for _ in range(600):
        body, headers = as_binary(jpeg(), jpeg(GREEN), id="x", parameters={"binary_data_output": chance.random() < 0.1})
        rows.append(({"body": bytearray(mutated(body, chance))}, STANDARD_PATH | headers))
        for document in (as_json(jpeg()), {"instances": [base64.b64encode(jpeg()).decode()]}):
            rows.append(({"body": bytearray(mutated(json.dumps(document).encode(), chance))}, STANDARD_PATH))
    rows = [row for row in rows if b'"binary_data_output": true' not in row[0]["body"]]
    assert {status for status, _ in answered(rows)} <= {200, *REFUSED}
