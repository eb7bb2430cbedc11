"""Predictions over REST from a real TorchServe: every way to send an image, every kind of image, every error."""

import base64
import concurrent.futures
import gzip
import json
from typing import Any

import pytest
import requests

from tests import sample_pictures
from tests.conftest import CAT

JPEG = CAT.read_bytes()
BASE64 = base64.b64encode(JPEG).decode()


def test_the_tutorials_request_is_answered_as_documented(post):
    response = post(files={"image": ("cat.jpg", JPEG, "image/jpeg")})
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert list(answer) == ["class", "class_name", "probability", "top", "model_version"]
    assert answer["top"][0] == {key: answer[key] for key in ("class", "class_name", "probability")}
    assert len(answer["top"]) == 5
    assert answer["model_version"] == "1.0"


WAYS_TO_SEND: dict[str, dict[str, Any]] = {
    "field image": {"files": {"image": ("cat.jpg", JPEG)}},
    "field data": {"files": {"data": ("cat.jpg", JPEG)}},
    "one file of any name": {"files": {"upload": ("cat.jpg", JPEG, "image/jpeg")}},
    "raw body": {"data": JPEG},
    "raw body of an image type": {"data": JPEG, "headers": {"Content-Type": "image/jpeg"}},
    "json": {"json": {"image": BASE64}},
    "json without a content type": {"data": json.dumps({"image": BASE64})},
    "base64 in lines": {"json": {"image": base64.encodebytes(JPEG).decode().replace("\n", "\r\n")}},
    "base64 for URLs": {"json": {"image": base64.urlsafe_b64encode(JPEG).decode().rstrip("=")}},
    "a data URL": {"json": {"image": f"data:image/jpeg;base64,{BASE64}"}},
    "a data URL in a form": {"files": {"image": (None, f"data:image/jpeg;base64,{BASE64}")}},
    "a file beside text fields": {"files": {"upload": ("cat.jpg", JPEG)}, "data": {"csrf": "x", "submit": "Send"}},
}


@pytest.mark.parametrize("way", WAYS_TO_SEND)
def test_each_way_to_send_an_image_gives_the_same_answer(post, way):
    expected = post(files={"image": ("cat.jpg", JPEG)}).json()
    response = post(**WAYS_TO_SEND[way])
    assert (response.status_code, response.json()) == (200, expected)


@pytest.mark.parametrize("kind", sample_pictures.every_kind(sample_pictures.cat()))
def test_each_kind_of_image_is_answered(post, kind):
    assert post(data=sample_pictures.every_kind(sample_pictures.cat())[kind]).status_code == 200


@pytest.mark.parametrize("request_of_three", [{"data": {"top_k": "3"}}, {"json": {"image": BASE64, "top_k": 3}}])
def test_a_request_says_how_many_classes_it_wants(post, request_of_three):
    files = None if "json" in request_of_three else {"image": ("cat.jpg", JPEG)}
    assert len(post(files=files, **request_of_three).json()["top"]) == 3


@pytest.mark.parametrize("path", ["cifar10/predict", "cifar10/1.0/predict", "models/cifar10/invoke"])
def test_a_query_string_says_how_many_where_torchserve_passes_it_on(server, path):
    """Of /predictions the front end passes no query on."""
    address = f"{server.settings.inference}/{path}"
    assert len(requests.post(f"{address}?top_k=3", data=JPEG, timeout=30).json()["top"]) == 3
    assert requests.post(f"{address}?top_k=0", data=JPEG, timeout=30).json()["type"] == "InvalidTopK"


FAULTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "empty body": ({"data": b""}, 400, "EmptyImage"),
    "empty file": ({"files": {"image": ("a.jpg", b"")}}, 400, "EmptyImage"),
    "no image field": ({"files": {"a": ("a.jpg", JPEG), "b": ("b.jpg", JPEG)}}, 400, "MissingImage"),
    "one field twice": ({"files": [("image", ("a.jpg", JPEG)), ("image", ("b.jpg", JPEG))]}, 400, "MissingImage"),
    "a form without a file": ({"data": {"csrf": "x", "submit": "Send"}}, 400, "MissingImage"),
    "gzip": ({"data": gzip.compress(JPEG), "headers": {"Content-Encoding": "gzip"}}, 415, "UnsupportedEncoding"),
    "json without image": ({"json": {"img": BASE64}}, 400, "MissingImage"),
    "bad base64": ({"json": {"image": "!!!"}}, 400, "InvalidBase64"),
    "bad json": ({"data": b'{"image": ', "headers": {"Content-Type": "application/json"}}, 400, "InvalidJson"),
    "top_k of zero": ({"json": {"image": BASE64, "top_k": 0}}, 400, "InvalidTopK"),
    "top_k beyond the classes": ({"json": {"image": BASE64, "top_k": 11}}, 400, "InvalidTopK"),
    "top_k no number": ({"files": {"image": JPEG}, "data": {"top_k": "five"}}, 400, "InvalidTopK"),
    "not an image": ({"data": b"hello, I am a text"}, 415, "NotAnImage"),
    "unsupported kind": ({"data": sample_pictures.encoded(sample_pictures.plain(), "ICO")}, 415, "UnsupportedImage"),
    "truncated": ({"data": JPEG[: len(JPEG) // 2]}, 422, "DamagedImage"),
    "too many bytes": ({"data": JPEG + bytes(10_000_000)}, 413, "TooManyBytes"),
    "too many pixels": ({"data": sample_pictures.png_bomb(50_000, 50_000)}, 413, "TooManyPixels"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_status_and_says_what_came(post, fault):
    request, code, kind = FAULTS[fault]
    response = post(**request)
    body = response.json()
    assert (response.status_code, body["code"], body["type"]) == (code, code, kind)
    assert response.headers["content-type"] == "application/json"
    assert len(body["message"]) > 20


def test_an_image_beyond_torchserves_own_limit_is_refused_before_it_is_read(post):
    """TorchServe may close the connection while the client still sends."""
    try:
        assert post(data=bytes(25_000_000)).status_code == 413
    except requests.ConnectionError as closed:
        assert "reset" in str(closed).lower() or "pipe" in str(closed).lower()  # noqa: PT017


def test_of_64_concurrent_uploads_the_broken_ones_fail_alone(url):
    """A third of them is broken; all are in flight at once, so they share batches."""
    expected = requests.post(url, data=JPEG, timeout=30).json()
    bodies = [JPEG if index % 3 else JPEG[: 2000 + index] for index in range(64)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        responses = list(pool.map(lambda body: requests.post(url, data=body, timeout=60), bodies))
    for body, response in zip(bodies, responses, strict=True):
        if body is JPEG:
            assert (response.status_code, response.json()) == (200, expected)
        else:
            assert (response.status_code, response.json()["type"]) == (422, "DamagedImage")


@pytest.mark.parametrize("path", ["predictions/cifar10", "cifar10/predict", "models/cifar10/invoke"])
def test_a_client_of_the_inference_api_gets_no_description(server, path):
    """TorchServe marks its management API's own requests with a header that any client may send."""
    address = f"{server.settings.inference}/{path}"
    assert requests.post(address, data=JPEG, headers={"describe": "True"}, timeout=30).json()["class_name"]
    form = {"describe": "True", "Content-Type": "application/x-www-form-urlencoded"}
    assert requests.post(address, headers=form, timeout=30).json()["type"] == "MissingImage"
    with server.management() as management:
        assert management.ask_worker("cifar10", "1.0")["pid"]
