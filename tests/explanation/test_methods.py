"""Both methods: right where the truth is known, equal to captum's, and moved by the weights."""

import json
from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import openvino
import openvino.opset14 as ops
import pytest
import torch

from engine.metadata import EngineMetadata
from engine.openvino_network import openvino_core
from explanation.methods import METHODS, STEPS, mean_colour
from explanation.network import ExplainedNetwork
from images.decode import decode_image
from serving.settings import PROJECT
from tests.conftest import CAT
from tests.explanation.conftest import SIDE, SQUARE, network_that_looks_at_a_square
from training.networks import load_network

MODEL = PROJECT / "model"
CAT_CLASS = 3


def shipped(version: str) -> ExplainedNetwork:
    record = json.loads((MODEL / f"cifar10-{version}.json").read_text())
    return ExplainedNetwork(MODEL, EngineMetadata.from_json(record["engine"]))


@pytest.fixture(scope="module")
def cat() -> np.ndarray:
    return decode_image(CAT.read_bytes(), image_size=32)


@pytest.mark.parametrize("method", METHODS)
def test_the_heat_falls_on_the_square_that_decides(
    method: str, explained: Callable[[openvino.Model], ExplainedNetwork]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 120, (SIDE, SIDE, 3)).astype(np.uint8)
    pixels[SQUARE, SQUARE] = 255
    heat = METHODS[method](explained(network_that_looks_at_a_square()), pixels, 1)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[SQUARE, SQUARE] = True
    assert heat[inside].min() > 0
    assert inside[np.unravel_index(heat.argmax(), heat.shape)]
    assert np.abs(heat[inside]).mean() > 3 * np.abs(heat[~inside]).mean()


@pytest.mark.parametrize("method", METHODS)
def test_what_speaks_against_a_class_is_negative(
    method: str, explained: Callable[[openvino.Model], ExplainedNetwork]
) -> None:
    pixels = np.full((SIDE, SIDE, 3), 100, np.uint8)
    pixels[SQUARE, SQUARE] = 255
    heat = METHODS[method](explained(network_that_looks_at_a_square()), pixels, 0)
    assert heat[SQUARE, SQUARE].max() < 0


@pytest.mark.parametrize("method", METHODS)
def test_randomised_weights_change_the_map(
    method: str, cat: np.ndarray, explained: Callable[..., ExplainedNetwork]
) -> None:
    """The sanity check of Adebayo et al. (2018): a map that stays explains the image, and not the network."""
    model = openvino_core().read_model(MODEL / "cifar10-1.0.fp32.xml")
    random = np.random.default_rng(0)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.f32:
            weights = np.array(node.get_data())
            shuffled = ops.constant(random.permutation(weights.reshape(-1)).reshape(weights.shape))
            for use in node.output(0).get_target_inputs():
                use.replace_source_output(shuffled.output(0))
    trained, randomised = shipped("1.0"), explained(model, side=32, classes=10)
    maps = [METHODS[method](network, cat, CAT_CLASS).reshape(-1) for network in (trained, randomised)]
    assert abs(np.corrcoef(*maps)[0, 1]) < 0.5


def torch_log_odds(network: torch.nn.Module) -> Callable[[Any], Any]:
    """The score that is explained, for pixels (N, S, S, 3) float32, in torch."""

    def score(pixels: torch.Tensor) -> torch.Tensor:
        logits = network(pixels.permute(0, 3, 1, 2))
        others = torch.cat([logits[:, :CAT_CLASS], logits[:, CAT_CLASS + 1 :]], dim=1)
        return logits[:, CAT_CLASS] - others.logsumexp(dim=1)

    return score


@pytest.mark.parametrize(("version", "correlation"), [("1.0", 0.9999), ("2.0", 0.999)])
def test_integrated_gradients_are_those_of_captum(version: str, correlation: float, cat: np.ndarray) -> None:
    network, _ = load_network(MODEL / f"cifar10-{version}.pt")
    image = torch.from_numpy(cat.astype(np.float32))[None]
    baseline = torch.from_numpy(mean_colour(cat.astype(np.float32))).expand_as(image)
    method = captum.attr.IntegratedGradients(torch_log_odds(network.eval().requires_grad_(False)))
    theirs = method.attribute(image, baseline, n_steps=STEPS, method="riemann_middle", internal_batch_size=8)
    ours = METHODS["integrated_gradients"](shipped(version), cat, CAT_CLASS)
    assert np.corrcoef(theirs[0].sum(dim=2).numpy().reshape(-1), ours.reshape(-1))[0, 1] > correlation


def test_occlusion_is_that_of_captum(cat: np.ndarray) -> None:
    network, _ = load_network(MODEL / "cifar10-1.0.pt")
    image = torch.from_numpy(cat.astype(np.float32))[None]
    baseline = torch.from_numpy(mean_colour(cat.astype(np.float32))).expand_as(image)
    method = captum.attr.Occlusion(torch_log_odds(network.eval().requires_grad_(False)))
    theirs = method.attribute(image, sliding_window_shapes=(8, 8, 3), strides=(3, 3, 1), baselines=baseline)
    ours = METHODS["occlusion"](shipped("1.0"), cat, CAT_CLASS)
    assert np.allclose(theirs[0, :, :, 0].numpy(), ours, atol=1e-3)


def test_integrated_gradients_sum_to_the_gain_over_the_mean_colour(cat: np.ndarray) -> None:
    network = shipped("1.0")
    plain = np.broadcast_to(mean_colour(cat.astype(np.float32)), cat.shape)
    scores = network.log_odds(np.stack([cat.astype(np.float32), plain]).astype(np.float32), CAT_CLASS)
    heat = METHODS["integrated_gradients"](network, cat, CAT_CLASS)
    assert heat.sum() == pytest.approx(scores[0] - scores[1], abs=0.1)


def test_an_int8_network_is_explained_in_float32(cat: np.ndarray) -> None:
    int8, exact = shipped("3.0"), shipped("2.0")
    assert (int8.description, exact.description) == ("cifar10-2.0, int8 weights in float32", "cifar10-2.0 in float32")
    maps = [METHODS["integrated_gradients"](network, cat, CAT_CLASS).reshape(-1) for network in (int8, exact)]
    assert np.corrcoef(*maps)[0, 1] > 0.9
