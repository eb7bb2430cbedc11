"""The libjpeg-turbo fast path gives what Pillow gives, or leaves the image to it."""

import numpy as np
import pytest
from PIL import Image

from images import decode
from images.libjpeg_turbo import decode_small_jpeg
from tests import sample_pictures as samples
from tests.sample_pictures import encoded


def fast(data: bytes, *, small_side: int = 128, max_pixels: int = 1_000_000) -> object:
    return decode_small_jpeg(data, small_side=small_side, max_pixels=max_pixels)


@pytest.mark.parametrize("quality", [5, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(32, 32), (31, 33), (100, 64)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_its_pixels_are_those_of_pillow_to_the_last_bit(quality, subsampling, size, mode, monkeypatch):
    data = encoded(samples.cat(size).convert(mode), "JPEG", quality=quality, subsampling=subsampling)
    square = decode.decode_image(data, image_size=32, max_pixels=1_000_000)
    assert np.array_equal(fast(data), np.asarray(Image.open(samples.io.BytesIO(data)).convert("RGB")))
    monkeypatch.setattr(decode, "decode_small_jpeg", lambda *_, **__: None)
    assert np.array_equal(square, decode.decode_image(data, image_size=32, max_pixels=1_000_000))


def test_what_may_need_turning_is_left_to_pillow():
    assert fast(samples.jpeg(exif=samples.exif(6))) is None


def test_other_colour_spaces_are_left_to_pillow():
    assert fast(encoded(samples.plain().convert("CMYK"), "JPEG")) is None


@pytest.mark.parametrize("kept", [2, 100, 500, -2])
def test_damaged_images_are_left_to_pillow(kept):
    assert fast(samples.jpeg()[:kept]) is None


def test_large_images_are_left_to_pillow():
    assert fast(samples.jpeg(), small_side=40) is None
    assert fast(samples.jpeg(), max_pixels=48 * 40 - 1) is None
    assert fast(samples.jpeg(), small_side=41, max_pixels=48 * 40) is not None
