"""A whole network in eight bits."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.fusion import take_in_norms
from engine.int8 import in_eight_bits, is_for_eight_bits
from engine.quantized_layers import CodedLayer
from model.lenet import LeNet
from model.resnet import ResNet
from tests.engine.processor import needs_vnni
from training.activation_ranges import find_reach


@pytest.fixture(scope="module")
def pixels():
    coarse = torch.rand(32, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 255
    return F.interpolate(coarse, size=32, mode="bicubic").clamp(0, 255).byte().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def trained(pixels):
    """Whitened, norms as if it had seen pictures, its reach found; not to be changed."""
    torch.manual_seed(0)
    network = ResNet().to(memory_format=torch.channels_last)
    network.whiten(pixels)
    with torch.no_grad():
        for _ in range(10):
            network.train()(pixels[:8])
    find_reach(network.eval().requires_grad_(False), pixels[:8])
    take_in_norms(network)
    return network


@pytest.fixture
def network(trained):
    return copy.deepcopy(trained)


@needs_vnni
@pytest.mark.parametrize("n", [1, 5, 32])
def test_its_logits_are_near_those_of_float32(network, pixels, n):
    eight = in_eight_bits(network, pixels)
    with torch.inference_mode():
        expected = network(pixels)
        error = (eight(pixels[:n]) - expected[:n]).pow(2).mean().sqrt()
    assert error < 0.3 * expected.std(dim=0).mean()  # of a network that has learned nothing all logits are near


@needs_vnni
def test_every_convolution_becomes_a_coded_layer(network, pixels):
    eight = in_eight_bits(network, pixels)
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in network.modules())
    assert sum(isinstance(layer, CodedLayer) for layer in eight.modules()) == convolutions
    assert not any(isinstance(layer, nn.Conv2d) for layer in eight.modules())


@needs_vnni
def test_a_picture_gets_the_same_answer_whatever_comes_with_it(network, pixels):
    eight = in_eight_bits(network, pixels)
    with torch.inference_mode():
        together = eight(pixels)
        torch.testing.assert_close(torch.cat([eight(each) for each in pixels[:4].split(1)]), together[:4])


@needs_vnni
def test_the_network_it_was_made_of_is_left_as_it_was(network, pixels):
    with torch.inference_mode():
        before = network(pixels)
        in_eight_bits(network, pixels)
        assert torch.equal(network(pixels), before)


def test_a_network_is_for_it_once_its_reach_is_found(network):
    assert is_for_eight_bits(network)
    assert not is_for_eight_bits(ResNet())
    assert not is_for_eight_bits(LeNet())


class Padded(nn.Module):
    """Reads pixels with zeros around them, which no pixel stands for once they are scaled."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.head = nn.Linear(32, 2)
        self.head.register_buffer("reach", torch.tensor(3.0))

    def activated(self, maps):
        return F.gelu(maps)

    def forward(self, pixels):
        return self.head(self.activated(self.first(pixels.float() / 255)).amax(dim=(2, 3)))


class Normed(Padded):
    """Has something in a block that is not known."""

    def activated(self, maps):
        return F.gelu(maps.tanh())


class Doubled(Padded):
    """Adds a convolution's maps to themselves."""

    def activated(self, maps):
        return F.gelu(maps + maps)


class Pooled(Padded):
    """Adds pooled maps to others, where a layer would add first."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3)
        self.halved, self.other = (nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.MaxPool2d(2)) for _ in range(2))
        for branch in (self.halved, self.other):
            branch[0].register_buffer("reach", torch.tensor(3.0))

    def activated(self, maps):
        maps = F.gelu(maps)
        return F.gelu(F.gelu(self.halved(maps)) + self.other(maps))


@pytest.mark.parametrize(("network", "found"), [
    pytest.param(Pooled, "pooling before the sum add", marks=needs_vnni),
    (Padded, "another way to read pixels"),
    (Normed, "tanh in a block"),
    (Doubled, "add of other things"),
])  # fmt: skip
def test_what_is_not_known_is_said_by_name(network, found, pixels):
    with pytest.raises(RuntimeError, match=f"{network.__name__} has {found}.*set handler.precision"):
        in_eight_bits(network().eval(), pixels)
