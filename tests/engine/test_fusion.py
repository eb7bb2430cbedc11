"""Layers taken into the convolution before them change the answers by no more than roundings."""

import copy

import pytest
import torch
from torch import nn

from engine.fusion import take_in_gelus, take_in_norms
from engine.prepacking import PackedConvolution, pack_convolutions
from model.resnet import ResNet


def with_lived_in_norms(network):
    """Norms as training leaves them, rather than those that change nothing."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
            layer.bias.data.normal_()
    return network


def kinds(network):
    return {type(layer) for layer in network.modules()}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return with_lived_in_norms(ResNet()).eval().to(memory_format=torch.channels_last)


@pytest.fixture
def pixels():
    return torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_network_without_its_norms_and_gelus_answers_the_same(network, pixels):
    fused = copy.deepcopy(network)
    take_in_norms(fused)
    assert nn.BatchNorm2d not in kinds(fused)
    pack_convolutions(fused, pixels)
    take_in_gelus(fused)
    assert sum(layer.activation[0] == "gelu" for layer in fused.modules() if isinstance(layer, PackedConvolution)) == 5
    with torch.inference_mode():
        torch.testing.assert_close(fused(pixels), network(pixels), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("between", [nn.MaxPool2d(2), nn.GELU()])
def test_a_norm_that_may_not_be_moved_stays(between):
    norm = nn.BatchNorm2d(4)
    nn.init.constant_(norm.weight, -1)  # turns the order of what is pooled round
    network = nn.Sequential(nn.Conv2d(3, 4, 3), between, norm).eval()
    batch = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        expected = network(batch)
        take_in_norms(network)
        assert torch.equal(network(batch), expected)
    assert nn.BatchNorm2d in kinds(network)


@pytest.mark.parametrize("layers", [
    [nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)],
    [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)],
])  # fmt: skip
def test_a_norm_before_any_convolution_or_without_fixed_amounts_stays(layers):
    network = nn.Sequential(*layers).eval()
    take_in_norms(network)
    assert nn.BatchNorm2d in kinds(network)
