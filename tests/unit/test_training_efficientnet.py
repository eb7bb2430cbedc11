import pytest
import torch
from torch import nn

from model.efficientnet import EfficientNet
from model.lenet import LeNet
from training.depthwise import DepthwiseConvolution, speed_up
from training.errors import WeightsError
from training.pretrained import load_pretrained


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    """With a head that tells classes apart, as the first one does not."""
    torch.manual_seed(0)
    network = EfficientNet(side_px=65).eval()
    nn.init.normal_(network.head.weight)
    return network


def test_pixels_become_one_float_logit_a_class(pixels):
    logits = EfficientNet(classes=7).eval()(pixels)
    assert logits.shape == (6, 7)
    assert logits.dtype == torch.float32


def test_a_picture_gets_the_same_logits_alone_and_in_a_batch(network, pixels):
    torch.testing.assert_close(network(pixels[2:3]), network(pixels)[2:3], rtol=1e-4, atol=1e-4)


def test_the_temperature_divides_the_logits_and_travels_with_the_weights(network, pixels):
    other = EfficientNet(side_px=65).eval()
    before = network(pixels)
    network.temperature.fill_(2.0)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(pixels), before / 2)


def test_pictures_are_enlarged_as_torch_enlarges_them(network, pixels):
    expected = nn.functional.interpolate(pixels.float(), size=(65, 65), mode="bicubic")
    torch.testing.assert_close(network._enlarged(pixels.float()), expected, rtol=1e-4, atol=1e-3)


def test_the_side_they_are_enlarged_to_can_change_and_is_no_weight(network, pixels):
    names = set(network.state_dict())
    network.enlarge_to(33)
    assert network._enlarged(pixels.float()).shape == (6, 3, 33, 33)
    assert set(network.state_dict()) == names


def test_it_fits_what_serving_allows():
    assert sum(each.numel() for each in EfficientNet().state_dict().values()) * 4 < 15e6  # bytes


def test_it_begins_with_what_was_learned_on_imagenet_and_a_head_of_its_own():
    network = EfficientNet(classes=3)
    load_pretrained(network)
    assert network.stem[1].num_batches_tracked > 0 or network.stem[1].running_var.mean() != 1
    assert network.head.weight.abs().max() == 0


def test_another_network_is_not_given_those_weights():
    with pytest.raises(WeightsError, match="LeNet does not have the layers"):
        load_pretrained(LeNet())


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("side", [7, 9])
def test_a_fast_depthwise_convolution_has_the_gradients_of_the_plain_one(kernel, stride, side):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False))
    fast = nn.Sequential(nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False))
    fast.load_state_dict(plain.state_dict())
    speed_up(fast)
    assert isinstance(fast[0], DepthwiseConvolution)
    batch = torch.randn(2, 8, side, side)
    for network in (plain, fast):
        network.batch = batch.clone().requires_grad_()
        network(network.batch).square().sum().backward()
    torch.testing.assert_close(fast.batch.grad, plain.batch.grad)
    torch.testing.assert_close(fast[0].weight.grad, plain[0].weight.grad, rtol=1e-4, atol=1e-4)


def test_a_convolution_over_all_channels_keeps_its_own_gradients():
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1))
    speed_up(network)
    assert type(network[0]) is nn.Conv2d
