"""What training leaves for serving: OpenVINO's IR, int8 with a float32 fallback, and what the record says of both."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import train
from engine.loading import openvino_engine
from engine.metadata import EngineMetadata
from model.lenet import LeNet
from training.errors import ExportError
from training.evaluation import predict
from training.export import to_openvino
from training.networks import load_network
from training.quantization import fit_min_margin
from training.sources import load_source


def run(*arguments):
    return CliRunner().invoke(train.app, [*map(str, arguments)])


def train_into(folder, recipe, pictures, *options):
    where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt"]
    return run(recipe, *where, "--epochs=3", *(options or ["--version=1.0"]))


@pytest.fixture(scope="module")
def residual(tmp_path_factory, pictures):
    """A trained and exported residual network, not to be changed."""
    folder = tmp_path_factory.mktemp("residual")
    result = train_into(folder, "fast", pictures, "--version=0.2", "--validation-fraction=0.25")
    assert result.exit_code == 0, result.output
    return folder / "cifar10-0.2.pt"


def record_of(weights):
    return json.loads(weights.with_suffix(".json").read_text())


def served(weights, **choice):
    return openvino_engine(weights.parent, EngineMetadata.from_json(record_of(weights)["engine"]), **choice)


def test_what_is_served_of_a_small_network_is_float32_and_answers_as_torch_does(pictures, tmp_path):
    result = train_into(tmp_path, "lenet", pictures)
    assert result.exit_code == 0, result.output
    assert "cifar10-1.0 exported for OpenVINO, served in float32" in result.output
    weights = tmp_path / "cifar10-1.0.pt"
    assert record_of(weights)["reduced_precision"] is None
    images = load_source(str(pictures), image_size=32).test.images
    expected = predict(load_network(weights)[0], images).softmax(dim=1).numpy()
    answers = served(weights).answer(np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy()))
    assert answers.probabilities == pytest.approx(expected, abs=1e-5)


def test_a_residual_network_is_served_in_int8_with_a_fallback_in_float32(residual, pictures):
    record = record_of(residual)
    stages = record["engine"]["stages"]
    assert [stage["precision"] for stage in stages] == ["int8", "fp32"]
    assert record["reduced_precision"]["min_margin"] == stages[0]["min_margin"]
    assert record["reduced_precision"]["int8"]["agreement_with_fallback"] == 1
    images = load_source(str(pictures), image_size=32).test.images
    pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    expected = predict(load_network(residual)[0], images).softmax(dim=1).numpy()
    assert served(residual, precision="fp32").probabilities(pixels) == pytest.approx(expected, abs=0.01)
    assert served(residual).probabilities(pixels).argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()


def test_the_record_says_what_it_was_quantized_on(residual):
    quantization = record_of(residual)["engine"]["quantization"]
    assert quantization["by"].startswith("nncf ")
    assert (quantization["images"], quantization["of"]) == (27, "training images, evenly spaced")
    assert quantization["fingerprint"].startswith("sha256:")
    assert quantization["min_margin_fitted_on"] == "9 validation images"


def test_weights_that_are_there_already_are_exported_by_a_command_to_the_same_numbers(residual, pictures, tmp_path):
    for path in residual.parent.glob("cifar10-0.2*"):
        shutil.copy(path, tmp_path)
    weights, before = tmp_path / residual.name, record_of(residual)
    for path in [*tmp_path.glob("*.bin"), *tmp_path.glob("*.xml")]:
        path.unlink()
    result = run("export", weights, "--source", pictures)
    assert result.exit_code == 0, result.output
    after = record_of(weights)
    assert [stage["bin"] for stage in after["engine"]["stages"]] == [
        stage["bin"] for stage in before["engine"]["stages"]
    ]
    assert after | {"engine": before["engine"]} == before  # the .xml names its layers by a counter of the process
    assert served(weights).image_size == 32


def test_a_source_that_they_were_not_trained_on_is_refused(residual, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "fewer")
    (tmp_path / "fewer" / "train" / "red" / "0.png").unlink()
    result = run("export", residual, "--source", tmp_path / "fewer")
    assert result.exit_code == 1
    assert "is not what" in result.output


def test_what_is_shipped_is_replaced_only_when_told(residual, pictures, monkeypatch):
    monkeypatch.setattr("training.destination.SHIPPED", residual.parent)
    before = {path: path.read_bytes() for path in residual.parent.iterdir()}
    result = run("export", residual, "--source", pictures)
    assert result.exit_code == 1
    assert f"{residual.stem}.fp32.xml is shipped: export a copy in another folder, or replace it" in result.output
    assert {path: path.read_bytes() for path in residual.parent.iterdir()} == before
    assert run("export", residual, "--source", pictures, "--overwrite").exit_code == 0


def test_a_network_that_openvino_cannot_take_is_named_and_what_follows_from_it():
    class Undecided(LeNet):
        def forward(self, pixels):
            return super().forward(pixels) if pixels.float().mean() > 3 else pixels.sum(dim=(2, 3)).float()

    with pytest.raises(ExportError, match=r"Undecided cannot be exported for OpenVINO: .* will be served by torch"):
        to_openvino(Undecided())


def test_the_first_convolution_alone_stays_in_float32(residual):
    text = residual.with_suffix(".int8.xml").read_text()
    convolutions = text.count('type="Convolution"')
    layers = sum(isinstance(each, nn.Conv2d) for each in load_network(residual)[0].modules())
    assert convolutions == layers
    assert text.count('element_type="i8"') == layers - 1 + 1  # of all convolutions but the first, and of the head


EXACT = np.array([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.2, 0.8]] * 250, np.float32)


def test_the_margin_is_the_least_with_which_no_int8_answer_of_another_class_stands():
    quantized = np.array([[0.8, 0.2], [0.51, 0.49], [0.6, 0.4], [0.3, 0.7]] * 250, np.float32)
    margin = fit_min_margin(quantized, EXACT)
    assert margin == pytest.approx(np.log(0.6 / 0.4), abs=1e-4)
    assert np.log(np.float32(0.6)) - np.log(np.float32(0.4)) < margin


def test_where_int8_has_float32s_class_on_every_image_nothing_falls_back():
    assert fit_min_margin(EXACT, EXACT) == 0


def test_on_few_images_the_margin_covers_every_change_that_int8_makes():
    quantized = np.array([[0.8, 0.2]], np.float32)
    assert fit_min_margin(quantized, EXACT[:1]) == pytest.approx(np.log(9) - np.log(4), abs=1e-4)


def test_training_where_openvino_is_missing_leaves_weights_and_says_what_to_do(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("training.finish.find_spec", lambda name: None if name == "openvino" else find_spec(name))
    result = train_into(tmp_path, "lenet", pictures)
    assert result.exit_code == 1
    assert "are written, but openvino to export them is not installed: run `python train.py export" in result.output
    assert torch.load(tmp_path / "cifar10-1.0.pt", weights_only=True)
