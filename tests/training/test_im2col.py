import copy

import pytest
import torch
from torch import nn

from training import im2col
from training.im2col import filter_gradient, use_im2col


def maps(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_the_products_give_the_gradient_that_torch_gives(side):
    layer = nn.Conv2d(5, 4, 3, padding=1, bias=False)
    pixels, gradient = maps(6, 5, side, side, seed=0), maps(6, 4, side, side, seed=1)
    layer(pixels).backward(gradient)
    torch.testing.assert_close(filter_gradient(pixels, gradient), layer.weight.grad)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8])
def test_a_network_sped_up_answers_and_learns_as_before(monkeypatch, side):
    monkeypatch.setattr(im2col, "LARGEST_DENSE_SIDE", 3)  # as with matrix units, on whatever processor
    monkeypatch.setattr(im2col, "LARGEST_SIDE", 7)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.GELU(), nn.Conv2d(8, 8, 3, padding=1))
    faster = copy.deepcopy(network)
    use_im2col(faster)
    assert faster.state_dict().keys() == network.state_dict().keys()
    pixels = maps(6, 8, side, side, seed=0).bfloat16().requires_grad_()
    of_pixels = []
    for each in (network, faster):
        with torch.autocast("cpu", torch.bfloat16):
            answer = each(pixels)
        of_pixels += torch.autograd.grad(answer.float().square().mean(), pixels, retain_graph=True)
        answer.float().square().mean().backward()
    torch.testing.assert_close(*of_pixels, rtol=0.02, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(faster(pixels), network(pixels))
    for one, other in zip(network.parameters(), faster.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("other", [{"stride": 2}, {"groups": 2}, {"dilation": 2}, {"padding_mode": "reflect"}])
def test_convolutions_of_another_kind_stay_as_they_are(other):
    layer = nn.Conv2d(8, 8, 3, padding=1, bias=False, **other)
    use_im2col(layer)
    assert type(layer) is nn.Conv2d
