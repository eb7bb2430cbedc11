"""Numbers as codes of eight bits, and the layer that goes from codes to codes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.quantized_layers import FEW, CodedBatch, CodedLayer, Codes, largest_of_four, rounded_filters
from tests.engine.processor import needs_vnni

REACH = 6.0
BEFORE, AFTER = Codes.between(-4.0, REACH), Codes.between(-0.17, REACH)
TABLE = BEFORE.table(F.gelu, after=AFTER)


def channels_last(numbers):
    return numbers.contiguous(memory_format=torch.channels_last)


def coded(numbers):
    return CodedBatch(channels_last(AFTER.nearest(numbers)), AFTER, channels=numbers.shape[1])


@pytest.fixture
def convolution():
    torch.manual_seed(0)
    return nn.Conv2d(32, 64, 3, padding=1).requires_grad_(False)


def test_numbers_are_known_to_half_a_step_and_zero_exactly():
    numbers = torch.linspace(-0.17, REACH, 1000)
    again = AFTER.numbers(AFTER.nearest(numbers))
    assert (again - numbers).abs().max() <= 0.51 * AFTER.scale
    assert AFTER.numbers(AFTER.nearest(torch.zeros(1))) == 0


def test_what_lies_beyond_the_codes_is_cut_off():
    assert AFTER.nearest(torch.tensor([-9.0, 99.0])).tolist() == [0, 255]


def test_a_table_has_the_function_of_every_code():
    numbers = BEFORE.numbers(torch.arange(256))
    looked_up = AFTER.numbers(torch.tensor(list(TABLE)))
    torch.testing.assert_close(looked_up, F.gelu(numbers), rtol=0, atol=0.51 * AFTER.scale)


@pytest.mark.parametrize("sides", [(4, 6), (5, 7)])
def test_the_largest_of_four_is_max_pooling(sides):
    maps = channels_last(torch.randint(256, (2, 3, *sides), dtype=torch.uint8))
    assert torch.equal(largest_of_four(maps).float(), F.max_pool2d(maps.float(), 2))


def test_rounded_filters_are_whole_and_keep_their_sums():
    filters = (torch.rand(8, 32, 3, 3) * 2 - 1) * 127
    rounded = rounded_filters(filters)
    assert rounded.equal(rounded.round())
    assert (rounded - filters).abs().max() < 1
    assert (rounded - filters).sum(dim=(2, 3)).abs().max() < 1.001
    assert (rounded - filters).sum(dim=(1, 2, 3)).abs().max() < 0.501


def test_rounded_filters_stay_within_their_codes():
    assert rounded_filters(torch.tensor([126.6, 127.0, 126.7, -127.0]).view(1, 1, 2, 2)).abs().max() == 127


def test_on_pixels_like_their_neighbours_rounded_filters_err_half_as_much_as_numbers_rounded_alone():
    maps = F.interpolate(torch.rand(4, 32, 3, 3), size=20, mode="bicubic")
    filters = (torch.rand(16, 32, 3, 3) * 2 - 1) * 127
    together, alone = (F.conv2d(maps, codes - filters).std() for codes in (rounded_filters(filters), filters.round()))
    assert together < 0.5 * alone


@needs_vnni
@pytest.mark.parametrize("pools", [False, True])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("n", [1, FEW, FEW + 1, 32])
def test_a_layer_gives_what_its_parts_give_in_float32_to_some_steps(convolution, n, adds, pools):
    batch, skip = coded(torch.rand(32, 32, 7, 7) * 2), coded(torch.rand(32, 64, 7, 7) * 2)
    added = (skip,) if adds else ()
    layer = CodedLayer(convolution, batch, *added, pools=pools, before=BEFORE, table=TABLE)
    given = layer(batch.maps[:n], *(each.maps[:n].clone() for each in added))
    expected = convolution(AFTER.numbers(batch.maps[:n])) + (AFTER.numbers(skip.maps[:n]) if adds else 0)
    expected = F.gelu(F.max_pool2d(expected, 2) if pools else expected)
    assert given.dtype == torch.uint8
    torch.testing.assert_close(AFTER.numbers(given), expected, rtol=0, atol=3 * BEFORE.scale)


@needs_vnni
def test_channels_are_filled_up_with_what_changes_nothing():
    torch.manual_seed(0)
    first, second = (nn.Conv2d(width, 24, 3, padding=1).requires_grad_(False) for width in (32, 24))
    batch = coded(torch.rand(2, 32, 5, 5))
    filled = CodedLayer(first, batch, pools=False, before=BEFORE, table=TABLE)(batch.maps)
    assert filled.shape == (2, 32, 5, 5)
    assert AFTER.numbers(filled[:, 24:]).eq(0).all()
    then = CodedBatch(filled, AFTER, channels=24)
    given = CodedLayer(second, then, pools=False, before=BEFORE, table=TABLE)(filled)
    expected = F.gelu(second(AFTER.numbers(filled[:, :24])))
    torch.testing.assert_close(AFTER.numbers(given[:, :24]), expected, rtol=0, atol=3 * BEFORE.scale)
