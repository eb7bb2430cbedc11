"""A Pillow image is sent as the file that it was read from looks."""

import contextlib
import io
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from images.decode import decode_image
from pixserve.errors import UnsupportedImageError
from pixserve.images import to_bytes
from tests import odd_images
from tests.sample_pictures import BLUE, GREEN, RED, WHITE, encoded, exif, quadrants


def sent(image: Image.Image) -> Image.Image:
    """What the server reads, as Pillow reads it."""
    return Image.open(io.BytesIO(to_bytes(image)))


def corners(image: Image.Image) -> list[object]:
    """The colours of the quarters, rows from the top."""
    rgb = image.convert("RGB")
    return [rgb.getpixel((x, y)) for y in (8, rgb.height - 8) for x in (8, rgb.width - 8)]


def is_near(image: Image.Image, colours: list[tuple[int, int, int]], *, within: int) -> bool:
    pairs = zip(corners(image), colours, strict=True)
    return all(abs(a - b) <= within for came, expected in pairs for a, b in zip(came, expected, strict=True))  # type: ignore[call-overload]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    file = Image.open(io.BytesIO(encoded(quadrants(), "PNG", exif=exif(orientation))))
    file.load()
    assert corners(sent(file)) == corners(ImageOps.exif_transpose(file))
    assert sent(file).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBX", "RGBA", "P", "LAB"])
def test_every_mode_with_colours_keeps_them(mode: str, tmp_path: Path) -> None:
    image = quadrants()
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
        assert lab is not None
        lab.save(tmp_path / "lab.tif")
        converted = Image.open(tmp_path / "lab.tif")
        converted.load()
    else:
        converted = image.convert(mode)
    assert converted.mode == mode
    within = 25 if mode == "LAB" else 4  # 8-bit LAB is coarse where colours are strong
    assert is_near(sent(converted), [RED, GREEN, BLUE, WHITE], within=within)


def test_premultiplied_alpha_becomes_plain_alpha() -> None:
    grey = Image.new("LA", (2, 2), (100, 128))
    value, alpha = sent(grey.convert("La")).getpixel((0, 0))  # type: ignore[misc]
    assert (round(value, -1), alpha) == (100, 128)


def test_the_colour_profile_of_cmyk_is_not_put_on_rgb() -> None:
    cmyk = quadrants().convert("CMYK")
    cmyk.info["icc_profile"] = b"a profile of CMYK"
    assert "icc_profile" not in sent(cmyk).info


def test_sixteen_bits_a_pixel_stay_sixteen() -> None:
    image = Image.new("I;16", (2, 2), 40_000)
    assert (sent(image).mode, sent(image).getpixel((0, 0))) == ("I;16", 40_000)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_defined_range_are_refused_in_one_sentence(mode: str) -> None:
    with pytest.raises(UnsupportedImageError, match=f"mode {mode} came") as caught:
        to_bytes(Image.new(mode, (2, 2)))
    assert "\n" not in str(caught.value)


ODD_FILES = {**odd_images.coloured(), **odd_images.grey()}
AS_PILLOW_DECODES = ("empty alpha", "0 is white", "of 12 bits")  # Pillow's pixels are not those that a viewer shows


def opened(data: bytes) -> Image.Image | None:
    """The image as Pillow opens it, None where it cannot."""
    try:
        return Image.open(io.BytesIO(data))
    except (ValueError, UnidentifiedImageError):
        return None


def test_an_image_that_was_opened_alone_is_the_image_of_its_file() -> None:
    sent_as_they_are = 0
    for name, data in ODD_FILES.items():
        image = opened(data)
        if image is None or image.format in {"HEIF", "AVIF"}:  # by plugins that differ from machine to machine
            continue
        came = to_bytes(image)
        sent_as_they_are += came == data
        assert_shows_the_same(came, data, name)
    assert sent_as_they_are > 200


def test_an_image_that_was_decoded_is_the_image_of_its_file_where_pillow_shows_that() -> None:
    for name, data in ODD_FILES.items():
        image = opened(data)
        if image is None or image.format in {"HEIF", "AVIF"} or any(odd in name for odd in AS_PILLOW_DECODES):
            continue
        with contextlib.suppress(OSError):  # what is cut short Pillow does not decode
            image.load()
            assert_shows_the_same(to_bytes(image), data, name)


def assert_shows_the_same(came: bytes, file: bytes, name: str) -> None:
    found, expected = (decode_image(data, image_size=64).astype(int) for data in (came, file))
    assert found.shape == expected.shape, name
    assert abs(found - expected).max() <= 10, name  # a JPEG at a reduced scale, or resized before it was turned
