"""What is served is what was trained: the same probabilities, and the accuracy of the record."""

import concurrent.futures
import json
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from PIL import Image

from model.lenet import LeNet
from tests import sample_pictures
from tests.conftest import LENET_RECORD


@pytest.fixture(scope="module")
def lenet() -> LeNet:
    network = LeNet()
    network.load_state_dict(torch.load(LENET_RECORD.with_suffix(".pt"), weights_only=True))
    return network.eval()


@torch.inference_mode()
def local_probabilities(network: LeNet, images: list[Image.Image]) -> torch.Tensor:
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])  # (N, 32, 32, 3) uint8
    return network(torch.from_numpy(pixels).permute(0, 3, 1, 2)).softmax(dim=1)


def test_probabilities_over_http_equal_those_of_the_local_network(post, lenet):
    image = sample_pictures.cat((32, 32))
    expected = local_probabilities(lenet, [image])[0]
    top = post(data={"top_k": 10}, files={"image": sample_pictures.encoded(image, "PNG")}).json()["top"]
    served = {entry["class"]: entry["probability"] for entry in top}
    assert [served[index] for index in range(10)] == pytest.approx(expected.tolist(), abs=1e-5)
    assert sum(served.values()) == pytest.approx(1, abs=1e-5)


def test_the_server_has_the_accuracy_of_the_record(url, cifar10_test_pictures):
    """All 10,000 test pictures, as the JPEG files they are, through the server."""
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))

    def answer(path: Path) -> int:
        return int(session.post(url, data=path.read_bytes(), timeout=60).json()["class"])

    paths, labels = zip(*cifar10_test_pictures, strict=True)
    with session, concurrent.futures.ThreadPoolExecutor(16) as pool:
        right = sum(a == b for a, b in zip(pool.map(answer, paths), labels, strict=True))
    assert right / len(labels) == json.loads(LENET_RECORD.read_text())["test"]["accuracy"]
