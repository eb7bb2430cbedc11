import copy

import pytest
import torch
from torch import nn

from training import im2col
from training.im2col import use_im2col, weight_gradient


def maps(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def amx(monkeypatch):
    """As on a processor with AMX; the products themselves run on any."""
    monkeypatch.setattr(im2col, "has_amx", lambda: True)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_the_weight_gradient_is_the_one_that_torch_computes(side):
    layer = nn.Conv2d(5, 4, 3, padding=1, bias=False)
    pixels, gradient = maps(6, 5, side, side, seed=0), maps(6, 4, side, side, seed=1)
    layer(pixels).backward(gradient)
    torch.testing.assert_close(weight_gradient(pixels, gradient), layer.weight.grad)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8])
def test_a_network_with_im2col_has_the_same_outputs_and_gradients(amx, side):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.GELU(), nn.Conv2d(8, 8, 3, padding=1))
    faster = copy.deepcopy(network)
    use_im2col(faster)
    assert type(faster[0]) is not nn.Conv2d
    assert faster.state_dict().keys() == network.state_dict().keys()
    pixels = maps(6, 8, side, side, seed=0).bfloat16().requires_grad_()
    input_gradients = []
    for each in (network, faster):
        with torch.autocast("cpu", torch.bfloat16):
            output = each(pixels)
        input_gradients += torch.autograd.grad(output.float().square().mean(), pixels, retain_graph=True)
        output.float().square().mean().backward()
    torch.testing.assert_close(*input_gradients, rtol=0.02, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(faster(pixels), network(pixels))
    for one, other in zip(network.parameters(), faster.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("other", [{"stride": 2}, {"groups": 2}, {"dilation": 2}, {"padding_mode": "reflect"}])
def test_convolutions_of_another_kind_stay_as_they_are(amx, other):
    layer = nn.Conv2d(8, 8, 3, padding=1, bias=False, **other)
    use_im2col(layer)
    assert type(layer) is nn.Conv2d


def test_without_amx_convolutions_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(im2col, "has_amx", lambda: False)
    layer = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    use_im2col(layer)
    assert type(layer) is nn.Conv2d
