import pytest
import torch

from model.resnet import ResNet
from training.muon import Muon, orthogonalize
from training.networks import stored_state


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_pixels_become_one_float_logit_a_class(pixels):
    logits = ResNet(classes=7).eval()(pixels)
    assert logits.shape == (6, 7)
    assert logits.dtype == torch.float32


def test_a_picture_gets_the_same_logits_alone_and_in_a_batch(pixels):
    network = ResNet().eval()
    torch.testing.assert_close(network(pixels[2:3]), network(pixels)[2:3])


def test_calibration_scales_the_logits_by_their_margin_and_is_stored_in_the_weights(pixels):
    network, other = ResNet().eval(), ResNet().eval()
    before = network(pixels)
    network.calibration.copy_(torch.tensor([0.5, 0.25, 0.125]))
    other.load_state_dict(network.state_dict())
    top = before.sort(dim=1, descending=True).values
    margin = top[:, :1] - top[:, 1:2]
    torch.testing.assert_close(other(pixels), before * (0.5 + 0.25 * margin + 0.125 * margin**2))


def test_calibration_does_not_change_training(pixels):
    network = ResNet().train()
    before = network(pixels)
    network.calibration.fill_(2.0)
    torch.testing.assert_close(network(pixels), before)


def test_whitened_patches_have_no_direction_stronger_than_another():
    smooth = torch.nn.functional.avg_pool2d(torch.rand(64, 3, 36, 36) * 255, 5, stride=1).byte()
    network = ResNet()
    network.whiten(smooth)
    patches = network.whitening(network._normalised(smooth))[:, :12] - network.whitening.bias[:12].reshape(1, -1, 1, 1)
    power = patches.square().mean(dim=(0, 2, 3))
    assert power.max() / power.min() < 1.5


@pytest.mark.parametrize("groups", [((16, True, 1), (24, True, 0)), ((16, False, 2), (16, True, 0), (24, True, 1))])
def test_it_takes_the_shape_of_the_weights_it_is_given(pixels, groups):
    trained, served = ResNet(classes=3, groups=groups).eval(), ResNet(classes=3).eval()
    served.load_state_dict(trained.state_dict())
    assert torch.equal(served(pixels), trained(pixels))


def test_weights_of_other_classes_are_still_refused():
    with pytest.raises(RuntimeError, match=r"head\.weight"):
        ResNet(classes=10).load_state_dict(ResNet(classes=3, groups=((16, True, 0),)).state_dict())


def test_it_fits_what_serving_allows():
    network = ResNet()
    assert sum(each.nbytes for each in stored_state(network, fp16_conv_weights=True).values()) < 15e6


def test_an_orthogonalized_matrix_keeps_its_directions_and_evens_out_their_strength():
    matrix = torch.randn(20, 50, generator=torch.Generator().manual_seed(0))
    strengths = torch.linalg.svdvals(orthogonalize(matrix, steps=5))
    assert strengths.min() > 0.4
    assert strengths.max() < 1.6
    torch.testing.assert_close(orthogonalize(matrix.T), orthogonalize(matrix).T)


def test_muon_goes_down_and_keeps_its_filters_norm():
    torch.manual_seed(0)
    filters = torch.nn.Parameter(torch.randn(8, 4, 3, 3))
    target = torch.randn(8, 4, 3, 3)
    target *= 8**0.5 / target.norm()
    optimizer = Muon([filters], lr=0.05, momentum=0.6)
    for _ in range(60):
        optimizer.zero_grad()
        (filters - target).square().sum().backward()
        optimizer.step()
    assert (filters - target).norm() < 0.3 * target.norm()
    assert filters.norm().item() == pytest.approx(8**0.5, rel=0.1)
