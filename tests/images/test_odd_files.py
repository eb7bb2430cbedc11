"""Odd but valid files show what a browser or libvips shows, or are refused by the name of their variant."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from images.decode import decode_image
from images.errors import DamagedImageError, ImageError, UnsupportedImageError
from tests import odd_images
from tests.sample_pictures import RED, encoded, quadrants
from training.decoding import decode_files
from training.errors import SourceError

COLOURED, GREY, UNSUPPORTED = odd_images.coloured(), odd_images.grey(), odd_images.unsupported()


def corners(data: bytes) -> list[list[int]]:
    """Mean colours of the middles of the four quadrants, from the upper left."""
    pixels = decode_image(data, image_size=32, max_pixels=1_000_000).astype(float)
    return [pixels[y : y + 4, x : x + 4].mean(axis=(0, 1)).tolist() for y in (6, 22) for x in (6, 22)]


def test_there_are_a_few_hundred() -> None:
    assert len(COLOURED) + len(GREY) + len(UNSUPPORTED) > 200


@pytest.mark.parametrize("name", COLOURED)
def test_a_coloured_file_shows_its_colours_in_their_places(name: str) -> None:
    assert np.abs(np.subtract(corners(COLOURED[name]), odd_images.COLOURS)).max() < 10


@pytest.mark.parametrize("name", GREY)
def test_a_grey_file_shows_its_shades_in_their_places(name: str) -> None:
    assert np.abs(np.subtract(corners(GREY[name]), odd_images.GREYS)).max() < 6


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_an_intact_file_of_an_unsupported_variant_is_refused_by_its_name(name: str) -> None:
    data, words = UNSUPPORTED[name]
    with pytest.raises(UnsupportedImageError, match=words):
        corners(data)


def test_training_sees_the_pixels_that_serving_sees(tmp_path: Path) -> None:
    files = [*COLOURED.values(), *GREY.values()]
    paths = [tmp_path / f"{number}.jpg" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    served = [decode_image(data, image_size=32) for data in files]
    assert np.array_equal(decode_files(paths, image_size=32).transpose(0, 2, 3, 1), served)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_training_refuses_what_serving_refuses(name: str, tmp_path: Path) -> None:
    data, words = UNSUPPORTED[name]
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(SourceError, match=words):
        decode_files([tmp_path / "image"], image_size=32)


def test_the_screen_around_a_gif_frame_is_white() -> None:
    assert np.abs(np.subtract(corners(odd_images.gif_with_margin()), [RED, *[(255, 255, 255)] * 3])).max() < 3


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("side", [32, 600])
@pytest.mark.parametrize("missing", [3, 20, 200])
def test_a_jpeg_that_lacks_more_than_its_end_marker_is_damaged(side: int, missing: int, progressive: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", progressive=progressive)
    with pytest.raises(DamagedImageError, match="cut short"):
        decode_image(data[:-missing], image_size=32)
    assert np.array_equal(decode_image(data[:-2], image_size=32), decode_image(data, image_size=32))


def test_all_of_them_cut_in_half_are_refused_or_shown_without_another_error() -> None:
    for data in [*COLOURED.values(), *GREY.values(), *(data for data, _ in UNSUPPORTED.values())]:
        try:
            assert decode_image(data[: len(data) // 2], image_size=32, max_pixels=1_000_000).shape == (32, 32, 3)
        except ImageError:
            continue


def test_quadrants_are_told_apart() -> None:
    assert np.abs(np.subtract(corners(encoded(quadrants(), "PNG")), odd_images.COLOURS)).max() < 1
