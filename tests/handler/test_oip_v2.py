"""The Open Inference Protocol over REST: tensors in, tensors out, as JSON or in binary form."""

import json
from typing import Any

import numpy as np
import pytest

from tests.handler.conftest import PREDICTIONS, STANDARD_PATH, Ask
from tests.handler.tensors import AS_UINT8, as_binary, as_json, asking, outputs, with_data
from tests.sample_pictures import BLUE, GREEN, RED, jpeg

BAD = jpeg()[:300]


@pytest.mark.parametrize("path", [STANDARD_PATH, PREDICTIONS], ids=["v2", "predictions"])
@pytest.mark.parametrize("make", [as_json, as_binary, lambda *images, **more: json.dumps(as_json(*images, **more))])
def test_images_are_answered_by_every_output(ask: Ask, make: Any, path: dict[str, str]) -> None:
    status, document, binary = ask(make(jpeg(RED), jpeg(GREEN), id="a-1"), path)
    assert (status, binary) == (200, b"")
    assert {key: document[key] for key in ("model_name", "model_version", "id")} == {
        "model_name": "colours",
        "model_version": "1.0",
        "id": "a-1",
    }
    assert [(each["name"], each["datatype"], each["shape"]) for each in document["outputs"]] == [
        ("class", "INT64", [2]),
        ("class_name", "BYTES", [2]),
        ("probability", "FP32", [2]),
        ("probabilities", "FP32", [2, 4]),
        ("error", "BYTES", [2]),
    ]
    found = outputs(document)
    assert (found["class"], found["class_name"], found["error"]) == ([0, 1], ["red", "green"], ["", ""])
    assert [max(row) for row in found["probabilities"]] == found["probability"]
    assert [row.index(max(row)) for row in found["probabilities"]] == [0, 1]


def test_an_answer_without_an_id_has_none(ask: Ask) -> None:
    assert "id" not in ask(as_json(jpeg()))[1]


@pytest.mark.parametrize("flag", [{"parameters": {"binary_data_output": True}}, {"outputs": "each"}], ids=str)
def test_binary_outputs_are_those_of_json(ask: Ask, flag: dict[str, Any]) -> None:
    if flag == {"outputs": "each"}:
        names = ("class", "class_name", "probability", "probabilities", "error")
        flag = {"outputs": asking(*names, parameters={"binary_data": True})}
    images = (jpeg(RED), jpeg(BLUE), BAD)
    _, document, _ = ask(as_json(*images))
    _, head, binary = ask(as_binary(*images, **flag))
    assert all("data" not in tensor for tensor in head["outputs"])
    expected, found = outputs(document), outputs(head, binary)
    for name in ("probability", "probabilities"):
        assert np.allclose(np.array(expected.pop(name), float), np.array(found.pop(name), float), atol=1e-6)
    assert found == expected


def test_json_and_binary_outputs_go_in_one_answer(ask: Ask) -> None:
    wanted = [*asking("class"), *asking("class_name", parameters={"binary_data": True}), *asking("probability")]
    _, head, binary = ask(as_json(jpeg(GREEN), outputs=wanted, parameters={"binary_data_output": False}))
    assert [tensor["name"] for tensor in head["outputs"]] == ["class", "class_name", "probability"]
    assert outputs(head, binary)["class_name"] == ["green"]


@pytest.mark.parametrize("is_binary", [False, True])
def test_a_classification_is_the_best_classes_as_text(ask: Ask, is_binary: bool) -> None:
    wanted = asking("probabilities", parameters={"classification": 2, "binary_data": is_binary})
    _, head, binary = ask(as_json(jpeg(GREEN), jpeg(BLUE), outputs=wanted))
    (tensor,) = head["outputs"]
    assert (tensor["datatype"], tensor["shape"]) == ("BYTES", [2, 2])
    rows = outputs(head, binary)["probabilities"]
    assert [row[0].split(":")[1:] for row in rows] == [["1", "green"], ["2", "blue"]]
    assert all(0 < float(text.split(":")[0]) < 1 for row in rows for text in row)


PIXELS = np.array([np.full((40, 48, 3), colour) for colour in (RED, BLUE)], np.uint8)


