"""What is served is what was trained: the same probabilities, and the accuracy of the record."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import archive
from model.lenet import LeNet
from pixserve import RestClient
from serving.server import Server
from serving.settings import PROJECT, Settings
from tests import sample_pictures
from tests.conftest import LENET_RECORD

RECORDS = sorted((PROJECT / "model").glob("*.json"))


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


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every version that is shipped, as `make serve` starts it."""
    folder = tmp_path_factory.mktemp("shipped")
    for record in RECORDS:
        archive.build(record, store=folder)
    with (
        tempfile.TemporaryDirectory(prefix="serving-") as runtime_dir,
        Server(Settings.isolated(Path(runtime_dir), folder)) as server,
    ):
        server.wait_until_ready()
        yield server


def test_the_newest_version_is_the_default_and_the_older_ones_stay(shipped):
    with shipped.management() as management:
        versions = management.versions("cifar10")
    assert [version.version for version in versions] == [record.stem.removeprefix("cifar10-") for record in RECORDS]
    assert [version.is_default for version in versions] == [record == RECORDS[-1] for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_openvino_serves_the_stages_of_the_record(shipped, record):
    facts = json.loads(record.read_text())
    with shipped.management() as management:
        served = management.ask_worker("cifar10", facts["version"])
    assert served["engine"].startswith("openvino ")
    stages = [(stage["name"], stage["precision"]) for stage in served["stages"]]
    assert stages == [(stage["name"], stage["precision"]) for stage in facts["engine"]["stages"]]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_the_server_has_the_accuracy_of_the_record(shipped, cifar10_test_pictures, record):
    """All 10,000 test images, as the JPEG files they are: within 0.1 points, since int8 gives some another class."""
    facts = json.loads(record.read_text())
    may_turn = 1e-3
    paths, labels = zip(*cifar10_test_pictures, strict=True)
    with RestClient(shipped.settings.inference) as client:
        answers = client.predict_many(paths, concurrency=16, version=facts["version"])
        right = sum(answer.best.index == label for answer, label in zip(answers, labels, strict=True))
    assert right / len(labels) == pytest.approx(facts["test"]["accuracy"], abs=may_turn)
