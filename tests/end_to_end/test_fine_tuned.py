"""A torchvision network at 224 pixels, from a folder to answers over HTTP that are the trained network's."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import archive
import train
from images.decode import decode_image
from pixserve import RestClient
from serving.server import Server
from serving.settings import Settings
from tests import sample_pictures as samples
from tests.training.training_images import make_pictures
from training.networks import load_network

LARGE = samples.cat((2400, 1600))
UPLOADS = {
    "large jpeg": samples.encoded(LARGE, "JPEG", quality=90),
    "small jpeg": samples.encoded(samples.cat((224, 224)), "JPEG"),
    "png": samples.encoded(samples.cat((500, 300)), "PNG"),
    "heic": samples.heic("cat"),
    "heic turned": samples.heic("turned-6"),
    "avif": samples.encoded(samples.cat((500, 300)), "AVIF"),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fine-tuned")
    images = make_pictures(folder / "images", train=6, test=2, size=(260, 230))
    options = ["--network=resnet18", "--weights=none", "--image-size=224", "--epochs=1", "--precision=fp32"]
    where = [f"--source={images}", f"--out={folder}/out", "--name=colours", "--version=1.0"]
    result = CliRunner().invoke(train.app, ["finetune", *options, *where])
    assert result.exit_code == 0, result.output
    return folder / "out" / "colours-1.0.pt"


@pytest.fixture(scope="module")
def client(weights: Path) -> Iterator[RestClient]:
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    archive.build(weights.with_suffix(".json"), store=folder / "store")
    with Server(Settings.isolated(folder, folder / "store")) as server:
        server.wait_until_ready()
        with RestClient(server.settings.inference) as client:
            yield client
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", UPLOADS)
def test_an_upload_is_answered_as_the_trained_network_answers_it(client: RestClient, weights: Path, name: str) -> None:
    network, record = load_network(weights)
    pixels = torch.from_numpy(decode_image(UPLOADS[name], image_size=224).copy()).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = network(pixels).softmax(dim=1)[0].tolist()
    served = {entry.name: entry.probability for entry in client.predict(UPLOADS[name], model="colours").top}
    assert [served[each] for each in record["class_names"]] == pytest.approx(expected, abs=1e-4)
