"""A packed network answers exactly what the plain one does."""

import copy

import pytest
import torch
from torch import nn

from engine.prepacking import PackedConvolution, pack_convolutions
from model.lenet import LeNet
from model.resnet import ResNet


@pytest.mark.parametrize("network_class", [LeNet, ResNet])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_packed_network_gives_the_same_logits(network_class, batch_size):
    torch.manual_seed(0)
    plain = network_class().eval().to(memory_format=torch.channels_last)
    packed = copy.deepcopy(plain)
    pixels = torch.randint(256, (32, 3, 32, 32), dtype=torch.uint8)
    pack_convolutions(packed, pixels)
    assert any(isinstance(layer, PackedConvolution) for layer in packed.modules())
    batch = pixels[:batch_size].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(packed(batch), plain(batch), rtol=1e-5, atol=1e-6)


def test_in_bfloat16_the_logits_are_near():
    torch.manual_seed(0)
    plain = ResNet().eval().to(memory_format=torch.channels_last)
    packed = copy.deepcopy(plain)
    pixels = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    pack_convolutions(packed, pixels, dtype=torch.bfloat16)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = packed(pixels)
    with torch.inference_mode():
        expected = plain(pixels)
    torch.testing.assert_close(logits, expected, rtol=0, atol=0.05 * expected.abs().max().item())


def test_a_convolution_it_cannot_pack_stays_as_it_is():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.Conv2d(4, 4, 3, padding="same"))
    pack_convolutions(network.eval(), torch.zeros(1, 3, 8, 8))
    assert [type(layer) for layer in network] == [nn.Conv2d, nn.Conv2d]
