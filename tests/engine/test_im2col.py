"""A convolution as one matrix product answers what the convolution does."""

import pytest
import torch
from torch import nn

from engine.fusion import take_in_gelus
from engine.im2col import ProductConvolution, may_be_product
from engine.prepacking import PackedConvolution, pack_convolutions


@pytest.mark.parametrize("side", [(1, 1), (2, 2), (2, 3), (3, 3)])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_answers_what_the_convolution_does(side, batch_size, bias):
    torch.manual_seed(0)
    convolution = nn.Conv2d(16, 24, 3, padding=1, bias=bias)
    batch = torch.randn(batch_size, 16, *side).to(memory_format=torch.channels_last)
    product = ProductConvolution(convolution, torch.Size((4, 16, 3, 3)), dtype=torch.bfloat16)
    with torch.inference_mode():
        answer, expected = product(batch), convolution(batch)
    assert answer.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(answer.float(), expected, rtol=0, atol=0.02 * expected.abs().max().item())


def test_a_gelu_is_taken_into_a_product():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.GELU()).eval()
    batch = torch.randn(2, 16, 3, 3)
    with torch.inference_mode():
        expected = network(batch)
        pack_convolutions(network, batch, dtype=torch.bfloat16)
        take_in_gelus(network)
        assert [type(layer) for layer in network] == [ProductConvolution, nn.Identity]
        torch.testing.assert_close(network(batch).float(), expected, rtol=0, atol=0.02 * expected.abs().max().item())


@pytest.mark.parametrize(("convolution", "side"), [
    (nn.Conv2d(8, 8, 3, padding=1), 4),
    (nn.Conv2d(8, 8, 3), 3),
    (nn.Conv2d(8, 8, 3, padding=1, groups=2), 3),
    (nn.Conv2d(8, 8, 3, padding=1, stride=2), 3),
    (nn.Conv2d(8, 8, 1, padding=1), 3),
])  # fmt: skip
def test_another_convolution_is_packed(convolution, side):
    batch = torch.zeros(2, 8, side, side)
    assert not may_be_product(convolution, batch.shape)
    network = nn.Sequential(convolution).eval()
    pack_convolutions(network, batch, dtype=torch.bfloat16)
    assert isinstance(network[0], PackedConvolution)


def test_in_float32_it_is_packed_since_that_is_exact():
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)).eval()
    pack_convolutions(network, torch.zeros(2, 8, 3, 3))
    assert isinstance(network[0], PackedConvolution)
