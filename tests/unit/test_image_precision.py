"""bfloat16 for what is clear, float32 for close calls."""

import copy

import pytest
import torch
from image_packing import PackedConvolution
from image_precision import TwoPrecisions, in_two_precisions, wants_bf16
from torch import nn

from model.lenet import LeNet
from model.resnet import ResNet


class Fixed(nn.Module):
    """Answers the same logits by row number, and notes which rows it was asked for."""

    def __init__(self, rows):
        super().__init__()
        self.rows = torch.tensor(rows)
        self.asked = []

    def forward(self, pixels):
        self.asked.append(pixels[:, 0, 0, 0].tolist())
        return self.rows[pixels[:, 0, 0, 0].long()].clone()


@pytest.fixture
def numbered():
    """Three pictures whose every pixel is the picture's number."""
    return torch.arange(3, dtype=torch.uint8).reshape(3, 1, 1, 1).expand(3, 3, 4, 4)


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_close_calls_alone_are_computed_again(numbered):
    coarse = Fixed([[3.0, 0.0], [1.1, 1.0], [0.0, 3.0]])
    exact = Fixed([[9.0, 9.0], [1.0, 1.1], [9.0, 9.0]])
    logits = TwoPrecisions(coarse, exact, close_call=0.25)(numbered)
    assert exact.asked == [[1]]
    assert torch.equal(logits, torch.tensor([[3.0, 0.0], [1.0, 1.1], [0.0, 3.0]]))


def test_where_every_answer_is_clear_nothing_is_computed_again(numbered):
    exact = Fixed([[0.0, 0.0]] * 3)
    TwoPrecisions(Fixed([[3.0, 0.0]] * 3), exact, close_call=0.25)(numbered)
    assert exact.asked == []


def test_a_network_in_two_precisions_answers_as_the_plain_one_and_close_calls_exactly(pixels):
    torch.manual_seed(0)
    plain = ResNet().eval().to(memory_format=torch.channels_last)
    both = in_two_precisions(copy.deepcopy(plain), pixels)
    with torch.inference_mode():
        expected = plain(pixels)
        torch.testing.assert_close(both(pixels), expected, rtol=0, atol=0.05 * expected.abs().max().item())
        both.close_call = float("inf")
        torch.testing.assert_close(both(pixels), expected, rtol=1e-5, atol=1e-6)
    for network, dtype in ((both.coarse, torch.bfloat16), (both.exact, torch.float32)):
        assert {each.dtype for each in network.modules() if isinstance(each, PackedConvolution)} == {dtype}


@pytest.mark.parametrize(("precision", "can", "network", "expected"), [
    ("auto", True, ResNet, True),
    ("auto", False, ResNet, False),
    ("auto", True, LeNet, False),
    ("fp32", True, ResNet, False),
    ("bf16", False, ResNet, True),
])  # fmt: skip
def test_auto_takes_bfloat16_where_network_and_processor_are_for_it(precision, can, network, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": can})
    assert wants_bf16(network(), precision=precision) is expected


def test_bfloat16_is_refused_for_a_network_that_does_not_say_what_a_close_call_is():
    with pytest.raises(RuntimeError, match="LeNet has no close_call"):
        wants_bf16(LeNet(), precision="bf16")
