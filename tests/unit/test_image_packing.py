"""A packed network answers exactly what the plain one does."""

import copy

import pytest
import torch
from image_packing import PackedConvolution, pack_convolutions
from torch import nn

from model.efficientnet import EfficientNet
from model.lenet import LeNet


def trained_a_little(network):
    """With a head and norms that are not those of the first moment."""
    for name, parameter in [*network.named_parameters(), *network.named_buffers()]:
        if "head" in name or "running" in name:
            nn.init.uniform_(parameter.data, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("network_class", [LeNet, EfficientNet])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_packed_network_gives_the_same_logits(network_class, batch_size):
    torch.manual_seed(0)
    plain = trained_a_little(network_class()).to(memory_format=torch.channels_last)
    packed = copy.deepcopy(plain)
    pixels = torch.randint(256, (32, 3, 32, 32), dtype=torch.uint8)
    pack_convolutions(packed, pixels)
    assert any(isinstance(layer, PackedConvolution) for layer in packed.modules())
    batch = pixels[:batch_size].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(packed(batch), plain(batch), rtol=1e-4, atol=1e-5)


def test_a_convolution_it_cannot_pack_stays_as_it_is():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.Conv2d(4, 4, 3, padding="same"))
    pack_convolutions(network.eval(), torch.zeros(1, 3, 8, 8))
    assert [type(layer) for layer in network] == [nn.Conv2d, nn.Conv2d]


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6])
def test_a_norm_and_an_activation_that_follow_are_taken_in(activation):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), trained_a_little(nn.BatchNorm2d(4)), activation()).eval()
    plain, batch = copy.deepcopy(network), torch.randn(2, 3, 8, 8) * 9
    with torch.inference_mode():
        pack_convolutions(network, batch)
        assert [type(layer) for layer in network] == [PackedConvolution, nn.Identity, nn.Identity]
        torch.testing.assert_close(network(batch), plain(batch), rtol=1e-4, atol=1e-5)


def test_a_norm_outside_a_sequence_stays_where_it_is():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.convolution = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)

        def forward(self, batch):
            return self.convolution(self.norm(batch))

    network = Other().eval()
    pack_convolutions(network, torch.zeros(1, 3, 8, 8))
    assert type(network.norm) is nn.BatchNorm2d