@pytest.mark.parametrize(
    "request_of_two",
    [
        with_data(PIXELS.tobytes(), AS_UINT8),
        {"inputs": [{"name": "image", **AS_UINT8, "data": PIXELS.tolist()}]},
        {"inputs": [{"name": "image", **AS_UINT8, "data": PIXELS.ravel().tolist()}]},
    ],
    ids=["binary", "nested", "flat"],
)
def test_decoded_images_of_any_size_are_answered(ask: Ask, request_of_two: Any) -> None:
    status, document, _ = ask(request_of_two)
    assert (status, outputs(document)["class_name"]) == (200, ["red", "blue"])


def test_pixels_are_resized_as_an_image_file_is(ask: Ask) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 90, 70, 3), np.uint8)
    from tests.sample_pictures import Image, encoded

    _, as_file, _ = ask(as_json(encoded(Image.fromarray(pixels[0]), "PNG")))
    _, as_tensor, _ = ask(with_data(pixels.tobytes(), {"datatype": "UINT8", "shape": list(pixels.shape)}))
    assert as_tensor == as_file


def test_base64_in_binary_form_is_taken_where_the_content_type_says_so(ask: Ask) -> None:
    text = as_json(jpeg(GREEN))["inputs"][0]["data"][0].encode()
    parameters = {"binary_data_size": len(text) + 4, "content_type": "base64"}
    _, document, _ = ask(as_binary(text, tensor={"parameters": parameters}))
    assert outputs(document)["class_name"] == ["green"]


def test_tritons_short_form_is_the_image_alone(ask: Ask) -> None:
    status, document, _ = ask((jpeg(BLUE), {"Inference-Header-Content-Length": "0"}))
    assert (status, outputs(document)["class_name"]) == (200, ["blue"])


def test_column_vectors_of_images_are_taken(ask: Ask) -> None:
    request = as_json(jpeg(RED), jpeg(GREEN))
    request["inputs"][0] |= {"shape": [2, 1], "data": [[text] for text in request["inputs"][0]["data"]]}
    assert outputs(ask(request)[1])["class"] == [0, 1]


def test_a_bad_image_is_told_by_the_output_error_and_costs_no_other(ask: Ask) -> None:
    status, document, _ = ask(as_json(jpeg(RED), BAD, b"hello", jpeg(BLUE)))
    found = outputs(document)
    assert status == 200
    assert (found["class"], found["class_name"]) == ([0, -1, -1, 2], ["red", "", "", "blue"])
    assert (found["probability"][1:3], found["probabilities"][1:3]) == ([0, 0], [[0] * 4] * 2)
    assert [bool(text) for text in found["error"]] == [False, True, True, False]
    assert "JPEG" in found["error"][1]


def test_who_does_not_ask_for_the_output_error_is_refused_for_a_bad_image(ask: Ask) -> None:
    status, document, _ = ask(as_json(jpeg(RED), BAD, outputs=asking("class")))
    assert (status, document["code"], document["type"]) == (422, 422, "DamagedImage")
    assert document["error"].startswith("image 2 of 2: ")
    assert "ask for the output error" in document["error"]


@pytest.mark.parametrize("more", [{}, {"outputs": asking("error")}], ids=["all", "error"])
def test_a_request_of_bad_images_alone_has_the_status_of_the_first(ask: Ask, more: dict[str, Any]) -> None:
    assert ask(as_json(BAD, b"", **more))[0] == 422
    status, document, _ = ask(as_json(b"", **more))
    assert (status, document.keys()) == (400, {"error", "code", "type"})


def test_a_caller_of_predictions_may_say_the_protocol_in_the_path(ask: Ask) -> None:
    for path in ("v1", "v2"):
        status, document, _ = ask(b"{", PREDICTIONS | {"url_path": path})
        assert (status, document.keys()) == (400, {"error", "code", "type"})
    assert ask(b"{", PREDICTIONS)[1].keys() == {"code", "type", "message"}


def test_an_answer_longer_than_torchserve_takes_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.image_handler.MAX_ANSWER_BYTES", 300)
    status, document, _ = ask(as_json(jpeg(), jpeg()))
    assert (status, document["type"]) == (413, "TooManyImages")
