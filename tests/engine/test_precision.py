"""Few bits for what is clear, float32 for close calls."""

import copy

import pytest
import torch
from torch import nn

from engine.precision import TwoPrecisions, choose_precision, in_precision
from engine.prepacking import PackedConvolution
from model.lenet import LeNet
from model.resnet import ResNet
from tests.engine.processor import needs_vnni


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


def resnet(*, reach=0.0):
    """A network whose layers have this reach; 0 where it has not been found."""
    torch.manual_seed(0)
    network = ResNet().eval().to(memory_format=torch.channels_last)
    for name, buffer in network.named_buffers():
        if name.endswith(".reach"):
            buffer.fill_(reach)
    return network


@pytest.mark.parametrize("precision", ["bf16", pytest.param("int8", marks=needs_vnni)])
def test_a_network_in_two_precisions_answers_as_the_plain_one_and_close_calls_exactly(precision, pixels):
    plain = resnet(reach=20.0)
    both = in_precision(copy.deepcopy(plain), pixels, precision=precision)
    with torch.inference_mode():
        expected = plain(pixels)
        torch.testing.assert_close(both(pixels), expected, rtol=0, atol=0.05 * expected.abs().max().item())
        both.close_call = float("inf")
        torch.testing.assert_close(both(pixels), expected, rtol=1e-5, atol=1e-6)


def test_of_two_precisions_each_has_its_own_convolutions(pixels):
    both = in_precision(resnet(), pixels, precision="bf16")
    for network, dtype in ((both.coarse, torch.bfloat16), (both.exact, torch.float32)):
        assert {each.dtype for each in network.modules() if isinstance(each, PackedConvolution)} == {dtype}


@pytest.mark.parametrize(("wanted", "fast_in", "network", "expected"), [
    ("auto", ("avx512_vnni", "avx512_bf16"), resnet(reach=5.0), "int8"),
    ("auto", ("avx512_vnni", "avx512_bf16"), resnet(), "bf16"),
    ("auto", ("avx_vnni",), resnet(reach=5.0), "int8"),
    ("auto", ("avx512_bf16",), resnet(reach=5.0), "bf16"),
    ("auto", ("avx512_vnni",), resnet(), "fp32"),
    ("auto", (), resnet(reach=5.0), "fp32"),
    ("auto", ("avx512_vnni", "avx512_bf16"), LeNet(), "fp32"),
    ("fp32", ("avx512_vnni", "avx512_bf16"), resnet(reach=5.0), "fp32"),
    ("int8", (), resnet(reach=5.0), "int8"),
    ("bf16", (), resnet(), "bf16"),
])  # fmt: skip
def test_auto_is_the_fastest_that_network_and_processor_are_for(wanted, fast_in, network, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(fast_in, True))
    assert choose_precision(network, wanted=wanted) == expected


@pytest.mark.parametrize(("wanted", "network", "lacking"), [
    ("bf16", LeNet(), "LeNet has no close_call"),
    ("int8", LeNet(), "LeNet has no close_call"),
    ("int8", resnet(), "ResNet has no reach"),
])  # fmt: skip
def test_few_bits_are_refused_for_a_network_that_does_not_say_what_they_need(wanted, network, lacking):
    with pytest.raises(RuntimeError, match=lacking):
        choose_precision(network, wanted=wanted)
